"""A good request with one or two of its parts changed: this gets past the first checks, and meets the later ones."""

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.hostile.noise import Noise
from tests.hostile.request import Hostile, Pairs, header_safe
from tests.hostile.valid import Draft
from tests.hostile.words import CONTENT_TYPES, FORM, JSON_VALUES, MEMBERS, METHODS, NAMES, RAW

DEEP = 3_000  # brackets within brackets
ENCODINGS = ("utf-16", "utf-16-be", "utf-32", "utf-7", "utf-8-sig", "cp037")


def put(draft: Draft, place: int, value: str) -> bool:
    """Put a value into one of the draft's places, counted through all its parts; False when there are fewer."""
    for pairs, given in (
        (draft.query, value),
        (draft.form or [], value),
        (draft.headers, header_safe(value)),
        (draft.cookies, header_safe(value)),
    ):
        if place < len(pairs):
            pairs[place] = (pairs[place][0], given)
            return True
        place -= len(pairs)
    members = list(draft.document) if isinstance(draft.document, dict) else []
    if place < len(members):
        draft.document[members[place]] = value
    return place < len(members)


class Mutator:
    """Takes values, headers and cookies from the noise that everybody can make."""

    def __init__(self, chance: random.Random, noise: Noise) -> None:
        self._chance, self._noise = chance, noise
        self._of_draft: tuple[Callable[[Draft], None], ...] = (
            *[self._change_pair] * 8,
            *[self._change_member] * 4,
            self._add_header,
            self._change_header,
            self._change_cookie,
            self._change_method,
            self._change_path,
            self._move_parameters,
        )
        self._of_bytes: tuple[Callable[[Hostile], Hostile], ...] = (
            self._other_type,
            self._other_encoding,
            self._break_body,
            self._break_query,
            self._lie_about_length,
        )

    def mutate(self, draft: Draft) -> Hostile:
        for _ in range(self._chance.choice((1, 1, 1, 2))):
            if self._chance.random() < 0.85:
                self._chance.choice(self._of_draft)(draft)
            else:
                return self._chance.choice(self._of_bytes)(draft.finish())
        return draft.finish()

    # -- parameters ------------------------------------------------------------------------------------------------

    def _change_pair(self, draft: Draft) -> None:
        places = [pairs for pairs in (draft.query, draft.form) if pairs]
        if not places:
            return self._add_pair(draft)
        pairs = self._chance.choice(places)
        self._chance.choice((self._bend, self._bend, self._exchange, self._exchange, self._leave_out, self._repeat))(
            pairs, self._chance.randrange(len(pairs))
        )
        return None

    def _add_pair(self, draft: Draft) -> None:
        place = draft.query if draft.form is None else draft.form
        place.append((self._chance.choice(NAMES), self._noise.value()))

    def _exchange(self, pairs: Pairs, place: int) -> None:
        pairs[place] = (pairs[place][0], self._noise.value())

    def _leave_out(self, pairs: Pairs, place: int) -> None:
        del pairs[place]

    def _repeat(self, pairs: Pairs, place: int) -> None:
        name, value = pairs[place]
        pairs.append((name, self._chance.choice((value, self._noise.value()))))

    def _bend(self, pairs: Pairs, place: int) -> None:
        """The right thing, nearly."""
        name, value = pairs[place]
        at = self._chance.randrange(len(value) + 1)
        bent = (
            value[:at],
            value[:at] + self._chance.choice("A0._-%&=\0\n\u1ed9\ud800\"'<") + value[at + 1 :],
            value + self._noise.value(),
            f" {value} ",
            value.swapcase(),
            value * 2,
            value + "#x",
            value + "\r\nX-Evil: 1",
        )
        renamed = (f"{name}[]", name.upper(), f"{name}.x", f" {name}", f"{name}\0")
        if self._chance.random() < 0.9:
            pairs[place] = (name, self._chance.choice(bent))
        else:
            pairs[place] = (self._chance.choice(renamed), value)

    def _move_parameters(self, draft: Draft) -> None:
        """What belongs into the body stands in the address, or the other way round, or in both."""
        if draft.form:
            draft.query += draft.form
        elif draft.query:
            draft.method, draft.form = "POST", list(draft.query)
        if self._chance.random() < 0.5 and draft.form is not None:
            draft.form = []

    # -- documents -------------------------------------------------------------------------------------------------

    def _change_member(self, draft: Draft) -> None:
        if not isinstance(draft.document, dict):
            return self._change_pair(draft)
        name = self._chance.choice([*draft.document, *MEMBERS])
        if name in draft.document and self._chance.random() < 0.2:
            del draft.document[name]
        else:
            draft.document[name] = self._bent_member(draft.document.get(name))
        return None

    def _bent_member(self, value: Any) -> Any:
        if isinstance(value, list) and value and self._chance.random() < 0.5:
            bent = list(value)
            bent[self._chance.randrange(len(bent))] = self._bent_member(bent[0])
            return bent
        if isinstance(value, str) and self._chance.random() < 0.4:
            pairs = [("", value)]
            self._bend(pairs, 0)
            return pairs[0][1]
        if self._chance.random() < 0.1:
            return self._noise.value()
        return self._chance.choice(JSON_VALUES)

    # -- headers, method, path -------------------------------------------------------------------------------------

    def _add_header(self, draft: Draft) -> None:
        draft.headers += self._noise.headers()

    def _change_header(self, draft: Draft) -> None:
        if not draft.headers:
            return self._add_header(draft)
        place = self._chance.randrange(len(draft.headers))
        name, value = draft.headers[place]
        at = self._chance.randrange(len(value) + 1)
        other = (
            value[:at],
            value[:at] + "\u00e9" + value[at:],
            value.replace(" ", "  "),
            value.swapcase(),
            f"{value},",
        )
        match self._chance.randrange(4):
            case 0:
                del draft.headers[place]
            case 1:
                draft.headers.append((name, self._chance.choice((value, self._noise.header_value()))))
            case _:
                draft.headers[place] = (name, self._chance.choice(other))
        return None

    def _change_cookie(self, draft: Draft) -> None:
        cookies = draft.cookies
        if cookies and self._chance.random() < 0.7:
            place = self._chance.randrange(len(cookies))
            name, value = cookies[place]
            at = self._chance.randrange(len(value) + 1)
            cookies[place] = (name, self._chance.choice((value[:at], value + "A", f'"{value}"', value[::-1], "")))
        else:
            cookies.insert(0, self._noise.cookie())

    def _change_method(self, draft: Draft) -> None:
        draft.method = self._chance.choice(METHODS)

    def _change_path(self, draft: Draft) -> None:
        path = draft.path
        at = self._chance.randrange(1, len(path) + 1)
        draft.path = self._chance.choice(
            (
                path + "/",
                path + ";a=b",
                path.upper(),
                path[:at] + "/" + path[at:],
                path[:at] + "%2e%2e%2f" + path[at:],
                path[:at] + "%00" + path[at:],
                path[:at] + "%e1%bb%99",
                path.replace("/", "/./"),
                path + "x" * 5_000,
            )
        )
        draft.path = "/" + draft.path.lstrip("/")

    # -- bytes -----------------------------------------------------------------------------------------------------

    def _other_type(self, hostile: Hostile) -> Hostile:
        return replace(hostile, content_type=self._chance.choice(CONTENT_TYPES))

    def _other_encoding(self, hostile: Hostile) -> Hostile:
        name = self._chance.choice((*ENCODINGS, "gzip"))
        if name == "gzip":
            headers = [*hostile.headers, ("Content-Encoding", "gzip")]
            return replace(hostile, body=gzip.compress(hostile.body), headers=headers)
        body = hostile.body.decode("ascii").encode(name)
        return replace(hostile, body=body, content_type=f"{hostile.content_type or FORM}; charset={name}")

    def _break_body(self, hostile: Hostile) -> Hostile:
        body, at = hostile.body, self._chance.randrange(len(hostile.body) + 1)
        broken = (
            body[:at],
            body[:at] + self._chance.choice((b"\xff", b"\0", b"%", b"\xed\xa0\x80", b"\r\n")) + body[at:],
            body + b"&x=" + self._chance.choice(RAW).encode(),
            body + b"a" * 70_000,
            b"[" * DEEP + body + b"]" * DEEP,
            b'{"redirect_uris":' + b"[" * DEEP + b"]" * DEEP + b"}",
            json.dumps({"client_id": 10**30, "redirect_uris": [1e308]}).encode(),
        )
        return replace(hostile, body=self._chance.choice(broken))

    def _break_query(self, hostile: Hostile) -> Hostile:
        mark = "&" if "?" in hostile.address else "?"
        return replace(hostile, address=f"{hostile.address}{mark}x={self._chance.choice(RAW)}")

    def _lie_about_length(self, hostile: Hostile) -> Hostile:
        length = self._chance.choice((str(len(hostile.body) + 7), str(len(hostile.body) // 2), "-1", "abc", "9" * 30))
        return replace(hostile, environ={"CONTENT_LENGTH": length})

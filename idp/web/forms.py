"""Pages that wait for a person: the request they stand for is sealed into the page and bound to the browser.

No row is written before something is proved. The sealed text is also what makes a form ours: a forged post has none
that is bound to the victim's page cookie. A page that is too old, or whose cookie is gone, restarts and remembers its
service.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from flask import Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from idp.domain.refusals import Refusal
from idp.protocol.answers import Pairs
from idp.runtime import chance
from idp.runtime.data_keys import Unsealable
from idp.web import cookies, given
from idp.web.oidc.asked import form_pairs, query_pairs

LARGEST: Final = 8192
# The characters of a binding, and of a session's id in hexadecimal.
_MARK: Final = 32
# Stands where a person would, in pages that must be as long for whom nobody knows.
NOBODY: Final = UUID(int=0)
NEVER: Final = datetime.min.replace(tzinfo=UTC)
SECOND_STEP, LEVEL = "step", "level"


@dataclass(frozen=True, slots=True)
class Parked:
    """A request that waits behind a page.

    `door` names the view that takes it up again; `at` is when it first came; `chosen` is the session the person chose,
    `session` the one the page was shown to; `went_without` names what the person was asked for and had not: SECOND_STEP
    or LEVEL. Unbound (`binding` empty) it counts as new wherever it is taken up.
    """

    door: str
    pairs: Pairs = ()
    at: datetime = NEVER
    binding: str = ""
    chosen: str = ""
    session: str = ""
    shown: str = ""
    went_without: str = ""

    @property
    def language_wanted(self) -> str:
        return next((value for name, value in self.pairs if name == "ui_locales"), "")


def seal(parked: Parked) -> str:
    """The parked request as one text; raises Refusal('request_too_large')."""
    # Always of one width, so that a request that fits behind its first page fits behind every later one.
    marks = [mark.ljust(_MARK) for mark in (parked.binding, parked.chosen, parked.session, parked.shown)]
    packed: list[object] = [parked.door, parked.pairs, f"{parked.at.timestamp():.6f}", *marks]
    if parked.went_without:  # the version before reads a page that says nothing of it
        packed.append(parked.went_without)
    sealed = given.runtime().keyring.seal_text("page", orjson.dumps(packed))
    if len(sealed) > LARGEST:
        raise Refusal(
            "request_too_large",
            f"the request takes more than {LARGEST} characters when it is kept (limit of this provider)",
        )
    return sealed


def unseal(text: str) -> Parked | None:
    """What was parked, whoever's and however old; None when it is not ours."""
    if not text or len(text) > LARGEST:
        return None
    try:
        packed = orjson.loads(given.runtime().keyring.open_text("page", text))
        door, pairs, at, binding, chosen, session, shown, *more = packed
    except (Unsealable, ValueError):
        return None
    return Parked(
        door=door,
        pairs=tuple((name, value) for name, value in pairs),
        at=datetime.fromtimestamp(float(at), UTC),
        binding=binding.rstrip(),
        chosen=chosen.rstrip(),
        session=session.rstrip(),
        shown=shown.rstrip(),
        # The version before wrote no more than that there was something.
        went_without=more[0] if more and isinstance(more[0], str) else SECOND_STEP if more else "",
    )


def is_ours(parked: Parked) -> bool:
    """Whether the page was shown to this browser, not too long ago."""
    runtime = given.runtime()
    age = runtime.clock.now() - parked.at
    binding = _binding(cookies.bound_page())
    is_bound = bool(parked.binding) and chance.equal(parked.binding.encode(), binding.encode())
    return is_bound and timedelta() <= age <= timedelta(seconds=runtime.settings.sessions.page_for)


def afresh(parked: Parked) -> Parked:
    """The same request as if it came now."""
    return replace(parked, at=given.runtime().clock.now(), binding="", chosen="", session="", shown="", went_without="")


def go(endpoint: str, parked: Parked) -> Response:
    """Send the browser to a page with its request parked; sets the page cookie where there is none."""
    secret, is_new = cookies.page_secret()
    sealed = seal(replace(parked, binding=_binding(secret)))
    response = make_response(redirect(url_for(endpoint, parked=sealed), 303))
    cookies.note_attended(response)
    if is_new:
        cookies.write(response, cookies.PAGE, secret)
    return response


def here(parked: Parked, show: Callable[[Parked], ResponseReturnValue]) -> ResponseReturnValue:
    """Show a page in place, bound to this browser; sets the page cookie where there is none."""
    secret, is_new = cookies.page_secret()
    response = make_response(show(replace(parked, binding=_binding(secret))))
    if is_new:
        cookies.write(response, cookies.PAGE, secret)
    return response


def park_post(door: str) -> ResponseReturnValue:
    """A post from another site brings no cookies: it is parked, and taken up by a GET that does (OIDC Core 3.1.2.1)."""
    return redirect(f"{request.path}?parked={seal(Parked(door, form_pairs()))}", 303)


def taken_up(door: str) -> Parked:
    """The request of a GET at `door`: parked behind a page of this browser, or as if it came now.

    Raises Refusal('page_expired') for what was not parked here.
    """
    parked = parked_of_page() if "parked" in request.args else Parked(door, query_pairs())
    if parked is None or parked.door != door:
        raise Refusal("page_expired", "the parked request cannot be read")
    return parked if is_ours(parked) else afresh(parked)


def parked_of_page() -> Parked | None:
    """What stands behind the page that is asked for or posted."""
    text = request.form.get("parked", "") if request.method == "POST" else request.args.get("parked", "")
    return unseal(text)


def of_session(door: str, session_id: UUID, pairs: Pairs = ()) -> Parked:
    """What stands behind a page of a person's own: shown to this session, whose posts alone it takes."""
    return Parked(door, pairs, at=given.runtime().clock.now(), session=session_id.hex)


def own_page(door: str, session_id: UUID) -> Parked | None:
    """What stands behind a post of such a page; None for a post from elsewhere, or of a page too old."""
    parked = parked_of_page()
    is_own = parked is not None and parked.door == door and parked.session == session_id.hex and is_ours(parked)
    return parked if is_own else None


def bound(parked: Parked) -> Parked:
    """The same, bound to the page cookie that this browser has; to none where it has none."""
    return replace(parked, binding=_binding(cookies.bound_page()))


def challenge_of(sealed: str) -> bytes:
    """What a passkey signs on a page: drawn from the page's own sealed text, which no other page has."""
    return chance.digest(f"passkey {sealed}")


def _binding(secret: str) -> str:
    return chance.digest(secret).hex()[:_MARK] if secret else ""

"""Requests that are nearly right, wholly wrong, or anything between: any name, any value, anywhere."""

import json
import random
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from werkzeug.routing import Rule

from tests.hostile.request import Hostile, Pairs, cookie_header, encode, header_safe
from tests.hostile.words import BODIES, CONTENT_TYPES, FORM, JSON_VALUES, MEMBERS, METHODS, NAMES, RAW, TEXTS

SCHEMES = ("Basic", "Bearer", "bearer", "DPoP", "Digest", "", "Basic " * 3)
HEADERS = (
    "Accept Accept-Encoding Accept-Language Host X-Forwarded-Host X-Forwarded-For X-Forwarded-Proto Origin Referer "
    "User-Agent X-HTTP-Method-Override If-None-Match Range Access-Control-Request-Method Authorization Cookie"
).split()
COOKIES = ("idp_session", "idp_staff", "idp_page", "idp_device", "idp_language", "idp_text", "x")
# What stands where a length should, and what the length might have been.
LENGTHS = ("", "-1", "abc", "0", "1", "99999999", "9" * 30, "1,2", "0x10", "1e3", "+5", " 5", "٣")


class Noise:
    """`good` and `real` are what somebody really asks and has: no more of it than this attacker knows."""

    def __init__(self, chance: random.Random, rules: Sequence[Rule], good: Pairs, real: Sequence[str]) -> None:
        self._chance, self._good, self._real = chance, good, real
        ordered = sorted(rules, key=lambda rule: (rule.rule, rule.endpoint))
        # The protocol's own doors are tried as often as all others together.
        self._rules = ordered + [rule for rule in ordered if rule.rule.startswith("/oauth2/")] * 4

    def make(self) -> tuple[str, Hostile]:
        """The endpoint that is meant, and a request."""
        rule, method = self._chance.choice(self._rules), self._chance.choice(METHODS)
        address, pairs = self.path(rule.rule), self._pairs(rule)
        in_body = method not in ("GET", "HEAD") and self._chance.random() < 0.8
        if not in_body or self._chance.random() < 0.2:
            address += "?" + self._encode(pairs)
        body, content_type = self._body(rule, pairs) if in_body else (b"", "")
        return rule.endpoint, Hostile(method, address, self.headers(), body, content_type, self.environ())

    def value(self) -> str:
        return self._chance.choice(self._real if self._chance.random() < 0.3 and self._real else TEXTS)

    def path(self, rule: str) -> str:
        path = re.sub(r"<[^>]+>", lambda _: quote(self.value()[:200], safe="/"), rule)
        if self._chance.random() < 0.05:
            path += self._chance.choice(("/", "//", "/..;/", "%00", "%2e%2e", ".json", "\u1ed9"))
        # The test client takes what stands behind two slashes for a host.
        return "/" + path.lstrip("/")

    def header_value(self) -> str:
        return header_safe(self.value())

    def headers(self) -> Pairs:
        """A few headers that nobody sends like this, some of them twice."""
        headers: Pairs = []
        if self._chance.random() < 0.4:
            word = self._chance.choice(SCHEMES)
            headers.append(("Authorization", self._chance.choice((f"{word} {self.header_value()}", "x" * 9000))))
        for name in HEADERS:
            while self._chance.random() < 0.05:
                headers.append((name, self.header_value()))
        if self._chance.random() < 0.3:
            headers.append(("Cookie", cookie_header([self.cookie() for _ in range(self._chance.choice((1, 2, 60)))])))
        return headers

    def cookie(self) -> tuple[str, str]:
        return self._chance.choice(COOKIES), quote(self.value()[:500])

    def environ(self) -> dict[str, str]:
        """Now and then a length that is not the body's."""
        return {"CONTENT_LENGTH": self._chance.choice(LENGTHS)} if self._chance.random() < 0.05 else {}

    def metadata(self) -> bytes:
        if self._chance.random() < 0.15:
            return json.dumps(self._chance.choice(JSON_VALUES)).encode()
        document: dict[str, Any] = {"redirect_uris": ["https://dich-vu.example/cb"]}
        for _ in range(self._chance.choice((1, 1, 2, 5))):
            document[self._chance.choice(MEMBERS)] = self._chance.choice(JSON_VALUES)
        return json.dumps(document).encode()

    def _pairs(self, rule: Rule) -> Pairs:
        pairs = list(self._good) if self._chance.random() < 0.5 else []
        if rule.rule == "/oauth2/token" and self._chance.random() < 0.7:
            kind = self._chance.choice(("authorization_code", "refresh_token"))
            pairs = [("grant_type", kind), ("code", self.value()), ("refresh_token", self.value())]
        for _ in range(self._chance.choice((0, 1, 1, 2, 3, 8, 40))):
            name = self._chance.choice(NAMES) if self._chance.random() < 0.95 else self.value()
            pair = (name, self.value())
            if pairs and self._chance.random() < 0.6:
                pairs = [each for each in pairs if each[0] != name]
            pairs.append(pair)
        self._chance.shuffle(pairs)
        return pairs

    def _encode(self, pairs: Pairs) -> str:
        text = encode(pairs)
        return text + "&x=" + self._chance.choice(RAW) if self._chance.random() < 0.15 else text

    def _body(self, rule: Rule, pairs: Pairs) -> tuple[bytes, str]:
        if rule.rule.startswith("/oauth2/register") and self._chance.random() < 0.8:
            return self.metadata(), "application/json"
        luck = self._chance.random()
        if luck < 0.7:
            return self._encode(pairs).encode(), FORM
        if luck < 0.85:
            return self._encode(pairs).encode(), self._chance.choice(CONTENT_TYPES)
        return self._chance.choice(BODIES), self._chance.choice(CONTENT_TYPES)

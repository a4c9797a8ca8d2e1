"""How an answer of the authorization endpoint travels: in the query, in the fragment, or as a form.

OAuth 2.0 Multiple Response Type Encoding Practices 2.1, OAuth 2.0 Form Post Response Mode 2; `iss` by RFC 9207 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from idp.domain.service_metadata import FRONT_CHANNEL
from idp.protocol.answers import Pairs

MODES: Final = ("query", "fragment", "form_post")


def usual_for(response_type: str) -> str:
    """The mode of a response type that names none: the fragment where tokens are handed out (2.1 and 5)."""
    return "fragment" if response_type in FRONT_CHANNEL else "query"


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer on its way to the service's redirect URI, which was checked before."""

    redirect_uri: str
    mode: str
    parameters: Pairs

    @property
    def location(self) -> str | None:
        """The address to redirect to; None where the browser must post a form."""
        query = urlencode(self.parameters)
        if self.mode == "fragment":
            return f"{self.redirect_uri}#{query}"
        if self.mode == "query":
            return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{query}"
        return None


def send(issuer: str, redirect_uri: str, mode: str, said: Mapping[str, str | None]) -> Sent:
    """The answer with what was said, and who says it; absent values stay absent."""
    present = [(name, value) for name, value in said.items() if value is not None]
    return Sent(redirect_uri, mode, [*present, ("iss", issuer)])

"""A service somebody wrote in an afternoon: registers itself, plain HTTP for everything, a loopback redirect URI.

RFC 7591 (registration), RFC 8252 7.3 (loopback), RFC 7636 (PKCE). No browser: the pages' forms are filled by hand.
"""

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests

from tests.journeys.visitor import Person

_PATIENCE = 20  # seconds for one answer
REDIRECT_URI = "http://127.0.0.1:8765/xong"
AFTER_LOGOUT = "http://127.0.0.1:8765/ra"
SCOPE = "openid profile email phone address offline_access"


def register(issuer: str, **members: object) -> dict[str, Any]:
    """The provider's answer to a registration; `members` lie over what this service says of itself."""
    document: dict[str, object] = {
        "client_name": "Sổ tay của một kỹ sư",
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": [AFTER_LOGOUT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": SCOPE,
        "token_endpoint_auth_method": "client_secret_basic",
        **members,
    }
    answer = requests.post(discover(issuer)["registration_endpoint"], json=document, timeout=_PATIENCE)
    assert answer.status_code == 201, answer.text
    registered: dict[str, Any] = answer.json()
    return registered


def discover(issuer: str) -> dict[str, Any]:
    document: dict[str, Any] = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=_PATIENCE).json()
    assert document["issuer"] == issuer
    return document


@dataclass
class PlainService:
    """One sign-in by plain HTTP; everything secret that came along is in the attributes."""

    issuer: str
    registered: dict[str, Any]
    browser: requests.Session = field(default_factory=requests.Session)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    code: str = ""
    parked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metadata = discover(self.issuer)

    def address(self, **more: str) -> str:
        """Where the browser is sent to."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": self.registered["client_id"],
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": SCOPE,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return f"{self.metadata['authorization_endpoint']}?{urlencode(asked)}"

    def sign_in(self, person: Person, **more: str) -> dict[str, str]:
        """Walks the pages; what the redirect back to the service carried."""
        back = self.follow(self.address(**more), person)
        assert back.startswith(f"{REDIRECT_URI}?")
        answer = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        self.code = answer.get("code", "")
        return answer

    def exchange(self, **grant: str) -> requests.Response:
        """A token request; without words, for the code."""
        usual = {
            "grant_type": "authorization_code",
            "code": self.code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": self.verifier,
        }
        named, secret = self.registered["client_id"], self.registered.get("client_secret")
        form = grant or usual
        if secret is None:
            return self._post({**form, "client_id": named}, None)
        return self._post(form, (named, secret))

    def _post(self, form: dict[str, str], credentials: tuple[str, str] | None) -> requests.Response:
        return requests.post(self.metadata["token_endpoint"], data=form, auth=credentials, timeout=_PATIENCE)

    def userinfo(self, access_token: str) -> requests.Response:
        bearer = {"Authorization": f"Bearer {access_token}"}
        return requests.get(self.metadata["userinfo_endpoint"], headers=bearer, timeout=_PATIENCE)

    def follow(self, address: str, person: Person) -> str:
        """Where the browser leaves the provider, once every page is answered."""
        answer = self.browser.get(address, allow_redirects=False, timeout=_PATIENCE)
        while True:
            if answer.is_redirect:
                address = urljoin(answer.url, answer.headers["Location"])
                if not address.startswith(f"{self.issuer}/"):
                    return address
                answer = self.browser.get(address, allow_redirects=False, timeout=_PATIENCE)
                continue
            answer = self._fill_in(answer, person)

    def _fill_in(self, page: requests.Response, person: Person) -> requests.Response:
        assert page.status_code == 200, page.text
        found = re.search(r'name="parked" value="([^"]+)"', page.text)
        assert found is not None
        self.parked.append(html.unescape(found[1]))
        form = {"parked": self.parked[-1]}
        if 'id="sign-in"' in page.text:
            form |= {"identifier": person.number, "password": person.password}
        else:
            form |= {"decision": "allow"}
        target = urljoin(self.issuer, re.findall(r'<form method="post" action="([^"]+)"', page.text)[0])
        return self.browser.post(target, data=form, allow_redirects=False, timeout=_PATIENCE)

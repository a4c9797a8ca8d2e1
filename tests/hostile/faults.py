"""What is wrong with an answer: whatever was asked, these hold."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from werkzeug.test import TestResponse

ISSUER = "http://localhost:8000"
REDIRECTS = (301, 302, 303, 307, 308)
# No machine that is merely busy takes so long for one request.
SLOW = 10.0
ON_EVERYTHING = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# The one page that services' own pages hold in a frame (Session Management 1.0 3.3).
FRAMED = "/oauth2/check-session"
ON_NO_PAGE = {"default-src": "'none'", "frame-ancestors": "'none'"}
ON_PAGES = {**ON_NO_PAGE, "base-uri": "'none'", "style-src": "'self'", "img-src": "'self'"}


def find_fault(response: TestResponse, may_go: Sequence[str]) -> str | None:
    """The first thing that is wrong with an answer, or None. `may_go` are the addresses that services registered."""
    checks = (_fault_of_status, _fault_of_headers, _fault_of_policy, _fault_of_text)
    found = (check(response) for check in checks)
    fault = next((fault for fault in found if fault is not None), None)
    if fault is None and response.status_code in REDIRECTS and not _is_known(response.headers["Location"], may_go):
        return f"sent to {response.headers['Location'][:200]}"
    if fault is None and response.mimetype == "text/html":
        return _fault_of_form(response, may_go)
    return fault


def _fault_of_status(response: TestResponse) -> str | None:
    status = response.status_code
    if status >= 500 and not (status == 503 and "Retry-After" in response.headers):
        return f"a fault of ours: {status}"
    if ("Location" in response.headers) != (status in REDIRECTS):
        return f"status {status} and Location do not go together"
    return None


def _fault_of_headers(response: TestResponse) -> str | None:
    for name, value in ON_EVERYTHING.items():
        expected = [] if name == "X-Frame-Options" and _is_framed(response) else [value]
        if response.headers.getlist(name) != expected:
            return f"{name} is not {value}"
    if "X-Evil" in response.headers or any("\n" in value or "\r" in value for _, value in response.headers):
        return "a header was smuggled in"
    if (response.status_code >= 400 or "Location" in response.headers) and "Cache-Control" not in response.headers:
        return "an error or redirect that may be kept"
    is_page = response.mimetype == "text/html" and response.request.method != "OPTIONS"
    if is_page and response.headers.get("Cache-Control") != "no-store":
        return "a page that may be kept"
    for cookie in response.headers.getlist("Set-Cookie"):
        # Scripts of the framed page read one of them, which leads nobody to a session.
        ours = r"idp_(session|staff|page|device|language|text)=[\w-]*;.*HttpOnly;.*SameSite=Lax"
        if not re.fullmatch(rf"{ours}|idp_browser_state=[\w-]*;.*SameSite=Lax", cookie):
            return f"a cookie that is not as ours are: {cookie[:200]}"
    return None


def _is_framed(response: TestResponse) -> bool:
    is_page = response.status_code == 200 and response.mimetype == "text/html"
    return response.request.path == FRAMED and is_page and response.request.method != "OPTIONS"


def _fault_of_policy(response: TestResponse) -> str | None:
    policy = response.headers.get("Content-Security-Policy", "")
    said = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    is_page = response.mimetype == "text/html"
    wanted = ON_PAGES if is_page else ON_NO_PAGE
    if _is_framed(response):
        wanted = {**wanted, "frame-ancestors": "*"}
    if "unsafe" in policy or any(said.get(name) != value for name, value in wanted.items()):
        return f"the policy is {policy!r}"
    if is_page and not re.fullmatch(r"'self'|'nonce-[\w-]{20,}'", said.get("script-src", "")):
        return f"the policy is {policy!r}"
    return None


def _fault_of_text(response: TestResponse) -> str | None:
    text = response.text
    # A registration is told what it registered, as JSON; nothing else gives back what it got.
    if response.mimetype != "application/json" and ("<script>alert(7)" in text or "<img src=x" in text):
        return "markup was handed back"
    if "Traceback" in text or "sqlalchemy" in text or "psycopg" in text:
        return "told of its insides"
    if response.status_code < 400 or response.request.method == "HEAD":
        return None
    if response.mimetype == "application/json":
        said = response.get_json()
        return None if re.fullmatch(r"[a-z_]+", said.get("error", "")) else "JSON without an error"
    if response.status_code == 401 and not text and "WWW-Authenticate" in response.headers:
        return None  # RFC 6750 3.1: told nothing but how to authenticate
    # A page for people: a refusal with its reference, or the same form again with what is wrong.
    if 'id="error"' in text or 'id="sign-in"' in text or 'class="error-summary"' in text:
        return None
    return f"{response.status_code} without an error for anybody: {text[:200]!r}"


def _fault_of_form(response: TestResponse, may_go: Sequence[str]) -> str | None:
    """Where a form of this page goes, and by which schemes its answer may lead away (idp/web/pages.py says why)."""
    policy = response.headers["Content-Security-Policy"]
    ends = policy.partition("form-action ")[2].partition(";")[0].split()
    known = {"'self'", *(f"{urlsplit(uri).scheme}:" for uri in may_go)}
    actions = re.findall(r'<form[^>]*\baction="([^"]*)"', response.text)
    strange = [end for end in ends if end not in known] + [each for each in actions if not _is_known(each, may_go)]
    return f"a form that ends at {strange}" if strange else None


def _is_known(location: str, may_go: Sequence[str]) -> bool:
    """Inside the provider, or an address that a service registered."""
    if any(location == uri or location.startswith((f"{uri}?", f"{uri}#")) for uri in may_go):
        return not re.search(r"[\x00-\x20\x7f-\uffff]", location)
    location = location.removeprefix(ISSUER)
    parts = urlsplit(location)
    return location.startswith("/") and location[1:2] not in ("/", "\\") and not parts.netloc

"""Reading what an answer says about itself, for the tests of the web floor."""

import html
import re
from http.cookies import SimpleCookie
from typing import Any

from werkzeug.test import TestResponse


def csp_of(response: TestResponse) -> dict[str, list[str]]:
    """The Content-Security-Policy: directive -> its sources."""
    directives = (part.split() for part in response.headers["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in directives}


def cookies_of(response: TestResponse) -> dict[str, Any]:
    """The cookies an answer sets: name -> morsel."""
    set_here: dict[str, Any] = {}
    for line in response.headers.getlist("Set-Cookie"):
        set_here |= SimpleCookie(line)
    return set_here


def error_of(response: TestResponse) -> str:
    """The human text of a refusal page."""
    found = re.search(r'id="error"[^>]*>(.*?)</div>', response.text, re.DOTALL)
    assert found, f"{response.status}: no #error on this page"
    return html.unescape(re.sub(r"<[^>]+>", "", found[1])).strip()


def reference_of(response: TestResponse) -> str:
    """The number to read out to the help desk."""
    found = re.search(r'data-reference="([0-9a-f]+)"', response.text)
    assert found, f"{response.status}: no reference on this page"
    return found[1]

"""The browser renders Vietnamese under the strictest policy, and axe finds what is planted."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from playwright.sync_api import BrowserContext, Page

from tests import browser as browser_module
from tests.browser import axe, screenshot

pytestmark = pytest.mark.journey

GOOD = """<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Cổng dịch vụ công</title></head>
<body><main><h1>Xin chào</h1><p>Đăng nhập một lần.</p></main></body></html>"""
BAD = """<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Trang</title></head>
<body><main><h1>Trang</h1><img src="data:,">
<p><a href="/1">i</a><br><a href="/2">i</a></p></main></body></html>"""


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads a test server's log."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """/good and /bad under a policy that allows no script at all."""

    def answer(environ, start_response):  # type: ignore[no-untyped-def]
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ]
        start_response("200 OK", headers)
        return [(GOOD if environ["PATH_INFO"] == "/good" else BAD).encode()]

    with make_server("127.0.0.1", 0, answer, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def test_axe_is_silent_on_a_good_page_and_tells_of_a_bad_one(page: Page, site: str) -> None:
    page.goto(f"{site}/good")
    assert axe(page) == []
    page.goto(f"{site}/bad")
    found = axe(page)
    assert {line.split()[0] for line in found} == {"image-alt", "target-size"}
    assert "critical" in found[0]
    assert "<img" in found[0]


def test_a_screenshot_is_saved_under_its_name(
    page: Page, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_module, "SCREENSHOTS", tmp_path)
    page.goto(f"{site}/good")
    saved = screenshot(page, "chào/một")
    assert saved == tmp_path / "chào" / "một.png"
    assert saved.read_bytes().startswith(b"\x89PNG")


def test_contexts_share_no_cookies_and_have_the_width_asked_for(
    new_context: Callable[..., BrowserContext], site: str
) -> None:
    one, two = new_context("phone"), new_context(locale="en-GB")
    one.add_cookies([{"name": "who", "value": "one", "url": site}])
    assert two.cookies() == []
    phone = one.new_page()
    assert phone.viewport_size == {"width": 360, "height": 740}
    assert two.new_page().evaluate("navigator.language") == "en-GB"

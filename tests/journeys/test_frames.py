"""What a service's frames see and are told, in a real browser: Session Management 1.0 3, Front-Channel Logout 1.0 3."""

import html
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser import screenshot
from tests.journeys.demo_process import DemoProcess
from tests.journeys.plain_service import PlainService, discover, register
from tests.journeys.visitor import Person, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.postgres]
# A service's page: the provider's frame, and a script that asks it and writes down what it says.
WATCHING = """<!doctype html><title>watching</title><h1 id="said">nothing yet</h1>
<iframe id="op" src="{frame}"></iframe>
<script>
addEventListener("message", (event) => {{
  if (event.origin === "{origin}") document.getElementById("said").textContent = String(event.data);
}});
function ask(message) {{ document.getElementById("op").contentWindow.postMessage(message, "{origin}"); }}
document.getElementById("op").addEventListener("load", () => ask("{message}"));
</script>
"""


@dataclass
class Site:
    """A service on this machine: it takes answers, watches the session, and is signed out in a frame."""

    provider: str
    message: str = ""
    taken: dict[str, str] = field(default_factory=dict)
    out: list[dict[str, list[str]]] = field(default_factory=list)

    def start(self) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                body = f"<title>{html.escape(parts.path)}</title>"
                if parts.path == "/cb":
                    site.taken = query
                elif parts.path == "/out":
                    site.out.append(parse_qs(parts.query))
                elif parts.path == "/watch":
                    origin, frame = site.provider, discover(site.provider)["check_session_iframe"]
                    body = WATCHING.format(frame=frame, origin=origin, message=site.message)
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def base(self) -> str:
        return f"http://localhost:{self.server.server_port}"


@pytest.fixture
def site(demo: DemoProcess) -> Iterator[Site]:
    made = Site(demo.provider)
    made.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def service(demo: DemoProcess, site: Site) -> PlainService:
    members = {
        "redirect_uris": [f"{site.base}/cb"],
        "post_logout_redirect_uris": [f"{site.base}/ra"],
        "frontchannel_logout_uri": f"{site.base}/out",
        "frontchannel_logout_session_required": True,
    }
    return PlainService(demo.provider, register(demo.provider, **members))


def go_in(visitor: Visitor, service: PlainService, site: Site, person: Person) -> None:
    visitor.page.goto(service.address(redirect_uri=f"{site.base}/cb"))
    visitor.sign_in(person)
    visitor.answer()
    expect(visitor.page).to_have_title("/cb")
    site.message = f"{service.registered['client_id']} {site.taken['session_state']}"


def test_oidc_session_management_3_3_the_frame_says_unchanged_then_changed(
    visitor: Visitor, service: PlainService, site: Site, person: Person
) -> None:
    go_in(visitor, service, site, person)
    page = visitor.page
    page.goto(f"{site.base}/watch")
    said = page.locator("#said")
    expect(said).to_have_text("unchanged")
    for wrong in ("", "x", "somebody", f"{site.message} y", "a.b", "x y.z"):
        page.evaluate("document.getElementById('said').textContent = 'waiting'")
        page.evaluate("(message) => ask(message)", wrong)
        expect(said).to_have_text("error")
    page.evaluate("(message) => ask(message)", site.message.replace(service.registered["client_id"], "somebody"))
    expect(said).to_have_text("changed")
    tab = visitor.context.new_page()
    tab.goto(f"{site.provider}/sign-out")
    with tab.expect_navigation():
        tab.click("#logout-confirm")
    page.evaluate("document.getElementById('said').textContent = 'waiting'")
    page.evaluate("(message) => ask(message)", site.message)
    expect(said).to_have_text("changed")
    assert visitor.violations == []


def test_oidc_frontchannel_logout_3_the_frame_is_loaded_before_the_redirect(
    visitor: Visitor, service: PlainService, site: Site, person: Person
) -> None:
    go_in(visitor, service, site, person)
    address = way_out(service, site)
    order: list[str] = []
    visitor.page.on("response", lambda response: order.append(urlsplit(response.url).path))
    visitor.page.goto(address)
    expect(visitor.page).to_have_url(f"{site.base}/ra?state=s")
    [told] = site.out
    assert told["iss"] == [site.provider]
    assert told["sid"]
    assert order.index("/out") < order.index("/ra")
    assert visitor.violations == []


@pytest.mark.parametrize("width", ["phone", "desktop"])
def test_a_frame_that_hangs_keeps_nobody(
    visitor: Visitor, service: PlainService, site: Site, person: Person, width: str
) -> None:
    go_in(visitor, service, site, person)
    address = way_out(service, site)
    visitor.page.set_viewport_size({"width": 360 if width == "phone" else 1280, "height": 800})
    visitor.page.route("**/out?*", lambda _route: None)  # never answered
    visitor.page.goto(address, wait_until="commit")
    expect(visitor.page.locator("#onward")).to_be_visible()
    screenshot(visitor.page, f"leaving-{width}")
    expect(visitor.page).to_have_url(f"{site.base}/ra?state=s", timeout=15_000)


def way_out(service: PlainService, site: Site) -> str:
    """Exchange the code, so that the service was visited; gives the address that signs out with its ID token."""
    grant = {"grant_type": "authorization_code", "code": site.taken["code"], "redirect_uri": f"{site.base}/cb"}
    tokens = service.exchange(**grant, code_verifier=service.verifier).json()
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": f"{site.base}/ra", "state": "s"}
    return f"{discover(site.provider)['end_session_endpoint']}?{urlencode(query)}"

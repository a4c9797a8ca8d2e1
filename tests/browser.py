"""The browser of the journeys: Debian's Chromium, driven by Playwright; axe looks for what bars people."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

SCREENSHOTS = Path(__file__).resolve().parents[1] / "var" / "screenshots"
WIDTHS: dict[str, ViewportSize] = {
    "phone": {"width": 360, "height": 740},
    "desktop": {"width": 1280, "height": 900},
}
_ARGUMENTS = [
    "--no-sandbox",  # root may not use Chromium's sandbox, and only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# WCAG 2.2 AA is what the province must hold; best practices are what it wants to.
_AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "rules": {"target-size": {"enabled": True}},
}


class BrowserMissing(Exception):
    """There is no Chromium here; the message says what to do."""


@contextmanager
def open_browser() -> Iterator[Browser]:
    """One headless Chromium; raises BrowserMissing."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if not executable:
        raise BrowserMissing("Chromium is not installed (apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def axe(page: Page) -> list[str]:
    """What axe finds wrong on the page: one line per rule and element; an empty list is a clean page."""
    found: dict[str, Any] = Axe().run(page, options=_AXE_OPTIONS).response
    return [_told(violation, node) for violation in found["violations"] for node in violation["nodes"]]


def _told(violation: dict[str, Any], node: dict[str, Any]) -> str:
    where = ", ".join(map(str, node["target"]))
    html = " ".join(node["html"].split())[:160]
    return f"{violation['id']} ({violation['impact']}): {violation['help']} at {where}: {html}"


def screenshot(page: Page, name: str) -> Path:
    """Save the whole page as var/screenshots/<name>.png."""
    path = SCREENSHOTS / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True)
    return path

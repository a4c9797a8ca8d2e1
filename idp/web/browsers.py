"""What a browser calls itself, in the words people know."""

from typing import Final

from flask_babel import gettext

# What a browser calls itself is long; people know it by these.
BROWSERS: Final = ("Edg", "OPR", "SamsungBrowser", "Firefox", "Chrome", "Safari")
SYSTEMS: Final = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")
NAMES: Final = {"Edg": "Edge", "OPR": "Opera", "SamsungBrowser": "Samsung Internet", "Mac OS": "Mac"}


def device_name(agent: str) -> str:
    """A browser and its system, as far as it says; what it says is believed by nobody."""
    browser = next((NAMES.get(name, name) for name in BROWSERS if name in agent), str(gettext("A browser")))
    system = next((NAMES.get(name, name) for name in SYSTEMS if name in agent), "")
    return f"{browser}, {system}" if system else browser

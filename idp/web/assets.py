"""Styles and scripts: read once, named by their hash, compressed once, cached for a year."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from idp.web.documents import Document

STATIC: Final = Path(__file__).with_name("static")
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


CACHED: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


class Assets:
    """All files that pages use. `site.css` is Bootstrap with our theme over it, in one file."""

    def __init__(self) -> None:
        bootstrap = files("flask_bootstrap") / "static" / "bootstrap5" / "css" / "bootstrap.min.css"
        sources = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.suffix in MEDIA_TYPES}
        theme = sources.pop("theme.css")
        # A source map would be asked for and is not there.
        base = b"\n".join(line for line in bootstrap.read_bytes().splitlines() if b"sourceMappingURL" not in line)
        sources["site.css"] = base + b"\n" + theme
        self._served: dict[str, Document] = {}
        self._urls: dict[str, str] = {}
        for name, plain in sources.items():
            stem, dot, ending = name.rpartition(".")
            document = Document.make(plain, MEDIA_TYPES[dot + ending], CACHED)
            served = f"{stem}.{document.digest}{dot}{ending}"
            self._served[served] = document
            self._urls[name] = f"/static/{served}"

    def url(self, name: str) -> str:
        return self._urls[name]

    def find(self, served: str) -> Document | None:
        return self._served.get(served)

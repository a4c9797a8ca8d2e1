"""Security headers, the same on every answer but for what a page's own form needs."""

from collections.abc import Mapping
from typing import Final

from flask import Flask, Response, g
from werkzeug.datastructures import Headers

from idp.runtime.settings import Settings
from idp.web import given

ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
OVER_HTTPS: Final = {**ALWAYS, "Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
NO_PAGE: Final = "default-src 'none'; frame-ancestors 'none'"


def always(settings: Settings) -> Mapping[str, str]:
    return ALWAYS if settings.insecure_loopback else OVER_HTTPS


def must_not_be_kept(status: int, names: Mapping[str, str] | Headers) -> bool:
    """Whether an answer with these headers needs a word to caches: an error or redirect that says none itself."""
    return "Cache-Control" not in names and (status >= 400 or "Location" in names)


def install(app: Flask) -> None:
    @app.after_request
    def add_headers(response: Response) -> Response:
        policy = NO_PAGE
        if response.mimetype == "text/html":
            ends = " ".join(("'self'", *g.get("form_action", ())))
            scripts = f"'nonce-{g.script_nonce}'" if g.get("script_nonce") else "'self'"
            framed_by = "*" if g.get("may_be_framed") else "'none'"
            frames = "".join(f" {source}" for source in g.get("frame_sources", ()))
            policy = (
                f"default-src 'none'; style-src 'self'; script-src {scripts}; img-src 'self'; "
                + (f"frame-src{frames}; " if frames else "")
                + ("connect-src 'self'; " if g.get("asks_again") else "")
                + f"form-action {ends}; base-uri 'none'; frame-ancestors {framed_by}"
            )
        response.headers["Content-Security-Policy"] = policy
        response.headers.update(always(given.runtime().settings))
        if g.get("may_be_framed"):
            del response.headers["X-Frame-Options"]
        response.headers["X-Request-Id"] = g.watch.id
        if must_not_be_kept(response.status_code, response.headers):
            response.headers["Cache-Control"] = "no-store"
        return response

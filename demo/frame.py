"""What stands around every page of a service: address, language, headers, and the words for a failure."""

import logging
import traceback
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from authlib.integrations.flask_client import OAuthError
from flask import Flask, current_app, g, redirect, render_template, request, session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from demo.config import ServiceConfig
from demo.logout_token import SeenTokens
from demo.province import Province
from demo.visits import Visits
from demo.words import LANGUAGES, TROUBLES, lines, word

log = logging.getLogger("demo.service")


@dataclass(frozen=True, slots=True)
class Service:
    """What the pages of one running service share."""

    config: ServiceConfig
    province: Province
    visits: Visits = field(default_factory=Visits)
    seen: SeenTokens = field(default_factory=SeenTokens)


def put_frame(app: Flask, service: Service) -> None:
    """Makes every request of `app` pass the steps below."""
    app.extensions["service"] = service
    app.before_request(_keep_to_own_address)
    app.before_request(_choose_language)
    app.before_request(_refuse_foreign_forms)
    app.after_request(_add_headers)
    app.context_processor(_page_words)
    app.register_error_handler(HTTPException, _http_trouble)
    app.register_error_handler(Exception, _broken)


def this_service() -> Service:
    service: Service = current_app.extensions["service"]
    return service


def show_trouble(name: str, error: Exception | None, detail: str | None = None) -> Answer:
    # Only the kind of error is written down: its text may quote an answer that holds a token.
    code = error.error if isinstance(error, OAuthError) else type(error).__name__ if error else "-"
    log.warning("trouble %s: %s", name, code)
    trouble = TROUBLES[name]
    page = render_template(
        "trouble.html",
        title=trouble.title[g.language],
        what=trouble.what[g.language].format(service=this_service().config.name(g.language)),
        may_retry=trouble.may_retry,
        detail=detail,
    )
    return current_app.make_response((page, trouble.status))


def _http_trouble(error: HTTPException) -> Answer:
    if isinstance(error.code, int) and error.code < 400:
        return error.get_response()
    answer = show_trouble("not_found" if error.code in (404, 405) else "broken", error)
    answer.status_code = error.code or 500
    return answer


def _broken(error: Exception) -> Answer:
    log.error("fault at\n%s", "".join(traceback.format_tb(error.__traceback__)))  # our lines, never the values
    return show_trouble("broken", error)


def _keep_to_own_address() -> Answer | None:
    """127.0.0.1 is another site to a browser, with other cookies: pages are served under one name only."""
    own = this_service().config.base_url
    if request.method in ("GET", "HEAD") and request.host_url != f"{own}/":
        return redirect(f"{own}{quote(request.path)}")
    return None


def _choose_language() -> None:
    asked = request.args.get("lang")
    if asked in LANGUAGES:
        session["language"] = asked
    g.language = session.get("language", "vi")


def _refuse_foreign_forms() -> Answer | None:
    """All ports of localhost are one site: a SameSite cookie does not tell our forms from a neighbour's."""
    told_by_province = request.endpoint == "pages.backchannel_logout"
    own = request.headers.get("Origin") in (None, this_service().config.base_url)
    return None if own or request.method != "POST" or told_by_province else show_trouble("not_allowed", None)


def _page_words() -> dict[str, Any]:
    config, language = this_service().config, g.language
    return {
        "t": lambda key, **values: word(key, language, **values),
        "lines": lambda key: lines(key, language),
        "language": language,
        "other_language": "vi" if language == "en" else "en",
        # A page that came from a form or a one-time answer cannot be asked for again: its switch leads home.
        "this_path": request.path if request.path in ("/", "/signed-out", "/policy", "/terms") else "/",
        "config": config,
        "service_name": config.name(language),
        "neighbour": config.neighbour,
        "issuer_host": urlsplit(config.issuer).netloc,
    }


def _add_headers(answer: Answer) -> Answer:
    issuer = urlsplit(this_service().config.issuer)
    # Signing out is a form whose answer leads to the province, and browsers hold form-action to that too.
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {issuer.scheme}://{issuer.netloc}"
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "static":
        answer.headers["Cache-Control"] = "no-store"
    log.info("%s %r %d", request.method, request.path, answer.status_code)  # never the query: it carries codes
    return answer

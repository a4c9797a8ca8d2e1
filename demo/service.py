"""One relying service, run twice by the demonstration: the public-service portal and the one-stop system.

OpenID Connect Core 1.0 (code flow), RP-Initiated Logout 1.0, Back-Channel Logout 1.0.
What it may do with the province is in `province.py`; what stands around its pages, in `frame.py`.
"""

import argparse
import logging
import os
import secrets
import time
from pathlib import Path
from typing import Any

from authlib.integrations.base_client.errors import MismatchingStateError
from authlib.integrations.flask_client import OAuthError
from flask import Blueprint, Flask, g, jsonify, redirect, render_template, request, session
from joserfc.errors import JoseError
from requests import HTTPError, RequestException
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response as Answer

from demo.config import DEFAULT_DIRECTORY, KINDS, ServiceConfig, load_service
from demo.facts import person_rows, sign_in_rows, time_text
from demo.frame import Service, put_frame, show_trouble, this_service
from demo.logout_token import BadLogoutToken, UnknownKey, check_logout_token
from demo.province import Province, UntrustedAnswer
from demo.visits import Visit

log = logging.getLogger("demo.service")
pages = Blueprint("pages", __name__)

_LARGEST_REQUEST = 64 * 1024
_LONGEST_DETAIL = 200


def create_service(config: ServiceConfig) -> Flask:
    app = Flask(__name__)
    app.config.update(
        # Sign-ins live in memory, so a key for this process alone loses nothing at a restart.
        SECRET_KEY=secrets.token_bytes(32),
        SESSION_COOKIE_NAME=config.cookie_name,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=False,  # plain http on loopback; a real service sets this and a __Host- name
        MAX_CONTENT_LENGTH=_LARGEST_REQUEST,
    )
    logging.getLogger("authlib").setLevel(logging.INFO)  # below that Authlib writes PKCE verifiers and tokens
    app.register_blueprint(pages)
    put_frame(app, Service(config, Province(app, config)))
    return app


# -- pages -----------------------------------------------------------------------------------------------


@pages.get("/")
def home() -> str:
    service, key = this_service(), session.get("visit")
    visit = service.visits.find(key)
    if visit is None:
        session.pop("visit", None)
        return render_template("welcome.html", ended=service.visits.was_ended_by_province(key))
    return render_template(
        "home.html",
        name=visit.facts.get("name") or visit.facts.get("preferred_username") or visit.sub,
        person=person_rows(visit.facts, g.language),
        sign_in=sign_in_rows(visit.identity, g.language),
        asked_at=time_text(visit.facts_at),
        renewed_at=time_text(visit.renewed_at) if visit.renewed_at else None,
    )


@pages.get("/sign-in")
def sign_in() -> Answer:
    province = this_service().province
    try:
        province.metadata()
        answer: Answer = province.client.authorize_redirect(_own_url("callback"), ui_locales=_ui_locales())
    except (RequestException, UntrustedAnswer, ValueError) as error:
        return show_trouble("unavailable", error)
    return answer


@pages.get("/callback")
def callback() -> Answer:
    if "error" in request.args:
        return _answered_with_error()
    service = this_service()
    try:
        visit = service.province.finish_sign_in(request.args.get("iss"))
    except MismatchingStateError as error:
        # Reload, back button, second tab: whoever is in already simply goes on.
        is_in = service.visits.find(session.get("visit")) is not None
        return redirect("/", 303) if is_in else show_trouble("expired", error)
    except RequestException as error:
        return show_trouble("unavailable", error)
    except (OAuthError, JoseError, UntrustedAnswer, ValueError, KeyError) as error:
        return show_trouble("refused", error)
    _open_visit(visit)
    return redirect("/", 303)  # the code leaves the address bar


@pages.post("/sign-out")
def sign_out() -> Answer:
    service = this_service()
    visit = service.visits.close(session.pop("visit", None))
    if visit is None:
        return redirect("/signed-out", 303)
    log.info("signed out here")
    try:
        answer: Answer = service.province.client.logout_redirect(
            post_logout_redirect_uri=_own_url("signed-out"),
            id_token_hint=visit.token["id_token"],
            client_id=service.config.client_id,
            ui_locales=_ui_locales(),
        )
    except (RequestException, RuntimeError) as error:
        return show_trouble("unavailable", error)
    answer.status_code = 303
    return answer


@pages.get("/signed-out")
def signed_out() -> str:
    # The state decides nothing here; it is only tidied away.
    client = this_service().province.client
    client.framework.clear_state_data(session, request.args.get("state"))
    return render_template("signed_out.html")


@pages.post("/refresh-data")
def refresh_data() -> Answer:
    service, key = this_service(), session.get("visit")
    visit = service.visits.find(key)
    if visit is None:
        return redirect("/", 303)
    try:
        service.province.refresh_facts(visit)
    except (OAuthError, UntrustedAnswer) as error:
        service.visits.close(key)
        return show_trouble("ended", error)
    except RequestException as error:
        if not (isinstance(error, HTTPError) and error.response is not None and error.response.status_code == 401):
            return show_trouble("unavailable", error)
        service.visits.close(key)
        return show_trouble("ended", error)
    return redirect("/#details", 303)


@pages.get("/policy", defaults={"name": "policy"})
@pages.get("/terms", defaults={"name": "terms"})
def information(name: str) -> str:
    return render_template("information.html", name=name)


# -- what the province tells us behind the browser's back ------------------------------------------------


@pages.post("/backchannel-logout")
def backchannel_logout() -> tuple[Answer, int] | Answer:
    """Back-Channel Logout 1.0, 2.5 to 2.8: 200 once the visits are gone, 400 for a token not believed."""
    service, now = this_service(), time.time()
    values = request.form.getlist("logout_token")
    try:
        if len(values) != 1:
            raise BadLogoutToken("exactly one logout_token is needed")
        try:
            token = _believed(values[0], now, again=False)
        except UnknownKey:
            token = _believed(values[0], now, again=True)
        is_new = service.seen.use(token, now)
    except BadLogoutToken as error:
        log.warning("logout token refused: %s", error)
        return jsonify(error="invalid_request", error_description=str(error)), 400
    except (RequestException, UntrustedAnswer, ValueError) as error:
        # Not the token's fault: a server error lets the province try again.
        log.warning("logout token could not be checked: %s", type(error).__name__)
        return jsonify(error="temporarily_unavailable", error_description="the keys could not be read"), 503
    # A token that comes again was honoured before and its answer lost: it is answered alike and ends nothing more.
    if is_new:
        log.info("the province ended %d visit(s)", service.visits.close_told(token.sub, token.sid))
    return Answer(status=200)


def _believed(value: str, now: float, again: bool) -> Any:
    service = this_service()
    keys = service.province.keys(again)
    return check_logout_token(value, keys, service.config.issuer, service.config.client_id, now)


# -- steps the pages share -------------------------------------------------------------------------------


def _open_visit(visit: Visit) -> None:
    service = this_service()
    service.visits.close(session.get("visit"))
    language = session.get("language")
    session.clear()  # a new sign-in shares nothing with what this browser carried before it
    if language:
        session["language"] = language
    session["visit"] = service.visits.open(visit)
    log.info("signed in")


def _answered_with_error() -> Answer:
    """The province sent the person back without a code (Core 3.1.2.6)."""
    client, state = this_service().province.client, request.args.get("state")
    ours = client.framework.get_state_data(session, state) is not None
    client.framework.clear_state_data(session, state)
    if not ours:
        return show_trouble("expired", None)  # anyone may type such an address: its text is not shown
    error, description = request.args["error"], request.args.get("error_description", "")
    detail = f"{error}: {description}" if description else error
    return show_trouble("denied" if error == "access_denied" else "refused", None, detail[:_LONGEST_DETAIL])


def _own_url(path: str) -> str:
    # From the configuration, never from the Host header, which a stranger may choose.
    return f"{this_service().config.base_url}/{path}"


def _ui_locales() -> str:
    return "en vi" if g.language == "en" else "vi"


class QuietHandler(WSGIRequestHandler):
    """Werkzeug's own line would write the query string, in which the code and the state travel."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.service", description="Serves one demonstration service.")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--directory", type=Path, default=DEFAULT_DIRECTORY, help="where `services.json` was written")
    options = parser.parse_args()
    provider_port = int(os.environ.get("IDP_PORT") or 8000)
    issuer = os.environ.get("IDP_ISSUER") or f"http://localhost:{provider_port}"
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    config = load_service(options.kind, options.directory, provider_port, issuer)
    server = make_server("127.0.0.1", config.port, create_service(config), threaded=True, request_handler=QuietHandler)
    log.info("%s listens at %s", config.kind, config.base_url)
    server.serve_forever()


if __name__ == "__main__":
    main()

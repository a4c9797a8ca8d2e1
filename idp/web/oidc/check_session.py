"""The frame by which a service asks, without the network, whether the sign-in changed (Session Management 1.0 3.3).

The one page here that others may frame: it shows nothing and does nothing but compare.
"""

from flask import Blueprint, current_app, g, make_response
from flask.typing import ResponseReturnValue

from idp.web import cookies
from idp.web.assets import Assets

blueprint = Blueprint("check_session", __name__)
_PAGE = """<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><title>Session</title>
<script src="{script}" data-cookie="{cookie}"></script></head><body></body></html>
"""


@blueprint.get("/oauth2/check-session")
def frame() -> ResponseReturnValue:
    assets: Assets = current_app.extensions["idp.assets"]
    g.may_be_framed = True
    script, cookie = assets.url("check-session.js"), cookies.name_of(cookies.BROWSER_STATE)
    response = make_response(_PAGE.format(script=script, cookie=cookie))
    response.headers["Cache-Control"] = "no-store"
    return response

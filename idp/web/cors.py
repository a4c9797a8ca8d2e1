"""Which scripts of other origins may read an answer (Fetch, CORS protocol): never with cookies.

Metadata and keys: any. Token, userinfo and revocation: the calling service's own registered origins. Nothing else.
"""

from typing import Final

from flask import Flask, Response, g, request

from idp import storage
from idp.web import given

ENDPOINTS: Final = frozenset({"token.token", "userinfo.userinfo", "revocation.revoke"})
PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


def install(app: Flask) -> None:
    @app.after_request
    def allow(response: Response) -> Response:
        origin = request.headers.get("Origin", "")
        if request.endpoint not in ENDPOINTS or not origin:
            return response
        response.headers.add("Vary", "Origin")
        if request.method == "OPTIONS":
            if _is_known(origin):
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers.update(PREFLIGHT)
        elif origin in g.get("readable_from", ()):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate, X-Request-Id"
        return response


def _is_known(origin: str) -> bool:
    try:
        return given.server().registry.knows_origin(origin)
    except storage.Unavailable:
        return False

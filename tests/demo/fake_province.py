"""A stand-in for the provider, just enough of it to try a relying service: it signs everyone in at once."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, abort, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from werkzeug.wrappers import Response as Answer

EVENT = "http://schemas.openid.net/event/backchannel-logout"
PERSON: dict[str, Any] = {
    "name": "Nguyễn Thị Mẫu",
    "given_name": "Mẫu",
    "birthdate": "1990-02-03",
    "gender": "female",
    "email": "mau@example.test",
    "email_verified": True,
    "address": {"formatted": "Thôn Đoài, xã Tam Giang, tỉnh Bắc Ninh"},
}


@dataclass
class FakeProvince:
    """Its moods are attributes that a test sets; what it was asked is kept in `asked` and `logouts`."""

    issuer: str = ""
    client_id: str = "a-service"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    key: Any = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "first"}, auto_kid=False))
    refusal: dict[str, str] | None = None
    answered_issuer: str | None = None
    tampered: dict[str, Any] = field(default_factory=dict)
    other_person_at_userinfo: bool = False
    token_life: int = 300
    grant_lives: bool = True
    sid: str = "session-1"
    asked: list[dict[str, str]] = field(default_factory=list)
    logouts: list[dict[str, str]] = field(default_factory=list)
    access_tokens: set[str] = field(default_factory=set)
    refreshes: int = 0
    handed_out: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Flask:
        app = Flask(__name__)
        app.add_url_rule("/.well-known/openid-configuration", view_func=self.discovery)
        app.add_url_rule("/jwks", view_func=self.jwks)
        app.add_url_rule("/authorize", view_func=self.authorize)
        app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        app.add_url_rule("/userinfo", view_func=self.userinfo)
        app.add_url_rule("/logout", view_func=self.logout)
        return app

    def discovery(self) -> Response:
        names = {
            "authorization": "authorize",
            "token": "token",
            "userinfo": "userinfo",
            "end_session": "logout",
        }
        return jsonify(
            {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/jwks",
                "id_token_signing_alg_values_supported": ["ES256", "RS256"],
                "authorization_response_iss_parameter_supported": True,
                **{f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in names.items()},
            }
        )

    def jwks(self) -> Response:
        return jsonify(KeySet([self.key]).as_dict(private=False))

    def authorize(self) -> Answer:
        asked = request.args.to_dict()
        self.asked.append(asked)
        answer = {"state": asked["state"], "iss": self.answered_issuer or self.issuer}
        if self.refusal:
            answer |= self.refusal
        else:
            code = self._hand_out()
            self._codes[code] = asked
            answer["code"] = code
        return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)

    def token(self) -> tuple[Response, int] | Response:
        form = request.form
        if not self.is_proved():
            return jsonify(error="invalid_client"), 401
        if form["grant_type"] == "refresh_token":
            self.refreshes += 1
            if not self.grant_lives:
                return jsonify(error="invalid_grant"), 400
            return jsonify(self._tokens())
        asked = self._codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or asked["code_challenge"] != challenge.rstrip(b"=").decode():
            return jsonify(error="invalid_grant"), 400
        self.handed_out.append(form["code_verifier"])
        identity = {"nonce": asked["nonce"], "auth_time": int(time.time()), "amr": ["pwd"], "sid": self.sid}
        return jsonify(self._tokens() | {"id_token": self.sign(identity | self.tampered)})

    def is_proved(self) -> bool:
        """Whether the token request comes from the service."""
        basic = request.authorization
        return basic is not None and (basic.username, basic.password) == (self.client_id, self.client_secret)

    def userinfo(self) -> Response:
        token = (request.authorization.token if request.authorization else None) or ""
        if token not in self.access_tokens:
            abort(401)
        return jsonify(PERSON | {"sub": "someone-else" if self.other_person_at_userinfo else "person-1"})

    def logout(self) -> Answer:
        asked = request.args.to_dict()
        self.logouts.append(asked)
        return redirect(f"{asked['post_logout_redirect_uri']}?{urlencode({'state': asked['state']})}", 303)

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None, key: Any = None) -> str:
        """A token of this issuer; a claim given as None is left out."""
        now = int(time.time())
        usual = {"iss": self.issuer, "sub": "person-1", "aud": self.client_id, "iat": now, "exp": now + 120}
        content = {name: value for name, value in (usual | claims).items() if value is not None}
        used = key or self.key
        algorithm = {"RSA": "RS256", "EC": "ES256", "oct": "HS256"}[used.key_type]
        token = jwt.encode(
            {"alg": algorithm, "kid": used.kid, **(header or {})},
            content,
            used,
            algorithms=[algorithm],
            default_type=None,
        )
        self.handed_out.append(token)
        return token

    def logout_token(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        usual = {"jti": secrets.token_hex(8), "sid": self.sid, "events": {EVENT: {}}}
        return self.sign(usual | claims, {"typ": "logout+jwt"} | (header or {}), key)

    def _tokens(self) -> dict[str, Any]:
        access, refresh = self._hand_out(), self._hand_out()
        self.access_tokens = {access}
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.token_life,
        }

    def _hand_out(self) -> str:
        secret = secrets.token_urlsafe(24)
        self.handed_out.append(secret)
        return secret

"""How a service does, in words: what the officers of its agency see of each environment."""

from datetime import timedelta
from typing import Any

from flask_babel import format_date, format_datetime, gettext

from idp import storage
from idp.domain.relying_services import RelyingService
from idp.domain.service_secrets import mark_of
from idp.web import given
from idp.web.service_texts import failure_text, parcel_text


def environment(tx: storage.Tx, shown: RelyingService) -> dict[str, Any]:
    """One environment: its secrets with their days, and what happened at it in a day and in thirty."""
    now = given.runtime().clock.now()
    terms = {term.mark: term for term in shown.secret_terms}
    marks = [mark_of(digest) for digest in shown.digests_at(now)]
    last = storage.service_health.find_last_contact(tx, shown.id)
    spans = [(gettext("24 hours"), timedelta(days=1)), (gettext("30 days"), timedelta(days=30))]
    return {
        "code": shown.environment,
        "name": gettext("Sandbox") if shown.is_sandbox else gettext("Production"),
        "client_id": shown.client_id,
        "secrets": [
            (mark, _day(terms[mark].made_at), _day(terms[mark].expires_at)) if mark in terms else (mark, "–", "–")
            for mark in marks
        ],
        "has_secret": shown.token_endpoint_auth_method.startswith("client_secret"),
        "keys": shown.jwks_uri or "",
        "last": format_datetime(last, "HH:mm dd/MM/yyyy") if last else "–",
        "spans": [
            _span(str(name), storage.service_health.find_health(tx, shown.id, now - span)) for name, span in spans
        ],
    }


def _span(name: str, found: storage.service_health.Health) -> dict[str, Any]:
    return {
        "name": name,
        "sign_ins": found.sign_ins,
        "failures": [(failure_text(event), count) for event, count in sorted(found.failures.items())],
        "logouts": [(parcel_text(state), count) for state, count in sorted(found.logouts.items())],
    }


def _day(moment: Any) -> str:
    return str(format_date(moment, "dd/MM/yyyy"))

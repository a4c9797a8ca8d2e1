"""The list of doors: each blueprint with its guard. Read it to know what is there and who may pass."""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from idp.protocol.registry import Registry
from idp.protocol.token import build_server
from idp.runtime.runtime import Runtime
from idp.web import cors, errors, guards, headers, lane, language, pages, uploads, watching
from idp.web.admin import bulk, cases, console, history, invitations, keys, merge, officers, people, recall, services
from idp.web.assets import Assets
from idp.web.citizen import (
    account,
    activity,
    contacts,
    home,
    information,
    lock,
    own_data,
    recover,
    register,
    rights,
    security,
)
from idp.web.crowd import Crowd
from idp.web.guards import Guard
from idp.web.officer import counter, own_factors, staff
from idp.web.oidc import (
    authorize,
    check_session,
    discovery,
    introspection,
    logout,
    registration,
    revocation,
    token,
    userinfo,
)
from idp.web.sign_in import account_level, choose_account, consent, other_screen, phone, second_step, sign_in, sign_out
from idp.web.site import counter_mode, health, logos, static, tree_heads, vendor
from idp.web.site import language as language_view

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

DOORS: tuple[tuple[Blueprint, Guard], ...] = (
    (discovery.blueprint, guards.services),
    (authorize.blueprint, guards.anyone),
    (token.blueprint, guards.services),
    (userinfo.blueprint, guards.services),
    (introspection.blueprint, guards.services),
    (revocation.blueprint, guards.services),
    (registration.blueprint, guards.services),
    (logout.blueprint, guards.anyone),
    (check_session.blueprint, guards.anyone),
    (sign_in.blueprint, guards.anyone),
    (second_step.blueprint, guards.anyone),
    (other_screen.blueprint, guards.anyone),
    (phone.blueprint, guards.anyone),
    (account_level.blueprint, guards.anyone),
    (consent.blueprint, guards.anyone),
    (choose_account.blueprint, guards.anyone),
    (sign_out.blueprint, guards.anyone),
    (home.blueprint, guards.anyone),
    (account.blueprint, guards.signed_in_person),
    (register.blueprint, guards.anyone),
    (recover.blueprint, guards.anyone),
    (lock.blueprint, guards.anyone),
    (activity.blueprint, guards.signed_in_person),
    (own_data.blueprint, guards.signed_in_person),
    (contacts.blueprint, guards.signed_in_person),
    (security.blueprint, guards.signed_in_person),
    (rights.blueprint, guards.signed_in_person),
    (information.blueprint, guards.anyone),
    (language_view.blueprint, guards.anyone),
    (counter_mode.blueprint, guards.anyone),
    (staff.blueprint, guards.anyone),
    (console.blueprint, guards.officer),
    (counter.blueprint, guards.officer),
    (own_factors.blueprint, guards.officer),
    (people.blueprint, guards.officer),
    (merge.blueprint, guards.officer),
    (cases.blueprint, guards.officer),
    (officers.blueprint, guards.officer),
    (recall.blueprint, guards.officer),
    (bulk.blueprint, guards.officer),
    (keys.blueprint, guards.officer),
    (history.blueprint, guards.officer),
    (services.blueprint, guards.officer),
    (invitations.blueprint, guards.officer),
    (vendor.blueprint, guards.anyone),
    (logos.blueprint, guards.anyone),
    (health.blueprint, guards.services),
    (tree_heads.blueprint, guards.services),
    (static.blueprint, guards.anyone),
)
LARGEST_BODY = 65_536


def mount(app: Flask, runtime: Runtime, registry: Registry) -> None:
    """Put every door on the application."""
    assets = Assets()
    app.extensions["idp.server"] = build_server(runtime, registry)
    app.extensions["idp.assets"] = assets
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_BODY
    app.config["MAX_FORM_PARTS"] = 100
    app.request_class = uploads.Request
    app.jinja_env.auto_reload = False
    app.url_map.merge_slashes = False  # an address that is not ours is a 404, not a redirect to one that is
    language.install(app, runtime.settings.province.time_zone)
    watching.install(app)
    headers.install(app)
    errors.install(app)
    cors.install(app)
    app.context_processor(lambda: pages.page_values(runtime, assets))
    app.jinja_env.globals["autofill"] = pages.autofill  # a macro sees no value of its page
    for blueprint, guard in DOORS:
        app.register_blueprint(blueprint)
        app.before_request_funcs.setdefault(blueprint.name, []).append(guard)
    app.wsgi_app = _under_own_host(app.wsgi_app, runtime.settings.issuer)  # type: ignore[method-assign,assignment]
    if runtime.settings.proxy.hops:
        hops = runtime.settings.proxy.hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    # The short way asks neither for the host nor for who is at the other end.
    app.wsgi_app = lane.Lane(app, app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Crowd(  # type: ignore[method-assign]
        app.wsgi_app, runtime.gate, runtime.hash_slots, runtime.metrics, LARGEST_BODY
    )


def _under_own_host(inner: "WSGIApplication", issuer: str) -> "WSGIApplication":
    """The Host header is never believed: addresses are the issuer's, and a broken one must not break the error page."""
    host = urlsplit(issuer).netloc

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["HTTP_HOST"] = host
        return inner(environ, start_response)

    return answer

"""Rendering a page for people: its language, its asker, its security policy."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from flask import Response, current_app, g, make_response, render_template, request, url_for
from flask_babel import gettext
from werkzeug.exceptions import HTTPException

from idp import storage
from idp.domain.accounts import Profile
from idp.domain.relying_services import RelyingService, origin_of
from idp.runtime.runtime import Runtime
from idp.web import cookies, counter_bar, language
from idp.web.assets import Assets

_COMES_AGAIN: Final = ("parked", "client_id", "redirect_uri", "response_type", "scope")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One line of the error summary; an empty field stands for the whole form."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Asker:
    """The service that asks, as a page shows it."""

    name: str
    domain: str
    logo_url: str | None
    policy_uri: str | None
    terms_uri: str | None


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    hint: str = ""


def page(
    template: str,
    *,
    status: int = 200,
    form_action: Iterable[str] = (),
    frames: Iterable[str] = (),
    nonce: str = "",
    **values: Any,
) -> Response:
    """A page, never cached. `form_action` lists where its form's answer may end up; with a `nonce` only scripts run
    that bear it. `frames` are the addresses that it holds in frames, of which most pages have none.

    On the screen of a counter it closes by itself, so that nothing of a person who went away stays there.
    """
    g.form_action, g.script_nonce = tuple(form_action), nonce
    g.frame_sources = sorted({origin_of(urlsplit(frame)) for frame in frames})
    response = make_response(render_template(template, nonce=nonce, frames=tuple(frames), **values), status)
    response.headers["Cache-Control"] = "no-store"
    cookies.note_attended(response)
    if closes_after := counter_bar.closes_after():
        response.headers["Refresh"] = f"{closes_after}; url={url_for('sign_out.signed_out')}"
    return response


def asker_of(service: RelyingService, redirect_uri: str) -> Asker:
    """Who asks: the name it registered, and the host people will land on."""
    with storage.once() as tx:
        digest = storage.logos.find_logo_digest(tx, service.id) if service.logo_uri else None
    return Asker(
        name=service.name(language.current()),
        domain=urlsplit(redirect_uri).netloc or urlsplit(redirect_uri).scheme,
        logo_url=url_for("logos.logo", digest=digest.hex()) if digest else None,
        policy_uri=service.policy_uri,
        terms_uri=service.tos_uri,
    )


def person_of(profile: Profile) -> Person:
    number = str(profile.claims.get("personal_id_number", ""))
    hint = gettext("personal number ending in %(digits)s", digits=number[-3:]) if number else ""
    return Person(name=profile.name, hint=hint)


def ends_of(*uris: str) -> list[str]:
    """Where a form's answer may end that leads to one of these addresses, for the page's form-action.

    Schemes, since browsers hold every later redirect to it as well, and where a service leads its people is its own
    matter.
    """
    return sorted({f"{urlsplit(uri).scheme}:" for uri in uris})


def autofill(what: str) -> str:
    """What a browser may put into a field (HTML autocomplete): on everybody's screen nothing but a code just sent."""
    return what if what == "one-time-code" or cookies.counter_screen() is None else "off"


def page_values(runtime: Runtime, assets: Assets) -> dict[str, Any]:
    """What every template may use."""
    code, bar = language.current(), counter_bar.find_bar()
    large = cookies.read(cookies.TEXT) in (("large", "") if bar else ("large",))
    other, label = ("en", "English") if code == "vi" else ("vi", "Tiếng Việt")
    here = _this_page()
    province = runtime.settings.province
    return {
        "language": code,
        "languages_link": {
            "code": other,
            "label": label,
            "url": f"{url_for('language.choose', code=other)}?{urlencode({'to': here})}",
        },
        "counter": bar,
        "large_text": large,
        "large_text_url": (
            f"{url_for('language.text', size='normal' if large else 'large')}?{urlencode({'to': here})}"
        ),
        "asset": assets.url,
        "issuer_host": urlsplit(runtime.settings.issuer).netloc,
        "province": {
            "name": getattr(province, f"name_{code}"),
            "service_name": getattr(province, f"service_name_{code}"),
            "hotline": province.hotline,
            "hotline_hours": getattr(province, f"hotline_hours_{code}"),
            "authority": getattr(province, f"authority_{code}"),
            "operator": getattr(province, f"operator_{code}"),
        },
    }


def _this_page() -> str:
    """The page one is on as an address to come back to; after a post, the page that was posted.

    Of a query only what makes the page come again: hints and whatever else stands there may name people.
    """
    try:
        given = request.form if request.method == "POST" else request.args
    except HTTPException:  # the body is too large or ends too early, and the page that says so is on its way
        return request.path
    place = shown_at(request.path)
    kept = {name: given[name] for name in _COMES_AGAIN if name in given} if place == request.path else {}
    return f"{place}?{urlencode(kept)}" if kept else place


def shown_at(path: str) -> str:
    """An address that shows a page: this one, or where it is merely posted to the nearest above it."""
    addresses = current_app.url_map.bind("")
    while path != "/" and not addresses.test(path, "GET"):
        path = path.rpartition("/")[0] or "/"
    return path

"""Services' logos come from our own store, so that a sign-in page calls no foreign host."""

import pytest
from flask import Flask

from idp import flows, storage
from idp.runtime import chance
from idp.runtime.outbound import Answer
from tests.builders import a_service, ask, follow
from tests.doubles import RecordingOutbound

LOGO = "https://dich-vu.example/logo.png"
PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.fixture
def app(sqlite_app: Flask, outbound: RecordingOutbound) -> Flask:
    a_service(sqlite_app, client_id="co-logo", logo_uri=LOGO)
    outbound.answer(LOGO, Answer(200, {"Content-Type": "image/png"}, PNG))
    return sqlite_app


def fetch(app: Flask) -> None:
    runtime = app.extensions["idp"]
    with app.app_context():
        with storage.once() as tx:
            service = storage.relying_services.find_by_client_id(tx, "co-logo")
        assert service is not None
        parcel = storage.outbox.Parcel(
            chance.new_id(runtime.clock.now()), storage.outbox.FETCH_LOGO, service.id, {}, 0, runtime.clock.now()
        )
        assert flows.delivery.deliver(runtime, parcel) is None


def test_the_page_shows_our_copy_and_never_the_services_address(app: Flask) -> None:
    service, client = a_service(app, client_id="co-logo", logo_uri=LOGO), app.test_client()
    before = follow(client, ask(client, service))
    assert "<img" not in before.text, "while it is not fetched there is none"
    fetch(app)
    page = follow(client, ask(client, service))
    assert LOGO not in page.text
    [source] = [part.split('"')[0] for part in page.text.split('src="') if part.startswith("/logos/")]
    logo = client.get(source)
    assert (logo.mimetype, logo.data) == ("image/png", PNG)
    assert logo.headers["Cache-Control"] == "public, max-age=86400"
    assert logo.headers["X-Content-Type-Options"] == "nosniff"
    assert logo.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("digest", ["00", "00" * 32, "khong-phai", "0", "%00", "00" * 5000])
def test_other_logos_are_not_there(app: Flask, digest: str) -> None:
    assert app.test_client().get(f"/logos/{digest}").status_code == 404

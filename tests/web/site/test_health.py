"""/healthz says that the process lives, /readyz that it can serve: for the load balancer, telling strangers nothing."""

from collections.abc import Callable

from flask import Flask
from sqlalchemy import text

from idp import storage
from tests.builders import lend_keys


def test_a_process_that_lives_says_so_without_the_database(sqlite_app: Flask) -> None:
    response = sqlite_app.test_client().get("/healthz")
    assert (response.status_code, response.text) == (200, "ok\n")
    assert response.headers["Cache-Control"] == "no-store"


def test_a_provider_that_can_serve_is_ready(app: Flask) -> None:
    lend_keys(app)
    response = app.test_client().get("/readyz")
    assert response.status_code == 200
    assert response.get_json() == {"database": "ok", "schema": "ok", "keys": "ok"}


def test_a_schema_that_is_behind_is_not_ready(app: Flask) -> None:
    with app.app_context(), storage.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    response = app.test_client().get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["schema"] == "behind"


def test_a_schema_of_the_version_after_this_one_is_ready(app: Flask) -> None:
    with app.app_context(), storage.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert app.test_client().get("/readyz").status_code == 200


def test_without_a_database_nothing_is_ready_but_the_process_lives(make_app: Callable[..., Flask]) -> None:
    app = make_app("postgresql+psycopg://nobody@127.0.0.1:1/none")
    response = app.test_client().get("/readyz")
    assert response.status_code == 503
    assert set(response.get_json().values()) == {"unavailable"}
    assert app.test_client().get("/healthz").status_code == 200

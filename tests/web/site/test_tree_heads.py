"""The heads of the log and its keys, for anybody who keeps them."""

import pytest
from flask import Flask

from idp import storage
from idp.cli.timed_jobs import TimedJobs
from idp.domain.audit import Entry, Event
from idp.runtime import chance
from idp.web.site import tree_heads
from tests.builders import lend_keys
from tests.doubles import FixedClock
from tests.rows import rows_of


@pytest.fixture
def log(app: Flask, clock: FixedClock) -> Flask:
    """Six heads or seven."""
    lend_keys(app)
    jobs = TimedJobs(app, app.extensions["idp"])
    for _ in range(6):
        clock.advance(seconds=4)
        with app.app_context(), storage.begin() as tx:
            now = clock.now()
            storage.audit.insert_entry(tx, Entry(chance.new_id(now), now, Event.SIGNED_OUT, actor="a test"))
        while jobs.run():
            pass
    return app


def stored(app: Flask) -> list[str]:
    with app.app_context():
        return [row.jws for row in rows_of("log_heads")]


def test_the_newest_heads_are_served_the_oldest_of_them_first(log: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client, all_heads = log.test_client(), stored(log)
    answer = client.get("/log/heads")
    assert (answer.mimetype, answer.text.splitlines()) == ("text/plain", all_heads)
    assert answer.headers["Cache-Control"] == "no-store"
    monkeypatch.setattr(tree_heads, "MOST", 3)
    assert client.get("/log/heads").text.splitlines() == all_heads[-3:]
    assert client.get("/log/heads?after=1").text.splitlines() == all_heads[1:4]
    assert client.get("/log/heads?after=99").text == ""


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "٣", "9" * 16])
def test_what_is_no_number_is_refused(log: Flask, after: str) -> None:
    answer = log.test_client().get("/log/heads", query_string={"after": after})
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_the_keys_are_those_of_the_log_alone(log: Flask) -> None:
    [key] = log.test_client().get("/log/keys").json["keys"]
    assert (key["use"], "d" in key) == ("tree-head", False)
    assert key["kid"] not in {each["kid"] for each in log.test_client().get("/oauth2/jwks").json["keys"]}


def test_a_log_that_was_never_sealed_has_neither(app: Flask) -> None:
    lend_keys(app)
    assert app.test_client().get("/log/heads").text == ""
    assert app.test_client().get("/log/keys").json == {"keys": []}

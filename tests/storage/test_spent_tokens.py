"""Others' tokens that may be used once: the insert is the single use, on both stores, whoever races."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask import Flask

from idp import storage
from tests.doubles import START

LATER = START + timedelta(minutes=5)


def use(app: Flask, issuer: str = "a", jti: str = "1") -> bool:
    with app.app_context(), storage.once(writes=True) as tx:
        return storage.spent_tokens.use_token(tx, issuer, jti, LATER)


def test_a_token_is_used_once(app: Flask) -> None:
    assert [use(app), use(app), use(app)] == [True, False, False]


def test_each_issuer_has_its_own(app: Flask) -> None:
    assert use(app, "a", "b:1")
    assert use(app, "a:b", "1")
    assert use(app, "b", "b:1")


def test_of_many_at_once_one_wins(app: Flask) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: use(app), range(16))) == 1

"""Somebody, and the browser in which that person is signed in."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.builders import Citizen, a_citizen, sign_in


@pytest.fixture
def citizen(app: Flask) -> Citizen:
    return a_citizen(app)


@pytest.fixture
def browser(app: Flask, citizen: Citizen) -> FlaskClient:
    client = app.test_client()
    sign_in(client, citizen)
    return client

"""A browser for the walks of tests/builders.py that goes over real HTTP, and from one provider process to another."""

from collections.abc import Mapping
from typing import Any

import requests

PATIENCE = 60  # seconds for one answer on a busy machine


class Response:
    """An answer as the walks read it: what they ask of Flask's test client, and nothing more."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer
        self.status_code, self.text, self.headers = answer.status_code, answer.text, answer.headers
        self.status = f"{answer.status_code} {answer.reason}"
        self.location = answer.headers.get("Location", "")

    def get_json(self) -> Any:
        return self._answer.json()


class Browser:
    """`Browser(provider.address)`; its cookies go along when `address` is changed, as they do behind one name."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._session = requests.Session()
        self._session.trust_env = False

    def get(
        self,
        path: str,
        *,
        query_string: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        return self._send("GET", path, params=query_string, headers=headers)

    def post(
        self, path: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        return self._send("POST", path, data=data, headers=headers)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, method: str, path: str, **how: Any) -> Response:
        assert path.startswith("/")
        url = f"{self.address}{path}"
        return Response(self._session.request(method, url, allow_redirects=False, timeout=PATIENCE, **how))

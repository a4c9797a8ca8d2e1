"""Other parties' JWTs read strictly (RFC 7519 4)."""

import base64

import pytest

from idp.runtime import strict_json
from idp.runtime.data_keys import Unsealable


def token(header: str, claims: str) -> str:
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (header, claims, "x"))


def test_an_object_in_which_each_name_stands_once_is_read() -> None:
    strict_json.check_token(token('{"alg":"ES256"}', '{"a":1,"b":{"a":2,"c":[{"a":3},{"a":4}]}}'))


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ('{"alg":"a","alg":"a"}', "{}"),
        ("{}", '{"iss":"a","iss":"b"}'),
        ("{}", '{"a":{"b":1,"b":2}}'),
        ("{}", '{"a":[{"b":1,"b":2}]}'),
        ("{}", '{"a":1,"\\u0061":2}'),
        ("[]", "{}"),
        ("{}", "[]"),
        ("{}", '"a"'),
        ("{}", ""),
        ("{}", "{" * 100_000),
        ("[" * 100_000, "{}"),
        ("{}", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"),
    ],
)
def test_anything_else_is_refused(header: str, claims: str) -> None:
    with pytest.raises(Unsealable):
        strict_json.check_token(token(header, claims))


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "a.b.c.d.e", "é.é.é", "{}.{}.{}"])
def test_what_is_no_compact_jwt_is_refused(text: str) -> None:
    with pytest.raises(Unsealable):
        strict_json.check_token(text)

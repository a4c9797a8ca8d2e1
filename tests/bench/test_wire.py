"""Requests as bytes, answers from bytes."""

import pytest

from bench import wire


def test_an_answer_is_whole_only_with_its_last_byte() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    for end in range(len(data)):
        assert wire.parse(data[:end]) is None
    raw = wire.parse(data)
    assert raw is not None and (raw.status, raw.body, raw.closes) == (200, b"hello", False)


def test_chunks_are_put_together() -> None:
    data = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
    assert wire.parse(data[:-6]) is None
    raw = wire.parse(data)
    assert raw is not None and raw.body == b"hello"


def test_a_redirect_says_where_and_which_cookies_come_and_go() -> None:
    raw = wire.parse(
        b"HTTP/1.1 303 See Other\r\ncontent-length: 0\r\nLocation: https://a.example/cb?code=1\r\n"
        b"Set-Cookie: s=1; Path=/\r\nset-cookie: old=; Max-Age=0; Path=/\r\nConnection: close\r\n\r\n"
    )
    assert raw is not None
    assert (raw.location, raw.closes) == ("https://a.example/cb?code=1", True)
    assert raw.cookies == {"s": "1", "old": ""}
    assert raw.reply().headers["location"] == raw.location


@pytest.mark.parametrize("data", [b"SSH-2.0-nothing\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_what_is_no_answer_or_has_no_end_is_said(data: bytes) -> None:
    with pytest.raises(wire.Broken):
        wire.parse(data)


def test_a_form_is_sent_with_its_length_and_cookies() -> None:
    sent = wire.form_request("/token", {"Host": "a"}, {"a": "b c"}, {"s": "1"})
    assert sent == (
        b"POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nCookie: s=1\r\n"
        b"Content-Length: 5\r\n\r\na=b+c"
    )


def test_an_address_of_the_system_is_reached_by_its_path() -> None:
    assert wire.path_of("https://idp.example/auth/1?a=b") == "/auth/1?a=b"
    assert wire.path_of("/auth/1") == "/auth/1"
    assert wire.path_of("https://idp.example") == "/"

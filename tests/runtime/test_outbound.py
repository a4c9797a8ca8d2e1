"""The guarded door: what it refuses to call, and how little a hostile answer can do (OWASP SSRF; RFC 9700 4.x)."""

import gzip
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from idp.runtime import outbound
from idp.runtime.outbound import LookUp, Outbound, OutboundFailure
from idp.runtime.settings import Outbound as OutboundSettings
from tests.runtime.little_server import Authority, LittleServer, drip, make_authority

TIMEOUT = 0.4
# A shared machine has slow moments; a call that nothing bounds would drip for 20 seconds.
SOON = 4.0
PUBLIC = "203.0.114.7"


def door(
    *allowed: str,
    ca_bundle: Path | str = "",
    timeout: float = 5,
    max_bytes: int = 10_000,
    look_up: LookUp | None = None,
) -> Outbound:
    settings = OutboundSettings(allowed, str(ca_bundle), timeout, max_bytes)  # type: ignore[arg-type]
    return Outbound(settings, log_exemptions=True, look_up=look_up)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


class Names:
    """The name service: answers for names in turn, the last one again and again; addresses stay what they are."""

    def __init__(self) -> None:
        self.known: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def find(self, host: str, port: int, *rest: Any, **options: Any) -> Any:
        if host not in self.known:
            return self._real(host, port, *rest, **options)
        self.asked.append(host)
        answers = self.known[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [info for address in found for info in self._real(address, port, *rest, **options)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names()
    monkeypatch.setattr(socket, "getaddrinfo", made.find)
    return made


# -- where it goes ---------------------------------------------------------------------------------------------------


def test_an_exempt_host_is_reached_over_plain_http_and_its_answer_given_back() -> None:
    with LittleServer().running() as server:
        answer = door("localhost").get(f"http://localhost:{server.port}/a?b=c")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["Content-Type"] == "text/plain"
    assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert f"Host: localhost:{server.port}\r\n".encode() in server.requests[0]


def test_a_form_is_posted_without_cookies_or_credentials() -> None:
    with LittleServer().running() as server:
        door("localhost").post(f"http://localhost:{server.port}/logout", {"logout_token": "a.b.c", "x": "ệ&"})
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b"logout_token=a.b.c&x=%E1%BB%87%26"
    assert b"Content-Type: application/x-www-form-urlencoded" in head
    assert b"cookie:" not in head.lower()
    assert b"authorization:" not in head.lower()


@pytest.mark.parametrize(
    "url",
    [
        "http://service.example/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "//localhost/",
        "localhost",
        "",
        "https://",
        "https:///path",
        "https://user@localhost/",
        "https://user:word@localhost/",
        "https://localhost:99999/",
        "https://localhost:port/",
        "https://[::1",
        "https://[::zz]/",
        "https://" + "a" * 300 + ".example/",
        "https://a..example/",
        "https://unknown.invalid/",
        "https://\u2100.example/",
    ],
)
def test_an_address_that_is_not_plain_https_is_never_called(url: str) -> None:
    with pytest.raises(OutboundFailure):
        door("localhost").get(url)


LOOPBACKS = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "localhost"]
MAPPED = ["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::]"]


@pytest.mark.parametrize("host", [*LOOPBACKS, *MAPPED])
def test_this_machine_is_not_called_however_it_is_written(host: str) -> None:
    with LittleServer().running() as server:
        with pytest.raises(OutboundFailure, match="no public address"):
            door().get(f"https://{host}:{server.port}/")
        with pytest.raises(OutboundFailure, match="only https"):
            door().get(f"http://{host}:{server.port}/")
    assert server.connections == 0


NOT_PUBLIC = (
    "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 192.0.2.1 198.18.0.1 "
    "224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 ::1 :: fe80::1 fe80::1%lo fc00::1 fd12:3456::1 fec0::1 "
    "ff02::1 2001:db8::1 ::ffff:10.0.0.1 ::10.0.0.1 64:ff9b::a00:1 64:ff9b:1::a00:1 2002:a00:1:: 2001:0:a00:1::"
).split()


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_inside_is_not_called(names: Names, address: str) -> None:
    names.known["inside.example"] = [[address]]
    with pytest.raises(OutboundFailure, match="no public address"):
        door().get("https://inside.example/")


# The tests' network guard stops the call in mid-air, and a socket stays open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_of_several_addresses_only_a_public_one_is_called(names: Names) -> None:
    names.known["mixed.example"] = [["10.0.0.1", "127.0.0.1", PUBLIC]]
    with pytest.raises(RuntimeError, match=f"but {PUBLIC} was called"):
        door().get("https://mixed.example/")


def test_the_address_that_was_checked_is_the_one_that_is_called(names: Names) -> None:
    # DNS rebinding: at the second look the name leads elsewhere, where nobody listens.
    names.known["rebinding.example"] = [["127.0.0.1"], ["127.0.0.2"]]
    with LittleServer().running() as server:
        answer = door("rebinding.example").get(f"http://rebinding.example:{server.port}/")
    assert answer.status == 200
    assert names.asked == ["rebinding.example"]
    assert f"Host: rebinding.example:{server.port}\r\n".encode() in server.requests[0]


def test_an_exemption_is_of_a_name_not_of_an_address() -> None:
    with LittleServer().running() as server:
        for host in ("127.0.0.1", "127.1", "localhost.", "localhost.example"):
            with pytest.raises(OutboundFailure):
                door("localhost").get(f"http://{host}:{server.port}/")
        with pytest.raises(OutboundFailure):
            door("localhost:1").get(f"http://localhost:{server.port}/")
        assert server.connections == 0
        assert door(f"localhost:{server.port}").get(f"http://localhost:{server.port}/").status == 200


def test_each_use_of_an_exemption_is_logged() -> None:
    with LittleServer().running() as server, capture_logs() as logged:
        door("localhost").get(f"http://localhost:{server.port}/secret-path")
    assert [(line["log_level"], line["host"]) for line in logged] == [("warning", "localhost")]
    assert "secret-path" not in str(logged)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with LittleServer().running() as server:
        assert door("localhost").get(f"http://localhost:{server.port}/").status == 200


def test_a_port_where_nobody_listens_is_a_failure() -> None:
    with LittleServer().running() as server:
        port = server.port
    with pytest.raises(OutboundFailure, match="ConnectionError"):
        door("localhost").get(f"http://localhost:{port}/")


def test_a_redirect_is_not_followed() -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with LittleServer(away).running() as server:
        answer = door("localhost").get(f"http://localhost:{server.port}/")
    assert answer.status == 302
    assert server.connections == 1


# -- whom it believes ------------------------------------------------------------------------------------------------


def test_rfc9525_a_certificate_of_a_known_ca_for_the_name_is_believed(names: Names, authority: Authority) -> None:
    names.known["service.example"] = [["127.0.0.1"]]
    with LittleServer(tls=authority.server_for("service.example")).running() as server:
        ours = door("service.example", ca_bundle=authority.file)
        assert ours.get(f"https://service.example:{server.port}/").body == b"hello"
    assert server.names == ["service.example"]
    assert f"Host: service.example:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize("name", ["other.example", "service.example.evil.example", "sub.service.example", "127.0.0.1"])
def test_rfc9525_a_certificate_for_another_name_is_refused(names: Names, authority: Authority, name: str) -> None:
    names.known["service.example"] = [["127.0.0.1"]]
    server = LittleServer(tls=authority.server_for(name))
    with server.running(), pytest.raises(OutboundFailure, match="SSLError"):
        door("service.example", ca_bundle=authority.file).get(f"https://service.example:{server.port}/")
    assert b"".join(server.requests) == b""


def test_rfc9525_a_certificate_of_an_unknown_ca_is_refused(names: Names, authority: Authority, tmp_path: Path) -> None:
    names.known["service.example"] = [["127.0.0.1"]]
    other = make_authority(tmp_path, "Another CA")
    with LittleServer(tls=authority.server_for("service.example")).running() as server:
        for bundle in ("", other.file):
            with pytest.raises(OutboundFailure, match="SSLError"):
                door("service.example", ca_bundle=bundle).get(f"https://service.example:{server.port}/")
    assert b"".join(server.requests) == b""


# -- how much it takes -----------------------------------------------------------------------------------------------


def head(*lines: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", *lines, "", "")).encode()


@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Length: 10001") + b"x" * 10_001,
        head() + b"x" * 10_001,
        head("Transfer-Encoding: chunked") + b"2711\r\n" + b"x" * 10_001 + b"\r\n0\r\n\r\n",
        head("Content-Encoding: gzip") + gzip.compress(b"x" * 5_000_000),
    ],
    ids=["by length", "without length", "in chunks", "compressed"],
)
def test_an_answer_that_is_too_large_is_given_up(answer: bytes) -> None:
    with LittleServer(answer).running() as server, pytest.raises(OutboundFailure, match="too large"):
        door("localhost").get(f"http://localhost:{server.port}/")


def test_an_answer_of_just_the_largest_size_is_taken() -> None:
    with LittleServer(head("Content-Length: 10000") + b"x" * 10_000).running() as server:
        assert len(door("localhost").get(f"http://localhost:{server.port}/").body) == 10_000


DRIPS: dict[str, Callable[[socket.socket], None]] = {
    "status line": drip(b"H", b"T"),
    "headers": drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "header lines": drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "interim answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body by length": drip(head("Content-Length: 9000"), b"x"),
    "body without length": drip(head(), b"x"),
    "body in chunks": drip(head("Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
    "a chunk": drip(head("Transfer-Encoding: chunked") + b"ff\r\n", b"x"),
    "compressed body": drip(head("Content-Encoding: gzip"), gzip.compress(b"")),
}


@pytest.mark.parametrize("deed", DRIPS.values(), ids=DRIPS)
def test_a_slow_drip_ends_at_the_deadline(deed: Callable[[socket.socket], None]) -> None:
    with LittleServer(deed).running() as server:
        before = time.monotonic()
        with pytest.raises(OutboundFailure):
            door("localhost", timeout=TIMEOUT).get(f"http://localhost:{server.port}/")
        assert time.monotonic() - before < SOON


def test_a_drip_without_length_is_not_taken_for_a_whole_answer() -> None:
    server = LittleServer(DRIPS["body without length"])
    with server.running(), pytest.raises(OutboundFailure, match="takes too long"):
        door("localhost", timeout=TIMEOUT).get(f"http://localhost:{server.port}/")


def test_a_slow_drip_of_the_tls_handshake_ends_at_the_deadline() -> None:
    # The head of a handshake record of 16,384 bytes, and then its bytes one by one.
    deed = drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x03", read_first=False)
    with LittleServer(deed).running() as server:
        before = time.monotonic()
        with pytest.raises(OutboundFailure):
            door("localhost", timeout=TIMEOUT).get(f"https://localhost:{server.port}/")
        assert time.monotonic() - before < SOON


def test_a_slow_drip_over_tls_ends_at_the_deadline(authority: Authority) -> None:
    server = LittleServer(drip(head(), b"x", read_first=False), tls=authority.server_for("localhost"))
    with server.running():
        before = time.monotonic()
        with pytest.raises(OutboundFailure, match="takes too long"):
            door("localhost", ca_bundle=authority.file, timeout=5 * TIMEOUT).get(f"https://localhost:{server.port}/")
        assert time.monotonic() - before < SOON
    assert server.requests


def test_silence_ends_at_the_deadline() -> None:
    with LittleServer(lambda connected: connected.recv(1 << 20) and connected.recv(1) and None).running() as server:
        before = time.monotonic()
        with pytest.raises(OutboundFailure):
            door("localhost", timeout=TIMEOUT).get(f"http://localhost:{server.port}/")
        assert time.monotonic() - before < SOON


@pytest.mark.parametrize("answer", [b"", b"\0" * 100, b"220 mail ready\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http_is_a_failure(answer: bytes) -> None:
    with LittleServer(answer).running() as server, pytest.raises(OutboundFailure):
        door("localhost").get(f"http://localhost:{server.port}/")


def test_a_failure_says_nothing_of_the_address() -> None:
    with LittleServer(b"").running() as server, pytest.raises(OutboundFailure) as failed:
        door("localhost").get(f"http://localhost:{server.port}/?token=abc")
    assert "abc" not in str(failed.value)
    assert failed.value.__suppress_context__


class StuckNames:
    """A name service that answers when it is let; `threads` are those that wait for it."""

    def __init__(self) -> None:
        self.let, self.asked = threading.Event(), 0
        self.threads: list[threading.Thread] = []

    def find(self, host: str, port: int) -> list[tuple[Any, ...]]:
        self.asked += 1
        self.threads.append(threading.current_thread())
        assert self.let.wait(20)
        return list(socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM))

    def end(self) -> None:
        self.let.set()
        for thread in self.threads:
            thread.join(20)


@pytest.fixture
def stuck() -> Iterator[StuckNames]:
    made = StuckNames()
    yield made
    made.end()


def test_a_name_service_that_hangs_holds_its_caller_until_the_deadline(stuck: StuckNames) -> None:
    ours = door("service.example", timeout=TIMEOUT, look_up=stuck.find)
    before = time.monotonic()
    with pytest.raises(OutboundFailure, match="takes too long"):
        ours.get("http://service.example/")
    assert TIMEOUT / 2 < time.monotonic() - before < SOON
    assert stuck.asked == 1


def test_the_look_up_and_the_call_share_one_deadline(stuck: StuckNames, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float] = []

    def note(deadline: Any) -> float:
        left.append(deadline._over_at)
        return 5.0

    monkeypatch.setattr(outbound._Deadline, "left", note)
    with LittleServer().running() as server:
        stuck.let.set()
        door("service.example", look_up=stuck.find).get(f"http://service.example:{server.port}/")
    assert len(left) >= 2
    assert len(set(left)) == 1


def test_look_ups_that_hang_do_not_pile_up_and_the_next_is_refused_at_once(
    stuck: StuckNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "MOST_LOOK_UPS", 3)
    ours, patient = door(timeout=0.01, look_up=stuck.find), 60
    for _ in range(3):
        with pytest.raises(OutboundFailure, match="takes too long"):
            ours.get("https://service.example/")
    ours._settings = replace(ours._settings, timeout=patient)
    before = time.monotonic()
    for _ in range(20):
        with pytest.raises(OutboundFailure, match="too many names"):
            ours.get("https://service.example/")
    assert time.monotonic() - before < SOON
    assert len([thread for thread in stuck.threads if thread.is_alive()]) == 3
    stuck.end()
    with pytest.raises(OutboundFailure, match="no public address"):  # its places came back
        ours.get("https://service.example/")


def test_no_thread_and_no_descriptor_is_left() -> None:
    def held() -> tuple[int, int]:
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join(SOON)
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    ours = door("localhost")
    with LittleServer().running() as server:
        ours.get(f"http://localhost:{server.port}/")
        before = held()
        for _ in range(20):
            ours.get(f"http://localhost:{server.port}/")
        assert held() == before

"""The load generator against a server of a few lines."""

import itertools
import time
from typing import Any, cast

import pytest

from bench import wire
from bench.load import Line, Loop, percentile
from bench.operations import Scene, Seat, Steps, Wrong, document
from tests.bench.small_server import SmallServer

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"a": true}'
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def asking(scene: Scene, seat: Seat) -> Steps:
    document((yield wire.request("GET", "/", seat.headers)), "a")


def loop_to(server: SmallServer, connections: int = 2) -> Loop:
    scene = cast(Scene, cast(Any, None))
    return Loop(scene, server.address, [Line(Seat({"Host": "a"})) for _ in range(connections)])


def test_a_closed_loop_keeps_its_connections_busy_and_open() -> None:
    with SmallServer(lambda _: OK) as server:
        loop = loop_to(server)
        loop.closed(lambda: ("asking", asking), lambda: len(loop.done) >= 50)
        loop.close()
        assert server.connections == 2
    assert len(loop.done) >= 50
    assert not [each for each in loop.done if each.fault]
    assert all(each.name == "asking" and each.latency_ms > 0 for each in loop.done)


def test_an_answer_that_is_not_good_is_an_error_with_its_status() -> None:
    answers = itertools.cycle([OK, BUSY])
    with SmallServer(lambda _: next(answers)) as server:
        loop = loop_to(server, 1)
        loop.closed(lambda: ("asking", asking), lambda: len(loop.done) >= 4)
        loop.close()
    assert [each.status for each in loop.done[:4]] == [200, 503, 200, 503]
    assert "503 without Retry-After" in loop.done[1].fault


def test_a_connection_that_an_idle_server_closed_is_opened_again_once() -> None:
    answers = itertools.chain([OK, b"", OK, b"", b""], itertools.repeat(OK))
    with SmallServer(lambda _: next(answers)) as server:
        loop = loop_to(server, 1)
        loop.closed(lambda: ("asking", asking), lambda: len(loop.done) >= 4)
        loop.close()
    assert [bool(each.fault) for each in loop.done[:4]] == [False, False, True, False]


def test_open_loop_latency_counts_from_when_an_operation_was_due() -> None:
    def slow(_: bytes) -> bytes:
        time.sleep(0.03)
        return OK

    with SmallServer(slow) as server:
        loop = loop_to(server, 1)
        now = time.perf_counter()
        loop.open((now, ("asking", asking)) for _ in range(3))
        loop.close()
    assert [round(each.due - now, 6) for each in loop.done] == [0, 0, 0]
    assert loop.done[2].latency_ms > 85


def test_document_names_what_is_missing() -> None:
    with pytest.raises(Wrong, match="b missing"):
        document(wire.Raw(200, b"", b'{"a": 1}'), "a", "b")


def test_percentile_is_the_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) == 0

"""Documents of other parties, fetched while a request waits: few at a time, none at a place of work."""

import threading

import pytest

from idp.runtime.foreign_documents import WAITING_SHARE, ForeignDocuments
from idp.runtime.gate import Gate
from idp.runtime.outbound import Answer, Outbound, OutboundFailure
from tests.doubles import RecordingOutbound
from tests.runtime.little_server import Deed, LittleServer, drip
from tests.runtime.test_outbound import door, head

URI = "https://ben-ngoai.example/x"


def documents(outbound: Outbound, at_work: int = 2, under_way: int = 16) -> ForeignDocuments:
    return ForeignDocuments(outbound, Gate(at_work, under_way, 24))


def test_the_body_of_a_good_answer_is_given() -> None:
    outbound = RecordingOutbound()
    outbound.answer(URI, Answer(200, {}, b"body"))
    assert documents(outbound).fetch(URI) == b"body"


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 404, 500])
def test_any_other_status_is_a_failure(status: int) -> None:
    outbound = RecordingOutbound()
    outbound.answer(URI, Answer(status, {"Location": "https://khac.example/"}, b"body"))
    with pytest.raises(OutboundFailure):
        documents(outbound).fetch(URI)
    assert len(outbound.calls) == 1


def test_few_wait_at_a_time_and_the_next_is_refused_at_once() -> None:
    began, go_on = threading.Semaphore(0), threading.Event()

    class Slow(RecordingOutbound):
        def get(self, url: str) -> Answer:
            began.release()
            go_on.wait(20)
            return Answer(200, {}, b"late")

    there, said = documents(Slow()), []
    most = 16 // WAITING_SHARE
    threads = [threading.Thread(target=lambda: said.append(there.fetch(URI))) for _ in range(most)]
    for thread in threads:
        thread.start()
        assert began.acquire(timeout=20)
    with pytest.raises(OutboundFailure, match="too many"):
        there.fetch(URI)
    go_on.set()
    for thread in threads:
        thread.join()
    assert said == [b"late"] * most
    assert there.fetch(URI) == b"late", "their places are free again"


def test_who_waits_holds_no_place_at_work() -> None:
    gate = Gate(1, 16, 24)

    class Meanwhile(RecordingOutbound):
        def get(self, url: str) -> Answer:
            # The only place is free while this waits.
            worked = threading.Thread(target=self.work)
            worked.start()
            worked.join(20)
            assert not worked.is_alive()
            return Answer(200, {}, b"x")

        def work(self) -> None:
            with gate.enter():
                pass

    with gate.enter():
        assert ForeignDocuments(Meanwhile(), gate).fetch(URI) == b"x"


@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Length: 20000") + b"x" * 20_000,
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        drip(head("Content-Length: 9000"), b"x"),
        b"",
    ],
    ids=["huge", "redirecting", "slow", "silent"],
)
def test_a_hostile_address_fails_and_gives_nothing(answer: Deed | bytes) -> None:
    with LittleServer(answer).running() as server, pytest.raises(OutboundFailure):
        documents(door("localhost", timeout=0.4)).fetch(f"http://localhost:{server.port}/")


@pytest.mark.parametrize("uri", ["https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "http://ngoai.example/"])
def test_an_address_inside_is_never_called(uri: str) -> None:
    with pytest.raises(OutboundFailure):
        documents(door()).fetch(uri)

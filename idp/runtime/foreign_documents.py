"""Documents at other parties' addresses that one request needs now: request objects, lists of redirect URIs.

Fetched each time, through the guarded door. Few callers wait at a time, and none of them holds a place at work: slow
addresses keep nobody else waiting. Whoever comes beyond is refused like one whose address did not answer.
"""

from threading import BoundedSemaphore
from typing import Final

from idp.runtime.gate import Gate
from idp.runtime.outbound import Outbound, OutboundFailure

# Of the requests that may be inside, one in so many may wait for another party's server.
WAITING_SHARE: Final = 8


class ForeignDocuments:
    def __init__(self, outbound: Outbound, gate: Gate) -> None:
        self._outbound, self._gate = outbound, gate
        self._waiting = BoundedSemaphore(max(1, gate.under_way // WAITING_SHARE))

    def fetch(self, uri: str) -> bytes:
        """What an address answers with status 200; raises OutboundFailure."""
        if not self._waiting.acquire(blocking=False):
            raise OutboundFailure("too many addresses are asked at once")
        try:
            with self._gate.step_aside():
                answer = self._outbound.get(uri)
        finally:
            self._waiting.release()
        if answer.status != 200:
            raise OutboundFailure("the address did not answer with status 200")
        return answer.body

"""Counts and times for Prometheus, right with several worker processes; served by `flask metrics` on a port of its own.

Each process writes into files of one folder; whoever serves adds them up. Without a folder nothing is counted. Labels
are endpoints, statuses and kinds: never a person, never a service's secret.
"""

import os
from pathlib import Path
from typing import Any, Final

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# Strangers choose the method: what is none of these is one label, not one each.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """What is counted. Made once a process, before anything else touches prometheus_client."""

    def __init__(self, folder: str, root: Path) -> None:
        self._is_on = bool(folder)
        if not self._is_on:
            return
        path = root / folder
        path.mkdir(parents=True, exist_ok=True)
        # prometheus_client chooses its storage by this variable when it is first imported.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(path)
        from prometheus_client import CollectorRegistry, Counter, Histogram

        registry = CollectorRegistry()
        self._requests = Counter(
            "idp_requests", "Answered requests.", ("endpoint", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "idp_request_seconds", "Time to answer.", ("endpoint",), buckets=BUCKETS, registry=registry
        )
        self._sign_ins = Counter("idp_sign_ins", "Tries to sign in.", ("outcome",), registry=registry)
        self._deliveries = Counter("idp_deliveries", "Tries to deliver.", ("kind", "outcome"), registry=registry)
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        if not self._is_on:
            return
        kind = endpoint, method if method in METHODS else "other", status
        if kind not in self._answers:
            self._answers[kind] = self._requests.labels(*map(str, kind)), self._seconds.labels(endpoint)
        counter, histogram = self._answers[kind]
        counter.inc()
        histogram.observe(seconds)

    def tried_to_sign_in(self, outcome: str) -> None:
        if self._is_on:
            self._sign_ins.labels(outcome).inc()

    def tried_to_deliver(self, kind: str, outcome: str) -> None:
        if self._is_on:
            self._deliveries.labels(kind, outcome).inc()


def exposition(folder: Path, gauges: dict[str, tuple[str, float]]) -> tuple[bytes, str]:
    """The sums over all processes, with `gauges` (name -> help, value) read just now; and their media type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]

    class Now:
        def collect(self) -> Any:
            for name, (help_, value) in gauges.items():
                yield GaugeMetricFamily(name, help_, value=value)

    registry.register(Now())
    return generate_latest(registry), CONTENT_TYPE_LATEST

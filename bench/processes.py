"""What the kernel says of process trees: CPU time of all their threads, and memory.

CPU time is that of every process in the tree and of those that ended and were waited for, so that nothing which a
server starts for a moment is lost. Memory is PSS, in which a page that several processes share counts once.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
_PARENT, _CPU = 1, slice(11, 15)  # of /proc/PID/stat after the name: parent; utime, stime, cutime, cstime


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2 :].split()  # the name may hold anything


def tree(roots: Iterable[int]) -> list[int]:
    """The processes that descend from `roots`, these included, as they are now."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := _stat(int(name))) is not None:
            children.setdefault(int(stat[_PARENT]), []).append(int(name))
    found: list[int] = []
    waiting = [pid for pid in roots if _stat(pid) is not None]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of the trees, in seconds; ended children that their parents waited for included."""
    stats = (_stat(pid) for pid in tree(roots))
    return sum(int(part) for stat in stats if stat for part in stat[_CPU]) / TICKS


def pss_mb(roots: Iterable[int]) -> float:
    """Memory of the trees in megabytes (10^6 bytes), shared pages counted once."""
    return sum(_pss_kb(pid) for pid in tree(roots)) * 1024 / 1e6


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


@dataclass(frozen=True, slots=True)
class Used:
    """CPU time so far, in seconds."""

    server: float
    database: float

    def since(self, before: "Used") -> "Used":
        return Used(self.server - before.server, self.database - before.database)


def used(server_pids: Iterable[int], database_pids: Iterable[int]) -> Used:
    return Used(cpu_seconds(server_pids), cpu_seconds(database_pids))


def pin(pid: int, core: int) -> None:
    """Keep a process, and whatever it starts from now on, on one core."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {core})

"""CPU time and memory of process trees."""

import os
import subprocess
import sys
import time

from bench import processes

# A process whose child counts to 0.2 s of CPU time, is waited for, and says so; then it sleeps.
_PARENT = """
import subprocess, sys, time
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.2: pass"])
print("ready", flush=True)
time.sleep(60)
"""


def test_a_child_that_ended_is_counted_and_memory_is_there() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"ready\n"
            assert processes.tree([parent.pid]) == [parent.pid]
            assert processes.cpu_seconds([parent.pid]) >= 0.2
            assert 1 < processes.pss_mb([parent.pid]) < 1000
        finally:
            parent.kill()


def test_a_tree_holds_its_children_and_one_that_is_gone_costs_nothing() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert {os.getpid(), child.pid} <= set(processes.tree([os.getpid()]))
        child.kill()
    assert processes.tree([child.pid]) == []
    assert processes.used([child.pid], []).server == 0


def test_used_is_a_difference() -> None:
    before = processes.used([os.getpid()], [])
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    spent = processes.used([os.getpid()], []).since(before)
    assert spent.server > 0.05 and spent.database == 0

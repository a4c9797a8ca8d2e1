"""Counts of several processes are added up, and without a folder nothing is counted."""

import re
import subprocess
import sys
from pathlib import Path

from idp.runtime import metrics
from idp.runtime.metrics import Metrics
from idp.runtime.settings import ROOT

WORKER = """
import sys
from pathlib import Path
from idp.runtime.metrics import Metrics
counted = Metrics(sys.argv[1], Path("/"))
for _ in range(int(sys.argv[2])):
    counted.answered("token.token", "POST", 200, 0.003)
counted.tried_to_sign_in("failed")
counted.tried_to_deliver("backchannel_logout", "delivered")
"""


def value(text: str, line: str) -> float:
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def test_two_processes_count_together(tmp_path: Path) -> None:
    for times in ("3", "4"):
        subprocess.run([sys.executable, "-c", WORKER, str(tmp_path), times], check=True, cwd=ROOT, timeout=60)
    body, media_type = metrics.exposition(tmp_path, {"idp_database_up": ("Whether it answers.", 1.0)})
    text = body.decode()
    assert media_type.startswith("text/plain")
    assert value(text, 'idp_requests_total{endpoint="token.token",method="POST",status="200"}') == 7
    assert value(text, 'idp_request_seconds_count{endpoint="token.token"}') == 7
    assert value(text, 'idp_request_seconds_bucket{endpoint="token.token",le="0.005"}') == 7
    assert value(text, 'idp_sign_ins_total{outcome="failed"}') == 2
    assert value(text, 'idp_deliveries_total{kind="backchannel_logout",outcome="delivered"}') == 2
    assert value(text, "idp_database_up") == 1


STRANGER = """
import sys
from pathlib import Path
from idp.runtime.metrics import Metrics
counted = Metrics(sys.argv[1], Path("/"))
for number in range(50):
    counted.answered("none", f"FOO{number}", 405, 0.001)
"""


def test_methods_that_strangers_make_up_are_one_label(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", STRANGER, str(tmp_path)], check=True, cwd=ROOT, timeout=60)
    text = metrics.exposition(tmp_path, {})[0].decode()
    assert value(text, 'idp_requests_total{endpoint="none",method="other",status="405"}') == 50
    assert text.count("idp_requests_total{") == 1


def test_without_a_folder_nothing_is_counted(tmp_path: Path) -> None:
    off = Metrics("", tmp_path)
    off.answered("x", "GET", 200, 0.1)
    off.tried_to_sign_in("failed")
    off.tried_to_deliver("x", "failed")
    assert list(tmp_path.iterdir()) == []

"""The supervisor of the demonstration, with small programs in the place of the real ones."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.run import CannotStart, child_environment, read_plan, refuse_taken_ports, welcome
from demo.supervisor import Program, ProgramFailed, Stopped, Supervisor

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = "import time; print('begun', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); {SLEEPER}"
SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.headers['Host'].startswith('localhost:') else 400)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Answer).serve_forever()
"""


def a_program(name: str, code: str, *arguments: str, port: int | None = None) -> Program:
    return Program(name, (sys.executable, "-c", code, *arguments), (port, "/") if port else None)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, tmp_path / "logs", os.environ, patience=10, grace=0.5)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield made
    made.end_all()
    for number, handler in before.items():
        signal.signal(number, handler)


def a_free_port(with_next: int = 0) -> int:
    """A port that nobody uses, nor the `with_next` ports after it; of those that connections going out never take."""
    while True:
        port = random.randrange(20_000, 32_000)
        try:
            for near in range(port, port + with_next + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", near))
        except OSError:
            continue
        return port


def until(true: Callable[[], bool], patience: float = 10) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def members(group: int) -> list[int]:
    """The living processes of a group, as the kernel lists them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of_group) == group and state not in "ZX":
            found.append(int(folder.name))
    return found


def group_of(supervisor: Supervisor, program: Program) -> int:
    return supervisor._children[program].pid


def test_a_step_runs_to_its_end_with_its_own_log(supervisor: Supervisor) -> None:
    step = a_program("step", "print('done')")
    supervisor.run(step)
    assert supervisor.log_of(step).read_text() == "done\n"


def test_a_step_that_fails_is_named_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    step = a_program("step", "for number in range(30): print('line', number)\nraise SystemExit(3)")
    with pytest.raises(ProgramFailed) as failure:
        supervisor.run(step)
    text = str(failure.value)
    assert "step ended with code 3" in text
    assert "line 29" in text
    assert "line 10" in text
    assert "line 9\n" not in text


def test_ready_means_that_the_port_answers(supervisor: Supervisor) -> None:
    port = a_free_port()
    supervisor.start(a_program("worker", SLEEPER))
    supervisor.start(a_program("server", SERVER, str(port), port=port))
    supervisor.wait_until_ready()
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        pass


def test_who_never_answers_is_named(tmp_path: Path) -> None:
    impatient = Supervisor(tmp_path, tmp_path, os.environ, patience=0.3, grace=0.5)
    impatient.start(a_program("mute", SLEEPER, port=a_free_port()))
    try:
        with pytest.raises(ProgramFailed, match=r"mute did not answer within 0\.3 s"):
            impatient.wait_until_ready()
    finally:
        impatient.end_all()


def test_a_death_before_ready_is_told_at_once(supervisor: Supervisor) -> None:
    supervisor.start(a_program("short", "raise SystemExit('no database')", port=a_free_port()))
    with pytest.raises(ProgramFailed, match=r"(?s)short ended with code 1.*no database"):
        supervisor.wait_until_ready()


def test_a_death_while_watching_is_told_with_its_signal(supervisor: Supervisor) -> None:
    victim = a_program("victim", SLEEPER)
    supervisor.start(a_program("other", SLEEPER))
    supervisor.start(victim)
    until(lambda: "begun" in supervisor.log_of(victim).read_text())
    os.kill(group_of(supervisor, victim), signal.SIGKILL)
    with pytest.raises(ProgramFailed, match=r"(?s)victim was ended by SIGKILL.*begun"):
        supervisor.watch()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_watch(supervisor: Supervisor, number: signal.Signals) -> None:
    supervisor.listen_for_stop()
    supervisor.start(a_program("sleeper", SLEEPER))
    timer = threading.Timer(0.2, os.kill, (os.getpid(), number))
    timer.start()
    with pytest.raises(Stopped):
        supervisor.watch()
    timer.join()


def test_the_end_takes_stubborn_programs_and_their_children_along(supervisor: Supervisor) -> None:
    programs = [
        a_program("sleeper", SLEEPER),
        a_program("stubborn", STUBBORN),
        a_program("parent", PARENT),
    ]
    for program in programs:
        supervisor.start(program)
    groups = [group_of(supervisor, program) for program in programs]
    until(lambda: all("begun" in supervisor.log_of(program).read_text() for program in programs))
    until(lambda: len(members(groups[2])) == 2)
    supervisor.end_all()
    assert [members(group) for group in groups] == [[], [], []]


def test_sigterm_to_the_whole_program_ends_all_and_exits_0(tmp_path: Path) -> None:
    """The real `main`, in a process of its own, with sleepers for children."""
    port, folder = a_free_port(with_next=2), tmp_path / "var"
    sleepers = f"[Program(name, (sys.executable, '-c', {SLEEPER!r})) for name in ('one', 'two')]"
    process = _run_trial(tmp_path, port, sleepers)
    until(lambda: all((folder / f"{name}.log").exists() for name in ("one", "two")))
    until(lambda: all("begun" in (folder / f"{name}.log").read_text() for name in ("one", "two")))
    children = _children_of(process.pid)
    assert len(children) == 2
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 0, output
    assert [members(child) for child in children] == [[], []]
    assert "003190000013  Nguyễn Thị Mẫu" in output
    assert f"http://localhost:{port + 1}" in output
    for secret in (folder / "secrets.json").read_text().split('"')[3::4]:
        assert secret not in output


def test_check_starts_the_real_services_under_the_real_server_and_ends(tmp_path: Path) -> None:
    """Everything but the provider's own code: its server, both services, the look at them, the end."""
    port = a_free_port(with_next=2)
    (tmp_path / "stand_in.py").write_text(
        "from tests.demo.fake_province import FakeProvince\n"
        f"application = FakeProvince(issuer='http://localhost:{port}').app()\n",
        encoding="utf-8",
    )
    server = ("-m", "granian", "--interface", "wsgi", "--port", str(port), "stand_in:application")
    provider = f"Program('provider', (sys.executable, *{server!r}), one.answers_at)"
    chosen = f"{provider} if one.name == 'provider' else one"
    ours = f"[{chosen} for one in programs(self) if one.name != 'worker']"
    process = _run_trial(tmp_path, port, ours, "--check")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "everything answers" in output
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port + 1), timeout=1):
        pass


def _run_trial(folder: Path, port: int, programs: str, *options: str) -> subprocess.Popen[str]:
    """`python -m demo.run` without its steps, and with `programs`, an expression, in the place of its own."""
    script = folder / "trial.py"
    script.write_text(
        f"""
import sys
from demo import run
from demo.supervisor import Program
programs = run.Plan.programs
run.Plan.steps = lambda self, file: [Program("step", (sys.executable, "-c", "pass"))]
run.Plan.programs = lambda self: {programs}
sys.exit(run.main())
""",
        encoding="utf-8",
    )
    return subprocess.Popen(
        [sys.executable, str(script), "--directory", str(folder / "var"), *options],
        cwd=ROOT,
        env={**os.environ, "IDP_PORT": str(port), "PYTHONPATH": f"{folder}:{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def _children_of(parent: int) -> list[int]:
    task = Path(f"/proc/{parent}/task/{parent}/children")
    if task.exists():
        return [int(word) for word in task.read_text().split()]
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if (folder / "stat").exists() and (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(parent)
    ]


def test_ports_follow_the_setting(tmp_path: Path) -> None:
    plan = read_plan({"IDP_PORT": "9100"}, tmp_path)
    assert plan.ports == {"provider": 9100, "portal": 9101, "one-stop": 9102}
    assert plan.issuer == "http://localhost:9100"
    assert read_plan({}, tmp_path).port == 8000


@pytest.mark.parametrize("port", ["eighty", "80", "65534", "-1", "8000.5"])
def test_a_wrong_port_is_refused_in_one_sentence(tmp_path: Path, port: str) -> None:
    with pytest.raises(CannotStart, match="IDP_PORT") as refusal:
        read_plan({"IDP_PORT": port}, tmp_path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_a_taken_port_is_named(tmp_path: Path, offset: int) -> None:
    port = a_free_port(with_next=2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()
        with pytest.raises(CannotStart, match=str(port + offset)):
            refuse_taken_ports(read_plan({"IDP_PORT": str(port)}, tmp_path))


def test_children_are_told_the_profile_and_no_proxy_for_this_machine(tmp_path: Path) -> None:
    environment = child_environment({"IDP_PROFILE": "testing", "NO_PROXY": "intranet"}, read_plan({}, tmp_path))
    assert environment["IDP_PROFILE"] == "development"
    assert environment["IDP_PORT"] == "8000"
    assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet,localhost,127.0.0.1,::1"


def test_the_box_names_addresses_people_and_logs(tmp_path: Path) -> None:
    text = str(welcome(read_plan({}, tmp_path)).renderable)
    for part in (
        "http://localhost:8001",
        "http://localhost:8002",
        "003085000021",
        "Thu-nghiem-2026!",
        "*.log",
    ):
        assert part in text

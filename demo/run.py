"""`make demo`: the provider, its worker and two services on this machine, in the foreground until Ctrl-C."""

import argparse
import errno
import json
import os
import socket
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from demo.config import DEFAULT_DIRECTORY, KINDS, ROOT
from demo.mailbox import Mailbox
from demo.prepare import prepare
from demo.supervisor import Program, ProgramFailed, Stopped, Supervisor

_PATIENCE = 90  # seconds for everything to answer: a first start on a slow machine compiles and makes keys
_GRACE = 10  # seconds between TERM and KILL
PASSWORD = "Thu-nghiem-2026!"
PEOPLE = (("003190000013", "Nguyễn Thị Mẫu"), ("003085000021", "Trần Văn Thử"))


class CannotStart(Exception):
    """One sentence for the person at the keyboard."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The three ports, and where logs and the services file go."""

    port: int
    issuer: str
    directory: Path

    @property
    def ports(self) -> dict[str, int]:
        return {"provider": self.port} | {name: self.port + kind.port_offset for name, kind in KINDS.items()}

    @property
    def messages(self) -> Path:
        """Where what is sent to people lands, in place of their phones and mailboxes."""
        return self.directory / "messages"

    def steps(self, services_file: Path) -> list[Program]:
        flask = (sys.executable, "-m", "flask", "--app", "wsgi")
        return [
            Program("db-upgrade", (*flask, "db", "upgrade")),
            Program("services-import", (*flask, "services", "import", str(services_file))),
            Program("demo-seed", (*flask, "demo", "seed")),
        ]

    def programs(self) -> list[Program]:
        python, directory = sys.executable, str(self.directory)
        services = [
            Program(
                name,
                (python, "-m", "demo.service", name, "--directory", directory),
                (self.ports[name], "/terms"),
            )
            for name in KINDS
        ]
        return [
            Program(
                "provider",
                (python, "-m", "flask", "--app", "wsgi", "serve"),
                (self.port, "/.well-known/openid-configuration"),
            ),
            Program("worker", (python, "-m", "flask", "--app", "wsgi", "worker")),
            *services,
        ]


def read_plan(environment: Mapping[str, str], directory: Path) -> Plan:
    text = environment.get("IDP_PORT") or "8000"
    if not text.isdecimal() or not 1024 <= int(text) <= 65533:
        raise CannotStart(f"IDP_PORT phải là số từ 1024 đến 65533 / must be a number from 1024 to 65533, not {text!r}.")
    port = int(text)
    return Plan(port, environment.get("IDP_ISSUER") or f"http://localhost:{port}", directory.resolve())


def child_environment(environment: Mapping[str, str], plan: Plan) -> dict[str, str]:
    direct = "localhost,127.0.0.1,::1"  # a proxy of the office must not be asked for this machine
    known = [environment.get(name) for name in ("NO_PROXY", "no_proxy")]
    no_proxy = ",".join([*dict.fromkeys(filter(None, known)), direct])
    own = {"IDP_PROFILE": "development", "IDP_PORT": str(plan.port), "PYTHONUNBUFFERED": "1"}
    own |= {"IDP_MESSAGES_SMS": "file", "IDP_MESSAGES_MAIL": "file", "IDP_MESSAGES_FOLDER": str(plan.messages)}
    return {**environment, **own, "NO_PROXY": no_proxy, "no_proxy": no_proxy}


def refuse_taken_ports(plan: Plan) -> None:
    for port in plan.ports.values():
        if _is_taken(socket.AF_INET, "127.0.0.1", port) or _is_taken(socket.AF_INET6, "::1", port):
            raise CannotStart(
                f"Cổng {port} đang có chương trình khác dùng / port {port} is in use by another program: "
                f"end that program, or choose other ports with IDP_PORT={plan.port + 100} make demo."
            )


def _is_taken(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno == errno.EADDRINUSE  # a machine without IPv6 answers otherwise, and that is fine
    return False


def check_answers(plan: Plan) -> None:
    """A look with the eyes of a browser: the issuer is ours, and each service offers to sign in."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://localhost:{plan.port}/.well-known/openid-configuration", timeout=10) as answer:
        issuer = json.load(answer)["issuer"]
    if issuer != plan.issuer:
        raise ProgramFailed(f"provider names itself {issuer}, not {plan.issuer}")
    for name in KINDS:
        with direct.open(f"http://localhost:{plan.ports[name]}/", timeout=10) as answer:
            if b'id="sign-in-with-province"' not in answer.read():
                raise ProgramFailed(f"{name} does not offer to sign in")


def welcome(plan: Plan) -> Panel:
    portal, one_stop = (f"http://localhost:{plan.ports[name]}" for name in KINDS)
    lines = [
        ("Địa chỉ · Addresses", "bold"),
        (f"  Cổng Dịch vụ công · public-service portal  {portal}", ""),
        (f"  Hệ thống một cửa · one-stop system         {one_stop}", ""),
        (f"  Định danh của tỉnh · identity provider     {plan.issuer}", ""),
        ("\nNgười dùng thử · Test people", "bold"),
        *((f"  {number}  {name}", "") for number, name in PEOPLE),
        (f"  Mật khẩu · password  {PASSWORD}", ""),
        ("\nThử bốn việc · Try four things", "bold"),
        (f"  1. Mở · open {portal} → đăng nhập · sign in", ""),
        (f"  2. Mở · open {one_stop} → không hỏi mật khẩu · no password", ""),
        ("  3. Đăng xuất ở một nơi · sign out at one of them", ""),
        ("  4. Tải lại nơi kia: cũng đã đăng xuất · reload the other: signed out too", ""),
        ("\nTự tạo tài khoản · make your own account", "bold"),
        (f"  {plan.issuer}/register → mã hiện ở đây · codes appear here", ""),
        ("\nCán bộ · officers", "bold"),
        (f"  {plan.issuer}/admin  quan.tri, can.bo, duyet … · mật khẩu như trên · same password", ""),
        ("  Mã của ứng dụng · the app's six digits:  .venv/bin/flask --app wsgi demo code can.bo", ""),
        (f"\nNhật ký · logs  {plan.directory}/*.log", ""),
        ("Ctrl-C để dừng tất cả · ends everything", ""),
    ]
    text = Text()
    for line, style in lines:
        text.append(f"{line}\n", style)
    text.rstrip()
    return Panel(text, title="Bắc Ninh · đăng nhập một lần · single sign-on", padding=(1, 2), expand=False)


def run(plan: Plan, only_check: bool, console: Console) -> int:
    supervisor = Supervisor(ROOT, plan.directory, child_environment(os.environ, plan), _PATIENCE, _GRACE)
    mailbox = Mailbox(plan.messages, console)
    supervisor.listen_for_stop()
    try:
        refuse_taken_ports(plan)
        services_file = prepare(plan.directory, plan.port)
        for step in plan.steps(services_file):
            console.print(f"… {step.name}", highlight=False)
            supervisor.run(step)
        for program in plan.programs():
            supervisor.start(program)
        console.print("… provider, worker, portal, one-stop", highlight=False)
        supervisor.wait_until_ready()
        console.print(welcome(plan))
        mailbox.open()
        if only_check:
            check_answers(plan)
            console.print("Tất cả đều trả lời · everything answers.")
            return 0
        supervisor.watch()
    except Stopped:
        console.print("\nĐang dừng · stopping …")
        return 0
    except (CannotStart, ProgramFailed, OSError) as error:
        console.print(f"\n{error}", style="bold", markup=False, highlight=False, soft_wrap=True)
        return 1
    finally:
        mailbox.close()
        supervisor.end_all()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.run", description=__doc__)
    parser.add_argument("--check", action="store_true", help="start everything, see that it answers, and end")
    parser.add_argument("--directory", type=Path, default=DEFAULT_DIRECTORY, help="for logs and the services file")
    options = parser.parse_args()
    console = Console()
    try:
        plan = read_plan(os.environ, options.directory)
    except CannotStart as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    return run(plan, options.check, console)


if __name__ == "__main__":
    sys.exit(main())

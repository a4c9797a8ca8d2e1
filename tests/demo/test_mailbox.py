"""The demo's mailbox shows each message once, whole, and none of an earlier day."""

import io
import json
from pathlib import Path

from rich.console import Console

from demo.mailbox import Mailbox


def line(to: str, text: str) -> str:
    return json.dumps({"channel": "sms", "to": to, "subject": "", "text": text}) + "\n"


def test_it_shows_what_is_new_and_whole(tmp_path: Path) -> None:
    shown = io.StringIO()
    (tmp_path / "sms.jsonl").write_text(line("+84912000013", "hôm qua"), "utf-8")
    mailbox = Mailbox(tmp_path, Console(file=shown, width=200))
    mailbox.look()
    with (tmp_path / "sms.jsonl").open("a", encoding="utf-8") as file:
        whole = line("+84912000021", "[b]123456[/b] là mã")
        file.write(whole + whole[:10])
    (tmp_path / "mail.jsonl").write_text(line("lua@nguoi-mau.example", "thư"), "utf-8")
    mailbox.look()
    assert "hôm qua" not in shown.getvalue()
    assert shown.getvalue().count("[b]123456[/b] là mã") == 1
    assert "+84912000021" in shown.getvalue()
    assert "lua@nguoi-mau.example" in shown.getvalue()
    with (tmp_path / "sms.jsonl").open("a", encoding="utf-8") as file:
        file.write(whole[10:])
    mailbox.look()
    assert shown.getvalue().count("[b]123456[/b] là mã") == 2


def test_a_link_is_not_broken_by_a_narrow_terminal(tmp_path: Path) -> None:
    shown = io.StringIO()
    mailbox = Mailbox(tmp_path, Console(file=shown, width=40))
    link = f"http://localhost:8000/lock/not-me?token={'x' * 60}"
    (tmp_path / "mail.jsonl").write_text(line("lua@nguoi-mau.example", f"Không phải tôi: {link}"), "utf-8")
    mailbox.look()
    assert link in shown.getvalue()

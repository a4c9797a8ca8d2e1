"""The demo's phone and mailbox: what the provider sends is shown where the demo runs."""

import json
from pathlib import Path
from threading import Event, Thread

from rich.console import Console

CHANNELS = {"sms": "Tin nhắn · text message", "mail": "Thư · e-mail"}
_EVERY = 0.2


class Mailbox:
    """Shows each message that the gateway of kind "file" appends to `folder`, from now on."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder, self._console = folder, console
        self._stop = Event()
        self._read = {channel: self._length(channel) for channel in CHANNELS}
        self._thread = Thread(target=self._follow, name="mailbox", daemon=True)

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()

    def look(self) -> None:
        """Show what is new."""
        for channel, title in CHANNELS.items():
            path = self._folder / f"{channel}.jsonl"
            if self._length(channel) <= self._read[channel]:
                continue
            with path.open("rb") as file:
                file.seek(self._read[channel])
                lines = file.read().split(b"\n")
            self._read[channel] += sum(len(line) + 1 for line in lines[:-1])  # the last is not ended yet
            for line in lines[:-1]:
                message = json.loads(line)
                self._console.print(f"\n✉  {title} → {message['to']}", style="bold", highlight=False)
                # Not broken into lines: the link in a mail is to be followed from here.
                self._console.print(f"   {message['text']}", markup=False, highlight=False, soft_wrap=True)

    def _follow(self) -> None:
        while not self._stop.wait(_EVERY):
            self.look()

    def _length(self, channel: str) -> int:
        path = self._folder / f"{channel}.jsonl"
        return path.stat().st_size if path.exists() else 0

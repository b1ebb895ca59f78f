"""What the runner prints: a prefix per program, coloured on a terminal; and a log file for each."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import BinaryIO

from tokenswitch_dev.stack.process import tail

COLOURS = ("36", "32", "35", "33", "34", "96", "92", "95")
WIDTH = 10
KEPT_BYTES = 5_000_000


SHOWN_ONCE = {"time", "level", "service", "logger", "message"}


def readable(text: str) -> str:
    """A service's JSON line as a person reads it; any other line as it is. The file keeps what was written."""
    try:
        entry = json.loads(text) if text.startswith("{") else None
    except ValueError:
        return text
    if not isinstance(entry, dict) or "message" not in entry:
        return text
    level = str(entry.get("level", "info")).upper()
    extra = "".join(f"  {name}={value}" for name, value in entry.items() if name not in SHOWN_ONCE)
    loud = "" if level == "INFO" else f"{level}: "
    return f"{str(entry.get('time', ''))[11:19]} {loud}{entry['message']}{extra}"


class Console:
    """While `quiet`, what programs say goes to their logs alone: during the start one line a program is enough."""

    def __init__(self, logs: Path) -> None:
        self.quiet = True
        self._logs = logs
        self._files: dict[str, BinaryIO] = {}
        self._colours: dict[str, str] = {}
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        logs.mkdir(parents=True, exist_ok=True)

    def line(self, name: str, text: str) -> None:
        self._file(name).write(text.encode() + b"\n")
        if not self.quiet:
            self._show(name, text)

    def last_lines(self, name: str) -> None:
        """What a program that ended unseen had said at last."""
        for text in tail(self.path(name)).splitlines():
            self._show(name, text)

    def say(self, text: str) -> None:
        self._print(self._paint("1", text) if self._coloured else text)

    def path(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _show(self, name: str, text: str) -> None:
        self._print(f"{self._prefix(name)} {readable(text)}")

    def _file(self, name: str) -> BinaryIO:
        if name not in self._files:
            self._rotate(self.path(name))
            self._files[name] = self.path(name).open("ab", buffering=0)
        return self._files[name]

    def _rotate(self, path: Path) -> None:
        if path.exists() and path.stat().st_size > KEPT_BYTES:
            path.replace(path.with_suffix(".log.1"))

    def _prefix(self, name: str) -> str:
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        text = f"{name:<{WIDTH}} |"
        return self._paint(colour, text) if self._coloured else text

    def _paint(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m"

    def _print(self, text: str) -> None:
        """A terminal that went away must not stop the system from being stopped."""
        try:
            print(text, flush=True)
        except (BrokenPipeError, OSError):
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115

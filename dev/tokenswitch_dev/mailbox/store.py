"""Mails on disk, newest first: the raw mail as it came, and beside it who it was sent from and to."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path

KEPT = 500


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail as it was taken in."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        if not isinstance(parsed, EmailMessage):
            raise TypeError("the default policy makes EmailMessage")
        return parsed

    @property
    def created(self) -> datetime:
        return datetime.fromtimestamp(int(self.id, 16) / 1e9, UTC)

    def header(self, name: str) -> str:
        return str(self.message.get(name, ""))

    def body(self, kind: str) -> str:
        """The part of this kind ("plain" or "html"), empty if there is none."""
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


class Mails:
    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: dict[str, Mail] = {}
        home.mkdir(parents=True, exist_ok=True)

    def add(self, sender: str, recipients: list[str], raw: bytes) -> None:
        mail_id = f"{time.time_ns():016x}"
        envelope = json.dumps({"sender": sender, "recipients": recipients})
        self._envelope(mail_id).write_text(envelope)
        # The mail itself comes last, under its final name in one step: a listing sees it whole or not at all.
        fresh = self._home / f"{mail_id}.new"
        fresh.write_bytes(raw)
        fresh.rename(self._raw(mail_id))
        for old in self.ids()[KEPT:]:
            self.remove(old)

    def ids(self) -> list[str]:
        return sorted((path.stem for path in self._home.glob("*.eml")), reverse=True)

    def get(self, mail_id: str) -> Mail | None:
        known = self.ids()
        wanted = known[0] if mail_id == "latest" and known else mail_id
        return self._read(wanted) if wanted in known else None

    def _read(self, mail_id: str) -> Mail | None:
        """A mail never changes, so each is read once. None: it was removed meanwhile."""
        with contextlib.suppress(FileNotFoundError):
            if mail_id not in self._known:
                envelope = json.loads(self._envelope(mail_id).read_text())
                raw = self._raw(mail_id).read_bytes()
                self._known[mail_id] = Mail(
                    id=mail_id, sender=envelope["sender"], recipients=tuple(envelope["recipients"]), raw=raw
                )
            return self._known[mail_id]
        return None

    def list(self, start: int = 0, limit: int = 50) -> list[Mail]:
        mails = (self._read(mail_id) for mail_id in self.ids()[start : start + limit])
        return [mail for mail in mails if mail is not None]

    def remove(self, mail_id: str) -> None:
        self._known.pop(mail_id, None)
        for path in (self._raw(mail_id), self._envelope(mail_id)):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def _raw(self, mail_id: str) -> Path:
        return self._home / f"{mail_id}.eml"

    def _envelope(self, mail_id: str) -> Path:
        return self._home / f"{mail_id}.json"

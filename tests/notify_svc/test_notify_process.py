"""notify-svc as a process: killed with -9 while a mail is handed over, and with its mail server away and back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP

from notify_svc.domain import sending
from notify_svc.domain.model import OutgoingMail, OutgoingMails
from notify_svc.jobs.sending import MAIL
from notify_svc.subscriptions import OUTGOING_MAILS
from shared.domain.rules import Change, utc_now
from shared.store.mongo import Mongo
from shared.store.store import Store
from tests.notify_svc.notify_kit import document, queued
from tokenswitch_dev.runner.keys import make_keys
from tokenswitch_dev.stack.process import free_port

ROOT = Path(__file__).resolve().parents[2]


class Killer:
    """Takes a mail; kills the process that sent it before it hears so, as often as it is told."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.victims: list[int] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content)
        if self.victims:
            os.kill(self.victims.pop(), signal.SIGKILL)
        return "250 taken"


@contextlib.asynccontextmanager
async def smtp_server(killer: Killer, port: int) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: SMTP(killer, hostname="localhost"), "127.0.0.1", port):
        yield


@contextlib.asynccontextmanager
async def notify_svc(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "notify_svc",
        cwd=ROOT,
        env=os.environ | environment,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def environment(tmp_path: Path, mongo_url: str, mongo_database: str) -> dict[str, str]:
    """Kafka is away: what is owed goes out all the same."""
    return {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "MONGO_URL": mongo_url,
        "MONGO_DATABASE": mongo_database,
        "PORT": str(free_port()),
        "PORTAL_URL": "http://localhost:8000",
        "INVITE_URL": "http://localhost:8001",
        "SMTP_URL": f"smtp://127.0.0.1:{free_port()}",
        "MAIL_FROM": "Northstar <no-reply@provider.example>",
        "OPS_EMAIL": "ops@provider.example",
        "PROVIDER_NAME": "Northstar",
        "LINK_KEYS_FILE": str(make_keys(tmp_path).link),
        "LOG_FORMAT": "json",
        "MAIL_LEASE_SECONDS": "3",
    }


@pytest.fixture
async def store(mongo_url: str, mongo_database: str) -> AsyncIterator[Store[OutgoingMails]]:
    mongo = Mongo(mongo_url, f"{mongo_database}_notify")
    kept = Store(
        mongo.collection(OUTGOING_MAILS),
        OutgoingMails,
        "notify/outgoing_mails",
        deadlines={MAIL: sending.next_deadline},
    )
    await kept.prepare()
    yield kept
    await mongo.drop()
    mongo.close()


async def owe(store: Store[OutgoingMails]) -> None:
    at = utc_now()
    owed_mail = OutgoingMail(kind="invitation", state="queued", queued_at=at, next=at, facts=queued("invitation").facts)
    await store.apply("contoso/1", lambda state, now: Change(document(mails=(owed_mail,))))


async def until(done: Any) -> None:
    async with asyncio.timeout(60):
        while not await done():
            await asyncio.sleep(0.05)


async def sent(store: Store[OutgoingMails]) -> bool:
    found = await store.get("contoso/1")
    owed_mail = found.state.mail("invitation") if found else None
    return bool(owed_mail and owed_mail.state == "sent")


async def part(environment: dict[str, str], name: str) -> str:
    """What /readyz says of a part; empty while there is no answer."""
    async with httpx.AsyncClient(trust_env=False) as http:
        try:
            answer = await http.get(f"http://127.0.0.1:{environment['PORT']}/readyz", timeout=2)
        except httpx.TransportError:
            return ""
    return str(answer.json()["parts"].get(name, ""))


async def test_killed_between_handing_over_and_writing_it_sends_the_same_mail_again(
    environment: dict[str, str], store: Store[OutgoingMails]
) -> None:
    killer = Killer()
    async with smtp_server(killer, int(environment["SMTP_URL"].rpartition(":")[2])):
        await owe(store)
        async with notify_svc(environment) as first:
            killer.victims.append(first.pid)
            await asyncio.wait_for(first.wait(), 60)
            assert len(killer.mails) == 1 and not await sent(store)
        async with notify_svc(environment):
            await until(lambda: sent(store))
    first_mail, again = killer.mails
    assert message_from_bytes(first_mail)["Message-ID"] == message_from_bytes(again)["Message-ID"]
    without = [
        b"\r\n".join(line for line in mail.split(b"\r\n") if not line.startswith(b"X-Peer:"))
        for mail in (first_mail, again)
    ]
    assert without[0] == without[1]


async def test_it_starts_without_a_mail_server_says_so_and_goes_on_when_it_is_back(
    environment: dict[str, str], store: Store[OutgoingMails]
) -> None:
    killer = Killer()
    async with notify_svc(environment):

        async def away() -> bool:
            return "cannot be reached" in await part(environment, "SMTP")

        async def back() -> bool:
            return await part(environment, "SMTP") == "ok"

        await until(away)
        await owe(store)
        async with smtp_server(killer, int(environment["SMTP_URL"].rpartition(":")[2])):
            await until(lambda: sent(store))
            await until(back)
    assert len(killer.mails) == 1

"""Kafka, MongoDB, SMTP or Entra away in the middle: it is said, nothing accepted is lost, it goes on by itself."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from tests.chaos.chaos_kit import (
    LONG,
    all_complete,
    all_ready,
    code_pending,
    completes_once,
    opened,
    requested,
    says_away,
)
from tests.e2e.e2e_kit import World

CALL_SECONDS = 5.0
"""How long a service waits for one answer of MongoDB."""


async def test_kafka_frozen_requests_are_taken_and_shown_as_delayed(world: World) -> None:
    pending, customer = await code_pending(world), await world.customer()
    kafka = world.system.children["kafka"]
    kafka.freeze()
    try:
        await world.request(customer)
        await says_away(world, "Kafka", "config", "invite", "auth", "notify")
        shown = await world.shown(customer)
        assert shown["switch"]["state"] == "requested"
        assert shown["delayed"]["since"]
    finally:
        kafka.thaw()
    invitee = world.browser()
    await invitee.open(await world.link(customer, timeout=LONG))
    await completes_once(world, pending)
    await world.until(customer, LONG, switch="opened", delayed=None)


async def test_kafka_killed_and_started_again(world: World) -> None:
    switches = list(await asyncio.gather(*(point(world) for point in (requested, opened, code_pending))))
    world.system.kill("kafka")
    late = await world.customer(pinned=False)
    world.system.start("kafka")
    await all_complete(world, switches)
    await world.until(late, LONG, tenant_state="pinned")


async def test_mongodb_killed_is_said_at_once_and_nothing_is_lost(world: World) -> None:
    switches = list(await asyncio.gather(*(point(world) for point in (requested, opened, code_pending))))
    world.system.kill("mongodb")
    begun = time.monotonic()
    answer = await world.api.ask("GET", switches[0].customer.path)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert time.monotonic() - begun < 8, "never a hang"
    await says_away(world, "MongoDB", "config", "invite", "auth", "notify")
    world.system.start("mongodb")
    await all_ready(world)
    await all_complete(world, switches)


async def test_mongodb_frozen_every_answer_comes_within_its_limit_and_nothing_is_lost(world: World) -> None:
    """A kill resets connections, a freeze does not: a hundred requests to each service wait at once."""
    switches = list(await asyncio.gather(*(point(world) for point in (requested, opened, code_pending))))
    customer = switches[0].customer
    link = urlsplit(await world.link(customer, timeout=LONG)).path
    asked = (
        ("config", "operator", f"GET {customer.path}"),
        ("auth", "token.read", f"POST /internal/v1/customers/{customer.id}/access-token"),
        ("config", "operator", f"DELETE {customer.path}/switch?switch=1"),
        ("invite", "operator", f"GET {link}"),
    )
    lines = [await opened_line(world, *one) for one in asked for _ in range(100)]
    mongodb = world.system.children["mongodb"]
    mongodb.freeze()
    try:
        answers = await asyncio.gather(*(answered(*line) for line in lines))
        await says_away(world, "MongoDB", "config", "invite", "auth", "notify")
    finally:
        mongodb.thaw()
    assert {status for status, _ in answers} == {"503"}
    assert max(seconds for _, seconds in answers) < 2 * CALL_SECONDS, "one limit, however many wait"
    await all_ready(world)
    await all_complete(world, switches)


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]


async def opened_line(world: World, service: str, role: str, request: str) -> Line:
    """A connection that only has to send, so that all of them do it at once."""
    port = world.system.plan.ports.services[service]
    head = f"{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {world.system.token(role)}\r\n"
    return (*await asyncio.open_connection("127.0.0.1", port), f"{head}Connection: close\r\n\r\n".encode())


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[str, float]:
    """The answer's status, and after how many seconds it came."""
    begun = time.monotonic()
    writer.write(request)
    status = (await reader.readline()).decode().split()[1]
    seconds = time.monotonic() - begun
    writer.close()
    return status, seconds


async def test_smtp_away_the_mail_waits(world: World) -> None:
    world.system.kill("mailbox")
    customer = await world.customer()
    await world.request(customer)
    shown = await world.until(customer, switch="invited")
    assert shown["switch"]["mail"]["count"] == 0
    await says_away(world, "SMTP", "notify")
    world.system.start("mailbox")
    await world.link(customer, timeout=LONG)
    assert len(await world.mails(customer.user("admin"))) == 1


async def test_entra_away_while_a_code_is_pending_and_while_one_is_asked_for(world: World) -> None:
    pending, waiting = await code_pending(world), await opened(world)
    world.system.kill("entra")
    going = asyncio.create_task(completes_once(world, waiting))
    await says_away(world, "Microsoft Entra", "auth", ready=200)
    world.system.start("entra")
    await completes_once(world, pending)
    await going

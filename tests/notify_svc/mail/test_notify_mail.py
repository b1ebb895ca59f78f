"""Mails on a real mail server: that they arrive, how refusals end, what a crash repeats, and what nobody may read."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from notify_svc.domain.access import OPERATIONS
from notify_svc.jobs.sending import MAIL
from notify_svc.mail.messages import NO_OPERATIONS
from notify_svc.mail.smtp import NOT_YET, PermanentFailure, SmtpMailer, TemporaryFailure
from notify_svc.settings import smtp_server
from shared.contracts.events import (
    AccessLost,
    Actor,
    InvitationResent,
    NewInvitationAsked,
    Person,
    SecretExpiring,
    SwitchCancelled,
    SwitchCompleted,
)
from shared.domain.rules import Unavailable
from shared.jobs.claim import Claim
from shared.jobs.worker import Worker
from tests.notify_svc.notify_kit import (
    ADMIN,
    INVITEE,
    NOW,
    OPERATOR,
    WEEK,
    Post,
    created,
    letter,
    mails,
    read,
    requested,
    settings,
)
from tokenswitch_dev.mailbox.embedded import EmbeddedMailbox
from tokenswitch_dev.stack.process import free_port

COMPLETED = SwitchCompleted(
    customer="contoso",
    switch=1,
    to="token",
    method="sign_in",
    invited=True,
    grant="g1",
    revision=None,
    account=ADMIN,
    in_force="token",
)
MINUTE = timedelta(seconds=61)


@pytest.fixture
async def post(tmp_path: Path, mongo_url: str, mongo_database: str, mailbox: Any) -> AsyncIterator[Post]:
    made = Post(settings(tmp_path, mailbox.smtp_url, smtp_seconds=2.0), mongo_url, mongo_database)
    yield made
    await made.close()


async def sends(mailer: SmtpMailer, **changed: Any) -> None:
    ready = letter("done")
    await mailer.send(ready.raw, ready.sender, changed.get("to", ready.recipient))


def mailer(url: str, **more: Any) -> SmtpMailer:
    return SmtpMailer(smtp_server(url), "provider.example", **({"seconds": 2.0} | more))


# --- arriving -----------------------------------------------------------------------------------------------------


async def test_the_invitation_reaches_the_invitee_with_its_link(post: Post, mailbox: Any) -> None:
    await post.hears(requested(), created())
    await post.works()
    (mail,) = await mails(mailbox)
    assert mail["To"][0]["Address"] == INVITEE.email and mail["From"]["Address"] == "no-reply@provider.example"
    link = post.links.address("contoso/1", 1).reveal()
    assert link in mail["Text"] and link in mail["HTML"]
    assert [kind for kind, _ in await post.said()] == ["EmailSent"]


async def test_a_resend_carries_the_newer_link(post: Post, mailbox: Any) -> None:
    await post.hears(requested(), created())
    await post.works()
    await post.hears(
        InvitationResent(customer="contoso", switch=1, generation=2, created_at=NOW, expires_at=NOW + WEEK)
    )
    await post.works()
    newest = (await mails(mailbox))[0]
    assert post.links.address("contoso/1", 2).reveal() in newest["Text"]


async def test_done_reaches_invitee_and_operator(post: Post, mailbox: Any) -> None:
    await post.hears(requested(), created())
    await post.works()
    await post.hears(COMPLETED)
    await post.works()
    assert len(await mails(mailbox, INVITEE.email)) == 2 and len(await mails(mailbox, "otto@provider.example")) == 1


async def test_notices_of_access_reach_operations(post: Post, mailbox: Any) -> None:
    await post.hears(
        AccessLost(
            customer="contoso",
            customer_name="Contoso Ltd",
            method="token",
            reason="revoked",
            grant="g",
            aadsts=50173,
            correlation_id="c-1",
        ),
        SecretExpiring(
            customer="contoso", customer_name="Contoso Ltd", revision=1, days_left=7, expires_on="2027-03-08"
        ),
    )
    await post.tells_operations()
    found = await mails(mailbox, "ops@provider.example")
    assert len(found) == 2 and any("AADSTS50173" in mail["Text"] for mail in found)


async def test_an_operator_without_an_address_is_answered_for_by_operations(post: Post, mailbox: Any) -> None:
    await post.hears(requested(inviter=Actor(id="job", name="Job")), created(), NewInvitationAsked("contoso", 1, 1))
    await post.works()
    assert len(await mails(mailbox, "ops@provider.example")) == 1
    assert (await mails(mailbox, INVITEE.email))[0]["ReplyTo"][0]["Address"] == "ops@provider.example"


async def test_without_an_operations_address_its_mails_are_given_up_and_it_is_said(
    tmp_path: Path, mongo_url: str, mongo_database: str, mailbox: Any
) -> None:
    post = Post(settings(tmp_path, mailbox.smtp_url, ops_email=""), mongo_url, mongo_database)
    await post.hears(AccessLost(customer="contoso", customer_name="Contoso Ltd", method="token", reason="revoked"))
    await post.tells_operations()
    assert await post.news() == ()
    assert NO_OPERATIONS in (await post.said(OPERATIONS))[0][1] and await mails(mailbox) == []
    await post.close()


@pytest.mark.parametrize("name", ["Jürgen Groß", "山田 太郎", 'O\'Brien, "Pat" <x>', "名" * 200, "A" * 3000])
async def test_names_arrive_on_a_real_server(post: Post, mailbox: Any, name: str) -> None:
    await post.hears(requested(invitee=Person(INVITEE.email, name), customer_name=name[:100]), created())
    await post.works()
    (mail,) = await mails(mailbox)
    assert [person["Address"] for person in mail["To"]] == [INVITEE.email]
    assert name[:30] in mail["Text"] and name[:30].split()[0] in mail["Subject"]


@pytest.mark.parametrize("to", ["", "nobody", "a@b@c", "a b@c.example", "a@c.example\r\nBcc: x@y.example"])
async def test_what_is_no_address_is_given_up(post: Post, mailbox: Any, to: str) -> None:
    await post.hears(requested(invitee=Person(to)), created())
    await post.works()
    assert (await post.outgoing_mail("invitation")).state == "failed" and await mails(mailbox) == []


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.own_mailbox
@pytest.mark.parametrize("code", [421, 450, 451, 452])
async def test_a_temporary_refusal_is_tried_again_as_the_same_mail(post: Post, mailbox: Any, code: int) -> None:
    await asyncio.to_thread(mailbox.refuse, code, 1)
    await post.hears(requested(), created())
    await post.works()
    assert await mails(mailbox) == []
    owed_mail = await post.outgoing_mail("invitation")
    assert (owed_mail.state, owed_mail.tries) == ("queued", 1)
    post.now += MINUTE
    await post.works()
    (mail,) = await mails(mailbox)
    state = await post.store.get("contoso/1")
    assert state
    again = post.writer.write(state.state, owed_mail)
    assert f"<{mail['MessageID']}>" == read(again)["Message-ID"]
    assert [kind for kind, _ in await post.said()] == ["EmailFailed", "EmailSent"]


@pytest.mark.own_mailbox
@pytest.mark.parametrize("code", [550, 553, 554])
async def test_a_refusal_for_good_is_final_and_said_without_the_address(post: Post, mailbox: Any, code: int) -> None:
    await asyncio.to_thread(mailbox.refuse, code)
    await post.hears(requested(), created())
    await post.works()
    assert (await post.outgoing_mail("invitation")).state == "failed"
    ((kind, body),) = await post.said()
    assert kind == "EmailFailed" and f"refuses the recipient ({code})" in body and INVITEE.email not in body


@pytest.mark.own_mailbox
async def test_other_mails_go_on_while_one_is_refused(post: Post, mailbox: Any) -> None:
    await asyncio.to_thread(mailbox.refuse, 451, 0, INVITEE.email)
    await post.hears(requested(), created(), COMPLETED)
    await post.works()
    assert len(await mails(mailbox, "otto@provider.example")) == 1
    assert (await post.outgoing_mail("done")).state == "queued"


@pytest.mark.own_mailbox
async def test_a_switch_that_ended_meanwhile_is_not_invited_to(post: Post, mailbox: Any) -> None:
    await asyncio.to_thread(mailbox.refuse, 451, 1)
    await post.hears(requested(), created())
    await post.works()
    await post.hears(SwitchCancelled(customer="contoso", switch=1, reason="cancelled", invited=True, by=OPERATOR))
    post.now += MINUTE
    await post.works()
    assert await mails(mailbox) == [] and (await post.outgoing_mail("invitation")).state == "dropped"


async def test_a_server_that_was_away_gets_the_mail_when_it_is_back(
    tmp_path: Path, mongo_url: str, mongo_database: str
) -> None:
    box = EmbeddedMailbox(tmp_path / "box", free_port(), free_port())
    post = Post(settings(tmp_path, box.smtp_url), mongo_url, mongo_database)
    await post.hears(requested(), created())
    await post.works()
    owed_mail = await post.outgoing_mail("invitation")
    assert owed_mail.state == "queued" and "cannot be reached" in (await post.said())[0][1]
    with pytest.raises(Unavailable, match="cannot be reached"):
        await post.smtp.probe()
    with box:
        post.now += MINUTE
        await post.works()
        assert len(await mails(box)) == 1
        await post.smtp.probe()
    await post.close()


async def test_a_server_that_says_nothing_does_not_hold_us_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(TemporaryFailure, match="in time"):
            await asyncio.wait_for(sends(mailer(f"smtp://127.0.0.1:{port}", seconds=0.2)), 5)


async def test_letters_that_a_server_does_not_know_are_refused_for_good() -> None:
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Sink

    controller = Controller(Sink(), hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=False)
    controller.start()
    try:
        with pytest.raises(PermanentFailure, match="SMTPUTF8"):
            await sends(mailer(f"smtp://127.0.0.1:{controller.port}"), to=Address("", "jürgen", "contoso.example"))
    finally:
        controller.stop()


async def test_letters_that_a_server_knows_arrive(post: Post, mailbox: Any) -> None:
    await post.hears(requested(invitee=Person("jürgen@contoso.example", "Jürgen")), created())
    await post.works()
    assert (await post.outgoing_mail("invitation")).state == "sent"
    assert len(await mails(mailbox, "jürgen@contoso.example")) == 1


# --- encryption and login -----------------------------------------------------------------------------------------


async def test_encryption_that_is_required_is_not_done_without(mailbox: Any) -> None:
    strict = mailer(f"{mailbox.smtp_url}?starttls=required")
    with pytest.raises(TemporaryFailure, match="no encryption") as caught:
        await sends(strict)
    assert caught.value.ours and await mails(mailbox) == []
    with pytest.raises(Unavailable, match="no encryption"):
        await strict.probe()


async def test_encryption_is_used_and_the_certificate_checked(tmp_path: Path) -> None:
    with EmbeddedMailbox(tmp_path, free_port(), free_port(), ("--starttls",)) as box:
        url = f"smtp://localhost:{box.smtp_port}?starttls=required"
        with pytest.raises(TemporaryFailure, match="certificate") as caught:
            await sends(mailer(url))
        assert caught.value.ours
        await sends(mailer(url, ca_file=tmp_path / "ca.pem"))
        assert len(await mails(box)) == 1


async def test_a_login_that_is_not_accepted_is_our_fault_and_readiness_says_so(tmp_path: Path) -> None:
    with EmbeddedMailbox(tmp_path, free_port(), free_port(), ("--login", "tokenswitch:right")) as box:
        wrong = mailer(f"smtp://tokenswitch:marked-password@127.0.0.1:{box.smtp_port}?starttls=off")
        with pytest.raises(TemporaryFailure, match="login") as caught:
            await sends(wrong)
        assert caught.value.ours and "marked" not in caught.value.why
        with pytest.raises(Unavailable, match="does not accept our login"):
            await wrong.probe()
        with pytest.raises(TemporaryFailure, match="login"):
            await sends(mailer(f"smtp://127.0.0.1:{box.smtp_port}"))
        right = mailer(f"smtp://tokenswitch:right@127.0.0.1:{box.smtp_port}?starttls=off")
        await sends(right)
        await right.probe()
        assert len(await mails(box)) == 1


async def test_a_probe_looks_seldom_and_believes_a_mail_that_was_sent(mailbox: Any) -> None:
    connections = 0

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            writer.write(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 ok\r\n")
        writer.close()

    async with await asyncio.start_server(counting, "127.0.0.1", 0) as listener:
        asked = mailer(f"smtp://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
        for _ in range(5):
            await asked.probe()
        assert connections == 1
    told = mailer(mailbox.smtp_url)
    assert told._wrong == NOT_YET
    await sends(told)
    await told.probe()


# --- crashes ------------------------------------------------------------------------------------------------------


async def test_a_kill_after_the_server_took_the_mail_repeats_the_same_mail(post: Post, mailbox: Any) -> None:
    """The first holder hangs for ever between the server's 250 and its write; its lease runs out."""
    handed_over = asyncio.Event()

    async def dies(claim: Claim[Any]) -> None:
        await post.jobs.execute(claim)
        handed_over.set()
        await asyncio.Event().wait()

    await post.hears(requested(), created())
    dead = Worker(store=post.new_store(), job=MAIL, execute=dies)
    await dead.once()
    await asyncio.wait_for(handed_over.wait(), 20)
    await post.works()
    assert len(await mails(mailbox)) == 1, "held: nobody else may send it yet"
    post.now += timedelta(seconds=31)
    await post.works()
    first, again = await mails(mailbox)
    assert first["MessageID"] == again["MessageID"] and first["Text"] == again["Text"]
    assert [kind for kind, _ in await post.said()] == ["EmailSent"]
    assert (await post.outgoing_mail("invitation")).count == 1


async def test_two_replicas_send_each_mail_once(post: Post, mailbox: Any) -> None:
    await post.hears(requested(), created())
    other = Worker(store=post.new_store(), job=MAIL, execute=post.jobs.execute)
    await asyncio.gather(post.works(), post.works(other))
    assert len(await mails(mailbox)) == 1


async def test_a_mail_goes_out_when_it_is_owed_not_at_the_next_look(post: Post, mailbox: Any) -> None:
    stopping, due = asyncio.Event(), Worker(store=post.store, job=MAIL, execute=post.jobs.execute, tick_seconds=3600.0)
    running = asyncio.create_task(due.run(stopping))
    await asyncio.sleep(0.3)
    await post.hears(requested(), created())
    try:
        mail = await asyncio.to_thread(mailbox.wait_for, INVITEE.email)
        assert mail["Subject"]
    finally:
        stopping.set()
        await running


# --- what nobody may read -----------------------------------------------------------------------------------------


@pytest.mark.own_mailbox
async def test_the_link_is_in_the_mail_only(post: Post, mailbox: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await asyncio.to_thread(mailbox.refuse, 451, 1)
    await post.hears(requested(), created())
    await post.works()
    post.now += MINUTE
    await post.works()
    token = post.links.address("contoso/1", 1).reveal().rpartition("/")[2]
    assert token not in str(await post.store.collection.get("contoso/1"))
    theirs = ("pymongo", "httpx", "asyncio", "httpcore")
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(theirs)]
    assert not [line for line in ours if token in line or INVITEE.email in line]
    assert INVITEE.email not in str(await post.said()) and token not in repr(post.writer)


# --- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://127.0.0.1:1025", ("127.0.0.1", 1025, None, False, "optional")),
        ("smtp://u%40x:p@mail.example.com", ("mail.example.com", 587, "u@x", False, "required")),
        ("smtps://u:p@mail.example.com", ("mail.example.com", 465, "u", True, "required")),
        ("smtp://mail.example.com?starttls=off", ("mail.example.com", 25, None, False, "off")),
        ("smtp://u:p@localhost:2525?starttls=off", ("localhost", 2525, "u", False, "off")),
    ],
)
def test_addresses_of_mail_servers_are_read(url: str, expected: tuple[Any, ...]) -> None:
    found = smtp_server(url)
    assert (found.host, found.port, found.user, found.tls, found.starttls) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://mail",
        "smtp://",
        "smtp://mail?starttls=maybe",
        "smtp://mail?x=1",
        "smtp://u@mail",
        "smtp://mail/path",
        "smtp://u:marked@mail.example.com?starttls=off",
        "smtp://u:marked@mail.example.com?starttls=optional",
    ],
)
def test_a_wrong_address_of_the_mail_server_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(tmp_path, url)
    assert "smtp_url" in str(caught.value) and "marked" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mail_from", "nobody"),
        ("mail_from", "x\r\nBcc: a@b.example <a@b.example>"),
        ("mail_from", ""),
        ("ops_email", "Operations <ops@provider.example>"),
        ("ops_email", "nobody"),
        ("provider_name", " "),
        ("provider_name", "North\nstar"),
        ("operator_language", "xx"),
    ],
)
def test_wrong_settings_are_refused_at_start(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        settings(tmp_path, "smtp://127.0.0.1:1", **{name: value})


def test_no_setting_prints_the_password(tmp_path: Path) -> None:
    given = settings(tmp_path, "smtp://u:marked@mail.example.com")
    assert "marked" not in repr(given) + str(given) + repr(given.smtp)
    assert isinstance(given.smtp_url, SecretStr)


def test_a_port_that_is_taken_by_nobody_is_said_to_be_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TemporaryFailure, match="cannot be reached"):
        asyncio.run(sends(mailer(f"smtp://127.0.0.1:{port}")))

"""The mailbox takes every mail, shows it, speaks Mailpit's API, and refuses when told to."""

from __future__ import annotations

import asyncio
import ssl
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import aiosmtplib
import httpx
import pytest

from tokenswitch_dev.mailbox.embedded import EmbeddedMailbox
from tokenswitch_dev.mailbox.reader import MailReader
from tokenswitch_dev.stack.process import free_port

LINK = "http://127.0.0.1:9/i/abc?x=1&y=2"


def mail(to: str = "admin@contoso.example") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Tokenswitch <no-reply@provider.example>", to
    message["Subject"], message["Message-ID"] = "Zugriff für Contoso bestätigen", "<one@provider.example>"
    message.set_content(f"Grüße\nÖffnen Sie {LINK}.\n")
    message.add_alternative(f'<p>Grüße <a href="{LINK.replace("&", "&amp;")}">öffnen</a></p>', subtype="html")
    return message


async def send(mailbox: MailReader, message: EmailMessage) -> None:
    at = urlsplit(mailbox.smtp_url)
    await aiosmtplib.send(message, hostname=at.hostname, port=at.port, timeout=10)


async def test_a_mail_is_listed_and_read_through_mailpits_api(mailbox: MailReader) -> None:
    await send(mailbox, mail())
    listed = httpx.get(f"{mailbox.url}/api/v1/messages").json()
    assert (listed["total"], listed["messages_count"], listed["count"]) == (1, 1, 1)
    first = listed["messages"][0]
    assert first["Subject"] == "Zugriff für Contoso bestätigen"
    assert first["To"] == [{"Name": "", "Address": "admin@contoso.example"}]
    assert first["MessageID"] == "one@provider.example"
    read = httpx.get(f"{mailbox.url}/api/v1/message/{first['ID']}").json()
    assert LINK in read["Text"] and "öffnen" in read["HTML"]


async def test_mails_are_found_by_recipient_and_deleted(mailbox: MailReader) -> None:
    await send(mailbox, mail("one@contoso.example"))
    await send(mailbox, mail("two@contoso.example"))
    found = mailbox.messages(to="two@contoso.example")
    assert [entry["To"][0]["Address"] for entry in found] == ["two@contoso.example"]
    httpx.request("DELETE", f"{mailbox.url}/api/v1/messages", json={"IDs": [found[0]["ID"]]})
    assert [entry["To"][0]["Address"] for entry in mailbox.messages()] == ["one@contoso.example"]
    httpx.request("DELETE", f"{mailbox.url}/api/v1/messages")
    assert mailbox.messages() == []


@pytest.mark.own_mailbox
async def test_the_page_shows_a_mail_with_clickable_links_in_a_sandbox(mailbox: EmbeddedMailbox) -> None:
    message = mail()
    message.get_body(("html",)).set_content("<script>alert(1)</script><p>hello</p>", subtype="html")  # type: ignore[union-attr]
    await send(mailbox, message)
    assert "Zugriff für Contoso" in httpx.get(mailbox.url).text
    one = httpx.get(f"{mailbox.url}/mail/{mailbox.messages()[0]['ID']}").text
    assert f'<a href="{LINK.replace("&", "&amp;")}" target="_blank"' in one
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in one
    framed = httpx.get(f"{mailbox.url}/mail/{mailbox.messages()[0]['ID']}/html")
    policy = framed.headers["content-security-policy"]
    assert "sandbox" in policy and "allow-scripts" not in policy and "default-src 'none'" in policy


@pytest.mark.own_mailbox
@pytest.mark.parametrize("code", [451, 550])
async def test_it_refuses_as_often_as_told(mailbox: EmbeddedMailbox, code: int) -> None:
    mailbox.refuse(code, times=1)
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
        await send(mailbox, mail())
    assert refused.value.recipients[0].code == code
    await send(mailbox, mail())
    assert len(mailbox.messages()) == 1


@pytest.mark.own_mailbox
async def test_it_refuses_one_recipient_only_until_healed(mailbox: EmbeddedMailbox) -> None:
    mailbox.refuse(550, recipient="gone@contoso.example")
    await send(mailbox, mail("here@contoso.example"))
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await send(mailbox, mail("gone@contoso.example"))
    mailbox.heal()
    await send(mailbox, mail("gone@contoso.example"))
    assert len(mailbox.messages()) == 2


async def test_mails_outlive_a_kill(tmp_path: Path) -> None:
    with EmbeddedMailbox(tmp_path, free_port(), free_port()) as own:
        await send(own, mail())
        own.kill()
        await asyncio.to_thread(own.start)
        assert len(own.messages()) == 1


async def test_it_can_require_starttls_and_a_login(tmp_path: Path) -> None:
    options = ("--starttls", "--login", "sender:geheim")
    with EmbeddedMailbox(tmp_path, free_port(), free_port(), options) as own:
        trusted = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))

        async def as_sender(password: str) -> None:
            await aiosmtplib.send(
                mail(),
                hostname="localhost",
                port=own.smtp_port,
                timeout=10,
                start_tls=True,
                tls_context=trusted,
                username="sender",
                password=password,
            )

        with pytest.raises(aiosmtplib.SMTPException):
            await aiosmtplib.send(mail(), hostname="127.0.0.1", port=own.smtp_port, timeout=10, start_tls=False)
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await as_sender("falsch")
        await as_sender("geheim")
        assert len(own.messages()) == 1

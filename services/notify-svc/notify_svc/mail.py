"""A mail as it travels: headers as good mailers send them, text and HTML, byte for byte the same at every try."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import idna

LONGEST_SUBJECT = 200
LONGEST_NAME = 100
_SPECIAL = re.compile(r'[<>@,;:"()\[\]\\]')
"""Marks that part addresses: Python 3.11 loses the quotes around them when it folds a long name."""
_UNSAFE = re.compile(r"[\s<>\"\x00-\x1f\x7f]")


class BadAddress(ValueError):
    """No mail can be sent to this address, now or later."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says, in one language."""

    language: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who gets a mail, who answers are for, and what makes it this mail and no other (for the Message-ID)."""

    to: Address
    identity: str
    date: datetime
    reply_to: Address | None = None


def one_line(text: str, longest: int = LONGEST_SUBJECT) -> str:
    """Without line breaks, control characters and marks that turn the direction of writing."""
    plain = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    joined = " ".join(plain.split())
    harmless = joined.replace("=?", "= ?")  # what begins like this would be decoded, line breaks and all
    return harmless if len(harmless) <= longest else harmless[: longest - 1] + "…"


def address(email: str, name: str = "") -> Address:
    """An address for a header; its domain in the form that every mail server knows. Raises: BadAddress."""
    local, _, domain = email.strip().rpartition("@")
    display = one_line(_SPECIAL.sub(" ", name), LONGEST_NAME)
    if not local or not domain or _UNSAFE.search(email.strip()):
        raise BadAddress("the address cannot be read")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
        return Address(display, addr_spec=f"{local}@{ascii_domain}")
    except Exception:  # the parser of addresses fails in ways of its own; it is given what people typed
        raise BadAddress("the address cannot be read") from None


def build(sender: Address, envelope: Envelope, content: Content) -> EmailMessage:
    """The message. Names and subjects come in as anybody wrote them: none can add a header."""
    digest = hashlib.sha256(envelope.identity.encode()).hexdigest()
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = envelope.to
    if envelope.reply_to:
        message["Reply-To"] = envelope.reply_to
    message["Subject"] = one_line(content.subject)
    message["Date"] = format_datetime(envelope.date)
    message["Message-ID"] = f"<{digest[:40]}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["Content-Language"] = content.language
    message.set_content(content.text, cte="quoted-printable")
    message.add_alternative(content.html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_{digest[40:]}")
    return message

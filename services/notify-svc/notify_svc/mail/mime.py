"""A mail as it travels: headers as good mailers send them, text and HTML, byte for byte the same at every try."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import idna

from mails.content import Content, one_line

MAX_NAME_CHARACTERS = 100
_SPECIAL = re.compile(r'[<>@,;:"()\[\]\\]')
"""Marks that part addresses or end a quoted name: a name is as well read without them."""
_UNSAFE = re.compile(r"[\s<>\"\x00-\x1f\x7f]")


class BadAddress(ValueError):
    """No mail can be sent to this address, now or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What the header of a mail says (RFC 5322)."""

    sender: Address
    to: Address
    date: datetime
    identity: str
    """What makes it this mail and no other: the Message-ID is its digest."""
    reply_to: Address | None = None
    """Who answers are for; None: the sender."""


def address(email: str, name: str = "") -> Address:
    """An address for a header; its domain in the form that every mail server knows. Raises: BadAddress."""
    local, _, domain = email.strip().rpartition("@")
    display = one_line(_SPECIAL.sub(" ", name), MAX_NAME_CHARACTERS)
    if not local or not domain or _UNSAFE.search(email.strip()):
        raise BadAddress("the address cannot be read")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
        if not local.isascii() and not _SPECIAL.search(local):  # for SMTPUTF8 (RFC 6531)
            return Address(display, local, ascii_domain)
        return Address(display, addr_spec=f"{local}@{ascii_domain}")
    except Exception:  # the parser of addresses fails in ways of its own; it is given what people typed
        raise BadAddress("the address cannot be read") from None


def encode(about: Headers, content: Content) -> bytes:
    """The mail as it travels. Names and subjects come in as anybody wrote them: none can add a header."""
    digest = hashlib.sha256(about.identity.encode()).hexdigest()
    headers = {
        "From": _person(about.sender),
        "To": _person(about.to),
        "Reply-To": _person(about.reply_to) if about.reply_to else "",
        "Subject": _words(content.subject, len("Subject: ")),
        "Date": format_datetime(about.date),
        "Message-ID": f"<{digest[:40]}@{about.sender.domain}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Language": content.language,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return head.encode() + _body(content, boundary=f"=_{digest[40:]}")


def _body(content: Content, boundary: str) -> bytes:
    body = EmailMessage(policy=SMTP)
    body.set_content(content.text, cte="quoted-printable")
    body.add_alternative(content.html, subtype="html", cte="quoted-printable")
    body.set_boundary(boundary)
    return body.as_bytes()


def _person(person: Address) -> str:
    """An address whose name has no special mark in it (`address`); the name alone is encoded."""
    name = one_line(_SPECIAL.sub(" ", person.display_name), MAX_NAME_CHARACTERS)
    quoted = f'"{name}"' if name.isascii() else _words(name, len("Reply-To: "))
    return f"{quoted} <{person.addr_spec}>" if name else person.addr_spec


def _words(text: str, used: int) -> str:
    """Encoded and folded by the older of Python's two ways: EmailMessage of Python 3.11 loses blanks between words."""
    return Header(one_line(text), header_name="x" * max(0, used - 2)).encode(linesep="\r\n")

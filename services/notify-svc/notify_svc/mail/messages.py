"""Which mail says what to whom: from a document and one of its mails to headers and content.

Links are derived here, at the moment of sending, and go nowhere but into the mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from typing import Any
from urllib.parse import quote, urlsplit

from mails.content import one_line
from mails.labels import METHODS, WHO_AFTER_LOSS, WHO_AFTER_REFUSAL
from mails.render import STANDARD, Renderer
from mails.texts import Text
from notify_svc.domain.access import OPERATIONS, News
from notify_svc.domain.model import ADDRESSEE_OF, INVITATION_KINDS, OutgoingMail, OutgoingMails
from notify_svc.domain.texts import Texts
from notify_svc.mail.mime import BadAddress, Headers, address, encode
from shared.contracts.events import Account
from shared.contracts.reasons import explain
from shared.crypto.invitation_links import Links

NAMED = 100
"""Customers that one mail names; how many more there are, it says."""
NO_INVITEE = "nobody to send it to: who was invited is not known"
NO_OPERATOR = "nobody to send it to: the operator has no address and OPS_EMAIL is not set"
NO_OPERATIONS = "nobody to send it to: OPS_EMAIL is not set"


class Undeliverable(Exception):
    """There is nobody to send this mail to; it says why, without an address."""


@dataclass(frozen=True, slots=True)
class Message:
    """A mail that is ready to be handed over."""

    raw: bytes = field(repr=False)
    """Header and body, as they travel."""
    sender: Address
    recipient: Address = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who sends mails, and where operators work."""

    name: str
    sender: Address
    """MAIL_FROM: the sender where the settings name no other."""
    portal_url: str
    invite_url: str
    ops_email: str = ""
    """Who is mailed about a customer's access, and where an operator has no address; empty: nobody."""
    operator_language: str = "en"


class MessageWriter:
    """Writes mails. The same mail with the same texts gives the same bytes each time."""

    def __init__(self, provider: Provider, links: Links, renderer: Renderer) -> None:
        self._provider, self._links, self._renderer = provider, links, renderer

    def write(self, outgoing: OutgoingMails, mail: OutgoingMail, texts: Texts | None = None) -> Message:
        """`texts`: the provider's settings that this mail is to be written with. Raises: Undeliverable."""
        recipient = self._recipient(outgoing, mail)
        wanted = outgoing.locale if ADDRESSEE_OF[mail.kind] == "invitee" else self._provider.operator_language
        language = self._renderer.language(wanted)
        own = _own(texts, language) if mail.kind in INVITATION_KINDS else STANDARD
        content = self._renderer.render(mail.kind, language, self._facts(outgoing, mail), own)
        headers = Headers(
            sender=self._sender(texts),
            to=recipient,
            date=mail.queued_at,
            identity=f"{outgoing.id}\n{mail.kind}\n{mail.serial}\n{mail.queued_at.isoformat()}",
            reply_to=self._reply_to(outgoing, recipient),
        )
        return Message(encode(headers, content), headers.sender, recipient)

    def write_news(self, told: tuple[News, ...], texts: Texts | None = None) -> Message:
        """One mail to operations, about one customer or about many. Raises: Undeliverable."""
        first = told[0]
        mail = OutgoingMail(kind=first.kind, state="queued", queued_at=first.at, facts=first.facts)
        about = OutgoingMails(id=f"{first.customer}/access", customer=first.customer, customer_name=first.customer_name)
        if len(told) == 1:
            return self.write(about, mail, texts)
        recipient = self._recipient(about, mail)
        language = self._renderer.language(self._provider.operator_language)
        content = self._renderer.render("access_digest", language, self._digest(about, mail, told))
        named = "\n".join(f"{news.customer} {news.at.isoformat()}" for news in told)
        headers = Headers(
            sender=self._sender(texts),
            to=recipient,
            date=told[-1].at,
            identity=f"{OPERATIONS}\n{first.kind}\n{named}",
            reply_to=self._reply_to(about, recipient),
        )
        return Message(encode(headers, content), headers.sender, recipient)

    def _digest(self, about: OutgoingMails, mail: OutgoingMail, told: tuple[News, ...]) -> Mapping[str, Any]:
        rows = [
            (one_line(news.customer_name) or news.customer, " · ".join(filter(None, (news.facts.expires_on, page))))
            for news, page in ((news, self._page(news.customer)) for news in told[:NAMED])
        ]
        more = {"kind": mail.kind, "count": len(told), "more": max(0, len(told) - NAMED), "rows": rows}
        return {**self._facts(about, mail), **more, "page": f"{self._provider.portal_url}/status"}

    def _page(self, customer: str) -> str:
        return f"{self._provider.portal_url}/customers/{quote(customer, safe='')}"

    # --- who ----------------------------------------------------------------------------------------

    def _sender(self, texts: Texts | None) -> Address:
        """What the settings leave open is as MAIL_FROM says; so is all of it where they cannot be read."""
        usual = self._provider.sender
        if texts is None:
            return usual
        try:
            return address(texts.sender or usual.addr_spec, texts.sender_name or usual.display_name)
        except BadAddress:
            return usual

    def _recipient(self, outgoing: OutgoingMails, mail: OutgoingMail) -> Address:
        to = ADDRESSEE_OF[mail.kind]
        if to == "invitee":
            return self._invitee(outgoing)
        operator = self._operator(outgoing) if to == "inviter" else None
        recipient = operator or self._operations()
        if recipient is None:
            raise Undeliverable(NO_OPERATOR if to == "inviter" else NO_OPERATIONS)
        return recipient

    def _invitee(self, outgoing: OutgoingMails) -> Address:
        if outgoing.invitee is None:
            raise Undeliverable(NO_INVITEE)
        try:
            return address(outgoing.invitee.email, outgoing.invitee.name)
        except BadAddress as error:
            raise Undeliverable(str(error)) from None

    def _operator(self, outgoing: OutgoingMails) -> Address | None:
        """The operator who asked; their address comes from the sign-in and may be none."""
        inviter = outgoing.inviter
        if inviter is None or not inviter.email:
            return None
        try:
            return address(inviter.email, inviter.name)
        except BadAddress:
            return None

    def _operations(self) -> Address | None:
        return address(self._provider.ops_email) if self._provider.ops_email else None

    def _reply_to(self, outgoing: OutgoingMails, recipient: Address) -> Address | None:
        """Who reads what is answered: the operator, else operations; but not the recipient."""
        readers = (self._operator(outgoing), self._operations())
        return next((one for one in readers if one and one.addr_spec != recipient.addr_spec), None)

    # --- what ---------------------------------------------------------------------------------------

    def _facts(self, outgoing: OutgoingMails, mail: OutgoingMail) -> Mapping[str, Any]:
        facts, provider = mail.facts, self._provider
        reason = explain(facts.reason) if facts.reason else None
        after = WHO_AFTER_LOSS if ADDRESSEE_OF[mail.kind] == "operations" else WHO_AFTER_REFUSAL
        inviting = mail.kind in INVITATION_KINDS
        inviter, invitee = outgoing.inviter, outgoing.invitee
        return {
            "provider": provider.name,
            "customer": one_line(outgoing.customer_name) or outgoing.customer,
            "tenant": one_line(outgoing.tenant_name),
            "to": outgoing.to,
            "renew": outgoing.renew,
            "only_app": outgoing.methods == ("app_registration",),
            "inviter": one_line(inviter.name or inviter.email or "") if inviter else "",
            "inviter_email": one_line(inviter.email or "") if inviter else "",
            "invitee": one_line(invitee.name) if invitee else "",
            "invitee_email": one_line(invitee.email) if invitee else "",
            "until": facts.expires_at or outgoing.expires_at,
            "link": self._links.address(outgoing.id, mail.generation).reveal() if inviting else None,
            "host": urlsplit(provider.invite_url).netloc,
            "page": self._page(outgoing.customer),
            "at": mail.queued_at,
            "reason": reason.sentence if reason else None,
            "who": after[reason.who] if reason else None,
            "aadsts": facts.aadsts,
            "correlation_id": one_line(facts.correlation_id or ""),
            "account": _plain(facts.account),
            "other_account": _is_another(outgoing, mail),
            "method": METHODS.get(facts.method or ""),
            "by_app": facts.method == "app_registration",
            "days_left": facts.days_left,
            "expires_on": facts.expires_on,
        }


def _own(texts: Texts | None, language: str) -> Text:
    if texts is None:
        return STANDARD
    return Text(texts.subjects.get(language, ""), texts.bodies.get(language, ""))


def _plain(account: Account | None) -> Account | None:
    """Names are the other tenant's to choose: none may begin a line of our text."""
    return account and Account(one_line(account.upn), account.oid, one_line(account.name))


def _is_another(outgoing: OutgoingMails, mail: OutgoingMail) -> bool:
    """Somebody else than the invitee signed in: the mail was forwarded, or misused."""
    account, invitee = mail.facts.account, outgoing.invitee
    return bool(account and invitee and account.upn.lower() != invitee.email.lower())

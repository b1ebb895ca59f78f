"""The due work of notify-svc: one owed mail of a document at a time, handed over to the mail server."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from prometheus_client import Counter

from notify_svc.domain import sending
from notify_svc.domain.model import OutgoingMail, OutgoingMails
from notify_svc.domain.texts import NEWEST, Texts
from notify_svc.mail.messages import MessageWriter, Undeliverable
from notify_svc.mail.smtp import Mailer, PermanentFailure, TemporaryFailure
from shared.domain.rules import Clock, utc_now
from shared.jobs.claim import Claim, Outcome
from shared.store.store import Store

log = logging.getLogger(__name__)
MAIL = "mail"
MAILS = Counter("tokenswitch_mails_total", "Mails by kind and what became of the try.", ["kind", "outcome"])


@dataclass(frozen=True, slots=True, kw_only=True)
class MailJobs:
    writer: MessageWriter
    mailer: Mailer
    texts: Store[Texts]
    clock: Clock = utc_now

    async def execute(self, claim: Claim[OutgoingMails]) -> Outcome[OutgoingMails] | None:
        """Sends the mail that has waited longest. A kill before its outcome is kept sends the same mail again."""
        mail = sending.next_due(claim.state, self.clock())
        if mail is None:
            return None
        texts, late = await self._texts(claim.state)
        if late and sending.may_await_texts(mail, self.clock()):
            return Outcome(sending.await_texts, mail.kind, mail.serial)
        outcome, status = await self._send(claim.state, mail, texts)
        MAILS.labels(mail.kind, status).inc()
        customer, switch = claim.state.customer, claim.state.switch
        log.info("mail %s", mail.kind, extra={"customer": customer, "switch": switch, "status": status})
        return outcome

    async def _texts(self, outgoing: OutgoingMails) -> tuple[Texts | None, bool]:
        """The settings to write with: those that the switch began with; for a customer's access the newest. While the
        switch's are on their way (True) the newest that are here would have to do."""
        wanted = outgoing.texts_version
        if outgoing.switch and not wanted:
            return None, False
        if wanted and (stored := await self.texts.get(str(wanted))):
            return stored.state, False
        newest = await self.texts.get(NEWEST)
        return newest.state if newest else None, bool(wanted)

    async def _send(
        self, outgoing: OutgoingMails, mail: OutgoingMail, texts: Texts | None
    ) -> tuple[Outcome[OutgoingMails], str]:
        kind, serial = mail.kind, mail.serial
        try:
            message = self.writer.write(outgoing, mail, texts)
            await self.mailer.send(message.raw, message.sender, message.recipient)
        except TemporaryFailure as error:
            return Outcome(sending.try_later, kind, serial, error.why), "later"
        except (PermanentFailure, Undeliverable) as error:
            return Outcome(sending.give_up, kind, serial, str(error)), "refused"
        return Outcome(sending.mark_sent, kind, serial), "sent"

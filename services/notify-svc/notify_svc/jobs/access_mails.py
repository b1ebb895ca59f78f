"""The due work for operations: one mail about all customers whose access has the same news."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from notify_svc.domain import access
from notify_svc.domain.access import AccessMails
from notify_svc.domain.texts import NEWEST, Texts
from notify_svc.jobs.sending import MAILS
from notify_svc.mail.messages import MessageWriter, Undeliverable
from notify_svc.mail.smtp import Mailer, PermanentFailure, TemporaryFailure
from shared.domain.rules import Clock, utc_now
from shared.jobs.claim import Claim, Outcome
from shared.store.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessMailJobs:
    writer: MessageWriter
    mailer: Mailer
    texts: Store[Texts]
    clock: Clock = utc_now

    async def execute(self, claim: Claim[AccessMails]) -> Outcome[AccessMails] | None:
        """Sends the mail that is due. A kill before its outcome is kept sends it again, by the same Message-ID."""
        told = access.next_due(claim.state, self.clock())
        if not told:
            return None
        newest = await self.texts.get(NEWEST)
        outcome, status = Outcome(access.mark_sent, told), "sent"
        try:
            message = self.writer.write_news(told, newest.state if newest else None)
            await self.mailer.send(message.raw, message.sender, message.recipient)
        except TemporaryFailure as error:
            outcome, status = Outcome(access.try_later, told, error.why), "later"
        except (PermanentFailure, Undeliverable) as error:
            outcome, status = Outcome(access.give_up, told, str(error)), "refused"
        MAILS.labels(told[0].kind, status).inc()
        log.info("mail %s about %s customers", told[0].kind, len(told), extra={"status": status})
        return outcome

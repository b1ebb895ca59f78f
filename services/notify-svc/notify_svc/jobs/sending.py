"""The due work of notify-svc: one owed mail of a document at a time, handed over to the mail server."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from prometheus_client import Counter

from notify_svc import domain
from notify_svc.domain import NEWEST, Notice, Notices, Texts
from notify_svc.mail.messages import Letters, Undeliverable
from notify_svc.mail.smtp import Mailer, Permanent, Temporary
from shared.domain.rules import Clock, utc_now
from shared.jobs.claim import Claim, Outcome
from shared.store.store import Store

log = logging.getLogger(__name__)
MAIL = "mail"
MAILS = Counter("tokenswitch_mails_total", "Mails by kind and what became of the try.", ["kind", "outcome"])


@dataclass(frozen=True, slots=True, kw_only=True)
class MailJobs:
    letters: Letters
    mailer: Mailer
    texts: Store[Texts]
    clock: Clock = utc_now

    async def execute(self, claim: Claim[Notices]) -> Outcome[Notices] | None:
        """Sends the mail that has waited longest. A kill before its outcome is kept sends the same mail again."""
        notice = domain.due_notice(claim.state, self.clock())
        if notice is None:
            return None
        texts, late = await self._texts(claim.state)
        if late and domain.may_await_texts(notice, self.clock()):
            return Outcome(domain.await_texts, notice.kind, notice.serial)
        outcome, status = await self._send(claim.state, notice, texts)
        MAILS.labels(notice.kind, status).inc()
        said = {"customer": claim.state.customer, "switch": claim.state.switch, "status": status}
        log.info("mail %s", notice.kind, extra=said)
        return outcome

    async def _texts(self, notices: Notices) -> tuple[Texts | None, bool]:
        """The settings to write with: those that the switch began with; for a customer's access the newest. While the
        switch's are on their way (True) the newest that are here would have to do."""
        wanted = notices.texts_version
        if notices.switch and not wanted:
            return None, False
        if wanted and (found := await self.texts.get(str(wanted))):
            return found.state, False
        newest = await self.texts.get(NEWEST)
        return newest.state if newest else None, bool(wanted)

    async def _send(self, notices: Notices, notice: Notice, texts: Texts | None) -> tuple[Outcome[Notices], str]:
        kind, serial = notice.kind, notice.serial
        try:
            letter = self.letters.write(notices, notice, texts)
            await self.mailer.send(letter.mail, letter.sender, letter.recipient)
        except Temporary as error:
            return Outcome(domain.try_later, kind, serial, error.why), "later"
        except (Permanent, Undeliverable) as error:
            return Outcome(domain.give_up, kind, serial, str(error)), "refused"
        return Outcome(domain.sent, kind, serial), "sent"

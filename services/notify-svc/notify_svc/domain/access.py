"""Facts of a customer's access: lost, recovered, a secret that expires, the customer gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from notify_svc.domain.model import ADDRESSEE_OF, Kind, MailFacts, OutgoingMails, access_id, drop, queue
from shared.contracts.events import AccessLost, AccessRecovered, CustomerRemoved, SecretExpiring
from shared.domain.rules import Change


def report_change(
    outgoing: OutgoingMails | None, event: AccessLost | AccessRecovered | SecretExpiring, now: datetime
) -> Change[OutgoingMails] | None:
    outgoing = outgoing or OutgoingMails(id=access_id(event), customer=event.customer)
    if outgoing.over:
        return None
    outgoing = replace(outgoing, customer_name=event.customer_name)
    if isinstance(event, AccessLost):
        facts = MailFacts(
            reason=event.reason, aadsts=event.aadsts, correlation_id=event.correlation_id, method=event.method
        )
        return _turn(outgoing, "access_lost", "access_recovered", facts, now)
    if isinstance(event, AccessRecovered):
        return _turn(outgoing, "access_recovered", "access_lost", MailFacts(method=event.method), now)
    return Change(
        queue(outgoing, "secret_expiring", now, MailFacts(days_left=event.days_left, expires_on=event.expires_on))
    )


def _turn(outgoing: OutgoingMails, to: Kind, back: Kind, facts: MailFacts, now: datetime) -> Change[OutgoingMails]:
    """The last word counts: what was to be mailed of the opposite would come late and mislead."""
    changed, dropped = drop(outgoing, (back,), "access has changed meanwhile", final=False)
    return Change(queue(changed, to, now, facts), dropped)


def forget(outgoing: OutgoingMails | None, event: CustomerRemoved, now: datetime) -> Change[OutgoingMails]:
    """The customer is gone: nothing more about its access is mailed."""
    outgoing = outgoing or OutgoingMails(id=access_id(event), customer=event.customer)
    over, _ = drop(replace(outgoing, over=True), tuple(ADDRESSEE_OF), "the customer was removed", final=True)
    return Change(over)

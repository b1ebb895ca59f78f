"""Facts of a customer's access: lost, recovered, a secret that expires, the customer gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from notify_svc.domain.model import TO, Facts, Kind, Notices, access_id, drop, queue
from shared.contracts.events import AccessLost, AccessRecovered, CustomerRemoved, SecretExpiring
from shared.domain.rules import Change


def access_changed(
    notices: Notices | None, event: AccessLost | AccessRecovered | SecretExpiring, now: datetime
) -> Change[Notices] | None:
    notices = notices or Notices(id=access_id(event), customer=event.customer)
    if notices.over:
        return None
    notices = replace(notices, customer_name=event.customer_name)
    if isinstance(event, AccessLost):
        facts = Facts(
            reason=event.reason, aadsts=event.aadsts, correlation_id=event.correlation_id, method=event.method
        )
        return _turned(notices, "access_lost", "access_recovered", facts, now)
    if isinstance(event, AccessRecovered):
        return _turned(notices, "access_recovered", "access_lost", Facts(method=event.method), now)
    return Change(queue(notices, "secret_expiring", now, Facts(days_left=event.days_left, expires_on=event.expires_on)))


def _turned(notices: Notices, to: Kind, back: Kind, facts: Facts, now: datetime) -> Change[Notices]:
    """The last word counts: what was to be mailed of the opposite would come late and mislead."""
    changed, dropped = drop(notices, (back,), "access has changed meanwhile", final=False)
    return Change(queue(changed, to, now, facts), dropped)


def forget(notices: Notices | None, event: CustomerRemoved, now: datetime) -> Change[Notices]:
    """The customer is gone: nothing more about its access is mailed."""
    notices = notices or Notices(id=access_id(event), customer=event.customer)
    over, _ = drop(replace(notices, over=True), tuple(TO), "the customer was removed", final=True)
    return Change(over)

"""The operator's own reference of a switch: a name for it in another system, such as a ticket's number."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config_svc.domain.model import Customer
from config_svc.domain.switches import named
from shared.contracts.events import Actor, ReferenceChanged
from shared.domain.rules import Change


def refer(customer: Customer | None, number: int, reference: str | None, by: Actor, now: datetime) -> Change[Customer]:
    """Changes the reference of the current switch, whether it runs or has ended; the same again says nothing."""
    customer, switch = named(customer, number)
    answer = {"switch": number}
    if reference == switch.reference:
        return Change(customer, (), answer)
    event = ReferenceChanged(customer=customer.id, switch=number, reference=reference, by=by)
    return Change(replace(customer, switch=replace(switch, reference=reference)), (event,), answer)

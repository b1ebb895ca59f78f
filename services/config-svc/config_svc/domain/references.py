"""The operator's own reference of a switch: a name for it in another system, such as a ticket's number."""

from __future__ import annotations

from dataclasses import replace

from shared.change import Change
from shared.events import Actor, ReferenceChanged

from .model import Customer
from .switches import named


def refer(customer: Customer | None, number: int, reference: str | None, by: Actor) -> Change[Customer]:
    """Changes the reference of the current switch, whether it runs or has ended; the same again says nothing."""
    customer, switch = named(customer, number)
    answer = {"switch": number}
    if reference == switch.reference:
        return Change(customer, (), answer)
    event = ReferenceChanged(customer.id, number, reference, by)
    return Change(replace(customer, switch=replace(switch, reference=reference)), (event,), answer)

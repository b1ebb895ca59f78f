"""What the API shows of history: a customer's timeline, and who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from config_svc.schemas.views import View


class TimelineEntry(View):
    """One event of a customer. `summary`: in words; `by`: who did it, if somebody did."""

    id: str
    customer: str
    at: datetime
    type: str
    service: str
    switch: int | None
    generation: int | None
    attempt: int | None
    summary: str
    by: str | None
    data: dict[str, Any]


class PersonView(View):
    """Who did something: an operator, or a program of the provider."""

    id: str
    name: str
    email: str | None


class AuditEntry(View):
    """What somebody did, and from which network address. `summary` and `who`: in words."""

    id: str
    customer: str
    at: datetime
    action: str
    actor: PersonView
    address: str | None
    switch: int | None
    data: dict[str, Any]
    summary: str
    who: str

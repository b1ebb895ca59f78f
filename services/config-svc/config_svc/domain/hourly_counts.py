"""Rules of the hourly counts: how often what happened. One document is one day of one share of the customers.

Every step is counted once for each switch: the event that says it comes once, or says by its number that it is the
first. What a fact adds depends on the fact alone, so the order in which facts come does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from shared.contracts.events import (
    AccessLost,
    AccessRecovered,
    AuthenticationFailed,
    AuthenticationStarted,
    Event,
    InvitationCreated,
    InvitationOpened,
    SwitchCancelled,
    SwitchCompleted,
    SwitchExpired,
    SwitchFailed,
    SwitchRequested,
)
from shared.contracts.reasons import explain
from shared.domain.rules import Change

SHARES = 24
"""The customers' shares in the counts of a day. A share stands in one partition where the partitions divide it: then
only one consumer writes a document. Each remembers its last 200 events, by which a repeat is recognised."""
EDGES = tuple(round(10 * 1.25**n) for n in range(62))
"""Upper ends in seconds of the classes that waiting times are counted in: 10 seconds to more than 90 days."""
TOOK, REASON = "took/", "reason/"


@dataclass(frozen=True, slots=True)
class HourlyCounts:
    """`hours`: hour of the day in UTC (`07`) -> name -> how often. Names are a fixed few, so it stays small."""

    id: str
    day: str
    hours: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def count(counts: HourlyCounts | None, id: str, event: Event, at: datetime) -> Change[HourlyCounts] | None:
    """Counts what was said at `at` (not when it was heard: that may be much later, and twice)."""
    names = _NAMES[type(event)](event, at)
    if not names:
        return None
    moment = at.astimezone(UTC)
    day = counts or HourlyCounts(id, moment.date().isoformat())
    hour = f"{moment.hour:02}"
    added = dict(day.hours.get(hour, {}))
    for name in names:
        added[name] = added.get(name, 0) + 1
    return Change(replace(day, hours={**day.hours, hour: added}))


def took_class(seconds: float) -> int:
    return next((n for n, edge in enumerate(EDGES) if seconds <= edge), len(EDGES) - 1)


Names = tuple[str, ...]


def _requested(event: SwitchRequested, at: datetime) -> Names:
    return ("requested", "asked") if event.invitee else ("requested",)


def _completed(event: SwitchCompleted, at: datetime) -> Names:
    if not event.invited:
        return ("completed",)
    if event.requested_at is None:
        return ("completed", "claimed")
    return ("completed", "claimed", f"{TOOK}{took_class((at - event.requested_at).total_seconds())}")


def _started(event: AuthenticationStarted, at: datetime) -> Names:
    return ("started",) if event.attempt == 1 else ()


def _refused(event: AuthenticationFailed, at: datetime) -> Names:
    return "refused", f"{REASON}{explain(event.reason).code}"


def _lost(event: AccessLost, at: datetime) -> Names:
    return () if event.again else ("lost", f"{REASON}{explain(event.reason).code}")


def _always(name: str) -> Callable[[Any, datetime], Names]:
    return lambda event, at: (name,)


_NAMES: Mapping[type[Event], Callable[[Any, datetime], Names]] = {
    SwitchRequested: _requested,
    InvitationCreated: _always("invited"),
    InvitationOpened: _always("opened"),
    AuthenticationStarted: _started,
    SwitchCompleted: _completed,
    SwitchCancelled: _always("cancelled"),
    SwitchExpired: _always("expired"),
    SwitchFailed: _always("failed"),
    AuthenticationFailed: _refused,
    AccessLost: _lost,
    AccessRecovered: _always("recovered"),
}

COUNTED: tuple[type[Event], ...] = tuple(_NAMES)

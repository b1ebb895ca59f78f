"""What happened in a window of time, summed from the hourly counts: a bounded number of small documents.

A day has at most 24 of them, however many events. A day that is over is kept in memory for minutes, today and yesterday
for seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from config_svc.domain.hourly_counts import EDGES, REASON, SHARES, TOOK, HourlyCounts
from config_svc.queries.cached import Cached
from shared.domain.rules import Clock
from shared.store.operations import Index
from shared.store.store import Store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT = timedelta(days=40)
INDEXES = (Index(keys=(("index.day", 1),)), Index(keys=(("index.ends", 1),), expire_after=0))
WINDOWS: Mapping[str, tuple[timedelta, timedelta]] = {
    "24h": (timedelta(hours=24), HOUR),
    "7d": (timedelta(days=7), DAY),
    "30d": (timedelta(days=30), DAY),
}
"""Name -> how long it is, and the width of a column of its chart."""

Counts = Mapping[str, int]
Hours = Mapping[int, Counts]


def derived(counts: HourlyCounts) -> dict[str, object]:
    return {"day": counts.day, "ends": datetime.fromisoformat(counts.day).replace(tzinfo=UTC) + KEPT}


@dataclass(frozen=True, slots=True)
class Column:
    """One hour or day of a window."""

    at: datetime
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window of full hours: the one at hand, and those before it."""

    since: datetime
    until: datetime
    counts: Counts
    columns: Sequence[Column]

    def count(self, name: str) -> int:
        return self.counts.get(name, 0)

    def reasons(self) -> list[tuple[str, int]]:
        """Codes of failures, the most frequent first."""
        found = [(name.removeprefix(REASON), n) for name, n in self.counts.items() if name.startswith(REASON)]
        return sorted(found, key=lambda row: (-row[1], row[0]))

    def took(self, part: float) -> float | None:
        """The time within which this part of the invited switches was claimed, in seconds; None without any."""
        classes = {int(name.removeprefix(TOOK)): n for name, n in self.counts.items() if name.startswith(TOOK)}
        return quantile(classes, part)


def quantile(classes: Mapping[int, int], part: float) -> float | None:
    """From counts by class, as if spread evenly in each: right within a class, which is a fourth wide."""
    wanted = part * sum(classes.values())
    if not classes:
        return None
    passed = 0.0
    for number in sorted(classes):
        if passed + classes[number] >= wanted:
            low = EDGES[number - 1] if number else 0
            return low + (EDGES[number] - low) * max(0.0, wanted - passed) / classes[number]
        passed += classes[number]
    return float(EDGES[max(classes)])


class Statistics:
    """Reads windows for all readers of this process together."""

    def __init__(self, store: Store[HourlyCounts], clock: Clock, least: float = 2.0, past: float = 120.0) -> None:
        self._store, self._clock, self._least, self._past = store, clock, least, past
        self._days: dict[str, Cached[Hours]] = {}
        self._recent: set[str] = set()

    async def window(self, name: str) -> Window:
        length, width = WINDOWS[name]
        now = self._clock().astimezone(UTC)
        until = now.replace(minute=0, second=0, microsecond=0) + HOUR
        since = until - length
        hours: dict[datetime, Counts] = {}
        for day in _days(since, until - HOUR):
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            found = await self._day(day, now.date())
            hours |= {at: counts for hour, counts in found.items() if since <= (at := midnight + HOUR * hour) < until}
        return Window(
            since=since, until=until, counts=_sum(hours.values()), columns=_columns(since, until, width, hours)
        )

    async def _day(self, day: date, today: date) -> Hours:
        name = day.isoformat()
        recent = today - day <= DAY
        if name not in self._days or (not recent and name in self._recent):
            self._days[name] = Cached(lambda: self._read(name), self._least if recent else self._past)
            (self._recent.add if recent else self._recent.discard)(name)
            self._forget(today)
        return await self._days[name].get()

    def _forget(self, today: date) -> None:
        oldest = (today - KEPT).isoformat()
        for name in [name for name in self._days if name < oldest]:
            del self._days[name]
            self._recent.discard(name)

    async def _read(self, day: str) -> Hours:
        found = await self._store.find({"index.day": day}, limit=SHARES)
        hours: dict[int, Counter[str]] = {}
        for row in found:
            for hour, counts in row.state.hours.items():
                hours.setdefault(int(hour), Counter()).update(counts)
        return hours


def _days(since: datetime, until: datetime) -> list[date]:
    first = since.date()
    return [first + DAY * n for n in range((until.date() - first).days + 1)]


def _sum(parts: Iterable[Counts]) -> Counts:
    total: Counter[str] = Counter()
    for counts in parts:
        total.update(counts)
    return total


def _columns(since: datetime, until: datetime, width: timedelta, hours: Mapping[datetime, Counts]) -> list[Column]:
    """Hours of the clock, or days of the calendar (the first one is then the part of it within the window)."""
    if width == HOUR:
        starts = [since + HOUR * n for n in range(round((until - since) / HOUR))]
        return [Column(at, hours.get(at, {})) for at in starts]
    return [
        Column(
            datetime(day.year, day.month, day.day, tzinfo=UTC),
            _sum(counts for at, counts in hours.items() if at.date() == day),
        )
        for day in _days(since, until - HOUR)
    ]

"""Dates, times, durations and numbers in the reader's language, for pages and for mails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from babel import dates, numbers

from shared.domain.rules import Clock
from shared.i18n.catalogs import translations
from shared.i18n.marks import N_

Style = Literal["full", "long", "medium", "short"]
Moment = dt.datetime | str | None
NOTHING = "\u2013"
FILTERS = (
    "date",
    "day",
    "time",
    "datetime",
    "relative",
    "duration",
    "number",
    "percent",
    "isotime",
    "seconds_left",
)
_JUST_NOW = N_("just now")


def moment(value: dt.datetime | str) -> dt.datetime:
    """An aware time from one, or from RFC 3339; a time without a zone is a mistake, not UTC."""
    time = dt.datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    if time.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone; give an aware time")
    return time.astimezone(dt.UTC)


@lru_cache(maxsize=4096)
def _date(day: dt.date, style: Style, language: str) -> str:
    """Remembered, as is the time: a list shows the same days and minutes again and again."""
    return dates.format_date(day, style, locale=language)


@lru_cache(maxsize=4096)
def _time(time: dt.time, style: Style, language: str) -> str:
    return dates.format_time(time, style, locale=language)


@dataclass(frozen=True)
class Formats:
    """The filters of one language. Times are shown in UTC and say so; the page's script shows local ones."""

    language: str
    clock: Clock

    def date(self, value: dt.date | str | None, style: str = "medium") -> str:
        if value is None:
            return NOTHING
        day = dt.date.fromisoformat(value[:10]) if isinstance(value, str) else value
        return _date(dt.date(day.year, day.month, day.day), style, self.language)

    def day(self, value: dt.date) -> str:
        """Day and month, for the foot of a chart."""
        return dates.format_skeleton("MMMd", value, locale=self.language)

    def time(self, value: Moment, style: str = "short") -> str:
        if value is None:
            return NOTHING
        at = moment(value).time()
        return _time(at.replace(second=0, microsecond=0) if style == "short" else at, style, self.language) + " UTC"

    def datetime(self, value: Moment, style: Style = "medium") -> str:
        if value is None:
            return NOTHING
        time = moment(value)
        order = str(dates.get_datetime_format(style, locale=self.language)).replace("'", "")
        return order.format(self.time(time), self.date(time.date(), style))

    def relative(self, value: Moment) -> str:
        """ "5 minutes ago", "in 6 days"."""
        if value is None:
            return NOTHING
        distance = moment(value) - self.clock()
        if abs(distance) < dt.timedelta(seconds=5):
            return translations(self.language).gettext(_JUST_NOW)
        return dates.format_timedelta(distance, add_direction=True, threshold=1.2, locale=self.language)

    def duration(self, value: dt.timedelta | float | None) -> str:
        """ "14 minutes": the largest unit that says enough."""
        if value is None:
            return NOTHING
        length = value if isinstance(value, dt.timedelta) else dt.timedelta(seconds=value)
        return dates.format_timedelta(length, threshold=1.2, locale=self.language)

    def number(self, value: float | None) -> str:
        return NOTHING if value is None else numbers.format_decimal(value, locale=self.language)

    def percent(self, value: float | None) -> str:
        return NOTHING if value is None else numbers.format_percent(value, locale=self.language)

    def isotime(self, value: dt.datetime | str) -> str:
        return moment(value).isoformat(timespec="seconds").replace("+00:00", "Z")

    def seconds_left(self, value: dt.datetime | str) -> int:
        return max(0, int((moment(value) - self.clock()).total_seconds()))

    def filters(self) -> dict[str, Callable[..., object]]:
        return {name: getattr(self, name) for name in FILTERS}

"""The geometry of charts: numbers in, shares and rectangles out. charts.html draws them, beside tables of the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDE, GAP = 10.0, 1.5
"""A column's room in the drawing's own units, and how much of it stays free; its height is 100."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: `share` of the longest in hundredths."""

    label: str
    value: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    series: int
    value: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Groups of columns beside each other. `top`: the value at the upper edge, an even number."""

    labels: Sequence[str]
    series: Sequence[str]
    values: Sequence[Sequence[int]]
    rects: Sequence[Rect]
    top: int

    @property
    def width(self) -> float:
        return WIDE * len(self.labels)

    @property
    def empty(self) -> bool:
        return not self.rects

    @property
    def every(self) -> int:
        """So many columns share one label, so that labels do not touch."""
        return max(1, -(-len(self.labels) // 8))


def bars(rows: Sequence[tuple[str, int]]) -> list[Bar]:
    longest = max((value for _, value in rows), default=0)
    return [Bar(label, value, round(100 * value / longest, 2) if longest else 0.0) for label, value in rows]


def columns(labels: Sequence[str], series: Sequence[str], values: Sequence[Sequence[int]]) -> Columns:
    """`values`: for each label the values of all series."""
    top = rounded(max((value for row in values for value in row), default=0))
    wide = (WIDE - GAP) / max(1, len(series))
    rects = [
        Rect(
            series=s,
            value=value,
            x=round(n * WIDE + GAP / 2 + s * wide, 3),
            y=round(100 - height, 3),
            width=round(wide, 3),
            height=round(height, 3),
        )
        for n, row in enumerate(values)
        for s, value in enumerate(row)
        if (height := 100 * value / top)
    ]
    return Columns(labels=labels, series=series, values=values, rects=rects, top=top)


def rounded(value: int) -> int:
    """The next of 2, 4, 6, 10, 20, 40, 60, 100 ...: half of it is a whole number too."""
    unit = 1
    while True:
        for step in (2, 4, 6, 10):
            if value <= step * unit:
                return step * unit
        unit *= 10

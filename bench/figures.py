"""How a figure is taken and printed: wall time and this process's CPU time, per event, and the ratio of two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Taken:
    """Seconds of wall and CPU time, and what was done in them."""

    wall: float = 0.0
    cpu: float = 0.0
    count: int = 0

    @property
    def rate(self) -> float:
        return self.count / self.wall

    @property
    def micros(self) -> float:
        """CPU microseconds per event."""
        return self.cpu / self.count * 1e6


@contextmanager
def taking(count: int) -> Iterator[Taken]:
    taken = Taken(count=count)
    wall, cpu = time.perf_counter(), time.process_time()
    yield taken
    taken.wall, taken.cpu = time.perf_counter() - wall, time.process_time() - cpu


def compare(title: str, bare: Taken, ours: Taken) -> None:
    print(f"\n{title}: {ours.count} events")
    for name, taken in (("bare loop", bare), ("ours", ours)):
        print(f"  {name:<10} {taken.rate:>9,.0f} events/s   {taken.micros:>8,.0f} us CPU an event")
    print(f"  ratio      {ours.rate / bare.rate:>9.1f} x throughput {ours.micros / bare.micros:>8.2f} x CPU")


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

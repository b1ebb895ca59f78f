"""SecantusDB with one thing that MongoDB has and it has not: where an index gives the order, a limit ends the reading.

It reads and sorts all that a filter finds before it cuts at the limit, so a page would cost what the list is long.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

import secantus.server
from secantus import deadline
from secantus.cli import main
from secantus.paths import get_path
from secantus.projection import apply_projection_batch
from secantus.query import matches
from secantus.sortkey import COMPOUND_SEP, encode_value_directed
from secantus.storage import _IDX_ENTRIES_TABLE, Storage, _escape_kb, _unpack_entry, wt

Documents = list[dict[str, Any]]
EQUAL = (str, int, float, datetime)
"""Values that are looked for as they are."""
PART = 200
BEHIND = b"\xff"
"""Behind every entry of the same beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A part of an index, all of it ascending: entries of the same `prefix`, between two bounds of the field behind it
    (a little more, since every document is matched against the filter as well)."""

    name: str
    keys: Mapping[str, int]
    field: str
    falls: bool
    prefix: bytes
    low: bytes
    high: bytes | None

    @property
    def seed(self) -> bytes:
        return (self.high or self.prefix) + BEHIND if self.falls else self.low

    def ends_at(self, entry: bytes) -> bool:
        if not entry.startswith(self.prefix):
            return True
        if self.falls:
            return entry < self.low
        return self.high is not None and entry > self.high and not entry.startswith(self.high)


class OrderedStorage(Storage):
    """Finds that have a limit, and whose filter is of equalities and one range over the fields of an index, sorted by
    the last of them; what else the filter says is looked at in the documents. All others as ever."""

    def find_matching(
        self,
        db: str,
        coll: str,
        filter: dict[str, Any] | None = None,
        *,
        skip: int = 0,
        limit: int = 0,
        sort: Mapping[str, Any] | None = None,
        projection: Mapping[str, Any] | None = None,
        let: dict[str, Any] | None = None,
        **more: Any,
    ) -> Documents:
        cut = {"skip": skip, "limit": limit, "sort": sort, "projection": projection}
        usual = partial(super().find_matching, db, coll, filter, let=let, **cut, **more)
        alone = not any(more.values())
        if alone and not any(cut.values()):
            return self._in_parts(db, coll, filter or {}, let)
        walk = self._walk_for(db, coll, filter or {}, sort) if alone and limit > 0 else None
        if walk is None:
            found: Documents = usual()
            return found
        self._refresh_read_snapshot()
        with self._lock:
            fits = (one for one in self._in_order(db, coll, walk) if matches(one, filter, vars=let))
            found = list(islice(fits, skip, skip + limit))
        if any(isinstance(get_path(one, walk.field), list) for one in found):  # it stands at several places
            found = usual()
        elif projection:
            found = apply_projection_batch(found, projection, filter, metas=None, has_sort=True)
        return found

    def _in_parts(self, db: str, coll: str, filter: dict[str, Any], let: dict[str, Any] | None) -> Documents:
        """All that an index finds, for an aggregation: others read in between."""
        self._refresh_read_snapshot()
        with self._lock:
            ids = self._try_index_id_keys(db, coll, filter)
        if ids is None:
            usual: Documents = super().find_matching(db, coll, filter, let=let)
            return usual
        found: Documents = []
        for part in batched(dict.fromkeys(ids)):
            deadline.check()
            with self._lock:
                documents = self._docs_by_recordids(db, coll, part)
            found += [one for one in documents if matches(one, filter, vars=let)]
        return found

    def explain_plan(
        self,
        db: str,
        coll: str,
        filter: dict[str, Any] | None = None,
        *,
        sort: Mapping[str, Any] | None = None,
        hint: str | Mapping[str, Any] | None = None,
        collation: Any = None,
    ) -> dict[str, Any]:
        walk = None if hint or collation else self._walk_for(db, coll, filter or {}, sort)
        if walk is None:
            usual: dict[str, Any] = super().explain_plan(db, coll, filter, sort=sort, hint=hint, collation=collation)
            return usual
        return {
            "kind": "IXSCAN",
            "index_name": walk.name,
            "key_pattern": dict(walk.keys),
            "direction": "backward" if walk.falls else "forward",
            "multikey": self.index_is_multikey(db, coll, walk.name),
            "sorted_by_index": True,
        }

    def _pick_index_for_filter(
        self, db: str, coll: str, filter: dict[str, Any], *, collation: Any = None
    ) -> tuple[str, dict[str, Any]] | None:
        """What `explain` tells: also, as is done, the first part of a filter that has an index of its own."""
        pick = super()._pick_index_for_filter
        picked: tuple[str, dict[str, Any]] | None = pick(db, coll, filter, collation=collation)
        if picked or any(name.startswith("$") for name in filter):
            return picked
        parts = (pick(db, coll, {name: part}, collation=collation) for name, part in filter.items())
        return next((part for part in parts if part), None)

    def _walk_for(self, db: str, coll: str, filter: dict[str, Any], sort: Mapping[str, Any] | None) -> Walk | None:
        field, direction = self._single_sort_spec(sort)
        bounds = filter.get(field) if field else None
        equal = {name: value for name, value in filter.items() if not isinstance(value, dict)}
        plain = all(isinstance(value, EQUAL) and not name.startswith("$") for name, value in equal.items())
        if field is None or not plain or not isinstance(bounds, dict) or not bounds.keys() <= {*RISING, *FALLING}:
            return None
        options = self._index_options_map(db, coll)
        for name, keys, _, _ in self._all_indexes(db, coll):
            fields = list(keys)
            known = options.get(name, {})
            whole = not {"partialFilterExpression", "collation"} & known.keys()
            whole = whole and bool(equal or not known.get("multikey"))
            leads = set(fields[: len(equal)]) == equal.keys() and fields[len(equal) : len(equal) + 1] == [field]
            if leads and whole and set(keys.values()) == {1}:
                prefix = b"".join(_encoded(equal[one]) + COMPOUND_SEP for one in fields[: len(equal)])
                ends = {op: _escape_kb(prefix + _encoded(value)) for op, value in bounds.items()}
                low, high = (next((ends[op] for op in ops if op in ends), None) for ops in (RISING, FALLING))
                start = _escape_kb(prefix)
                return Walk(
                    name=name,
                    keys=keys,
                    field=field,
                    falls=direction < 0,
                    prefix=start,
                    low=low or start,
                    high=high,
                )
        return None

    def _in_order(self, db: str, coll: str, walk: Walk) -> Iterator[dict[str, Any]]:
        entries, seen = self._cursor(_IDX_ENTRIES_TABLE), set[int]()
        step = entries.prev if walk.falls else entries.next
        entries.set_key(db, coll, walk.name, walk.seed)
        beside = entries.search_near()
        if beside == wt.WT_NOTFOUND or ((beside > 0 if walk.falls else beside < 0) and step() != 0):
            return
        while True:
            deadline.check()
            *place, packed = entries.get_key()
            entry, id = _unpack_entry(bytes(packed))
            if place != [db, coll, walk.name] or walk.ends_at(entry):
                return
            if id is not None and id not in seen:
                seen.add(id)
                yield from self._docs_by_recordids(db, coll, [id])
            if step() != 0:
                return


RISING, FALLING = ("$gt", "$gte"), ("$lt", "$lte")


def batched(ids: Iterable[int]) -> Iterator[list[int]]:
    every = list(ids)
    return (every[start : start + PART] for start in range(0, len(every), PART))


def _encoded(value: Any) -> bytes:
    encoded: bytes = encode_value_directed(value, 1, collation=None)
    return encoded


if __name__ == "__main__":
    secantus.server.Storage = OrderedStorage
    sys.exit(main())

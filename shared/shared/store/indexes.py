"""A collection's indexes as they are beside those that it should have: what is to be built, what is left over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.store.operations import Index


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """`replace`: of the same keys with other options; taken away just before it is built again."""

    build: tuple[Index, ...]
    replace: tuple[str, ...]
    unwanted: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.build)


def index_plan(present: Sequence[Mapping[str, Any]], wanted: Iterable[Index]) -> IndexPlan:
    """`present`: as listIndexes gives them. The index of `_id` is nobody's business."""
    by_keys = {tuple(index["key"].items()): index for index in present if index["name"] != "_id_"}
    wanted_by_keys = {index.keys: index for index in wanted}
    build = tuple(index for keys, index in wanted_by_keys.items() if not _same(by_keys.get(keys), index))
    return IndexPlan(
        build=build,
        replace=tuple(by_keys[index.keys]["name"] for index in build if index.keys in by_keys),
        unwanted=tuple(index["name"] for keys, index in by_keys.items() if keys not in wanted_by_keys),
    )


def _same(present: Mapping[str, Any] | None, wanted: Index) -> bool:
    if present is None:
        return False
    options = (bool(present.get("sparse")), bool(present.get("unique")), present.get("expireAfterSeconds"))
    return options == (wanted.sparse, wanted.unique, wanted.expire_after)

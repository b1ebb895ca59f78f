"""What is asked of the database: indexes, guarded writes, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
Filter = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index: its keys as (field, 1 or -1), and whether it is sparse, unique, or expires documents
    (seconds)."""

    keys: tuple[tuple[str, int], ...]
    sparse: bool = False
    unique: bool = False
    expire_after: int | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    document: Document

    @property
    def id(self) -> str:
        return str(self.document["_id"])


@dataclass(frozen=True, slots=True)
class Update:
    """An update guarded by `where`, which names the `_id`."""

    where: Document
    change: Document

    @property
    def id(self) -> str:
        return str(self.where["_id"])


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one bulk: `complete` if every guard matched; ids that the database refused, with its
    words."""

    complete: bool
    refused: dict[str, str] = field(default_factory=dict)

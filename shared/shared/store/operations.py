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
    """An index of MongoDB."""

    keys: tuple[tuple[str, int], ...]
    """Fields with 1 (ascending) or -1."""
    sparse: bool = False
    """Documents without the field are left out."""
    unique: bool = False
    expire_after: int | None = None
    """Seconds after the time in the field when MongoDB deletes the document."""


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
    """What became of one bulk."""

    complete: bool
    """Every guard matched."""
    refused: dict[str, str] = field(default_factory=dict)
    """Ids of documents that the database refuses for good, with its words."""

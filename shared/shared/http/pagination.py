"""Cursors of lists: where the next page begins, signed, so that a changed one is refused instead of believed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from shared.crypto.signed_tokens import Signer
from shared.crypto.vault import KeyRing
from shared.domain.rules import Refused

T = TypeVar("T")
Value = str | int | float | bool | datetime | None
Limit = Annotated[int, Query(ge=1, le=200, description="How many items a page has at most.")]
CursorParam = Annotated[str | None, Query(max_length=2048, description="`next` of the page before.")]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class Cursors:
    """`scope` names the list with its filters and order: a cursor of one list is nothing to another."""

    def __init__(self, ring: KeyRing) -> None:
        self._signer = Signer(ring, "cursor")

    def write(self, scope: str, values: Sequence[Value]) -> str:
        return self._signer.sign(json.dumps([scope, *(_plain(value) for value in values)]).encode())

    def read(self, scope: str, cursor: str | None) -> tuple[Value, ...] | None:
        """The values of the last item before; None for the first page. Raises: Refused (400)."""
        if cursor is None:
            return None
        payload = self._signer.read(cursor)
        found = json.loads(payload) if payload is not None else [None]
        if found[0] != scope:
            raise Refused(
                "cursor_invalid",
                "This cursor is not of this list; use `next` of the page before, or start without a cursor.",
                status=400,
                field="cursor",
            )
        return tuple(_value(value) for value in found[1:])


def _plain(value: Value) -> Any:
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _value(value: Any) -> Value:
    restored: Value = datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
    return restored

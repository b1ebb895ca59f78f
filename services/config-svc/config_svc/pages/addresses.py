"""What the address of a page asks for. It may be old or typed by hand: what it cannot mean counts as not given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, Field

Search = Annotated[str, AfterValidator(lambda text: text[:200].strip())]


def one_of(known: Iterable[str], default: str = "") -> AfterValidator:
    return AfterValidator(lambda text: text if text in known else default)


class ListQuery(BaseModel):
    """What a list is asked for: the filters, whose fields a list adds; what is no filter is a field with `exclude`."""

    cursor: str | None = Field(None, exclude=True)

    @property
    def filters(self) -> dict[str, str]:
        return self.model_dump(by_alias=True)

    def address(self, path: str, **changes: str | None) -> str:
        """The list's first page with these filters, or as `changes` say."""
        query = {name: text for name, text in (self.filters | changes).items() if text}
        return f"{path}?{urlencode(query)}" if query else path

    def page(self, path: str, cursor: str | None) -> str | None:
        """The page at a cursor, where there is one."""
        return None if cursor is None else self.address(path, cursor=cursor)

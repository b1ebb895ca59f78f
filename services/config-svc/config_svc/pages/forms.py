"""Forms: their fields as text, checked by the API's own models; keys that make a double click one request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from config_svc.schemas.customers import field_of, message_of
from shared.http.idempotency import command
from shared.store.write_plan import Command
from shared.web.csrf import CSRF_FIELD

B = TypeVar("B", bound=BaseModel)

KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedForm:
    """What was entered, a list a field, since a field may have several; `action` and `caller`: what it asks for."""

    values: Mapping[str, Sequence[str]]
    action: str
    caller: str

    def text(self, name: str, default: str = "") -> str:
        values = self.values.get(name)
        return values[0].strip() if values else default

    def many(self, name: str) -> list[str]:
        return list(self.values.get(name, ()))

    def number(self, name: str) -> int:
        """A switch's number, say; 0, which none has, for what is no number."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    def shown(self, *hidden: str) -> dict[str, Any]:
        """The values for the form to be shown again; never what is hidden (secrets)."""
        return {name: self.text(name) for name in self.values if name not in hidden}

    @property
    def command(self) -> Command:
        """The same form sent twice is one request. Raises: Refused."""
        values = {name: list(texts) for name, texts in self.values.items() if name not in (CSRF_FIELD, KEY)}
        return command(self.text(KEY), self.action, json.dumps(values, sort_keys=True).encode(), self.caller)


async def read(request: Request, caller: str) -> SubmittedForm:
    values: dict[str, list[str]] = {}
    for name, value in (await request.form()).multi_items():
        if isinstance(value, str):
            values.setdefault(name, []).append(value)
    return SubmittedForm(values=values, action=f"{request.method} {request.url.path}", caller=caller)


def check(model: type[B], values: Mapping[str, Any], gettext: Callable[[str], str]) -> tuple[B | None, dict[str, str]]:
    """The body that the values make, or what is wrong by field, in the reader's language."""
    try:
        return model.model_validate(values), {}
    except ValidationError as error:
        errors = error.errors(include_input=False, include_url=False, include_context=False)
        return None, {field_of(wrong) or "form": gettext(message_of(wrong)) for wrong in reversed(errors)}

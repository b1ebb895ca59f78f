"""Forms: their fields as text, checked by the API's own models; keys that make a double click one request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from config_svc.schemas.customers import field_of, message_of
from shared.http.idempotency import command
from shared.store.write_plan import Command
from shared.web.csrf import CSRF_FIELD

B = TypeVar("B", bound=BaseModel)
Say = Callable[[str], str]

KEY = "key"


@dataclass(frozen=True)
class Filled:
    """What was entered: one value a field, lists where a field may have several."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        found = self.values.get(name)
        return found[0].strip() if found else default

    def many(self, name: str) -> list[str]:
        return list(self.values.get(name, ()))

    def shown(self, *hidden: str) -> dict[str, Any]:
        """The values for the form to be shown again; never what is hidden (secrets)."""
        return {name: self.text(name) for name in self.values if name not in hidden}


async def filled(request: Request) -> Filled:
    form = await request.form()
    found: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            found.setdefault(name, []).append(value)
    return Filled(found)


def check(model: type[B], values: Mapping[str, Any], say: Say) -> tuple[B | None, dict[str, str]]:
    """The body that the values make, or what is wrong by field, in the reader's language."""
    try:
        return model.model_validate(values), {}
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        return None, {field_of(wrong) or "form": say(message_of(wrong)) for wrong in reversed(found)}


def form_command(request: Request, form: Filled, caller: str) -> Command:
    """The command of a form: the same form sent twice is one request. Raises: Refused."""
    what = f"{request.method} {request.url.path}"
    said = {name: list(values) for name, values in form.values.items() if name not in (CSRF_FIELD, KEY)}
    return command(form.text(KEY), what, json.dumps(said, sort_keys=True).encode(), caller)

"""What is sealed in a document, found by its shape wherever it stands, so that no list of fields can forget one."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

Under = tuple[str, str]
"""(`vault` or `seal`, key id)."""

_JWE = re.compile(r"(eyJ[\w-]{20,2000})\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+")
_WRAPPED = {"kid", "wn", "wk"}


def sealed_under(document: Mapping[str, Any]) -> Counter[Under]:
    """How many parts are sealed under which key: in the state, and in events of the outbox that wait for Kafka."""
    return Counter(_parts(document))


def _parts(value: Any) -> Iterator[Under]:
    if isinstance(value, Mapping):
        if value.keys() >= _WRAPPED:
            yield "vault", str(value["kid"])
        for part in value.values():
            yield from _parts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _parts(part)
    elif isinstance(value, str):
        yield from _in_text(value)


def _in_text(text: str) -> Iterator[Under]:
    for header in _JWE.findall(text):
        try:
            jose = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
        except ValueError:
            continue
        if isinstance(jose, dict) and "kid" in jose and "enc" in jose:
            yield "seal", str(jose["kid"])

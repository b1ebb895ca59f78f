"""Commands: idempotency keys and their digests; ETags."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated

from fastapi import Header, Request

from shared.domain.rules import Refused
from shared.store.write_plan import Command

_KEY = re.compile(r"[A-Za-z0-9._:~+/=-]{1,200}")


async def idempotency(
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(description="Yours, new for each new request; the same on a retry.")
    ] = None,
) -> Command:
    """A dependency: the command of a request that changes something. The caller must have been found out before it."""
    caller = getattr(request.state, "caller", None)
    if caller is None:
        raise RuntimeError("this route takes commands, but nothing before `idempotency` says who the caller is")
    url = request.url
    what = f"{request.method} {url.path}?{url.query}"
    return command(idempotency_key, what, await request.body(), caller)


def command(key: str | None, what: str, body: bytes, caller: str) -> Command:
    """The command of a key: its digest tells a retry from another request under the same key. Raises: Refused (400)."""
    if not key:
        detail = "Send an Idempotency-Key header: a new one for each new request, the same one on a retry."
        raise Refused("idempotency_key_missing", detail, status=400, field="Idempotency-Key")
    if not _KEY.fullmatch(key):
        detail = "The Idempotency-Key may have 200 characters of A-Z a-z 0-9 . _ : ~ + / = - at most."
        raise Refused("idempotency_key_invalid", detail, status=400, field="Idempotency-Key")
    parts = (caller.encode(), what.encode(), _canonical(body))
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    return Command(key, digest.hexdigest())


def _canonical(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return body


def etag(version: int) -> str:
    return f'"{version}"'


def action_key(caller: str, *parts: object) -> str:
    """The key of a button: the same until what it acts on has changed."""
    return hashlib.sha256(repr((caller, *parts)).encode()).hexdigest()[:40]

"""A small service on the frame, as a process: counts what it is asked, hears its own events, does due work."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from shared.contracts.events import CustomerChanged, CustomerRegistered
from shared.domain.rules import Change
from shared.http.problems import Strict
from shared.jobs.claim import Claim, Outcome
from shared.messaging.event_handlers import on
from shared.observability.tracing import current_trace
from shared.service.service import Service
from shared.service.settings import CommonSettings, load
from shared.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Thing:
    asked: int = 0
    done: int = 0
    heard: int = 0
    due_at: datetime | None = None


class Asked(Strict):
    """How often it was asked."""

    asked: int


def ask(state: Thing | None, id: str, now: datetime) -> Change[Thing]:
    before = state or Thing()
    event = CustomerRegistered(customer=id, name="Contoso", tenant="contoso.example")
    return Change(replace(before, asked=before.asked + 1, due_at=now), (event,))


def did(state: Thing | None, id: str, now: datetime) -> Change[Thing]:
    before = state or Thing()
    event = CustomerChanged(customer=id, name="Contoso", tenant="contoso.example")
    return Change(replace(before, done=before.done + 1, due_at=None), (event,))


def hear(state: Thing | None, event: CustomerRegistered, now: datetime) -> Change[Thing]:
    before = state or Thing()
    return Change(replace(before, heard=before.heard + 1))


async def work(claim: Claim[Thing]) -> Outcome[Thing]:
    await asyncio.sleep(float(os.environ.get("WORK_SECONDS", "0")))
    return Outcome(did, claim.id)


def routes(service: Service, things: Store[Thing], heard: Store[Thing]) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.post("/things/{id}", status_code=202)
    async def ask_it(id: str) -> Asked:
        """Asks for it once more."""
        applied = await things.apply(id, ask, id, trace=current_trace())
        return Asked(asked=applied.state.asked if applied.state else 0)

    @router.get("/things/{id}")
    async def show(id: str) -> dict[str, Any]:
        found, ours = await heard.get(id), await things.get(id)
        return {"heard": found.state.heard if found else 0, "done": ours.state.done if ours else 0}

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            while not service.stopping.is_set():
                yield b": still here\n\n"
                await asyncio.sleep(0.1)

        return StreamingResponse(lines(), media_type="text/event-stream")

    return router


def build(settings: CommonSettings) -> Service:
    service = Service("config", settings, public_url=settings.portal_url)
    things = service.store("things", Thing, deadlines={"work": lambda state: state.due_at})
    heard = service.store("heard", Thing)
    service.subscribe([on(CustomerRegistered, "heard", hear)])
    service.work(things, "work", work, tick_seconds=0.2, grace_seconds=float(os.environ.get("GRACE", "6")))
    service.include_router(routes(service, things, heard))
    return service


if __name__ == "__main__":
    build(load(CommonSettings)).run()

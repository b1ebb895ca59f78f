"""Bulk Switch: a file is checked and shown with every problem, begun at a pace, and watched: who has not answered."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from config_svc.domain.bulk_operations import MOST, Bulk
from config_svc.pages.forms import KEY, Filled, check, filled, form_command
from config_svc.pages.layout import Frame
from config_svc.queries import csv_export
from config_svc.queries.bulk_operations import UNANSWERED
from config_svc.schemas import bulk_file, bulk_operations
from config_svc.schemas.bulk_operations import CELLS, Counts, PaceBody, Shown
from config_svc.schemas.customers import REQUIRED
from config_svc.schemas.customers import name as checked_name
from config_svc.texts.refusal_texts import TEXTS, texts
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.identity.bearer import OPERATOR, VIEWER
from shared.identity.sessions import Session
from shared.store.write_plan import Command

HERE, PAGE, NEWEST = "/bulk-switches", 50, 50
FILE, ACT = "bulk-file", "bulk"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "problem": ("problem",),
    "waiting": ("waiting",),
    "refused": ("refused",),
    "unanswered": UNANSWERED,
    "authenticating": ("authenticating",),
    "completed": ("completed",),
    "over": ("cancelled", "expired", "failed", "replaced"),
}
ALWAYS = ("", "waiting", "unanswered", "completed")
DONE = {"pause": "paused", "resume": "resumed", "stop": "stopped", "remind": "reminding"}
EXAMPLE = "customer,admin_email,admin_name,locale,reference\ncontoso,admin@contoso.example,Avery Admin,en,TICKET-17\n"
LONGEST_TEXT = 500_000


class BulkPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._bulks, self._clock = frame, frame.application.bulks, frame.application.clock

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, HERE, self.list, VIEWER)
        add(router, HERE, self.take, OPERATOR, form=FILE)
        add(router, f"{HERE}/new", self.new, OPERATOR)
        add(router, f"{HERE}/{{id}}", self.bulk, VIEWER)
        add(router, f"{HERE}/{{id}}/state", self.state, VIEWER)
        add(router, f"{HERE}/{{id}}/result.csv", self.csv, VIEWER)
        add(router, f"{HERE}/{{id}}/begin", self.begin, OPERATOR, form=ACT)
        for verb in DONE:
            add(router, f"{HERE}/{{id}}/{verb}", self.command, OPERATOR, form=ACT)

    # --- the file ------------------------------------------------------------------------------------------------

    async def list(self, request: Request, session: Session) -> Response:
        found = await self._bulks.read.newest(NEWEST)
        return self._frame.show(request, session, "bulks.html", active="bulks", bulks=found)

    async def new(self, request: Request, session: Session) -> Response:
        return self._form(request, session, {"name": self._clock().date().isoformat()}, {}, secrets.token_hex(16))

    def _form(
        self,
        request: Request,
        session: Session,
        values: Mapping[str, Any],
        errors: Mapping[str, str],
        key: str,
        status: int = 200,
    ) -> Response:
        return self._frame.show(
            request,
            session,
            "bulk_new.html",
            active="bulks",
            values=values,
            errors=errors,
            new_key=key,
            example=EXAMPLE,
            longest=LONGEST_TEXT,
            most=MOST,
            status=status,
        )

    async def take(self, request: Request, session: Session) -> Response:
        """Checks the file and keeps it as a draft: nobody is asked yet."""
        form, say = await filled(request), self._frame.say(request)
        key, errors = form.text(KEY) or secrets.token_hex(16), {}
        try:
            name = checked_name(form.text("name"))
        except ValueError as error:
            name, errors["name"] = "", say(str(error))
        body = await _file(request, form)
        if not body.strip():
            errors["file"] = say(REQUIRED)
        try:
            lines = [] if errors else await asyncio.to_thread(bulk_file.read_csv, body)
            rows = await self._bulks.check(lines, session.actor) if lines else []
        except Refused as error:
            errors["file"] = f"{' '.join(texts(error, say))} ({error.detail})"
        if errors:
            return self._form(request, session, values=form.shown(), errors=errors, key=key, status=422)
        id = action_key(session.actor.id, "bulk", key, name, hashlib.sha256(body).hexdigest())
        bulk = await self._bulks.draft(id, name, rows, session.actor)
        return RedirectResponse(f"{HERE}/{bulk.id}", 303)

    # --- one of them ---------------------------------------------------------------------------------------------

    async def bulk(self, request: Request, session: Session) -> Response:
        return await self._show(request, session, "bulk.html")

    async def state(self, request: Request, session: Session) -> Response:
        return await self._show(request, session, "bulk_state.html")

    async def _show(
        self, request: Request, session: Session, template: str, status: int = 200, **more: Any
    ) -> Response:
        bulk, say = (await self._bulks.read.bulk(request.path_params["id"])).state, self._frame.say(request)
        group, place = _group(request), _place(request)
        counts = await self._bulks.read.counts(bulk)
        rows, after = await self._bulks.read.rows(bulk, frozenset(GROUPS[group]), place, PAGE)
        here = f"{HERE}/{bulk.id}"
        return self._frame.show(
            request,
            session,
            template,
            active="bulks",
            bulk=bulk,
            counts=counts,
            status=status,
            rows=[(row, _why(row, say)) for row in rows],
            tabs=_tabs(here, counts),
            group=group,
            here=here,
            next=_address(here, group, after) if after is not None else None,
            first=_address(here, group, 0) if place else None,
            live=_address(f"{here}/state", group, place),
            csv=f"{here}/result.csv",
            answered=bulk.asked - sum(counts.get(state, 0) for state in UNANSWERED),
            **({"values": bulk_values(bulk), "errors": {}} | more),
        )

    async def csv(self, request: Request, session: Session) -> Response:
        bulk = (await self._bulks.read.bulk(request.path_params["id"])).state
        lines = (bulk_operations.row(shown) async for shown in self._bulks.read.every(bulk))
        return csv_export.answer(csv_export.table(lines, CELLS), "bulk-switch")

    async def begin(self, request: Request, session: Session) -> Response:
        form, say = await filled(request), self._frame.say(request)
        given = {name: _number(form.text(name)) for name in ("per_minute", "first")}
        body, errors = check(PaceBody, given | {"pause_after_first": form.text("after") != "go"}, say)
        if body is None:
            return await self._show(request, session, "bulk.html", 422, values=form.shown(), errors=errors)
        id = request.path_params["id"]
        await self._bulks.begin(id, body.pace, session.actor, self._command(request, form, session))
        return RedirectResponse(f"{HERE}/{id}?done=begun", 303)

    async def command(self, request: Request, session: Session) -> Response:
        form, id = await filled(request), request.path_params["id"]
        verb = request.url.path.rpartition("/")[2]
        await getattr(self._bulks, verb)(id, session.actor, self._command(request, form, session))
        return RedirectResponse(f"{HERE}/{id}?done={DONE[verb]}", 303)

    def _command(self, request: Request, form: Filled, session: Session) -> Command:
        return form_command(request, form, session.actor.id)


def bulk_values(bulk: Bulk) -> dict[str, Any]:
    pace = bulk.pace
    return {"per_minute": pace.per_minute, "first": pace.first, "after": "wait" if pace.pause else "go"}


async def _file(request: Request, form: Filled) -> bytes:
    """The chosen file, else what was pasted."""
    upload = (await request.form()).get("file")
    body = await upload.read() if isinstance(upload, UploadFile) else b""
    return body or form.text("text").encode()


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else text


def _group(request: Request) -> str:
    asked = request.query_params.get("state", "")
    return asked if asked in GROUPS else ""


def _place(request: Request) -> int:
    asked = request.query_params.get("place", "")
    return min(MOST, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0


def _address(path: str, group: str, place: int) -> str:
    said = {name: value for name, value in (("state", group), ("place", place)) if value}
    return f"{path}?{urlencode(said)}" if said else path


def _tabs(here: str, counts: Counts) -> list[tuple[str, str, int]]:
    found = [
        (name, sum(counts.get(state, 0) for state in states) if name else counts["all"])
        for name, states in GROUPS.items()
    ]
    return [(name, _address(here, name, 0), count) for name, count in found if count or name in ALWAYS]


def _why(shown: Shown, say: Any) -> str:
    """Why this row was not asked, in the reader's language."""
    row = shown.row
    if row.problem:
        known = row.problem.code in TEXTS
        return " ".join(texts(Refused(row.problem.code, ""), say)).strip() if known else say(row.problem.message)
    return " ".join(texts(Refused(row.outcome or "", ""), say)).strip() if shown.state == "refused" else ""

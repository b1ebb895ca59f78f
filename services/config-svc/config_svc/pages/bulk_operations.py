"""Bulk Switch: a file is checked and shown with every problem, begun at a pace, and watched: who has not answered.

Several invitations at once: what is about to happen, then how far it is, with an outcome for each row.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from config_svc.api.bulk_operations import result
from config_svc.domain.bulk_operations import MOST, MOST_SELECTED, Kind, Pace, Row
from config_svc.domain.model import Customer
from config_svc.pages.customer import STOP_ASKING
from config_svc.pages.forms import KEY, Filled, check, filled, form_command
from config_svc.pages.invitations import HERE as INVITATIONS
from config_svc.pages.invitations import RowName
from config_svc.pages.layout import Frame
from config_svc.queries.bulk_operations import UNANSWERED
from config_svc.schemas import bulk_file
from config_svc.schemas.bulk_operations import Counts, PaceBody, Shown
from config_svc.schemas.customers import REQUIRED
from config_svc.schemas.customers import name as checked_name
from config_svc.texts.refusal_texts import TEXTS, texts
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.identity.bearer import OPERATOR, VIEWER
from shared.identity.portal_sign_in import own_path
from shared.identity.sessions import Session
from shared.store.write_plan import Command

HERE, PAGE, NEWEST = "/bulk-switches", 50, 50
FILE, ACT, SELECTION = "bulk-file", "bulk", "batch"
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


class BulkSwitchPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._commands, self._clock = frame, frame.application.bulk_operations, frame.application.clock
        self._read = self._commands.read

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
        operations = await self._read.newest(NEWEST)
        return self._frame.show(request, session, "bulk_switches.html", active="bulks", operations=operations)

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
            "bulk_switch_new.html",
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
            rows = await self._commands.check(lines, session.actor) if lines else []
        except Refused as error:
            errors["file"] = f"{' '.join(texts(error, say))} ({error.detail})"
        if errors:
            return self._form(request, session, values=form.shown(), errors=errors, key=key, status=422)
        id = action_key(session.actor.id, "bulk", key, name, hashlib.sha256(body).hexdigest())
        await self._commands.draft(id, name, rows, session.actor)
        return RedirectResponse(f"{HERE}/{id}", 303)

    # --- one of them ---------------------------------------------------------------------------------------------

    async def bulk(self, request: Request, session: Session) -> Response:
        return await self._show(request, session, "bulk_switch.html")

    async def state(self, request: Request, session: Session) -> Response:
        return await self._show(request, session, "bulk_switch_state.html")

    async def _show(
        self, request: Request, session: Session, template: str, status: int = 200, **more: Any
    ) -> Response:
        operation, say = await self._read.bulk_switch(request.path_params["id"]), self._frame.say(request)
        group, place = _group(request), _place(request)
        counts = await self._read.counts(operation)
        rows, after = await self._read.rows(operation, frozenset(GROUPS[group]), place, PAGE)
        here = f"{HERE}/{operation.id}"
        return self._frame.show(
            request,
            session,
            template,
            active="bulks",
            operation=operation,
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
            **({"values": pace_values(operation.pace), "errors": {}} | more),
        )

    async def csv(self, request: Request, session: Session) -> Response:
        return result(self._read, await self._read.bulk_switch(request.path_params["id"]))

    async def begin(self, request: Request, session: Session) -> Response:
        form, say = await filled(request), self._frame.say(request)
        given = {name: _number(form.text(name)) for name in ("per_minute", "first")}
        body, errors = check(PaceBody, given | {"pause_after_first": form.text("after") != "go"}, say)
        if body is None:
            return await self._show(request, session, "bulk_switch.html", 422, values=form.shown(), errors=errors)
        id = request.path_params["id"]
        await self._commands.begin(id, body.pace, session.actor, self._command(request, form, session))
        return RedirectResponse(f"{HERE}/{id}?done=begun", 303)

    async def command(self, request: Request, session: Session) -> Response:
        form, id = await filled(request), request.path_params["id"]
        verb = request.url.path.rpartition("/")[2]
        await getattr(self._commands, verb)(id, session.actor, self._command(request, form, session))
        return RedirectResponse(f"{HERE}/{id}?done={DONE[verb]}", 303)

    def _command(self, request: Request, form: Filled, session: Session) -> Command:
        return form_command(request, form, session.actor.id)


class SelectionPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._commands, self._lists = frame, frame.application.bulk_operations, frame.application.lists
        self._read = self._commands.read

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, f"{INVITATIONS}/selected", self.selected, OPERATOR)
        add(router, f"{INVITATIONS}/batches", self.begin, OPERATOR, form=SELECTION)
        add(router, f"{INVITATIONS}/batches/{{id}}", self.selection, VIEWER)
        add(router, f"{INVITATIONS}/batches/{{id}}/state", self.state, VIEWER)

    async def selected(self, request: Request, session: Session) -> Response:
        """Nothing is done yet: who is meant, and who is left out and why."""
        asked, say = request.query_params, self._frame.say(request)
        meant = await self._meant(asked.getlist("row"))
        return self._frame.show(
            request,
            session,
            "selection_confirm.html",
            active="invitations",
            action=_action(asked.get("do", "")),
            rows=[(row, customer, _sentence(code, say)) for row, customer, code in meant],
            count=sum(not code for *_, code in meant),
            new_key=secrets.token_hex(16),
            back=_back(asked.get("back")),
        )

    async def begin(self, request: Request, session: Session) -> Response:
        form = await filled(request)
        rows = [row for row, _, code in await self._meant(form.many("row")) if not code]
        id = action_key(session.actor.id, "batch", form.text(KEY) or secrets.token_hex(16))
        await self._commands.select(id, _action(form.text("do")), rows, session.actor)
        return RedirectResponse(f"{INVITATIONS}/batches/{id}?back={quote(_back(form.text('back')), safe='')}", 303)

    async def selection(self, request: Request, session: Session) -> Response:
        context = await self._context(request)
        return self._frame.show(request, session, "selection.html", active="invitations", **context)

    async def state(self, request: Request, session: Session) -> Response:
        context = await self._context(request)
        status = STOP_ASKING if context["operation"].ended_at else 200
        return self._frame.show(
            request, session, "selection_state.html", active="invitations", status=status, **context
        )

    async def _context(self, request: Request) -> dict[str, Any]:
        operation, say = await self._read.selection(request.path_params["id"]), self._frame.say(request)
        rows, _ = await self._read.rows(operation, frozenset(), 0, MOST_SELECTED)
        return {
            "operation": operation,
            "action": operation.kind,
            "counts": await self._read.counts(operation),
            "back": _back(request.query_params.get("back")),
            "rows": [(row, _why(row, say)) for row in rows],
        }

    async def _meant(self, names: Sequence[str]) -> list[tuple[Row, Customer, str]]:
        """The invitations of these names as they are now, in order; each with the code of what speaks against it."""
        wanted = list(dict.fromkeys(name for text in names[:MOST_SELECTED] if (name := RowName.read(text))))
        customers = await self._lists.named(name.customer for name in wanted)
        meant = []
        for line, name in enumerate(wanted, 1):
            customer = customers.get(name.customer)
            switch = customer.switch if customer and not customer.removed else None
            if customer and switch and switch.invitee:
                row = Row(line=line, customer=customer.id, email=switch.invitee.email, switch=name.switch)
                code = "switch_stale" if switch.number != name.switch else "" if switch.live else "switch_ended"
                meant.append((row, customer, code))
        return meant


def pace_values(pace: Pace) -> dict[str, Any]:
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
    """Why this row was not done, in the reader's language."""
    row = shown.row
    if row.problem and row.problem.code not in TEXTS:
        return str(say(row.problem.message))
    refused = row.outcome if shown.state == "refused" else None
    return _sentence(row.problem.code if row.problem else refused or "", say)


def _sentence(code: str, say: Any) -> str:
    return " ".join(texts(Refused(code, ""), say)).strip()


def _action(text: str) -> Kind:
    return "cancel" if text == "cancel" else "resend"


def _back(text: str | None) -> str:
    path = own_path(text)
    return path if path.partition("?")[0] == INVITATIONS else INVITATIONS

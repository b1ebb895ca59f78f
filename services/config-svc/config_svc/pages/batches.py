"""Several invitations at once: what is about to happen, then how far it is, with an outcome for each row."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from config_svc.domain.batches import ACTIONS, DONE, MOST, Action, Batch, Row
from config_svc.domain.model import Customer
from config_svc.pages.customer import STOP_ASKING
from config_svc.pages.forms import KEY, filled
from config_svc.pages.invitations import HOME, RowName
from config_svc.pages.layout import Frame
from config_svc.texts.refusal_texts import texts
from shared.domain.rules import Refused
from shared.http.idempotency import action_key
from shared.identity.bearer import OPERATOR, VIEWER
from shared.identity.portal_sign_in import own_path
from shared.identity.sessions import Session

FORM = "batch"


class BatchPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._batches, self._lists = frame, frame.application.batches, frame.application.lists

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, f"{HOME}/selected", self.selected, OPERATOR)
        add(router, f"{HOME}/batches", self.begin, OPERATOR, form=FORM)
        add(router, f"{HOME}/batches/{{id}}", self.batch, VIEWER)
        add(router, f"{HOME}/batches/{{id}}/state", self.state, VIEWER)

    async def selected(self, request: Request, session: Session) -> Response:
        """Nothing is done yet: who is meant, and who is left out and why."""
        asked = request.query_params
        rows = [(row, refusal) for row, refusal in await self._meant(asked.getlist("row")) if row]
        say = self._frame.say(request)
        return self._frame.show(
            request,
            session,
            "batch_confirm.html",
            active="invitations",
            action=_action(asked.get("do", "")),
            rows=[(row, " ".join(texts(refusal, say)).strip() if refusal else "") for row, refusal in rows],
            count=sum(refusal is None for _, refusal in rows),
            new_key=secrets.token_hex(16),
            back=_back(asked.get("back")),
        )

    async def begin(self, request: Request, session: Session) -> Response:
        form = await filled(request)
        meant = await self._meant(form.many("row"))
        rows = [row for row, refusal in meant if row and refusal is None]
        id = action_key(session.actor.id, "batch", form.text(KEY) or secrets.token_hex(16))
        await self._batches.begin(id, _action(form.text("do")), rows, session.actor)
        return RedirectResponse(f"{HOME}/batches/{id}?back={quote(_back(form.text('back')), safe='')}", 303)

    async def batch(self, request: Request, session: Session) -> Response:
        context = await self._context(request)
        return self._frame.show(request, session, "batch.html", active="invitations", **context)

    async def state(self, request: Request, session: Session) -> Response:
        context = await self._context(request)
        status = STOP_ASKING if context["batch"].ended_at else 200
        return self._frame.show(request, session, "batch_state.html", active="invitations", status=status, **context)

    async def _context(self, request: Request) -> dict[str, Any]:
        batch, say = await self._batches.batch(request.path_params["id"]), self._frame.say(request)
        return {
            "batch": batch,
            "action": batch.action,
            "counts": _counts(batch),
            "back": _back(request.query_params.get("back")),
            "rows": [
                (row, texts(Refused(row.outcome, ""), say) if row.outcome not in (None, DONE) else ("", ""))
                for row in batch.rows
            ],
        }

    async def _meant(self, names: Sequence[str]) -> list[tuple[Row | None, Refused | None]]:
        """The rows of these names as they are now, in order; each with what speaks against it."""
        wanted = list(dict.fromkeys(name for text in names[:MOST] if (name := RowName.read(text))))
        found = await self._lists.named(name.customer for name in wanted)
        return [_row(name, found) for name in wanted]


def _row(name: RowName, found: Mapping[str, Customer]) -> tuple[Row | None, Refused | None]:
    customer = found.get(name.customer)
    switch = customer.switch if customer and not customer.removed else None
    if customer is None or switch is None or switch.invitee is None:
        return None, None
    row = Row(customer=customer.id, switch=name.switch, name=customer.name, invitee=switch.invitee.email)
    if switch.number != name.switch:
        return row, Refused("switch_stale", "")
    return row, None if switch.live else Refused("switch_ended", "")


def _counts(batch: Batch) -> dict[str, int]:
    done = sum(row.outcome == DONE for row in batch.rows)
    waiting = len(batch.waiting)
    return {"all": len(batch.rows), "done": done, "waiting": waiting, "refused": len(batch.rows) - done - waiting}


def _action(text: str) -> Action:
    return next((action for action in ACTIONS if action == text), ACTIONS[0])


def _back(text: str | None) -> str:
    path = own_path(text)
    return path if path.partition("?")[0] == HOME else HOME

"""Settings: what new switches take, who mails come from, and the invitation's texts with a look at the mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from config_svc.commands.settings import worded
from config_svc.domain import settings as rules
from config_svc.domain.settings import Settings, Values, Wording
from config_svc.pages.drafts import Draft, packed, unpacked
from config_svc.pages.forms import Filled, check, filled
from config_svc.pages.layout import Frame
from config_svc.pages.settings_texts import CHANGES, changes, edition_of, general, role_choices
from config_svc.queries.history import AuditFilter
from config_svc.schemas.settings import (
    EMPTY_TEXT,
    MEANINGS,
    SettingsBody,
    TextBody,
    TextFault,
    body_wrong,
    subject_wrong,
)
from mails.texts import LONGEST_BODY, LONGEST_SUBJECT, Text, tidy
from shared.domain.rules import Refused
from shared.http.middleware import FRAMED
from shared.i18n.catalogs import N_, language_name
from shared.identity.bearer import ADMIN, OPERATOR, VIEWER
from shared.identity.sessions import Session

HERE = "/settings"
KINDS: Mapping[str, str] = {
    "invitation": N_("The invitation"),
    "resend": N_("Sent again"),
    "reminder": N_("The reminder"),
}
FORM, TEXT_FORM = "settings", "settings-text"


class SettingsPages:
    def __init__(self, frame: Frame) -> None:
        self._frame, self._clock = frame, frame.application.clock
        self._settings = frame.application.settings

    def add_to(self, router: APIRouter) -> None:
        add = self._frame.add
        add(router, HERE, self.page, VIEWER)
        add(router, HERE, self.save, ADMIN, form=FORM)
        add(router, f"{HERE}/texts/{{language}}", self.save_text, ADMIN, form=TEXT_FORM)
        add(router, f"{HERE}/texts/{{language}}/standard", self.standard, ADMIN, form=TEXT_FORM)
        add(router, f"{HERE}/texts/{{language}}/preview", self.preview, VIEWER, form=TEXT_FORM)
        add(router, f"{HERE}/mail/{{language}}", self.mail, VIEWER)

    async def page(self, request: Request, session: Session) -> Response:
        return await self._show(request, session, await self._settings.read(), self._language(request))

    # --- what new switches take, and the sender ------------------------------------------------------------------

    async def save(self, request: Request, session: Session) -> Response:
        form, settings = await filled(request), await self._settings.read()
        roles = form.many("accepted_roles")
        given = {name: form.text(name) or None for name in ("invitation_life_days", "remind_after_days")}
        given |= {"sender_name": form.text("sender_name"), "sender_address": form.text("sender_address")}
        body, errors = check(SettingsBody, given | {"accepted_roles": roles}, self._frame.say(request))
        entered = general(settings, self._settings.usual) | form.shown() | {"accepted_roles": roles}
        shown: dict[str, Any] = {"values": entered, "errors": errors}
        language = self._language(request)
        if body is None:
            return await self._show(request, session, settings, language, 422, **shown)
        usual = set(body.accepted_roles or ()) == set(self._settings.usual.accepted_roles)
        values = replace(
            settings.values,
            life_days=body.invitation_life_days,
            remind_after_days=body.remind_after_days,
            accepted_roles=() if usual else body.accepted_roles or (),
            sender=body.sender_address,
            sender_name=body.sender_name,
        )
        return await self._put(request, session, values=values, form=form, language=language, shown=shown)

    async def _put(
        self, request: Request, session: Session, values: Values, form: Filled, language: str, shown: dict[str, Any]
    ) -> Response:
        """Saves, or shows the form again with what is in force now beside it."""
        try:
            await self._settings.put(values, edition_of(form), session.actor)
        except Refused as error:
            if error.code not in ("settings_changed", "remind_late"):
                raise
            problem = (self._frame.problem(request, error),)
            beside = error.code == "settings_changed"
            present = await self._settings.read()
            return await self._show(
                request, session, present, language, error.status, flash=problem, beside=beside, **shown
            )
        return RedirectResponse(f"{HERE}?{urlencode({'text': language, 'done': 'settings'})}", 303)

    # --- texts -----------------------------------------------------------------------------------------------------

    async def save_text(self, request: Request, session: Session) -> Response:
        form, language = await filled(request), self._language(request)
        settings, text = await self._settings.read(), _entered(form)
        errors = self._flaws(request, text)
        if errors:
            return await self._show(request, session, settings, language, 422, text=text, text_errors=errors)
        wording = self._settings.wording(language, TextBody(subject=text.subject, body=text.body))
        values = worded(settings.values, language, wording)
        return await self._put(request, session, values=values, form=form, language=language, shown={"text": text})

    async def standard(self, request: Request, session: Session) -> Response:
        """Back to the standard text of one language."""
        form, language = await filled(request), self._language(request)
        values = worded((await self._settings.read()).values, language, Wording())
        return await self._put(
            request, session, values=values, form=form, language=language, shown={"text": _entered(form)}
        )

    def _flaws(self, request: Request, text: Text) -> dict[str, str]:
        say = self._frame.say(request)
        found = {"subject": subject_wrong(text.subject), "body": body_wrong(text.body)}
        found |= {name: TextFault(EMPTY_TEXT) for name in found if not getattr(text, name)}
        return {name: say(wrong.sentence) % wrong.places for name, wrong in found.items() if wrong}

    # --- a look at the mail ----------------------------------------------------------------------------------------

    async def preview(self, request: Request, session: Session) -> Response:
        """What is being written: a part of the page while it is typed, else the page."""
        form, language = await filled(request), self._language(request)
        text, kind = _entered(form), _kind(form.text("kind"))
        if "HX-Request" in request.headers:
            context = self._looks(request, session, language, Draft(kind, text), await self._life())
            return self._frame.show(request, session, "settings_preview.html", active="settings", **context)
        errors = self._flaws(request, text)
        return await self._show(
            request,
            session,
            await self._settings.read(),
            language,
            text=text,
            text_errors=errors,
            kind=kind,
            edition=edition_of(form),
        )

    async def mail(self, request: Request, session: Session) -> Response:
        """The mail itself, for the frame: a document of its own, without any right."""
        draft = unpacked(request.query_params.get("draft", ""))
        content = self._content(session, self._language(request), draft, await self._life())
        # No link of the sample leads anywhere, not even inside the frame.
        html = content.html.replace("<head>", '<head><base target="_blank">', 1)
        return HTMLResponse(html, headers=dict(FRAMED))

    async def _life(self) -> timedelta:
        return (await self._settings.terms()).life

    def _content(self, session: Session, language: str, draft: Draft, life: timedelta) -> Any:
        return self._settings.preview(
            _kind(draft.kind), language, draft.text, self._clock() + life, session.actor.name or session.actor.id
        )

    def _looks(
        self, request: Request, session: Session, language: str, draft: Draft, life: timedelta
    ) -> dict[str, Any]:
        content = self._content(session, language, draft, life)
        flaws = self._flaws(request, draft.text)
        frame = f"{HERE}/mail/{language}?{urlencode({'draft': packed(draft)})}"
        return {"content": content, "frame": frame, "flaws": list(flaws.values()), "text_language": language}

    # --- the page --------------------------------------------------------------------------------------------------

    def _language(self, request: Request) -> str:
        wanted = request.path_params.get("language") or request.query_params.get("text", "")
        return wanted if wanted in self._settings.languages else self._settings.languages[0]

    async def _show(
        self,
        request: Request,
        session: Session,
        settings: Settings,
        language: str,
        status: int = 200,
        *,
        text: Text | None = None,
        kind: str = "invitation",
        edition: int | None = None,
        **context: Any,
    ) -> Response:
        say, usual = self._frame.say(request), self._settings.usual
        shown = self._settings.shown(settings, language)
        draft = Draft(kind, text or shown)
        known: dict[str, Any] = {
            "values": general(settings, usual),
            "present": general(settings, usual),
            "errors": {},
            "text_errors": {},
            "beside": False,
            "usual": usual,
            "usual_sender": self._settings.usual_sender,
            "terms": rules.in_force(settings, usual),
            "edition": settings.edition if edition is None else edition,
            "roles": role_choices(settings, usual),
            "languages": [
                (code, language_name(code), code in settings.values.texts) for code in self._settings.languages
            ],
            "own": language in settings.values.texts,
            "standard": self._settings.standard(language),
            "shown_text": shown,
            "text": draft.text,
            "kind": draft.kind,
            "kinds": [(name, say(label)) for name, label in KINDS.items()],
            "placeholders": [(f"{{{name}}}", say(meaning)) for name, meaning in MEANINGS.items()],
            "longest_subject": LONGEST_SUBJECT,
            "longest_body": LONGEST_BODY,
            "changes": await self._changes(request, session),
            "language_name": language_name(language),
        }
        looks = self._looks(request, session, language, draft, known["terms"].life)
        if "text_errors" in context:  # they stand beside the fields
            looks["flaws"] = []
        return self._frame.show(
            request, session, "settings.html", active="settings", status=status, **(known | looks | context)
        )

    async def _changes(self, request: Request, session: Session) -> list[dict[str, Any]]:
        """Who changed what, lately; for those who may read the audit."""
        if not session.has(OPERATOR):
            return []
        page = await self._frame.application.history.audit(AuditFilter(customer=rules.ID), CHANGES)
        return changes(page.rows, self._frame.say(request))


def _entered(form: Filled) -> Text:
    return Text(form.text("subject"), tidy(form.text("body")))


def _kind(text: str) -> str:
    return text if text in KINDS else "invitation"

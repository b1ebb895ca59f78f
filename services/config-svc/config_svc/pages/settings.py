"""Settings: what new switches take, who mails come from, and the invitation's texts with a look at the mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, RedirectResponse, Response

from config_svc.application import App, Application
from config_svc.commands.settings import worded
from config_svc.domain.settings import ID, Settings, Terms, Values, Wording, in_force
from config_svc.pages.dependencies import AdminSession, ByHtmx, Layout, ViewerSession, submitted
from config_svc.pages.drafts import Draft
from config_svc.pages.forms import SubmittedForm, check
from config_svc.pages.layout import PortalLayout, PortalRoute
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
from config_svc.texts.event_texts import describe
from mails.content import Content
from mails.texts import MAX_BODY_CHARACTERS, MAX_SUBJECT_CHARACTERS, Text, normalized
from shared.contracts.roles import NAMES, role_name
from shared.domain.rules import Refused
from shared.http.middleware import FRAMED
from shared.i18n.catalogs import language_name
from shared.i18n.marks import N_
from shared.identity.bearer import OPERATOR

HERE = "/settings"
KINDS: Mapping[str, str] = {
    "invitation": N_("The invitation"),
    "resend": N_("Sent again"),
    "reminder": N_("The reminder"),
}
CHANGES = 10

router = APIRouter(route_class=PortalRoute, include_in_schema=False)
SettingsForm = Annotated[SubmittedForm, Depends(submitted("settings"))]
TextForm = Annotated[SubmittedForm, Depends(submitted("settings-text"))]


@router.get(HERE)
async def settings(session: ViewerSession, application: App, layout: Layout, text: str = "") -> Response:
    return await _show(application, layout, _known(application, text))


# --- what new switches take, and the sender --------------------------------------------------------------------------


@router.post(HERE)
async def save_settings(
    session: AdminSession, form: SettingsForm, application: App, layout: Layout, text: str = ""
) -> Response:
    language, roles = _known(application, text), form.many("accepted_roles")
    usual, values = application.settings.usual, (await application.settings.read()).values
    given = {name: form.text(name) or None for name in ("invitation_life_days", "remind_after_days")}
    given |= {"sender_name": form.text("sender_name"), "sender_address": form.text("sender_address")}
    body, errors = check(SettingsBody, given | {"accepted_roles": roles}, layout.gettext)
    entered = _fields(values, usual) | form.shown() | {"accepted_roles": roles}
    if body is None:
        return await _show(application, layout, language, status=422, values=entered, errors=errors)
    as_usual = set(body.accepted_roles or ()) == set(usual.accepted_roles)
    values = replace(
        values,
        life_days=body.invitation_life_days,
        remind_after_days=body.remind_after_days,
        accepted_roles=() if as_usual else body.accepted_roles or (),
        sender=body.sender_address,
        sender_name=body.sender_name,
    )
    return await _save(application, layout, language, form=form, put=values, values=entered)


async def _save(
    application: Application, layout: PortalLayout, language: str, *, form: SubmittedForm, put: Values, **shown: Any
) -> Response:
    """Saves, or shows the form again with what is in force now beside it."""
    try:
        await application.settings.put(put, _edition(form), layout.session.actor)
    except Refused as refusal:
        if refusal.code not in ("settings_changed", "remind_late"):
            raise
        beside = refusal.code == "settings_changed"
        return await _show(application, layout, language, refusal=refusal, beside=beside, **shown)
    return RedirectResponse(f"{HERE}?{urlencode({'text': language, 'done': 'settings'})}", 303)


# --- texts -----------------------------------------------------------------------------------------------------------


@router.post(f"{HERE}/texts/{{language}}")
async def save_text(language: str, session: AdminSession, form: TextForm, application: App, layout: Layout) -> Response:
    language, text = _known(application, language), _entered(form)
    if errors := _flaws(layout, text):
        return await _show(application, layout, language, status=422, text=text, text_errors=errors)
    wording = application.settings.wording(language, TextBody(subject=text.subject, body=text.body))
    values = worded((await application.settings.read()).values, language, wording)
    return await _save(application, layout, language, form=form, put=values, text=text)


@router.post(f"{HERE}/texts/{{language}}/standard")
async def restore_standard_text(
    language: str, session: AdminSession, form: TextForm, application: App, layout: Layout
) -> Response:
    language = _known(application, language)
    values = worded((await application.settings.read()).values, language, Wording())
    return await _save(application, layout, language, form=form, put=values, text=_entered(form))


# --- a look at the mail ----------------------------------------------------------------------------------------------


@router.post(f"{HERE}/texts/{{language}}/preview")
async def preview(
    language: str, session: ViewerSession, form: TextForm, application: App, layout: Layout, by_htmx: ByHtmx
) -> Response:
    """What is being written: a part of the page while it is typed, else the page."""
    language, draft = _known(application, language), Draft(_kind(form.text("kind")), _entered(form))
    if by_htmx:
        terms = await application.settings.terms()
        return layout.show(
            "settings_preview.html", active="settings", **_looks(application, layout, language, draft, terms)
        )
    errors, edition = _flaws(layout, draft.text), _edition(form)
    return await _show(
        application, layout, language, text=draft.text, kind=draft.kind, text_errors=errors, edition=edition
    )


@router.get(f"{HERE}/mail/{{language}}")
async def mail(language: str, session: ViewerSession, application: App, layout: Layout, draft: str = "") -> Response:
    """The mail itself, for the frame: a document of its own, without any right."""
    terms = await application.settings.terms()
    content = _content(application, layout, _known(application, language), Draft.unpack(draft), terms)
    # No link of the sample leads anywhere, not even inside the frame.
    html = content.html.replace("<head>", '<head><base target="_blank">', 1)
    return HTMLResponse(html, headers=dict(FRAMED))


def _content(application: Application, layout: PortalLayout, language: str, draft: Draft, terms: Terms) -> Content:
    until, actor = application.clock() + terms.life, layout.session.actor
    return application.settings.preview(_kind(draft.kind), language, draft.text, until, actor.name or actor.id)


def _looks(application: Application, layout: PortalLayout, language: str, draft: Draft, terms: Terms) -> dict[str, Any]:
    content = _content(application, layout, language, draft, terms)
    return {
        "content": content,
        "frame": f"{HERE}/mail/{language}?{urlencode({'draft': draft.pack()})}",
        "flaws": list(_flaws(layout, draft.text).values()),
        "text_language": language,
    }


# --- the page --------------------------------------------------------------------------------------------------------


async def _show(
    application: Application,
    layout: PortalLayout,
    language: str,
    *,
    text: Text | None = None,
    kind: str = "invitation",
    **context: Any,
) -> Response:
    commands, usual = application.settings, application.settings.usual
    settings = await commands.read()
    shown, terms = commands.shown(settings, language), in_force(settings, usual)
    draft, own = Draft(kind, text or shown), settings.values.texts
    known: dict[str, Any] = {
        "values": _fields(settings.values, usual),
        "present": _fields(settings.values, usual),
        "errors": {},
        "text_errors": {},
        "beside": False,
        "usual": usual,
        "usual_sender": commands.usual_sender,
        "terms": terms,
        "edition": settings.edition,
        "roles": _role_choices(settings, usual),
        "languages": [(code, language_name(code), code in own) for code in commands.languages],
        "own": language in own,
        "standard": commands.standard(language),
        "shown_text": shown,
        "text": draft.text,
        "kind": draft.kind,
        "kinds": [(name, layout.gettext(label)) for name, label in KINDS.items()],
        "placeholders": [(f"{{{name}}}", layout.gettext(meaning)) for name, meaning in MEANINGS.items()],
        "longest_subject": MAX_SUBJECT_CHARACTERS,
        "longest_body": MAX_BODY_CHARACTERS,
        "changes": await _changes(application, layout),
        "language_name": language_name(language),
    }
    looks = _looks(application, layout, language, draft, terms)
    if "text_errors" in context:  # they stand beside the fields
        looks["flaws"] = []
    return layout.show("settings.html", active="settings", **(known | looks | context))


async def _changes(application: Application, layout: PortalLayout) -> list[dict[str, Any]]:
    """Who changed what, lately; for those who may read the audit."""
    if not layout.session.has(OPERATOR):
        return []
    page = await application.history.audit(AuditFilter(customer=ID), CHANGES)
    changes = []
    for row in page.rows:
        told = describe(row["action"], row["data"] | {"by": row["actor"] | {"address": row["address"]}}, layout.gettext)
        changes.append({"at": row["at"], "title": told.title, "text": told.text, "by": told.by})
    return changes


def _fields(values: Values, usual: Terms) -> dict[str, Any]:
    """The values as they stand in the form; what is empty is as the environment says."""
    return {
        "sender_name": values.sender_name,
        "sender_address": values.sender,
        "invitation_life_days": "" if values.life_days is None else str(values.life_days),
        "remind_after_days": "" if values.remind_after_days is None else str(values.remind_after_days),
        "accepted_roles": list(values.accepted_roles or usual.accepted_roles),
    }


def _role_choices(settings: Settings, usual: Terms) -> list[dict[str, str]]:
    """All roles that have a name here, and those that are accepted without one."""
    accepted = settings.values.accepted_roles or usual.accepted_roles
    ids = dict.fromkeys([*NAMES, *usual.accepted_roles, *accepted])
    return [{"value": id, "label": role_name(id), "hint": id if id not in NAMES else ""} for id in ids]


# --- what was entered ------------------------------------------------------------------------------------------------


def _known(application: Application, language: str) -> str:
    languages = application.settings.languages
    return language if language in languages else languages[0]


def _kind(text: str) -> str:
    return text if text in KINDS else "invitation"


def _edition(form: SubmittedForm) -> int:
    text = form.text("edition")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1


def _entered(form: SubmittedForm) -> Text:
    return Text(form.text("subject"), normalized(form.text("body")))


def _flaws(layout: PortalLayout, text: Text) -> dict[str, str]:
    flaws = {"subject": subject_wrong(text.subject), "body": body_wrong(text.body)}
    flaws |= {name: TextFault(EMPTY_TEXT) for name in flaws if not getattr(text, name)}
    return {name: layout.gettext(flaw.sentence) % flaw.places for name, flaw in flaws.items() if flaw}

"""The mailbox's page: the list, and one mail as HTML in a sandboxed frame, as text, and as it came."""

from __future__ import annotations

import re

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape

from tokenswitch_dev.mailbox.dependencies import AllMails, NamedMail

# The mail's own page may show itself and open links in a new tab; it may not run a script or call anywhere.
FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'self'"
)
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'"
LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")

router = APIRouter(include_in_schema=False)


def linked(text: str) -> Markup:
    """Plain text with its addresses clickable."""
    pieces, last = [], 0
    for hit in LINK.finditer(text):
        address = escape(hit.group())
        pieces += [
            escape(text[last : hit.start()]),
            Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(address, address),
        ]
        last = hit.end()
    return Markup("").join([*pieces, escape(text[last:])])


TEMPLATES = Environment(loader=PackageLoader("tokenswitch_dev.mailbox"), autoescape=select_autoescape())
TEMPLATES.filters["linked"] = linked


def page(template: str, **values: object) -> HTMLResponse:
    html = TEMPLATES.get_template(template).render(**values)
    return HTMLResponse(html, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})


@router.get("/")
def inbox(mails: AllMails) -> HTMLResponse:
    return page("list.html", mails=mails.list(0, 100), total=len(mails.ids()))


@router.get("/mail/{mail_id}")
def one(mail: NamedMail) -> HTMLResponse:
    return page("mail.html", mail=mail, html=bool(mail.body("html")))


@router.get("/mail/{mail_id}/html")
def framed(mail: NamedMail) -> HTMLResponse:
    html = '<base target="_blank">' + mail.body("html")
    return HTMLResponse(html, headers={"Content-Security-Policy": FRAME_POLICY, "Referrer-Policy": "no-referrer"})


@router.post("/delete")
def delete(mails: AllMails) -> RedirectResponse:
    for mail_id in mails.ids():
        mails.remove(mail_id)
    return RedirectResponse("/", status_code=303)

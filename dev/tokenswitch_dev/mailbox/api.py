"""The part of Mailpit's JSON API that our checks use, so that either mailbox can stand behind them."""

from __future__ import annotations

from email.utils import getaddresses
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from tokenswitch_dev.mailbox.dependencies import AllMails, NamedMail, SmtpFaults
from tokenswitch_dev.mailbox.smtp import Fault
from tokenswitch_dev.mailbox.store import KEPT, Mail

router = APIRouter(prefix="/api/v1")
SNIPPET = 250


class DeleteRequest(BaseModel):
    """Which mails to delete; none named are all of them, as in Mailpit."""

    IDs: list[str] = Field(default_factory=list)


class FaultRequest(BaseModel):
    code: int = Field(default=0, ge=0, le=599)
    text: str = "refused for a test"
    times: int = Field(default=0, ge=0)
    recipient: str = ""
    delay: float = Field(default=0, ge=0, le=60)


def summary(mail: Mail) -> dict[str, Any]:
    return {
        "ID": mail.id,
        "MessageID": mail.header("Message-ID").strip("<>"),
        "Read": False,
        "From": (_people(mail, "From") or [{"Name": "", "Address": mail.sender}])[0],
        "To": _people(mail, "To"),
        "Cc": _people(mail, "Cc"),
        "Bcc": [{"Name": "", "Address": address} for address in _hidden(mail)],
        "ReplyTo": _people(mail, "Reply-To"),
        "Subject": mail.header("Subject"),
        "Created": mail.created.isoformat().replace("+00:00", "Z"),
        "Tags": [],
        "Size": len(mail.raw),
        "Attachments": sum(1 for _ in mail.message.iter_attachments()),
        "Snippet": " ".join(mail.body("plain").split())[:SNIPPET],
    }


def detail(mail: Mail) -> dict[str, Any]:
    shown = {name: value for name, value in summary(mail).items() if name not in ("Read", "Created", "Snippet")}
    return shown | {
        "Date": mail.created.isoformat().replace("+00:00", "Z"),
        "ReturnPath": mail.sender,
        "Text": mail.body("plain"),
        "HTML": mail.body("html"),
        "Inline": [],
        "Attachments": [],
    }


def _people(mail: Mail, header: str) -> list[dict[str, str]]:
    return [{"Name": name, "Address": address} for name, address in getaddresses([mail.header(header)]) if address]


def _hidden(mail: Mail) -> list[str]:
    shown = {person["Address"] for header in ("To", "Cc") for person in _people(mail, header)}
    return [address for address in mail.recipients if address not in shown]


def _matches(mail: Mail, query: str) -> bool:
    kind, colon, value = query.partition(":")
    places = {"to": " ".join(mail.recipients), "from": mail.sender, "subject": mail.header("Subject")}
    if colon and kind in places:
        return value.strip('"').lower() in places[kind].lower()
    return query.lower() in mail.raw.decode(errors="replace").lower()


@router.get("/messages")
def messages(mails: AllMails, start: int = 0, limit: int = 50) -> dict[str, Any]:
    return _page(mails.list(start, limit), len(mails.ids()), start)


@router.get("/search")
def search(mails: AllMails, query: str, start: int = 0, limit: int = 50) -> dict[str, Any]:
    hits = [mail for mail in mails.list(0, KEPT) if _matches(mail, query)]
    return _page(hits[start : start + limit], len(hits), start)


@router.get("/message/{mail_id}")
def message(mail: NamedMail) -> dict[str, Any]:
    return detail(mail)


@router.get("/message/{mail_id}/headers")
def headers(mail: NamedMail) -> dict[str, list[str]]:
    return {name: [str(value) for value in mail.message.get_all(name, [])] for name in mail.message}


@router.get("/message/{mail_id}/raw")
def raw(mail: NamedMail) -> Response:
    return Response(mail.raw, media_type="text/plain; charset=utf-8")


@router.delete("/messages")
def delete(mails: AllMails, chosen: DeleteRequest | None = None) -> Response:
    ids = (chosen.IDs if chosen else []) or mails.ids()
    for mail_id in set(ids) & set(mails.ids()):
        mails.remove(mail_id)
    return Response("ok", media_type="text/plain")


@router.put("/fault", status_code=204)
def fault(faults: SmtpFaults, wanted: FaultRequest) -> None:
    faults.current = Fault(**wanted.model_dump())


@router.delete("/fault", status_code=204)
def heal(faults: SmtpFaults) -> None:
    faults.current = None


def _page(shown: list[Mail], total: int, start: int) -> dict[str, Any]:
    return {
        "total": total,
        "unread": 0,
        "count": len(shown),
        "messages_count": total,
        "start": start,
        "tags": [],
        "messages": [summary(mail) for mail in shown],
    }

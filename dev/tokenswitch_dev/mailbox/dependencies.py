"""What a route of the mailbox needs: all mails, the one that its path names, and the faults."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from tokenswitch_dev.mailbox.smtp import Faults
from tokenswitch_dev.mailbox.store import Mail, Mails


def _mails(request: Request) -> Mails:
    mails: Mails = request.app.state.mails
    return mails


def _faults(request: Request) -> Faults:
    faults: Faults = request.app.state.faults
    return faults


AllMails = Annotated[Mails, Depends(_mails)]
SmtpFaults = Annotated[Faults, Depends(_faults)]


def _named(mail_id: str, mails: AllMails) -> Mail:
    mail = mails.get(mail_id)
    if mail is None:
        raise HTTPException(404, "There is no such mail; it may have been deleted.")
    return mail


NamedMail = Annotated[Mail, Depends(_named)]

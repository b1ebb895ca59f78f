"""What notify-svc decides: which mail is owed to whom, when it is tried again, when it is dropped. Pure rules.

One document per switch (and one per customer for its access). One notice per kind and addressee; a newer one replaces
one that was not sent yet. Addresses are known here, links and texts only to the code that sends.
"""

from notify_svc.domain.access import access_changed, forget
from notify_svc.domain.model import (
    INVITING,
    MAX_TRIES,
    REFUSED_AGAIN_AFTER,
    TEXTS_PATIENCE,
    TO,
    WAITS,
    Addressee,
    Facts,
    Kind,
    Notice,
    Notices,
    access_id,
    switch_id,
)
from notify_svc.domain.sending import await_texts, deadline, due_notice, give_up, may_await_texts, sent, try_later
from notify_svc.domain.switches import ask, begin, complete, end, invite, refuse, revoke
from notify_svc.domain.texts import NEWEST, Texts, keep, newest_id, version_id

__all__ = [
    "INVITING",
    "MAX_TRIES",
    "NEWEST",
    "REFUSED_AGAIN_AFTER",
    "TEXTS_PATIENCE",
    "TO",
    "WAITS",
    "Addressee",
    "Facts",
    "Kind",
    "Notice",
    "Notices",
    "Texts",
    "access_changed",
    "access_id",
    "ask",
    "await_texts",
    "begin",
    "complete",
    "deadline",
    "due_notice",
    "end",
    "forget",
    "give_up",
    "invite",
    "keep",
    "may_await_texts",
    "newest_id",
    "refuse",
    "revoke",
    "sent",
    "switch_id",
    "try_later",
    "version_id",
]

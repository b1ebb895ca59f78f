"""What notify-svc decides: which mail is owed to whom, when it is tried again, when it is dropped. Pure rules.

One document per switch (and one per customer for its access). One notice per kind and addressee; a newer one replaces
one that was not sent yet. Addresses are known here, links and texts only to the code that sends.
"""

from notify_svc.domain.access import access_changed, forget
from notify_svc.domain.model import (
    INVITING,
    MAX_TRIES,
    REFUSED_AGAIN_AFTER,
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
from notify_svc.domain.sending import deadline, due_notice, give_up, sent, try_later
from notify_svc.domain.switches import ask, begin, complete, end, invite, refuse, revoke

__all__ = [
    "INVITING", "MAX_TRIES", "REFUSED_AGAIN_AFTER", "TO", "WAITS", "Addressee", "Facts", "Kind", "Notice", "Notices",
    "access_changed", "access_id", "ask", "begin", "complete", "deadline", "due_notice", "end", "forget", "give_up",
    "invite", "refuse", "revoke", "sent", "switch_id", "try_later",
]  # fmt: skip

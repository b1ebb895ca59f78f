"""What invite-svc decides: an invitation's life and the attempts of its wizard. Pure rules.

Attempts are numbered here; what belongs to an older attempt is late. How the switch ends is config-svc's verdict:
until then a claim is only `finishing`, and an expiry only proposed.
"""

from invite_svc.domain.deadlines import deadline, on_deadline
from invite_svc.domain.model import (
    ASK_AGAIN_AFTER,
    ATTEMPT_LIMIT,
    MAX_ATTEMPTS,
    MAX_CODES,
    Attempt,
    Invitation,
    invitation_id,
)
from invite_svc.domain.progress import attempt_failed, claim, show_code, show_sign_in
from invite_svc.domain.verdicts import cancel, complete, expire, fail, invite, resend
from invite_svc.domain.wizard import Start, ask_again, give_up, open_link, returned, start

__all__ = [
    "ASK_AGAIN_AFTER",
    "ATTEMPT_LIMIT",
    "MAX_ATTEMPTS",
    "MAX_CODES",
    "Attempt",
    "Invitation",
    "Start",
    "ask_again",
    "attempt_failed",
    "cancel",
    "claim",
    "complete",
    "deadline",
    "expire",
    "fail",
    "give_up",
    "invitation_id",
    "invite",
    "on_deadline",
    "open_link",
    "resend",
    "returned",
    "show_code",
    "show_sign_in",
    "start",
]

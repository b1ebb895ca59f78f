"""What mails say for codes: ways to sign in, and who has to act. Marked here, translated where they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from shared.i18n.marks import N_

METHODS: Mapping[str, str] = {
    "sign_in": N_("Sign-in with Microsoft"),
    "device_code": N_("Sign-in with a code"),
    "app_registration": N_("App registration"),
    "token": N_("Token"),
}

WHO_AFTER_REFUSAL: Mapping[str, str] = {
    "invitee": N_("The invited administrator can try again with the same link. You need not do anything."),
    "customer_admin": N_(
        "An administrator of the customer has to change something first. The invitation stays valid meanwhile."
    ),
    "operator": N_("You: something has to be corrected on our side before the sign-in can succeed."),
    "nobody": N_("Nobody. It is worth another try in a few minutes."),
}

WHO_AFTER_LOSS: Mapping[str, str] = {
    "invitee": N_("You and an administrator of the customer: renew the access, and they sign in once more."),
    "customer_admin": N_("An administrator of the customer has to change something first; tell them the reason."),
    "operator": N_("You: something has to be corrected on our side."),
    "nobody": N_("Nobody. We try again by ourselves."),
}

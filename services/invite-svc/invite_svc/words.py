"""What the wizard says for codes: permissions, ways, reasons' actors, refusals. Texts are translated where shown."""

from __future__ import annotations

from collections.abc import Mapping

from shared.i18n import N_

PERMISSIONS: Mapping[str, str] = {
    "User.Read": N_("sign you in, read your own profile and check your administrator role"),
    "offline_access": N_("keep this access while you are not signed in, until you withdraw it"),
    "openid": N_("sign you in"),
    "profile": N_("read your name"),
    "email": N_("read your e-mail address"),
    "Organization.Read.All": N_("read your organisation's details"),
    "User.Read.All": N_("read the profiles of all users"),
    "Group.Read.All": N_("read all groups"),
}

WHO: Mapping[str, str] = {
    "invitee": N_("You can go on yourself: start again below."),
    "customer_admin": N_("An administrator of your organisation has to change something first."),
    "operator": N_("%(provider)s has to act. You need not do anything; we have told them."),
    "nobody": N_("Nobody has to do anything; try again in a few minutes."),
}

TROUBLE: tuple[tuple[str, str, str], ...] = (
    ("code_blocked", N_("Sign-in is blocked: “Your sign-in was blocked” or “You don't have access to this”"),
     N_("A security policy of your organisation does not allow this kind of sign-in.")),
    ("admin_consent", N_("“Approval required” or “Need admin approval”"),
     N_("An administrator of your organisation has to approve the application.")),
    ("wrong_account", N_("My account is not accepted there, or I was signed in with another account"),
     N_("Sign in with a work account of the organisation named here.")),
    ("mfa_not_registered", N_("I cannot give the second factor"),
     N_("Microsoft asks for a confirmation that your account is not set up for.")),
    ("code_unknown", N_("The code was not accepted or has expired"), N_("You get a new code.")),
    ("declined", N_("I cancelled it, or something else"), N_("Start again or choose another way.")),
)  # fmt: skip
"""The reason that the invitee reports, how Microsoft's page looks then, and what it means."""

TROUBLE_OF = {
    "device_code": frozenset(code for code, _, _ in TROUBLE),
    "sign_in": frozenset(code for code, _, _ in TROUBLE) - {"code_unknown"},
}

REFUSALS: Mapping[str, tuple[str, str]] = {
    "method_not_offered": (
        N_("This way is not offered"),
        N_("This invitation does not offer this way to sign in. Choose another one."),
    ),
    "attempts_spent": (
        N_("Too many attempts"),
        N_("This invitation was tried too often. Ask for a new invitation."),
    ),
    "codes_spent": (
        N_("All codes of this invitation were used"),
        N_("Use the button “Sign in with Microsoft”, or ask for a new invitation."),
    ),
    "attempt_changed": (
        N_("The page is out of date"),
        N_("The invitation has moved on in another window. Nothing was sent; go on from here."),
    ),
    "sign_in_mismatch": (
        N_("This sign-in does not belong here"),
        N_("The answer belongs to another sign-in, or to one that has ended. Nothing was kept."),
    ),
    "answer_unreadable": (
        N_("Microsoft's answer cannot be read"),
        N_("The address that led here is not complete. Nothing was kept."),
    ),
    "tenant_busy": (
        N_("Too many sign-ins today"),
        N_(
            "Too many sign-ins were begun for this organisation within a day. Try again tomorrow, or ask who "
            "invited you."
        ),
    ),
    "too_many_requests": (
        N_("Too many tries"),
        N_("There were too many tries from your network in a short time. Wait some minutes and try again."),
    ),
}
"""Title and sentence of a refusal that is a page of its own."""

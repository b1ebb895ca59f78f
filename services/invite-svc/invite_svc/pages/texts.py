"""What the wizard says for codes: permissions, ways, reasons' actors, refusals. Texts are translated where shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.i18n.marks import N_

PERMISSIONS: Mapping[str, str] = {
    "User.Read": N_("sign you in, read your own profile and check your administrator role"),
    "offline_access": N_("keep this access while you are not signed in, until you withdraw it"),
    "openid": N_("sign you in"),
    "profile": N_("read your name"),
    "email": N_("read your e-mail address"),
    "Organization.Read.All": N_("read your organisation's details"),
    "User.Read.All": N_("read the profiles of all users"),
    "User.ReadWrite.All": N_("read and change the profiles of all users"),
    "Group.Read.All": N_("read all groups"),
    "Group.ReadWrite.All": N_("read and change all groups"),
    "Directory.Read.All": N_("read your organisation's directory: users, groups and settings"),
    "Domain.Read.All": N_("read your organisation's domains"),
}

WHO: Mapping[str, str] = {
    "invitee": N_("You can go on yourself: start again below."),
    "customer_admin": N_("An administrator of your organisation has to change something first."),
    "operator": N_("%(provider)s has to act. You need not do anything; we have told them."),
    "another": N_("You can go on another way below, without starting again."),
    "tell": N_("%(provider)s has to act. Ask for a new invitation below, so that they know of it."),
    "nobody": N_("Nobody has to do anything; try again in a few minutes."),
}

HELP_IN: Mapping[str, str] = {
    **dict.fromkeys(
        ("admin_consent", "consent_required", "not_assigned", "scopes_missing", "graph_forbidden"), "approval"
    ),
    **dict.fromkeys(("code_blocked", "code_blocked_later", "blocked_by_policy", "device_policy"), "codes"),
}
"""The part of the guidance that helps with a reason."""

OTHER_ACCOUNT = frozenset({"wrong_account", "wrong_tenant", "guest", "no_role", "personal_account", "account_disabled"})
"""Reasons that another account does away with: the page says which one is wanted."""

TROUBLE: tuple[tuple[str, str, str], ...] = (
    (
        "code_blocked",
        N_("Sign-in is blocked: “Your sign-in was blocked” or “You don't have access to this”"),
        N_("A security policy of your organisation does not allow this kind of sign-in."),
    ),
    (
        "device_policy",
        N_("“You can't get there from here”, or the device must be managed"),
        N_("Your organisation lets in only devices or apps that it manages."),
    ),
    (
        "admin_consent",
        N_("“Approval required” or “Need admin approval”"),
        N_("An administrator of your organisation has to approve the application."),
    ),
    (
        "not_assigned",
        N_("The application is only for users who are assigned to it"),
        N_("An administrator of your organisation has to assign it to your account."),
    ),
    (
        "wrong_account",
        N_("My account is not accepted there, or I was signed in with another account"),
        N_("Sign in with a work account of the organisation named here."),
    ),
    (
        "personal_account",
        N_("A personal account cannot be used here"),
        N_("Accounts such as outlook.com belong to no organisation."),
    ),
    (
        "mfa_not_registered",
        N_("“More information required”, or I cannot give the second factor"),
        N_("Microsoft asks for a confirmation that your account is not set up for."),
    ),
    (
        "password",
        N_("The password is wrong or has expired, or the account is locked"),
        N_("Microsoft's page says how to set a new one."),
    ),
    ("account_disabled", N_("The account has been disabled"), N_("Another administrator has to sign in.")),
    (
        "app_unknown",
        N_("The application or the organisation was not found"),
        N_("Microsoft's page shows AADSTS700016 or AADSTS90002."),
    ),
    ("code_unknown", N_("The code was not accepted or has expired"), N_("You get a new code.")),
    ("consent_declined", N_("I did not accept the permissions"), N_("Nothing was granted.")),
    ("declined", N_("I cancelled it"), N_("Start again or choose another way.")),
    ("refused", N_("Something else"), N_("If the page shows an error number, enter it below.")),
)
"""The reason that the invitee reports, how Microsoft's page looks then, and what it means."""

TROUBLE_OF = {
    "device_code": frozenset(code for code, _, _ in TROUBLE),
    "sign_in": frozenset(code for code, _, _ in TROUBLE) - {"code_unknown"},
}


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What an error page says: a title, what happened, what to do."""

    title: str
    detail: str
    todo: str = N_("Go on from the page of your invitation.")


REFUSALS: Mapping[str, ErrorText] = {
    "method_not_offered": ErrorText(
        N_("This way is not offered"),
        N_("This invitation does not offer this way to sign in. Choose another one."),
    ),
    "attempts_spent": ErrorText(
        N_("Too many attempts"),
        N_("This invitation was tried too often. Ask for a new invitation."),
    ),
    "codes_spent": ErrorText(
        N_("All codes of this invitation were used"),
        N_("Use the button “Sign in with Microsoft”, or ask for a new invitation."),
    ),
    "attempt_changed": ErrorText(
        N_("The page is out of date"),
        N_("The invitation has moved on in another window. Nothing was sent; go on from here."),
    ),
    "sign_in_mismatch": ErrorText(
        N_("This sign-in does not belong here"),
        N_("The answer belongs to another sign-in, or to one that has ended. Nothing was kept."),
    ),
    "answer_unreadable": ErrorText(
        N_("Microsoft's answer cannot be read"),
        N_("The address that led here is not complete. Nothing was kept."),
    ),
    "tenant_busy": ErrorText(
        N_("Too many sign-ins today"),
        N_(
            "Too many sign-ins were begun for this organisation within a day. Try again tomorrow, or ask who "
            "invited you."
        ),
    ),
    "too_many_requests": ErrorText(
        N_("Too many tries"),
        N_("There were too many tries from your network in a short time. Wait some minutes and try again."),
    ),
}
"""Refusals that are pages of their own; others lead to the wizard's page."""

NO_LINK = ErrorText(
    N_("Open the link in your invitation"),
    N_("This site is opened by the link in an invitation mail. There is nothing to sign in to here."),
    N_("Open the newest invitation mail and use the button in it."),
)
WRONG_LINK = ErrorText(
    N_("This link is not valid"),
    N_("The address is not complete, or it is not one of ours."),
    N_(
        "Open the newest invitation mail and use the button in it, or copy the whole address. You cannot "
        "find it? Ask who invited you."
    ),
)

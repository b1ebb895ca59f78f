"""Every failure: its code, who must act, how to retry, and the sentence that the person who sees it can act
on.

The rows follow Microsoft's documentation of Entra ID errors. A program branches on `error`, then `suberror`, then the
AADSTS number; the text of an error is never read. Sentences are gettext message ids (English).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Who = Literal["invitee", "customer_admin", "operator", "nobody"]
Retry = Literal["wait", "new", "fix", "no"]
"""wait: the same later; new: a new sign-in at once; fix: after somebody changed something; no: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """`offer`: the other way that still works where this one is refused."""

    code: str
    who: Who
    retry: Retry
    sentence: str
    aadsts: tuple[int, ...] = ()
    errors: tuple[str, ...] = ()
    offer: str | None = None

    @property
    def retryable(self) -> bool:
        return self.retry in ("wait", "new")


def _(sentence: str) -> str:
    """Marks a sentence for the catalogs; translated where it is shown."""
    return sentence


TABLE: tuple[Reason, ...] = (
    # the sign-in itself
    Reason(
        code="pending",
        who="invitee",
        retry="wait",
        sentence=_("We are waiting for you to finish signing in at Microsoft."),
        aadsts=(70016,),
        errors=("authorization_pending",),
    ),
    Reason(
        code="slow_down",
        who="nobody",
        retry="wait",
        sentence=_("Microsoft asks us to wait a little longer between two looks."),
        aadsts=(),
        errors=("slow_down",),
    ),
    Reason(
        code="declined",
        who="invitee",
        retry="new",
        sentence=_("You cancelled the sign-in; start again when you are ready."),
        aadsts=(70017,),
        errors=("authorization_declined", "access_denied"),
    ),
    Reason(
        code="code_expired",
        who="invitee",
        retry="new",
        sentence=_("The code has expired; get a new one."),
        aadsts=(70020, 70019),
        errors=("expired_token",),
    ),
    Reason(
        code="code_unknown",
        who="invitee",
        retry="new",
        sentence=_("The code was not recognised; get a new one."),
        aadsts=(70018,),
        errors=("bad_verification_code",),
    ),
    Reason(
        code="sign_in_expired",
        who="invitee",
        retry="new",
        sentence=_("The sign-in was not finished in time; please start it again."),
    ),
    Reason(
        code="sign_in_mismatch",
        who="invitee",
        retry="new",
        sentence=_("Microsoft's answer does not belong to this sign-in; please start it again."),
    ),
    Reason(
        code="interrupted",
        who="invitee",
        retry="new",
        sentence=_("The sign-in was interrupted on our side; please sign in once more."),
        aadsts=(54005,),
    ),
    Reason(
        code="not_a_public_client",
        who="operator",
        retry="fix",
        sentence=_(
            "Our app registration does not allow this sign-in. There is nothing for you to do; the "
            "service provider "
            "must allow public client flows for it."
        ),
        aadsts=(7000218,),
    ),
    Reason(
        code="wrong_client_type",
        who="operator",
        retry="fix",
        sentence=_(
            "Our app registration is used with the wrong client type; the service provider must correct its settings."
        ),
        aadsts=(700025,),
    ),
    Reason(
        code="app_unknown",
        who="customer_admin",
        retry="fix",
        sentence=_("The application was not found in the organisation; check the application id and the tenant id."),
        aadsts=(700016,),
        errors=("unauthorized_client",),
    ),
    Reason(
        code="tenant_unknown",
        who="operator",
        retry="fix",
        sentence=_("That Microsoft 365 organisation was not found; check the domain or the tenant id."),
        aadsts=(90002,),
        errors=("invalid_tenant",),
    ),
    Reason(
        code="personal_account",
        who="invitee",
        retry="new",
        sentence=_("Sign in with your work account, not a personal one."),
        aadsts=(50194, 9002332, 500208),
    ),
    Reason(
        code="wrong_account",
        who="invitee",
        retry="new",
        sentence=_("You signed in with an account of another organisation; use one of the organisation named here."),
        aadsts=(50020, 50034, 16000, 90072, 51004),
    ),
    # our own checks
    Reason(
        code="wrong_tenant",
        who="invitee",
        retry="new",
        sentence=_("You signed in to another organisation than this invitation is for. Nothing was kept."),
    ),
    Reason(
        code="guest",
        who="invitee",
        retry="new",
        sentence=_("Guest accounts cannot approve this; ask an administrator who belongs to the organisation."),
    ),
    Reason(
        code="no_role",
        who="invitee",
        retry="new",
        sentence=_(
            "Your account does not have an accepted administrator role; activate it, or forward the "
            "invitation to an "
            "administrator."
        ),
    ),
    Reason(
        code="scopes_missing",
        who="customer_admin",
        retry="fix",
        sentence=_("Not all requested permissions were granted; sign in again and accept them all."),
    ),
    Reason(
        code="token_invalid",
        who="operator",
        retry="fix",
        sentence=_("Microsoft's answer could not be trusted (signature, issuer or audience), so nothing was kept."),
    ),
    Reason(
        code="wrong_organization",
        who="customer_admin",
        retry="fix",
        sentence=_("The application answers for another organisation than the one on file; check the tenant id."),
    ),
    # consent
    Reason(
        code="consent_required",
        who="customer_admin",
        retry="fix",
        sentence=_(
            "Your organisation has not approved, or has withdrawn, the requested permissions; an "
            "administrator must "
            "approve them again."
        ),
        aadsts=(65001,),
        errors=("consent_required",),
    ),
    Reason(
        code="admin_consent",
        who="customer_admin",
        retry="fix",
        sentence=_("An administrator of your organisation must approve this application first."),
        aadsts=(90094, 90095),
    ),
    Reason(
        code="consent_declined",
        who="invitee",
        retry="new",
        sentence=_("The permissions were not approved; start again when you are ready to approve them."),
        aadsts=(65004,),
    ),
    Reason(
        code="not_assigned",
        who="customer_admin",
        retry="fix",
        sentence=_("Your administrator must assign this application to you first."),
        aadsts=(50105,),
    ),
    # second factor and policies
    Reason(
        code="mfa_needed",
        who="invitee",
        retry="new",
        sentence=_("Microsoft asks for a second factor; please sign in again."),
        aadsts=(50076, 50078, 50074),
    ),
    Reason(
        code="mfa_not_registered",
        who="invitee",
        retry="fix",
        sentence=_("Register a second factor with Microsoft (aka.ms/mfasetup), then sign in again."),
        aadsts=(50079, 50072, 53004, 53010),
    ),
    Reason(
        code="blocked_by_policy",
        who="customer_admin",
        retry="fix",
        sentence=_(
            "A security policy of your organisation blocks this sign-in; use the other sign-in, or ask your "
            "administrator and give the correlation id."
        ),
        aadsts=(53003,),
        offer="sign_in",
    ),
    Reason(
        code="code_blocked",
        who="invitee",
        retry="new",
        sentence=_("Your organisation does not allow sign-in by code; use the sign-in button instead."),
        aadsts=(530035,),
        offer="sign_in",
    ),
    Reason(
        code="code_blocked_later",
        who="invitee",
        retry="new",
        sentence=_(
            "Your organisation now blocks access that was granted by code; connect again with the sign-in button."
        ),
        aadsts=(530036,),
        offer="sign_in",
    ),
    Reason(
        code="device_policy",
        who="customer_admin",
        retry="fix",
        sentence=_("Your organisation only allows managed devices or apps; ask your administrator for an exception."),
        aadsts=(530032, 530084, 53000, 53001, 50097, 50129),
    ),
    # access that died
    Reason(
        code="idle_too_long",
        who="invitee",
        retry="new",
        sentence=_("The connection was idle for too long; please connect again."),
        aadsts=(700082, 70008),
    ),
    Reason(
        code="revoked",
        who="invitee",
        retry="new",
        sentence=_("Access was revoked (for example by a password change); please connect again."),
        aadsts=(50173, 50132, 50133),
    ),
    Reason(
        code="sign_in_frequency",
        who="customer_admin",
        retry="new",
        sentence=_(
            "Your organisation requires a fresh sign-in every few hours; connect again, or ask for an exception."
        ),
        aadsts=(70043,),
    ),
    Reason(
        code="token_damaged",
        who="invitee",
        retry="new",
        sentence=_("The stored access no longer works; please connect again."),
        aadsts=(70000,),
    ),
    Reason(
        code="account_disabled",
        who="customer_admin",
        retry="fix",
        sentence=_("The account that approved the connection is disabled; another administrator must connect."),
        aadsts=(50057,),
    ),
    Reason(
        code="account_gone",
        who="customer_admin",
        retry="fix",
        sentence=_("The account that approved the connection no longer exists; another administrator must connect."),
    ),
    Reason(
        code="password",
        who="invitee",
        retry="new",
        sentence=_(
            "Microsoft did not accept the password (wrong, expired or locked); Microsoft's page says how to go on."
        ),
        aadsts=(50053, 50126, 50055),
    ),
    # app registration
    Reason(
        code="secret_wrong",
        who="customer_admin",
        retry="fix",
        sentence=_("The client secret is wrong; copy the secret's value, not its id."),
        aadsts=(7000215,),
    ),
    Reason(
        code="secret_expired",
        who="customer_admin",
        retry="fix",
        sentence=_("The client secret has expired; create a new one and enter it."),
        aadsts=(7000222,),
    ),
    Reason(
        code="secret_missing",
        who="operator",
        retry="fix",
        sentence=_("There is no client secret on file; enter one first."),
    ),
    Reason(
        code="app_disabled",
        who="customer_admin",
        retry="fix",
        sentence=_("The application is disabled in that organisation; an administrator must enable it."),
        aadsts=(7000112, 70001),
    ),
    Reason(
        code="certificate",
        who="operator",
        retry="fix",
        sentence=_("The certificate does not match the application."),
        aadsts=(700027, 700030, 50027),
    ),
    Reason(
        code="service_missing",
        who="customer_admin",
        retry="fix",
        sentence=_(
            "The organisation has not subscribed to, or has not enabled, a service that the application needs; an "
            "administrator must enable it."
        ),
        aadsts=(650052,),
    ),
    Reason(
        code="app_refused",
        who="customer_admin",
        retry="fix",
        sentence=_(
            "Microsoft refuses the application in that organisation; an administrator must look at it under "
            "Enterprise applications, by Microsoft's number."
        ),
    ),
    Reason(
        code="our_request",
        who="operator",
        retry="no",
        sentence=_(
            "Our request to Microsoft was wrong; the service provider must look into it (give the correlation id)."
        ),
        aadsts=(70011, 500011, 650057, 900144, 9002313),
        errors=("invalid_request", "invalid_scope", "invalid_resource", "unsupported_grant_type"),
    ),
    Reason(
        code="client_refused",
        who="operator",
        retry="fix",
        sentence=_("Microsoft refused the application's own sign-in; check its client id and secret."),
        aadsts=(),
        errors=("invalid_client",),
    ),
    # Microsoft is busy
    Reason(
        code="loop",
        who="nobody",
        retry="wait",
        sentence=_("Microsoft asks us to wait some minutes; we will try again."),
        aadsts=(50196,),
    ),
    Reason(
        code="busy",
        who="nobody",
        retry="wait",
        sentence=_("Microsoft is busy; we will try again."),
        aadsts=(90055, 90033, 90024, 90006, 50033, 50087),
        errors=("temporarily_unavailable", "server_error", "service_unavailable"),
    ),
    Reason(
        code="unreachable", who="nobody", retry="wait", sentence=_("Microsoft could not be reached; we will try again.")
    ),
    Reason(
        code="foreign_answer",
        who="operator",
        retry="wait",
        sentence=_(
            "Something between us and Microsoft answered in its place (a proxy or a firewall, perhaps); we will try "
            "again."
        ),
    ),
    Reason(
        code="clock_differs",
        who="operator",
        retry="fix",
        sentence=_(
            "Our clock and Microsoft's differ by more than 5 minutes, so nothing was kept; the service provider must "
            "set its servers' clock."
        ),
    ),
    # Graph
    Reason(
        code="graph_token",
        who="invitee",
        retry="new",
        sentence=_("Microsoft Graph did not accept the access; please connect again."),
    ),
    Reason(
        code="graph_forbidden",
        who="customer_admin",
        retry="fix",
        sentence=_("The connection lacks a permission; an administrator must approve it."),
    ),
    # general
    Reason(
        code="interaction",
        who="invitee",
        retry="new",
        sentence=_("Microsoft asks you to sign in again."),
        aadsts=(),
        errors=("interaction_required", "login_required"),
    ),
    Reason(
        code="refused",
        who="invitee",
        retry="new",
        sentence=_("Microsoft refused the sign-in; please try again, and give the correlation id if it happens again."),
        aadsts=(),
        errors=("invalid_grant",),
    ),
    # ours
    Reason(
        code="code_busy",
        who="invitee",
        retry="new",
        sentence=_(
            "Too many sign-ins by code wait at the moment; use the sign-in button, or try again in some minutes."
        ),
        offer="sign_in",
    ),
    Reason(
        code="unreadable",
        who="invitee",
        retry="new",
        sentence=_("A message could not be read in time; please start the sign-in again."),
    ),
    Reason(
        code="key_missing",
        who="operator",
        retry="fix",
        sentence=_(
            "What is stored for this customer does not open with the keys that are set; the service provider must "
            "bring back the key that sealed it."
        ),
    ),
    Reason(
        code="continued_elsewhere",
        who="invitee",
        retry="new",
        sentence=_("The sign-in was continued in another browser."),
    ),
    Reason(
        code="tenant_taken",
        who="operator",
        retry="fix",
        sentence=_("This Microsoft 365 organisation already belongs to another customer here; check the tenant."),
    ),
    Reason(
        code="too_late", who="operator", retry="fix", sentence=_("Nobody answered in time; ask for the switch again.")
    ),
    Reason(
        code="no_grant",
        who="operator",
        retry="fix",
        sentence=_("No token has been claimed for this customer; switch to auth token first."),
    ),
)

REASONS: dict[str, Reason] = {reason.code: reason for reason in TABLE}
_BY_NUMBER: dict[int, Reason] = {number: reason for reason in TABLE for number in reason.aadsts}
_BY_ERROR: dict[str, Reason] = {error: reason for reason in TABLE for error in reason.errors}
_BY_SUBERROR: dict[str, str] = {
    "consent_required": "consent_required",
    "basic_action": "mfa_needed",
    "message_only": "blocked_by_policy",
    "bad_token": "revoked",
    "token_expired": "idle_too_long",
}
_BROAD = {
    "invalid_grant",
    "invalid_client",
    "unauthorized_client",
    "invalid_request",
    "access_denied",
    "consent_required",
    "interaction_required",
    "login_required",
    "server_error",
}


def explain(code: str) -> Reason:
    """The row of a code; an unknown one (from a newer service) is shown as a refusal."""
    return REASONS.get(code, REASONS["refused"])


def classify(error: str, suberror: str | None = None, numbers: tuple[int, ...] = ()) -> Reason:
    """The row for an answer of Entra ID: a telling `error`, then a known number, then `suberror`, then the
    rest.

    Numbers refine broad errors (`invalid_grant`); one that is not in the table changes nothing, but for an application:
    `invalid_client` means its secret only without a number.
    """
    if error in _BY_ERROR and error not in _BROAD:
        return _BY_ERROR[error]
    for number in numbers:
        if number in _BY_NUMBER:
            return _BY_NUMBER[number]
    if suberror in _BY_SUBERROR:
        return REASONS[_BY_SUBERROR[suberror]]
    if error == "invalid_client" and numbers:
        return REASONS["app_refused"]
    return _BY_ERROR.get(error, REASONS["refused"])

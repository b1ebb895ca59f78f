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


@dataclass(frozen=True, slots=True)
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


# fmt: off
TABLE: tuple[Reason, ...] = (
    # the sign-in itself
    Reason("pending", "invitee", "wait", _("We are waiting for you to finish signing in at Microsoft."),
           (70016,), ("authorization_pending",)),
    Reason("slow_down", "nobody", "wait", _("Microsoft asks us to wait a little longer between two looks."),
           (), ("slow_down",)),
    Reason("declined", "invitee", "new", _("You cancelled the sign-in; start again when you are ready."),
           (70017,), ("authorization_declined", "access_denied")),
    Reason("code_expired", "invitee", "new", _("The code has expired; get a new one."),
           (70020, 70019), ("expired_token",)),
    Reason("code_unknown", "invitee", "new", _("The code was not recognised; get a new one."),
           (70018,), ("bad_verification_code",)),
    Reason("sign_in_expired", "invitee", "new", _("The sign-in was not finished in time; please start it "
                                                  "again.")),
    Reason("sign_in_mismatch", "invitee", "new",
           _("Microsoft's answer does not belong to this sign-in; please start it again.")),
    Reason("interrupted", "invitee", "new", _("The sign-in was interrupted on our side; please sign in "
                                              "once more."), (54005,)),
    Reason("not_a_public_client", "operator", "fix",
           _("Our app registration does not allow this sign-in. There is nothing for you to do; the "
             "service provider "
             "must allow public client flows for it."), (7000218,)),
    Reason("wrong_client_type", "operator", "fix",
           _("Our app registration is used with the wrong client type; the service provider must correct "
             "its settings."),
           (700025,)),
    Reason("app_unknown", "customer_admin", "fix",
           _("The application was not found in the organisation; check the application id and the tenant "
             "id."),
           (700016,), ("unauthorized_client",)),
    Reason("tenant_unknown", "operator", "fix",
           _("That Microsoft 365 organisation was not found; check the domain or the tenant id."),
           (90002,), ("invalid_tenant",)),
    Reason("personal_account", "invitee", "new", _("Sign in with your work account, not a personal one."),
           (50194, 9002332, 500208)),
    Reason("wrong_account", "invitee", "new",
           _("You signed in with an account of another organisation; use one of the organisation named "
             "here."),
           (50020, 50034, 16000, 90072, 51004)),
    # our own checks
    Reason("wrong_tenant", "invitee", "new",
           _("You signed in to another organisation than this invitation is for. Nothing was kept.")),
    Reason("guest", "invitee", "new",
           _("Guest accounts cannot approve this; ask an administrator who belongs to the organisation.")),
    Reason("no_role", "invitee", "new",
           _("Your account does not have an accepted administrator role; activate it, or forward the "
             "invitation to an "
             "administrator.")),
    Reason("scopes_missing", "customer_admin", "fix",
           _("Not all requested permissions were granted; sign in again and accept them all.")),
    Reason("token_invalid", "operator", "fix",
           _("Microsoft's answer could not be trusted (signature, issuer or audience), so nothing was "
             "kept.")),
    Reason("wrong_organization", "customer_admin", "fix",
           _("The application answers for another organisation than the one on file; check the tenant id.")),
    # consent
    Reason("consent_required", "customer_admin", "fix",
           _("Your organisation has not approved, or has withdrawn, the requested permissions; an "
             "administrator must "
             "approve them again."), (65001,), ("consent_required",)),
    Reason("admin_consent", "customer_admin", "fix",
           _("An administrator of your organisation must approve this application first."), (90094, 90095)),
    Reason("consent_declined", "invitee", "new",
           _("The permissions were not approved; start again when you are ready to approve them."), (65004,)),
    Reason("not_assigned", "customer_admin", "fix",
           _("Your administrator must assign this application to you first."), (50105,)),
    # second factor and policies
    Reason("mfa_needed", "invitee", "new", _("Microsoft asks for a second factor; please sign in again."),
           (50076, 50078, 50074)),
    Reason("mfa_not_registered", "invitee", "fix",
           _("Register a second factor with Microsoft (aka.ms/mfasetup), then sign in again."),
           (50079, 50072, 53004, 53010)),
    Reason("blocked_by_policy", "customer_admin", "fix",
           _("A security policy of your organisation blocks this sign-in; use the other sign-in, or ask your "
             "administrator and give the correlation id."), (53003,), offer="sign_in"),
    Reason("code_blocked", "invitee", "new",
           _("Your organisation does not allow sign-in by code; use the sign-in button instead."),
           (530035,), offer="sign_in"),
    Reason("code_blocked_later", "invitee", "new",
           _("Your organisation now blocks access that was granted by code; connect again with the "
             "sign-in button."),
           (530036,), offer="sign_in"),
    Reason("device_policy", "customer_admin", "fix",
           _("Your organisation only allows managed devices or apps; ask your administrator for an "
             "exception."),
           (530032, 530084, 53000, 53001, 50097, 50129)),
    # access that died
    Reason("idle_too_long", "invitee", "new", _("The connection was idle for too long; please connect "
                                                "again."),
           (700082, 70008)),
    Reason("revoked", "invitee", "new",
           _("Access was revoked (for example by a password change); please connect again."), (50173,
           50132, 50133)),
    Reason("sign_in_frequency", "customer_admin", "new",
           _("Your organisation requires a fresh sign-in every few hours; connect again, or ask for an "
             "exception."),
           (70043,)),
    Reason("token_damaged", "invitee", "new", _("The stored access no longer works; please connect "
                                                "again."), (70000,)),
    Reason("account_disabled", "customer_admin", "fix",
           _("The account that approved the connection is disabled; another administrator must "
             "connect."), (50057,)),
    Reason("password", "invitee", "new",
           _("Microsoft did not accept the password (wrong, expired or locked); Microsoft's page says how "
             "to go on."),
           (50053, 50126, 50055)),
    # app registration
    Reason("secret_wrong", "customer_admin", "fix",
           _("The client secret is wrong; copy the secret's value, not its id."), (7000215,)),
    Reason("secret_expired", "customer_admin", "fix",
           _("The client secret has expired; create a new one and enter it."), (7000222,)),
    Reason("secret_missing", "operator", "fix", _("There is no client secret on file; enter one first.")),
    Reason("app_disabled", "customer_admin", "fix",
           _("The application is disabled in that organisation; an administrator must enable it."),
           (7000112, 70001)),
    Reason("certificate", "operator", "fix", _("The certificate does not match the application."),
           (700027, 700030, 50027)),
    Reason("our_request", "operator", "no",
           _("Our request to Microsoft was wrong; the service provider must look into it (give the "
             "correlation id)."),
           (70011, 500011, 650057, 900144, 9002313), ("invalid_request", "invalid_scope",
           "invalid_resource", "unsupported_grant_type")),
    Reason("client_refused", "operator", "fix",
           _("Microsoft refused the application's own sign-in; check its client id and secret."), (),
           ("invalid_client",)),
    # Microsoft is busy
    Reason("loop", "nobody", "wait", _("Microsoft asks us to wait some minutes; we will try again."),
           (50196,)),
    Reason("busy", "nobody", "wait", _("Microsoft is busy; we will try again."),
           (90055, 90033, 90024, 90006, 50033, 50087),
           ("temporarily_unavailable", "server_error", "service_unavailable")),
    Reason("unreachable", "nobody", "wait", _("Microsoft could not be reached; we will try again.")),
    # Graph
    Reason("graph_token", "invitee", "new", _("Microsoft Graph did not accept the access; please connect "
                                              "again.")),
    Reason("graph_forbidden", "customer_admin", "fix",
           _("The connection lacks a permission; an administrator must approve it.")),
    # general
    Reason("interaction", "invitee", "new", _("Microsoft asks you to sign in again."), (),
           ("interaction_required", "login_required")),
    Reason("refused", "invitee", "new",
           _("Microsoft refused the sign-in; please try again, and give the correlation id if it happens "
             "again."), (),
           ("invalid_grant",)),
    # ours
    Reason("code_busy", "invitee", "new",
           _("Too many sign-ins by code wait at the moment; use the sign-in button, or try again in some minutes."),
           offer="sign_in"),
    Reason("unreadable", "invitee", "new", _("A message could not be read in time; please start the "
                                             "sign-in again.")),
    Reason("continued_elsewhere", "invitee", "new", _("The sign-in was continued in another browser.")),
    Reason("tenant_taken", "operator", "fix",
           _("This Microsoft 365 organisation already belongs to another customer here; check the tenant.")),
    Reason("too_late", "operator", "fix", _("Nobody answered in time; ask for the switch again.")),
    Reason("no_grant", "operator", "fix", _("No token has been claimed for this customer; switch to auth "
                                            "token first.")),
)
# fmt: on

REASONS: dict[str, Reason] = {reason.code: reason for reason in TABLE}
_BY_NUMBER: dict[int, Reason] = {number: reason for reason in TABLE for number in reason.aadsts}
_BY_ERROR: dict[str, Reason] = {error: reason for reason in TABLE for error in reason.errors}
_BY_SUBERROR: dict[str, str] = {
    "consent_required": "consent_required", "basic_action": "mfa_needed", "message_only": "blocked_by_policy",
    "bad_token": "revoked", "token_expired": "idle_too_long",
}  # fmt: skip
_BROAD = {"invalid_grant", "invalid_client", "unauthorized_client", "invalid_request", "access_denied",
          "consent_required", "interaction_required", "login_required", "server_error"}  # fmt: skip


def explain(code: str) -> Reason:
    """The row of a code; an unknown one (from a newer service) is shown as a refusal."""
    return REASONS.get(code, REASONS["refused"])


def classify(error: str, suberror: str | None = None, numbers: tuple[int, ...] = ()) -> Reason:
    """The row for an answer of Entra ID: a telling `error`, then a known number, then `suberror`, then the
    rest.

    Numbers refine broad errors (`invalid_grant`); a number that is not in the table changes nothing.
    """
    if error in _BY_ERROR and error not in _BROAD:
        return _BY_ERROR[error]
    for number in numbers:
        if number in _BY_NUMBER:
            return _BY_NUMBER[number]
    if suberror in _BY_SUBERROR:
        return REASONS[_BY_SUBERROR[suberror]]
    return _BY_ERROR.get(error, REASONS["refused"])

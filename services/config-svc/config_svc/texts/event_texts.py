"""The timeline in words: for each type of event its title, a sentence with named places, and its tone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.reasons import explain
from shared.contracts.roles import role_names
from shared.i18n.catalogs import N_, language_name

Say = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Story:
    title: str
    text: str = ""
    tone: str = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One entry as it is read."""

    title: str
    text: str
    tone: str
    by: str

    @property
    def summary(self) -> str:
        return f"{self.title}: {self.text}" if self.text else self.title


METHODS: Mapping[str, str] = {
    "sign_in": N_("Sign in with Microsoft"),
    "device_code": N_("Device code"),
    "app_registration": N_("App registration"),
    "token": N_("Auth token"),
    "none": N_("None"),
}
KINDS: Mapping[str, str] = {
    "invitation": N_("invitation"),
    "resend": N_("invitation, sent again"),
    "reminder": N_("reminder"),
    "done": N_("confirmation to the administrator"),
    "revoked": N_("withdrawal to the administrator"),
    "operator_done": N_("confirmation to the operator"),
    "refused": N_("refused sign-in, to the operator"),
    "expired": N_("expired invitation, to the operator"),
    "asked": N_("wish for a new invitation, to the operator"),
    "access_lost": N_("access lost, to operations"),
    "access_recovered": N_("access recovered, to operations"),
    "secret_expiring": N_("expiring secret, to operations"),
}
CANCELLED: Mapping[str, str] = {
    "cancelled": N_("An operator cancelled it."),
    "readdressed": N_("The invitation went to another address instead."),
    "removed": N_("The customer was removed."),
}
SETTINGS: Mapping[str, str] = {
    "texts": N_("texts of the invitation"),
    "sender": N_("sender"),
    "life": N_("life of an invitation"),
    "reminder": N_("reminder"),
    "accepted_roles": N_("accepted roles"),
}

STORIES: Mapping[str, Story] = {
    "CustomerRegistered": Story(N_("Customer registered"), N_("%(name)s, tenant %(tenant)s")),
    "CustomerChanged": Story(N_("Customer changed"), N_("%(name)s, tenant %(tenant)s")),
    "CustomerRemoved": Story(N_("Customer removed"), "", "warning"),
    "TenantResolved": Story(N_("Tenant found"), N_("%(asked)s is %(tenant_id)s")),
    "TenantUnknown": Story(N_("Tenant not found"), N_("%(asked)s: %(reason)s"), "danger"),
    "TenantPinned": Story(N_("Tenant assigned"), N_("%(tenant_id)s belongs to this customer.")),
    "TenantTaken": Story(N_("Tenant already taken"), N_("%(tenant_id)s belongs to another customer."), "danger"),
    "TenantReleased": Story(N_("Tenant released"), "%(tenant_id)s"),
    "SwitchRequested": Story(N_("Switch requested"), N_("To %(to)s; invited: %(invitee)s"), "progress"),
    "InvitationResendRequested": Story(N_("Invitation to be sent again"), N_("Invitation number %(generation)s")),
    "SwitchCompleted": Story(N_("Switch completed"), N_("By %(method)s %(account)s"), "success"),
    "SwitchCancelled": Story(N_("Switch cancelled"), "%(cancelled)s", "warning"),
    "SwitchExpired": Story(N_("Switch expired"), N_("Nobody signed in in time."), "warning"),
    "SwitchFailed": Story(N_("Switch failed"), "%(reason)s", "danger"),
    "InvitationCreated": Story(N_("Invitation created")),
    "InvitationResent": Story(N_("Invitation renewed"), N_("Invitation number %(generation)s")),
    "InvitationReminded": Story(N_("Reminder is due")),
    "InvitationOpened": Story(N_("Invitation opened"), "", "progress"),
    "InvitationExpired": Story(N_("Invitation ran out"), "", "warning"),
    "InvitationRevoked": Story(N_("Invitation withdrawn")),
    "NewInvitationAsked": Story(N_("The administrator asks for a new invitation"), "", "warning"),
    "AuthenticationStarted": Story(N_("Sign-in started"), "%(method)s", "progress"),
    "AuthenticationStopped": Story(N_("Sign-in stopped"), "%(reason)s"),
    "DeviceCodeIssued": Story(N_("Code shown"), "", "progress"),
    "SignInReady": Story(N_("Way to Microsoft ready"), "", "progress"),
    "SignInReturned": Story(N_("Back from Microsoft"), "", "progress"),
    "AuthenticationFailed": Story(N_("Sign-in failed"), "%(reason)s", "danger"),
    "TokenClaimed": Story(N_("Token claimed"), N_("By %(account)s, %(roles)s"), "success"),
    "AppRegistrationProven": Story(N_("App registration proven"), "%(client_id)s", "success"),
    "ValidationRequested": Story(N_("Validation requested"), "%(method)s", "progress"),
    "AuthenticationValidated": Story(N_("Authentication validated"), "%(outcome)s %(reason)s"),
    "GrantRefreshed": Story(N_("Token kept alive")),
    "AccessLost": Story(N_("Access lost"), "%(reason)s", "danger"),
    "AccessRecovered": Story(N_("Access recovered"), "", "success"),
    "SecretExpiring": Story(
        N_("Client secret expires"), N_("%(days_left)s days left, until %(expires_on)s"), "warning"
    ),
    "EmailSent": Story(N_("E-mail sent"), "%(kind)s", "success"),
    "EmailFailed": Story(N_("E-mail not sent"), N_("%(kind)s: %(why)s"), "danger"),
    "LinkCopied": Story(N_("Invitation link copied")),
    "ReferenceChanged": Story(N_("Reference changed"), "%(reference)s"),
    "BulkSwitchBegun": Story(N_("Bulk switch begun"), N_("%(name)s, %(count)s customers"), "progress"),
    "BulkSwitchChanged": Story(N_("Bulk switch"), "%(name)s: %(change)s"),
    "SettingsChanged": Story(N_("Settings changed"), "%(changed)s"),
}
CHANGES: Mapping[str, str] = {
    "paused": N_("paused"),
    "resumed": N_("goes on"),
    "stopped": N_("stopped"),
    "reminded": N_("reminders begun"),
    "ended": N_("all were asked"),
    "reminder_stopped": N_("reminders stopped"),
}
PLACES: Mapping[str, tuple[str, str]] = {
    "settings": (N_("Settings"), "/settings"),
    "bulk-switches": (N_("Bulk Switch"), "/bulk-switches"),
}
"""What events are about that concern no customer, and where it is."""
OUTCOMES: Mapping[str, str] = {"successful": N_("Successful."), "failed": N_("Failed.")}


def tell(type_name: str, data: Mapping[str, Any], say: Say) -> Told:
    """An event's entry in the reader's language. A type that is not known here (a newer service's) shows its name."""
    story = STORIES.get(type_name) or Story(type_name)
    words = defaultdict(lambda: "–", _words(data, say))
    text = " ".join((say(story.text) % words).split()) if story.text else ""
    tone = "danger" if data.get("outcome") == "failed" else "success" if "outcome" in data else story.tone
    return Told(title=say(story.title), text=text, tone=tone, by=doer(data, say))


def doer(data: Mapping[str, Any], say: Say) -> str:
    who = data.get("by") or data.get("inviter")
    if not isinstance(who, Mapping):
        return ""
    name = str(who.get("name") or who.get("email") or who.get("id"))
    address = who.get("address")
    return say(N_("%(name)s from %(address)s")) % {"name": name, "address": address} if address else name


def _words(data: Mapping[str, Any], say: Say) -> dict[str, str]:
    """The places of a sentence: codes become words, people their addresses."""
    found = {name: str(value) for name, value in data.items() if isinstance(value, str | int)}
    for name, table in _TABLES.items():
        if (code := data.get(name)) is not None:
            found[name] = say(table[code]) if code in table else str(code)
    found["reason"] = say(explain(data["reason"]).sentence) if data.get("reason") else ""
    found["cancelled"] = say(CANCELLED.get(str(data.get("reason")), ""))
    found["account"] = _person(data.get("account"), "upn")
    found["invitee"] = _person(data.get("invitee"), "email") or say(N_("nobody"))
    found["roles"] = ", ".join(role_names(data.get("roles") or ()))
    found["changed"] = ", ".join(_setting(name, say) for name in data.get("changed") or ())
    return found


def _setting(name: str, say: Say) -> str:
    """`life`, or `texts.de`."""
    name, _, language = name.partition(".")
    label = say(SETTINGS.get(name, name))
    return f"{label} ({language_name(language)})" if language else label


_TABLES: Mapping[str, Mapping[str, str]] = {
    "method": METHODS,
    "to": METHODS,
    "kind": KINDS,
    "outcome": OUTCOMES,
    "change": CHANGES,
}


def _person(value: Any, name: str) -> str:
    return str(value.get(name) or "") if isinstance(value, Mapping) else ""

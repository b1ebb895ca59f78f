"""The timeline in words: for each type of event its title, a sentence with named places, and its tone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.reasons import explain
from shared.contracts.roles import role_names
from shared.i18n.catalogs import language_name
from shared.i18n.marks import N_

Say = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class EventText:
    title: str
    text: str = ""
    tone: str = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
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
    "access_not_proven": N_("access not proven, to operations"),
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

EVENT_TEXTS: Mapping[str, EventText] = {
    "CustomerRegistered": EventText(N_("Customer registered"), N_("%(name)s, tenant %(tenant)s")),
    "CustomerChanged": EventText(N_("Customer changed"), N_("%(name)s, tenant %(tenant)s")),
    "CustomerRemoved": EventText(N_("Customer removed"), "", "warning"),
    "TenantResolved": EventText(N_("Tenant found"), N_("%(asked)s is %(tenant_id)s")),
    "TenantUnknown": EventText(N_("Tenant not found"), N_("%(asked)s: %(reason)s"), "danger"),
    "TenantPinned": EventText(N_("Tenant assigned"), N_("%(tenant_id)s belongs to this customer.")),
    "TenantTaken": EventText(N_("Tenant already taken"), N_("%(tenant_id)s belongs to another customer."), "danger"),
    "TenantReleased": EventText(N_("Tenant released"), "%(tenant_id)s"),
    "SwitchRequested": EventText(N_("Switch requested"), N_("To %(to)s; invited: %(invitee)s"), "progress"),
    "InvitationResendRequested": EventText(N_("Invitation to be sent again"), N_("Invitation number %(generation)s")),
    "SwitchCompleted": EventText(N_("Switch completed"), N_("By %(method)s %(account)s"), "success"),
    "SwitchCancelled": EventText(N_("Switch cancelled"), "%(cancelled)s", "warning"),
    "SwitchExpired": EventText(N_("Switch expired"), N_("Nobody signed in in time."), "warning"),
    "SwitchFailed": EventText(N_("Switch failed"), "%(reason)s", "danger"),
    "InvitationCreated": EventText(N_("Invitation created")),
    "InvitationResent": EventText(N_("Invitation renewed"), N_("Invitation number %(generation)s")),
    "InvitationReminded": EventText(N_("Reminder is due")),
    "InvitationOpened": EventText(N_("Invitation opened"), "", "progress"),
    "InvitationExpired": EventText(N_("Invitation ran out"), "", "warning"),
    "InvitationRevoked": EventText(N_("Invitation withdrawn")),
    "NewInvitationAsked": EventText(N_("The administrator asks for a new invitation"), "", "warning"),
    "AuthenticationStarted": EventText(N_("Sign-in started"), "%(method)s", "progress"),
    "AuthenticationStopped": EventText(N_("Sign-in stopped"), "%(reason)s"),
    "DeviceCodeIssued": EventText(N_("Code shown"), "", "progress"),
    "SignInReady": EventText(N_("Way to Microsoft ready"), "", "progress"),
    "SignInReturned": EventText(N_("Back from Microsoft"), "", "progress"),
    "AuthenticationFailed": EventText(N_("Sign-in failed"), "%(reason)s", "danger"),
    "TokenClaimed": EventText(N_("Token claimed"), N_("By %(account)s, %(roles)s"), "success"),
    "AppRegistrationProven": EventText(N_("App registration proven"), "%(client_id)s", "success"),
    "ValidationRequested": EventText(N_("Validation requested"), "%(method)s", "progress"),
    "AuthenticationValidated": EventText(N_("Authentication validated"), "%(outcome)s %(reason)s"),
    "GrantRefreshed": EventText(N_("Token kept alive")),
    "AccessProven": EventText(N_("Access proven"), "", "success"),
    "AccessUnanswered": EventText(N_("Microsoft has not answered"), "%(reason)s", "warning"),
    "AccessNotProven": EventText(N_("Access could not be proven"), "%(reason)s", "danger"),
    "AccessLost": EventText(N_("Access lost"), "%(reason)s", "danger"),
    "AccessRecovered": EventText(N_("Access recovered"), "", "success"),
    "SecretExpiring": EventText(
        N_("Client secret expires"), N_("%(days_left)s days left, until %(expires_on)s"), "warning"
    ),
    "EmailSent": EventText(N_("E-mail sent"), "%(kind)s", "success"),
    "EmailFailed": EventText(N_("E-mail not sent"), N_("%(kind)s: %(why)s"), "danger"),
    "LinkCopied": EventText(N_("Invitation link copied")),
    "ReferenceChanged": EventText(N_("Reference changed"), "%(reference)s"),
    "BulkSwitchBegun": EventText(N_("Bulk switch begun"), N_("%(name)s, %(count)s customers"), "progress"),
    "BulkSwitchChanged": EventText(N_("Bulk switch"), "%(name)s: %(change)s"),
    "SettingsChanged": EventText(N_("Settings changed"), "%(changed)s"),
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


def describe(type_name: str, data: Mapping[str, Any], say: Say) -> Description:
    """An event's entry in the reader's language. A type that is not known here (a newer service's) shows its name."""
    event = EVENT_TEXTS.get(type_name) or EventText(type_name)
    words = defaultdict(lambda: "–", _words(data, say))
    text = " ".join((say(event.text) % words).split()) if event.text else ""
    tone = "danger" if data.get("outcome") == "failed" else "success" if "outcome" in data else event.tone
    return Description(title=say(event.title), text=text, tone=tone, by=doer(data, say))


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

"""given(state).when(rule).then(...): rules of config-svc as sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import pytest

from config_svc.domain import customers, switches
from config_svc.domain.customers import CustomerInput, RegistrationInput
from config_svc.domain.model import Customer, Grant, SwitchTerms, Tenant
from shared.contracts.events import Account, Actor, Event, Person, TenantPinned, TokenClaimed
from shared.domain.rules import Change, Refused

S = TypeVar("S", Customer, Tenant)

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
ID, TENANT, OTHER = "c1", "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
BY = Actor(id="op", name="Olga", email="olga@provider.example", address="192.0.2.7")
ANNA, BERT = Person("anna@contoso.example", "Anna"), Person("bert@contoso.example", "Bert")
ACCOUNT = Account("anna@contoso.example", "oid-1", "Anna")
LIFE, LATER = timedelta(days=7), NOW + timedelta(days=90)


@dataclass(frozen=True)
class Outcome(Generic[S]):
    """What a rule made of a state."""

    before: S | None
    change: Change[S] | None

    def then(self, *events: type[Event], **fields: Any) -> S:
        """It changed: these events, in order, and these fields of the new state (`switch__state` looks inside)."""
        assert self.change is not None, "nothing happened"
        assert [type(event) for event in self.change.events] == list(events)
        for name, value in fields.items():
            assert _look(self.change.state, name) == value, name
        return self.change.state

    def nothing(self) -> None:
        assert self.change is None

    def event(self, number: int = 0) -> Any:
        assert self.change is not None
        return self.change.events[number]


def _look(state: Any, path: str) -> Any:
    for name in path.split("__"):
        state = getattr(state, name)
    return state


@dataclass(frozen=True)
class Given(Generic[S]):
    state: S | None

    def when(self, rule: Callable[..., Change[S] | None], *facts: Any, now: datetime = NOW) -> Outcome[S]:
        return Outcome(self.state, rule(self.state, *facts, now))

    def refused(self, code: str, rule: Callable[..., Any], *facts: Any, now: datetime = NOW) -> Refused:
        """The rule refuses with this code, and says in a sentence what to do."""
        with pytest.raises(Refused) as caught:
            rule(self.state, *facts, now)
        assert caught.value.code == code and caught.value.detail.endswith(".")
        return caught.value


def given(state: S | None) -> Given[S]:
    return Given(state)


NOBODY: Given[Customer] = Given(None)


# --- customers in each state -----------------------------------------------------------------------------------------


def data(secret: str | None = "set", **more: Any) -> CustomerInput:
    registration = None
    if secret:
        change: Any = secret
        registration = RegistrationInput(
            client_id="app-1", secret_change=change, secret="jwe", secret_expires_on="2027-06-30"
        )
    fields: dict[str, Any] = {"name": "Contoso", "tenant": "contoso.example", "registration": registration}
    return CustomerInput(**(fields | more))


def registered(secret: str | None = "set", **more: Any) -> Customer:
    """A customer whose tenant is not known yet."""
    return replace(given_put(None, data(secret)), **more)


def given_put(state: Customer | None, put: CustomerInput) -> Customer:
    change = customers.put(state, ID, put, BY, NOW)
    assert change is not None
    return change.state


def pinned(secret: str | None = "set", **more: Any) -> Customer:
    change = customers.pin(registered(secret), TenantPinned(ID, "contoso.example", TENANT), NOW)
    assert change is not None
    return replace(change.state, **more)


def asked(to: Any = "token", invitee: Person | None = ANNA, **more: Any) -> SwitchTerms:
    life = int(LIFE.total_seconds())
    return SwitchTerms(to=to, inviter=BY, life_seconds=life, accepted_roles=("role",), invitee=invitee, **more)


def requested(**more: Any) -> Customer:
    """A customer whose administrator is being invited."""
    return replace(switches.request(pinned(), asked(), NOW).state, **more)


def claim(switch: int = 1, attempt: int = 1, grant: str = "g1") -> TokenClaimed:
    return TokenClaimed(
        customer=ID,
        switch=switch,
        attempt=attempt,
        grant=grant,
        account=ACCOUNT,
        tenant_id=TENANT,
        roles=("role",),
        scopes=("User.Read",),
        method="sign_in",
        claimed_at=NOW,
        expires_at=LATER,
    )


def with_token(**more: Any) -> Customer:
    """A customer whose token is in force."""
    change = switches.claimed(requested(), claim(), NOW)
    assert change is not None and isinstance(change.state.grant, Grant)
    return replace(change.state, **more)


def switching_back(**more: Any) -> Customer:
    """A customer whose stored app registration is being proven."""
    return replace(switches.request(with_token(), asked("app_registration", None), NOW).state, **more)

"""May this refresh token still be used: the reasons for which Entra ends a connection, in its order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from tokenswitch_dev.simulator.directory.directory import Account, Tenant
from tokenswitch_dev.simulator.directory.grants import REFRESH_LIFE_SECONDS, RefreshToken
from tokenswitch_dev.simulator.endpoints.scopes import missing_consent, parse_scopes
from tokenswitch_dev.simulator.endpoints.tokens import RESERVED, Person
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.errors import Refusal, refuse


def refresh_person(
    sim: Simulator, old: RefreshToken, tenant: Tenant | None, scope: str, capabilities: tuple[str, ...]
) -> Person | Refusal:
    """Refresh tokens are bound to user and client, not to a tenant: the person may be a guest elsewhere."""
    home, account = sim.directory.tenants.get(old.tid), sim.directory.account(old.tid, old.oid)
    if home is None or account is None:
        return refuse("70000")
    target = tenant or home
    there = _same_person(sim, target, home, account)
    if there is None:
        return refuse("50020", account=account.login, home=old.tid, tenant=target.name, client=old.client_id)
    app, scopes = sim.find_app(old.client_id, target), parse_scopes(scope or " ".join(old.scopes))
    if isinstance(app, Refusal):
        return app
    if isinstance(scopes, Refusal):
        return scopes
    # What was granted without being asked for again stays: offline_access and openid above all.
    kept = [scope for scope in old.scopes if scope in RESERVED and scope not in scopes]
    return Person(
        app=app, tenant=target, account=there, scopes=tuple(scopes + kept), nonce="", capabilities=capabilities
    )


def _same_person(sim: Simulator, target: Tenant, home: Tenant, account: Account) -> Account | None:
    return account if target.tid == home.tid else sim.directory.account_by_login(target.tid, account.login)


def check_refresh(sim: Simulator, old: RefreshToken, person: Person) -> Refusal | None:
    return next((refusal for rule in RULES if (refusal := rule(sim, old, person))), None)


def _disabled(_sim: Simulator, _old: RefreshToken, person: Person) -> Refusal | None:
    return None if person.account.enabled else refuse("50057")


def _idle(sim: Simulator, old: RefreshToken, _person: Person) -> Refusal | None:
    idle = old.issued + REFRESH_LIFE_SECONDS <= sim.clock.now()
    return refuse("700082", issued=_time(old.issued)) if idle else None


def _revoked(sim: Simulator, old: RefreshToken, person: Person) -> Refusal | None:
    life = person.tenant.refresh_revoked_after
    since = max(person.account.revoked_at, old.signed_in + life if life and _passed(sim, old, life) else 0.0)
    return refuse("50173", issued=_time(old.issued), valid_from=_time(since)) if old.issued <= since else None


def _passed(sim: Simulator, old: RefreshToken, life: float) -> bool:
    return old.signed_in + life <= sim.clock.now()


def _device_code_blocked(_sim: Simulator, old: RefreshToken, person: Person) -> Refusal | None:
    blocked = old.origin == "device_code" and person.tenant.device_code != "allowed"
    return refuse("530036") if blocked else None


def _conditional_access(_sim: Simulator, _old: RefreshToken, person: Person) -> Refusal | None:
    return refuse("53003") if person.tenant.conditional_access_block else None


def _consent_withdrawn(_sim: Simulator, _old: RefreshToken, person: Person) -> Refusal | None:
    missing = missing_consent(person.tenant, person.app.client_id, person.account, list(person.scopes))
    return refuse("65001", client=person.app.client_id) if missing else None


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


RULES: tuple[Callable[[Simulator, RefreshToken, Person], Refusal | None], ...] = (
    _disabled,
    _idle,
    _revoked,
    _device_code_blocked,
    _conditional_access,
    _consent_withdrawn,
)

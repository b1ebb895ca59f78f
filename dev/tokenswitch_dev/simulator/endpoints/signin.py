"""The rules of a sign-in by a person: who it is, what the organisation forbids, what success gives out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tokenswitch_dev.simulator.directory.directory import Account, App, Tenant
from tokenswitch_dev.simulator.directory.grants import (
    CODE_LIFE_SECONDS,
    PAGE_LIFE_SECONDS,
    AuthCode,
    SignIn,
    opaque_code,
    opaque_page,
)
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.errors import Refusal, refuse


@dataclass(frozen=True)
class Who:
    app: App
    tenant: Tenant
    account: Account


def start_device(sim: Simulator, typed: str) -> SignIn | Refusal:
    """The person typed a code at /devicelogin."""
    code = sim.grants.by_user_code(typed)
    if code is None or code.status != "pending":
        return refuse("70018")
    if code.expires <= sim.clock.now():
        return refuse("70019")
    expires = sim.clock.now() + PAGE_LIFE_SECONDS
    page = SignIn(
        key=opaque_page(),
        kind="device",
        client_id=code.client_id,
        authority=code.authority,
        scopes=code.scopes,
        expires=expires,
    )
    page.user_code = code.user_code
    return sim.grants.signins.put(page)


def identify(sim: Simulator, client_id: str, authority: str, login: str) -> Who | Refusal:
    """The account behind a user name, in the tenant of the authority or in its own."""
    tenant = sim.find_tenant(authority)
    if isinstance(tenant, Refusal):
        return tenant
    app = sim.find_app(client_id, tenant)
    if isinstance(app, Refusal):
        return app
    home = sim.directory.home_of(login)
    if tenant is None:
        return Who(app, *home) if home else refuse("50034", account=login, tenant=login.rpartition("@")[2])
    account = sim.directory.account_by_login(tenant.tid, login)
    if account:
        return Who(app, tenant, account)
    if home:
        return refuse("50020", account=login, home=home[0].tid, tenant=tenant.name, client=client_id)
    return refuse("50034", account=login, tenant=tenant.domain)


def forbidden(sim: Simulator, kind: str, who: Who) -> Refusal | None:
    """What the organisation's policies say once the person is known; the first rule that objects wins."""
    return next((refusal for rule in RULES if (refusal := rule(sim, kind, who))), None)


def _disabled(_sim: Simulator, _kind: str, who: Who) -> Refusal | None:
    return None if who.account.enabled else refuse("50057")


def _unassigned(_sim: Simulator, _kind: str, who: Who) -> Refusal | None:
    assigned = not who.app.assignment_required or who.account.app_roles.get(who.app.client_id)
    return None if assigned else refuse("50105", client=who.app.client_id, account=who.account.login)


def _conditional_access(_sim: Simulator, kind: str, who: Who) -> Refusal | None:
    by_code = kind == "device" and who.tenant.device_code == "conditional_access"
    return refuse("53003") if who.tenant.conditional_access_block or by_code else None


def _security_defaults(_sim: Simulator, kind: str, who: Who) -> Refusal | None:
    return refuse("530035") if kind == "device" and who.tenant.device_code == "security_defaults" else None


Rule = Callable[[Simulator, str, Who], Refusal | None]
RULES: tuple[Rule, ...] = (_disabled, _unassigned, _conditional_access, _security_defaults)


def approve_device(sim: Simulator, page: SignIn, who: Who) -> Refusal | None:
    code = sim.grants.by_user_code(page.user_code)
    if code is None or code.status != "pending" or code.expires <= sim.clock.now():
        return refuse("70019")
    code.status, code.tid, code.oid = "approved", who.tenant.tid, who.account.oid
    sim.grants.devices.put(code)
    return None


def decline_device(sim: Simulator, user_code: str) -> bool:
    code = sim.grants.by_user_code(user_code)
    if code is None or code.status != "pending":
        return False
    code.status = "declined"
    sim.grants.devices.put(code)
    return True


def issue_code(sim: Simulator, page: SignIn, who: Who) -> AuthCode:
    asked = page.request
    return sim.grants.codes.put(
        AuthCode(
            key=opaque_code(),
            client_id=page.client_id,
            redirect_uri=asked["redirect_uri"],
            tid=who.tenant.tid,
            oid=who.account.oid,
            scopes=page.scopes,
            expires=sim.clock.now() + CODE_LIFE_SECONDS,
            nonce=asked.get("nonce", ""),
            challenge=asked.get("code_challenge", ""),
        )
    )

"""Access in force: validated, lost and recovered, and served to those who may have it, never before its time."""

from __future__ import annotations

import asyncio

from tests.e2e.e2e_kit import Api, Body, Customer, World
from tests.e2e.e2e_wait import wait_for
from tests.system import WholeSystem


def reader(system: WholeSystem, role: str = "token.read") -> Api:
    return Api(system.base("auth"), system.token(role))


def path(customer: Customer) -> str:
    return f"/internal/v1/customers/{customer.id}/access-token"


async def test_validation_says_what_is_wrong_with_an_app_registration(world: World) -> None:
    customer = await world.customer()
    assert (await world.validate(customer))["status"] == "successful"
    await world.sim("secrets", client_id=customer.client_id, expired=True)
    shown = await world.validate(customer)
    assert (shown["status"], shown["status_reason"]["code"]) == ("failed", "secret_expired")
    assert shown["status_reason"]["aadsts"] == 7000222
    assert shown["status_reason"]["correlation_id"]
    await world.sim("secrets", client_id=customer.client_id, value="renewed-at-microsoft")
    shown = await world.validate(customer)
    assert (shown["status"], shown["status_reason"]["code"]) == ("failed", "secret_wrong")
    await world.sim("secrets", client_id=customer.client_id, value=customer.client_secret)
    assert (await world.validate(customer))["status"] == "successful"


async def test_a_revoked_token_is_lost_and_a_renewal_recovers_it(world: World) -> None:
    customer = await world.customer()
    await world.switched(customer)
    assert (await world.validate(customer))["status"] == "successful"
    await asyncio.sleep(1.1)  # the revocation must be later than the token, whose time counts in whole seconds
    await world.sim("revoke", tenant=customer.tid)
    shown = await world.validate(customer)
    assert (shown["status"], shown["status_reason"]["code"]) == ("failed", "revoked")

    async def lost() -> bool:  # said by an event of its own, just after the answer
        now = await world.shown(customer)
        return (now["method"], now["grant"]["lost"]) == ("token", True)

    await wait_for(lost, "lost grant")
    await world.mail("ops@provider.example", f"{customer.id}.*is lost", timeout=90)  # gathered for half a minute
    async with reader(world.system).http as jobs:
        answer = await jobs.post(path(customer))
    assert (answer.status_code, answer.json()["code"]) == (409, "access_lost")
    after = await world.switched(customer, renew=True)
    assert (after["status"], after["grant"]["lost"]) == ("successful", False)
    assert (await world.validate(customer))["status"] == "successful"
    assert "AccessLost" in await world.said(customer)


async def test_a_tenant_that_does_not_exist_and_one_that_is_taken(world: World) -> None:
    owner, unknown = (
        await world.customer(),
        Customer(id="nobody-there", domain="nobody.invalid", tid="", client_id="", client_secret=""),
    )
    await world.api.done("PUT", unknown.path, {"name": "Nobody", "tenant": unknown.domain})
    shown = await world.until(unknown, tenant_state="unknown")
    assert shown["tenant_problem"]["sentence"]
    taken = Customer(id=f"{owner.id}-2", domain=owner.domain, tid=owner.tid, client_id="", client_secret="")
    await world.api.done("PUT", taken.path, {"name": "Second", "tenant": owner.domain})
    await world.until(taken, tenant_state="taken")
    for customer in (unknown, taken):
        body = {"to": "token", "admin_email": "admin@nobody.example"}
        refused = await world.api.refused("POST", f"{customer.path}/switch", body)
        assert refused == (409, "tenant_unresolved")


async def test_access_tokens_by_the_method_in_force_and_none_while_only_proposed(world: World) -> None:
    customer = await world.customer()
    jobs = reader(world.system)

    async def served() -> Body | None:  # auth-svc hears in its own time whose the tenant is, and proves the secret
        answer = await jobs.ask("POST", path(customer))
        return dict(answer.json()) if answer.is_success else None

    app = await wait_for(served, "token of the app registration")
    assert (app["kind"], app["tenant"]) == ("app", customer.tid)
    invitee = await world.invited(customer)
    world.system.children["config-svc"].freeze()  # the verdict waits
    try:
        await world.approve(await invitee.ask_code(customer.user("admin")), customer.user("admin"))
        await invitee.until("finishing")
        at_auth = await world.document("auth", "access", customer.id)
        assert at_auth["proposed"] and not at_auth.get("grant")
        assert (await jobs.done("POST", path(customer)))["kind"] == "app"
    finally:
        world.system.children["config-svc"].thaw()
    await invitee.until("done")

    async def delegated() -> bool:
        served = await jobs.done("POST", path(customer))
        return bool(served["kind"] == "delegated" and "User.Read" in " ".join(served["scopes"]))

    await wait_for(delegated, "delegated token")
    nobody = Customer(id="unheard-of", domain="", tid="", client_id="", client_secret="")
    assert (await jobs.ask("POST", path(nobody))).status_code == 404
    assert (await reader(world.system, "operator").ask("POST", path(customer))).status_code == 403


async def test_a_removed_customer_loses_everything_and_never_comes_back(world: World) -> None:
    customer = await world.customer()
    await world.switched(customer)
    admin = Api(world.system.base("config"), world.system.token("admin"))
    await admin.done("DELETE", customer.path)
    assert await world.api.refused("GET", customer.path) == (410, "removed")
    jobs = reader(world.system)

    async def gone() -> bool:
        return (await jobs.ask("POST", path(customer))).status_code == 404

    await wait_for(gone, "token gone")
    at_auth = await world.document("auth", "access", customer.id)
    assert not at_auth.get("grant") and not at_auth.get("registration")
    assert (await world.api.refused("PUT", customer.path, {"name": "A", "tenant": customer.domain}))[0] in (
        409,
        410,
    )

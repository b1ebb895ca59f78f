"""POST validation, switch, resend, link, DELETE switch: the contract, every refusal, idempotency, limits."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.events import (
    AccessLost,
    AppRegistrationProven,
    AuthenticationFailed,
    AuthenticationStarted,
    AuthenticationValidated,
    EmailFailed,
    EmailSent,
    InvitationCreated,
    InvitationExpired,
    InvitationOpened,
    TenantResolved,
)
from shared.crypto.invitation_links import Link, Links
from tests.config_svc.config_kit import ADMIN, GLOBAL_ADMIN, INVITE, TENANT, C, Config

ASK: dict[str, Any] = {"to": "token", "admin_email": ADMIN, "admin_name": "Avery Admin", "locale": "de"}


async def test_a_switch_goes_from_the_request_to_the_claimed_token(config: Config) -> None:
    await config.registered()
    gateway = config.gateway()
    asked = await gateway.post(f"/customers/{C}/switch", ASK | {"reference": "T-1", "methods": ["sign_in"]})
    assert (asked.status_code, asked.json()) == (202, {"switch": 1})
    shown = (await gateway.get(f"/customers/{C}")).json()["switch"]
    assert (shown["state"], shown["invitee"], shown["locale"]) == (
        "requested",
        {"email": ADMIN, "name": "Avery Admin"},
        "de",
    )
    assert shown["methods"] == ["sign_in"] and shown["reference"] == "T-1"
    assert await config.relays() == ["SwitchRequested"]
    await config.hears(
        InvitationCreated(
            customer=C, switch=1, generation=1, created_at=config.now, expires_at=config.now + timedelta(days=7)
        )
    )
    await config.hears(EmailSent(customer=C, switch=1, kind="invitation", generation=1, tries=1, count=1))
    await config.hears(InvitationOpened(customer=C, switch=1, generation=1, opened_at=config.now))
    await config.hears(
        AuthenticationStarted(
            customer=C, switch=1, attempt=1, method="sign_in", accepted_roles=(GLOBAL_ADMIN,), tenant_id=TENANT
        )
    )
    shown = (await gateway.get(f"/customers/{C}")).json()["switch"]
    assert [row["state"] for row in shown["progress"]] == ["done", "done", "done", "current", "todo"]
    assert (shown["mail"]["state"], shown["mail"]["count"], shown["method"]) == ("sent", 1, "sign_in")
    await config.claims()
    done = (await gateway.get(f"/customers/{C}")).json()
    assert (done["method"], done["status"], done["switch"]["state"]) == ("token", "successful", "completed")
    assert done["roles"] == ["Global Administrator"] and done["grant"]["user_name"] == ADMIN
    assert {row["state"] for row in done["switch"]["progress"]} == {"done"}


async def test_the_request_carries_what_the_settings_say(config: Config) -> None:
    await config.registered()
    await config.gateway().post(f"/customers/{C}/switch", ASK)
    switch = (await config.customer()).switch
    assert switch and switch.expires_at == config.now + timedelta(days=7)
    assert switch.accepted_roles == config.settings.roles and switch.remind_after_seconds == 3 * 24 * 3600


async def refused(answer: Any, status: int, code: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    said = answer.json()
    assert (answer.status_code, said["code"]) == (status, code), answer.text
    assert said["title"] and said["detail"].endswith(".") and said["instance"].startswith("urn:trace:")


async def test_every_refusal_of_a_switch(config: Config) -> None:
    gateway = config.gateway()
    switch, resend = f"/customers/{C}/switch", f"/customers/{C}/switch/resend"
    await refused(await gateway.post("/customers/nobody/switch", ASK), 404, "customer_unknown")
    await gateway.put(f"/customers/{C}", {"name": "Contoso", "tenant": "contoso.example"})
    await refused(await gateway.post(switch, ASK), 409, "tenant_unresolved")
    await refused(await gateway.post(f"/customers/{C}/validation"), 409, "nothing_to_validate")
    await config.relays()
    await config.pinned()
    await refused(await gateway.post(switch, {"to": "token"}), 422, "admin_email_missing")
    await refused(await gateway.post(switch, {"to": "app_registration"}), 409, "secret_missing")
    await refused(await gateway.post(switch, ASK | {"renew": True}), 409, "nothing_to_renew")
    await refused(await gateway.post(switch, ASK | {"methods": ["app_registration"]}), 422, "methods")
    await refused(await gateway.post(resend, {"switch": 1}), 409, "no_switch")
    await refused(await gateway.delete(switch, params={"switch": 1}), 409, "no_switch")
    assert (await gateway.post(switch, ASK)).json() == {"switch": 1}
    await refused(await gateway.post(switch, ASK), 409, "switch_running")
    await refused(await gateway.post(resend, {"switch": 2}), 409, "switch_stale")
    await refused(await gateway.delete(switch, params={"switch": 7}), 409, "switch_stale")
    await refused(await gateway.post(f"{switch}/link", {"switch": 2}), 409, "switch_stale")
    await config.claims()
    await refused(await gateway.post(switch, ASK), 409, "already")
    await refused(await gateway.post(resend, {"switch": 1}), 409, "switch_ended")
    await refused(await gateway.delete(switch, params={"switch": 1}), 409, "switch_ended")
    await refused(await gateway.post(f"{switch}/link", {"switch": 1}), 409, "switch_ended")
    await config.gateway("admin").delete(f"/customers/{C}")
    await refused(await gateway.post(switch, ASK), 409, "removed")
    await refused(await gateway.post(f"/customers/{C}/validation"), 409, "removed")


async def test_the_way_back_proves_the_stored_secret(config: Config) -> None:
    await config.invited()
    await config.claims()
    answer = await config.gateway().post(f"/customers/{C}/switch", {"to": "app_registration"})
    assert answer.json() == {"switch": 2}
    await refused(await config.gateway().post(f"/customers/{C}/switch/link", {"switch": 2}), 409, "no_invitation")
    await refused(await config.gateway().post(f"/customers/{C}/switch/resend", {"switch": 2}), 409, "no_invitation")
    await config.hears(
        AppRegistrationProven(customer=C, switch=2, attempt=1, client_id="app", source="stored", revision=1)
    )
    found = (await config.gateway().get(f"/customers/{C}")).json()
    assert (found["method"], found["grant"], found["switch"]["state"]) == ("app_registration", None, "completed")
    assert [row["step"] for row in found["switch"]["progress"]] == ["requested", "authenticating", "completed"]


async def test_a_way_back_that_fails_says_why_and_changes_nothing(config: Config) -> None:
    await config.invited()
    await config.claims()
    await config.gateway().post(f"/customers/{C}/switch", {"to": "app_registration"})
    await config.hears(
        AuthenticationFailed(
            customer=C,
            switch=2,
            attempt=1,
            method="app_registration",
            reason="secret_wrong",
            aadsts=7000215,
            correlation_id="corr-1",
            final=True,
        )
    )
    found = (await config.gateway().get(f"/customers/{C}")).json()
    assert (found["method"], found["switch"]["state"]) == ("token", "failed")
    assert found["switch"]["reason"]["code"] == "secret_wrong" and found["switch"]["reason"]["sentence"]
    assert found["switch"]["last_failure"]["correlation_id"] == "corr-1"


async def test_an_expired_secret_needs_an_administrator(config: Config) -> None:
    await config.invited()
    await config.claims()
    config.now += timedelta(days=400)
    answer = await config.gateway().post(f"/customers/{C}/switch", {"to": "app_registration"})
    await refused(answer, 409, "secret_expired")
    answer = await config.gateway().post(f"/customers/{C}/switch", ASK | {"to": "app_registration"})
    assert answer.status_code == 202


async def test_a_resend_raises_the_generation_and_another_address_is_another_switch(config: Config) -> None:
    await config.invited()
    gateway = config.gateway()
    again = await gateway.post(f"/customers/{C}/switch/resend", {"switch": 1, "admin_email": ADMIN.upper()})
    assert (again.status_code, again.json()) == (202, {"switch": 1})
    assert (await config.customer()).switch.generation == 2  # type: ignore[union-attr]
    other = await gateway.post(f"/customers/{C}/switch/resend", {"switch": 1, "admin_email": "it@contoso.example"})
    assert other.json() == {"switch": 2}
    assert await config.relays() == ["InvitationResendRequested", "SwitchCancelled", "SwitchRequested"]
    await refused(await gateway.post(f"/customers/{C}/switch/resend", {"switch": 1}), 409, "switch_stale")


async def test_cancelling_changes_nothing_in_force(config: Config) -> None:
    await config.invited()
    answer = await config.gateway().delete(f"/customers/{C}/switch", params={"switch": 1})
    assert (answer.status_code, answer.json()) == (202, {"switch": 1})
    await config.claims()
    found = (await config.gateway().get(f"/customers/{C}")).json()
    assert (found["method"], found["switch"]["state"]) == ("app_registration", "cancelled")


async def test_the_link_is_derived_audited_and_nowhere_else(config: Config) -> None:
    await config.invited()
    answer = await config.gateway().post(f"/customers/{C}/switch/link", {"switch": 1}, key="k")
    said = answer.json()
    assert answer.status_code == 200 and said["link"].startswith(f"{INVITE}/i/")
    token = said["link"].rpartition("/")[2]
    assert Links(config.ring, INVITE).read(token) == Link(f"{C}/1", 1)
    assert (await config.gateway().post(f"/customers/{C}/switch/link", {"switch": 1}, key="k")).json() == said
    await config.relays()
    assert token not in await config.everything()
    assert (await config.gateway().get("/audit")).json()["items"][0]["action"] == "LinkCopied"
    for path in (f"/customers/{C}", "/customers", "/invitations", f"/customers/{C}/timeline", "/audit"):
        assert "/i/" not in (await config.gateway().get(path)).text, path


@pytest.mark.parametrize(
    "changed",
    [
        {"admin_email": "nobody"},
        {"admin_email": "a@b"},
        {"admin_email": "a@b.example\r\nBcc: c@d.example"},
        {"admin_email": "<b>a@b.example</b>"},
        {"admin_email": ["a@b.example"]},
        {"admin_email": "a" * 300 + "@b.example"},
        {"admin_email": "a@b.example,c@d.example"},
        {"admin_name": "x\ny"},
        {"admin_name": "x" * 101},
        {"admin_name": "go to http://evil.example"},
        {"to": "other"},
        {"to": None},
        {"locale": "xx"},
        {"locale": 1},
        {"methods": ["telepathy"]},
        {"methods": ["sign_in", "sign_in"]},
        {"methods": "sign_in"},
        {"renew": "yes"},
        {"reference": "a\u2028b"},
        {"surprise": True},
    ],
)
async def test_bad_input_for_a_switch_names_the_field(config: Config, changed: dict[str, Any]) -> None:
    await config.registered()
    answer = await config.gateway().post(f"/customers/{C}/switch", ASK | changed)
    field = next(iter(changed))
    assert answer.status_code == 422 and answer.json()["field"].split(".")[0] == field, answer.text
    assert "evil" not in answer.text and (await config.customer()).switch is None


@pytest.mark.parametrize(
    "body", [{}, {"switch": 0}, {"switch": "1"}, {"switch": 1.5}, {"switch": True}, {"switch": None}]
)
async def test_the_number_of_a_switch_is_a_number(config: Config, body: dict[str, Any]) -> None:
    await config.invited()
    for path in ("resend", "link"):
        answer = await config.gateway().post(f"/customers/{C}/switch/{path}", body)
        assert (answer.status_code, answer.json()["field"]) == (422, "switch")
    assert (await config.gateway().delete(f"/customers/{C}/switch")).status_code == 422


async def test_without_an_idempotency_key_nothing_happens(config: Config) -> None:
    await config.registered()
    http = config.gateway().http
    for path in ("switch", "validation", "switch/resend", "switch/link"):
        answer = await http.post(f"/api/v1/customers/{C}/{path}", json=ASK)
        await refused(answer, 400, "idempotency_key_missing")
    answer = await http.post(f"/api/v1/customers/{C}/switch", json=ASK, headers={"Idempotency-Key": "a b"})
    await refused(answer, 400, "idempotency_key_invalid")
    assert (await config.customer()).switch is None


async def test_a_retry_gets_the_same_answer_and_another_body_is_refused(config: Config) -> None:
    await config.registered()
    gateway = config.gateway()
    first = await gateway.post(f"/customers/{C}/switch", ASK, key="k-1")
    again = await gateway.post(f"/customers/{C}/switch", dict(reversed(ASK.items())), key="k-1")
    assert (first.json(), again.json(), again.status_code) == ({"switch": 1}, {"switch": 1}, 202)
    other = await gateway.post(f"/customers/{C}/switch", ASK | {"locale": "en"}, key="k-1")
    await refused(other, 422, "idempotency_key_reused")
    link = await gateway.post(f"/customers/{C}/switch/link", {"switch": 1}, key="k-1")
    await refused(link, 422, "idempotency_key_reused")
    await refused(
        await config.gateway("admin").post(f"/customers/{C}/switch", ASK, key="k-1"), 422, "idempotency_key_reused"
    )
    assert await config.relays() == ["SwitchRequested"]


async def test_ten_requests_at_once_with_one_key_are_one_switch(config: Config) -> None:
    await config.registered()
    posts = [config.gateway().post(f"/customers/{C}/switch", ASK, key="once") for _ in range(10)]
    answers = await asyncio.gather(*posts)
    assert {(answer.status_code, answer.json()["switch"]) for answer in answers} == {(202, 1)}
    assert (await config.relays()).count("SwitchRequested") == 1


async def test_a_validation_is_found_again_and_its_failure_says_what_to_do(config: Config) -> None:
    await config.registered()
    answer = await config.gateway().post(f"/customers/{C}/validation")
    request = answer.json()["request"]
    found = (await config.gateway().get(f"/customers/{C}")).json()
    assert (answer.status_code, found["status"], found["validation"]) == (202, "checking", request)
    await config.hears(
        AuthenticationValidated(
            customer=C,
            request=request,
            method="app_registration",
            outcome="failed",
            checked_at=config.now,
            revision=1,
            grant=None,
            reason="secret_expired",
            aadsts=7000222,
            correlation_id="corr-9",
        )
    )
    found = (await config.gateway().get(f"/customers/{C}")).json()
    why = found["status_reason"]
    assert (found["status"], why["code"], why["who_must_act"], why["retryable"], why["correlation_id"]) == (
        "failed",
        "secret_expired",
        "customer_admin",
        False,
        "corr-9",
    )
    assert "secret has expired" in why["sentence"] and why["at"] == found["status_at"]


async def test_lost_access_shows_and_the_method_stays(config: Config) -> None:
    await config.invited()
    await config.claims()
    await config.hears(
        AccessLost(customer=C, customer_name="Contoso", method="token", reason="revoked", revision=0, grant="grant-1")
    )
    found = (await config.gateway().get(f"/customers/{C}")).json()
    assert (found["method"], found["status"], found["grant"]["lost"]) == ("token", "failed", True)
    answer = await config.gateway().post(f"/customers/{C}/switch", ASK | {"renew": True})
    assert answer.status_code == 202


async def test_an_expired_invitation_and_a_mail_that_is_refused_show(config: Config) -> None:
    await config.invited()
    await config.hears(
        EmailFailed(customer=C, switch=1, kind="invitation", generation=1, tries=3, why="mailbox unknown", final=True)
    )
    mail = (await config.gateway().get(f"/customers/{C}")).json()["switch"]["mail"]
    assert (mail["state"], mail["why"]) == ("failed", "mailbox unknown")
    await config.hears(InvitationExpired(C, 1, 1))
    switch = (await config.gateway().get(f"/customers/{C}")).json()["switch"]
    assert (switch["state"], switch["reason"]["code"], switch["running"]) == ("expired", "too_late", False)


async def test_a_tenant_of_somebody_else_is_refused(config: Config) -> None:
    await config.registered()
    await config.gateway().put("/customers/second", {"name": "Second", "tenant": "contoso.example"})
    await config.relays()
    await config.hears(TenantResolved("second", "contoso.example", TENANT))
    await config.relays()
    await config.relays()
    found = (await config.gateway().get("/customers/second")).json()
    assert (found["tenant_state"], found["tenant_problem"]["code"]) == ("taken", "tenant_taken")
    await refused(await config.gateway().post("/customers/second/switch", ASK), 409, "tenant_unresolved")


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("viewer", 403), ("operator", 202), ("admin", 202)])
async def test_only_operators_act(config: Config, role: str | None, status: int) -> None:
    await config.registered()
    gateway = config.gateway(role)
    assert (await gateway.post(f"/customers/{C}/switch", ASK)).status_code == status
    linked = 200 if status == 202 else status
    assert (await gateway.post(f"/customers/{C}/switch/link", {"switch": 1})).status_code == linked
    assert (await gateway.post(f"/customers/{C}/switch/resend", {"switch": 1})).status_code == status
    assert (await gateway.post(f"/customers/{C}/validation")).status_code == status
    assert (await gateway.delete(f"/customers/{C}/switch", params={"switch": 1})).status_code == status


async def test_too_many_requests_for_one_customer_are_refused(config: Config) -> None:
    await config.invited()
    body = {"switch": 1}
    statuses = [(await config.gateway().post(f"/customers/{C}/switch/resend", body)).status_code for _ in range(60)]
    assert set(statuses[:59]) == {202} and statuses[59] == 429
    answer = await config.gateway().post(f"/customers/{C}/switch/resend", body)
    await refused(answer, 429, "too_many_requests")
    assert int(answer.headers["retry-after"]) > 0


async def test_the_openapi_document_holds_every_route_with_its_refusals(config: Config) -> None:
    document = (await config.gateway(None).http.get("/openapi.json")).json()
    paths = {path: sorted(verbs) for path, verbs in document["paths"].items()}
    here, bulk = "/api/v1/customers/{id}", "/api/v1/bulk-switches/{id}"
    assert paths == {
        "/api/v1/customers": ["get"],
        here: ["delete", "get", "put"],
        f"{here}/validation": ["post"],
        f"{here}/switch": ["delete", "post"],
        f"{here}/switch/resend": ["post"],
        f"{here}/switch/link": ["post"],
        f"{here}/switch/reference": ["post"],
        "/api/v1/settings": ["get", "put"],
        f"{here}/timeline": ["get"],
        "/api/v1/invitations": ["get"],
        "/api/v1/audit": ["get"],
        "/api/v1/events": ["get"],
        "/api/v1/me": ["get"],
        "/api/v1/sign-in": ["get"],
        "/api/v1/bulk-switches": ["get", "post"],
        "/api/v1/bulk-switches/check": ["post"],
        bulk: ["get"],
        f"{bulk}/rows": ["get"],
        **{f"{bulk}/{verb}": ["post"] for verb in ("pause", "resume", "stop", "remind")},
    }
    for verbs in document["paths"].values():
        for operation in verbs.values():
            assert {"401", "403", "503"} <= operation["responses"].keys() and operation["description"]
    assert document["components"]["schemas"]["SwitchBody"]["examples"][0]["to"] == "token"
    page = await config.gateway(None).http.get("/docs")
    assert page.status_code == 200 and "Ask for a switch" in page.text


async def test_the_events_are_described_for_people_and_programs(config: Config) -> None:
    http = config.gateway(None).http
    page = await http.get("/docs/events")
    assert page.status_code == 200 and "SwitchRequested" in page.text and "<script" not in page.text
    found = (await http.get("/asyncapi.json")).json()
    assert found["asyncapi"] == "3.0.0" and found["channels"]["events"]["address"] == config.settings.topic
    one = await http.get("/schemas/SwitchRequested/1")
    assert (
        one.headers["content-type"] == "application/schema+json" and one.json()["$id"] == "/schemas/SwitchRequested/1"
    )
    assert (await http.get("/schemas/Nothing/1")).status_code == 404
    assert "/docs/events" in (await http.get("/docs")).text

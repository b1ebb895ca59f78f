"""PUT, GET, list and DELETE of customers: the contract, every refusal, bad input, roles."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.config_svc.config_kit import ADMIN, APP, SECRET, TENANT, C, Config
from tests.shared.kit.issuer import AUDIENCE, URL

BODY: dict[str, Any] = {"name": "Contoso GmbH", "tenant": "Contoso.Example", "reference": "CRM-1"}
REGISTRATION = {"client_id": APP.upper(), "client_secret": SECRET, "secret_expires_on": "2126-03-11"}


async def test_a_put_registers_then_changes_and_the_etag_is_the_edition(config: Config) -> None:
    gateway = config.gateway()
    first = await gateway.put(f"/customers/{C}", BODY | {"app_registration": REGISTRATION})
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    said = first.json()
    assert (said["tenant"], said["tenant_state"], said["method"], said["status"]) == (
        "contoso.example",
        "resolving",
        "app_registration",
        "unknown",
    )
    assert said["app_registration"] == {
        "client_id": APP,
        "has_secret": True,
        "secret_expires_on": "2126-03-11",
        "secret_days_left": 10,
        "revision": 1,
    }
    assert await config.relays() == ["CustomerRegistered"]
    second = await gateway.put(f"/customers/{C}", BODY | {"name": "Contoso Ltd"})
    assert (second.status_code, second.headers["etag"], second.json()["name"]) == (200, '"2"', "Contoso Ltd")
    assert second.json()["app_registration"]["has_secret"]
    same = await gateway.put(f"/customers/{C}", BODY | {"name": "Contoso Ltd"})
    assert (same.status_code, same.headers["etag"]) == (200, '"2"')


async def test_the_secret_is_sealed_for_auth_alone_and_kept_nowhere(config: Config) -> None:
    answer = await config.gateway().put(f"/customers/{C}", BODY | {"app_registration": REGISTRATION})
    assert SECRET not in answer.text + await config.bodies() + await config.everything()
    registration = json.loads(await config.bodies())["registration"]
    opened = config.auth.open(registration["secret"], customer=C, event="Registration", attempt=None, now=config.now)
    assert opened["client_secret"].reveal() == SECRET


async def test_an_omitted_secret_stays_null_removes_it_and_a_null_registration_removes_all(config: Config) -> None:
    gateway = config.gateway()
    await gateway.put(f"/customers/{C}", BODY | {"app_registration": REGISTRATION})
    kept = await gateway.put(f"/customers/{C}", BODY | {"app_registration": {"client_id": APP}})
    assert (kept.json()["app_registration"]["has_secret"], kept.json()["secret_expires_on"]) == (True, "2126-03-11")
    gone = await gateway.put(f"/customers/{C}", BODY | {"app_registration": {"client_id": APP, "client_secret": None}})
    assert (gone.json()["app_registration"]["has_secret"], gone.json()["method"]) == (False, "none")
    none = await gateway.put(f"/customers/{C}", BODY | {"app_registration": None})
    assert none.json()["app_registration"] is None


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ('"1"', 200),
        ('"7", "1"', 200),
        ("*", 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ("garbage", 412),
        ('"99999999999999"', 412),
    ],
)
async def test_if_match_guards_against_lost_updates(config: Config, tag: str, status: int) -> None:
    await config.gateway().put(f"/customers/{C}", BODY)
    answer = await config.gateway().put(f"/customers/{C}", BODY | {"name": "Other"}, **{"If-Match": tag})
    assert answer.status_code == status, answer.text
    assert status == 200 or answer.json()["code"] == "edition_changed"


async def test_if_match_on_an_unknown_customer_registers_nothing(config: Config) -> None:
    answer = await config.gateway().put(f"/customers/{C}", BODY, **{"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (412, "customer_unknown")
    assert await config.customers.get(C) is None


async def test_two_changes_at_once_with_one_etag_leave_one_loser(config: Config) -> None:
    await config.gateway().put(f"/customers/{C}", BODY)
    names = [f"Name {n}" for n in range(6)]
    puts = [config.gateway().put(f"/customers/{C}", BODY | {"name": name}, **{"If-Match": '"1"'}) for name in names]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*puts))
    assert statuses == [200, 412, 412, 412, 412, 412]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 7}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\r\nBcc: x"}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "see https://evil.example"}, "name"),
        ({"name": "evil.example/x"}, "name"),
        ({"name": "www.evil.example"}, "name"),
        ({"name": "mail me@evil.example"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"tenant": "contoso"}, "tenant"),
        ({"tenant": "con toso.example"}, "tenant"),
        ({"tenant": "-a.example"}, "tenant"),
        ({"tenant": "a..example"}, "tenant"),
        ({"tenant": "common"}, "tenant"),
        ({"tenant": f"{'a' * 250}.example"}, "tenant"),
        ({"tenant": ["x.example"]}, "tenant"),
        ({"reference": "x" * 101}, "reference"),
        ({"reference": "\x1b[31m"}, "reference"),
        ({"unknown": 1}, "unknown"),
        ({"app_registration": {"client_id": "no-guid"}}, "app_registration.client_id"),
        ({"app_registration": {}}, "app_registration.client_id"),
        ({"app_registration": "x"}, "app_registration"),
        ({"app_registration": {"client_id": APP, "client_secret": ""}}, "app_registration.client_secret"),
        ({"app_registration": {"client_id": APP, "client_secret": "x" * 501}}, "app_registration.client_secret"),
        ({"app_registration": {"client_id": APP, "client_secret": "a\nb"}}, "app_registration.client_secret"),
        ({"app_registration": {"client_id": APP, "secret_expires_on": "soon"}}, "app_registration.secret_expires_on"),
        ({"app_registration": {"client_id": APP, "secret_expires_on": 5}}, "app_registration.secret_expires_on"),
    ],
)
async def test_bad_input_names_the_field_and_shows_nothing_that_was_sent(
    config: Config, changed: dict[str, Any], field: str
) -> None:
    answer = await config.gateway().put(f"/customers/{C}", BODY | changed)
    said = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (said["field"], said["code"], said["status"]) == (field, "invalid", 422), said
    assert said["detail"].endswith(".") and "evil" not in answer.text
    assert await config.customers.get(C) is None


async def test_a_wrong_secret_is_not_echoed(config: Config) -> None:
    registration = {"client_id": APP, "client_secret": f"{SECRET}\n"}
    answer = await config.gateway().put(f"/customers/{C}", BODY | {"app_registration": registration})
    assert answer.status_code == 200 + 1 or SECRET not in answer.text


@pytest.mark.parametrize("id", ["a b", "x" * 65, "a%2Fb", "ü", "settings", "a;b"])
async def test_an_id_that_cannot_be_used_is_refused(config: Config, id: str) -> None:
    answer = await config.gateway().put(f"/customers/{id}", BODY)
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "json_invalid"),
        (b"name=x", "application/x-www-form-urlencoded", 415, "content_type"),
        (b"[]", "application/json", 422, "invalid"),
        (b"", "application/json", 422, "invalid"),
        (b'{"name": "' + b"x" * 1_000_000 + b'"}', "application/json", 413, "body_too_large"),
        (b"[" * 60_000, "application/json", 400, "bad_request"),
    ],
)
async def test_bodies_that_are_no_such_json(config: Config, content: bytes, kind: str, status: int, code: str) -> None:
    http = config.gateway().http
    answer = await http.put(f"/api/v1/customers/{C}", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_customer_shows_all_but_never_a_secret(config: Config) -> None:
    await config.registered()
    found = (await config.gateway("viewer").get(f"/customers/{C}")).json()
    assert (found["tenant_id"], found["tenant_state"], found["delayed"]) == (TENANT, "pinned", None)
    assert found["links"]["timeline"] == f"/api/v1/customers/{C}/timeline"
    assert "client_secret" not in str(found)


async def test_an_unknown_and_a_removed_customer(config: Config) -> None:
    gateway = config.gateway("admin")
    assert (await gateway.get("/customers/nobody")).json()["code"] == "customer_unknown"
    await config.registered()
    assert (await gateway.delete(f"/customers/{C}", headers={"If-Match": '"9"'})).status_code == 412
    assert (await gateway.delete(f"/customers/{C}")).status_code == 204
    assert "CustomerRemoved" in await config.relays()
    gone = await gateway.get(f"/customers/{C}")
    assert (gone.status_code, gone.json()["code"]) == (410, "removed")
    again = await gateway.put(f"/customers/{C}", BODY)
    assert (again.status_code, again.json()["code"]) == (409, "removed")
    assert (await gateway.delete(f"/customers/{C}")).json()["code"] == "removed"
    assert (await gateway.get("/customers")).json() == {"items": [], "next": None}
    assert (await gateway.get(f"/customers/{C}/timeline")).json()["items"][0]["type"] == "CustomerRemoved"


async def test_removing_ends_the_switch_and_frees_the_tenant(config: Config) -> None:
    await config.invited()
    await config.gateway("admin").delete(f"/customers/{C}")
    assert await config.relays() == ["SwitchCancelled", "TenantReleased", "CustomerRemoved"]
    await config.registered("other", tenant="contoso.example")


async def test_tenant_and_registration_cannot_change_while_a_switch_runs(config: Config) -> None:
    await config.invited()
    tenant = await config.gateway().put(f"/customers/{C}", BODY | {"tenant": "other.example"})
    assert (tenant.status_code, tenant.json()["code"], tenant.json()["field"]) == (409, "switch_running", "tenant")
    secret = await config.gateway().put(f"/customers/{C}", BODY | {"app_registration": REGISTRATION})
    assert (secret.status_code, secret.json()["field"]) == (409, "app_registration")
    assert (await config.gateway().put(f"/customers/{C}", BODY | {"name": "New name"})).status_code == 200


async def test_the_tenant_cannot_change_while_a_token_is_in_force(config: Config) -> None:
    await config.invited()
    await config.claims()
    answer = await config.gateway().put(f"/customers/{C}", BODY | {"tenant": "other.example"})
    assert (answer.status_code, answer.json()["code"]) == (409, "grant_in_force")


async def test_lists_are_filtered_searched_and_paged(config: Config) -> None:
    for n in range(7):
        await config.gateway().put(f"/customers/c-{n}", {"name": f"Ärzte {n}", "tenant": f"t{n}.example"})
    await config.registered()
    gateway = config.gateway("viewer")
    names, cursor = [], None
    for _ in range(5):
        page = (await gateway.get("/customers", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))).json()
        names += [row["name"] for row in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert names == [*(f"Ärzte {n}" for n in range(7)), "Contoso GmbH"]
    for asked, ids in [
        ({"q": "arzte"}, [f"c-{n}" for n in range(7)]),
        ({"q": "ÄRZTE 3"}, ["c-3"]),
        ({"q": "contoso gm"}, [C]),
        ({"q": "t4.exam"}, ["c-4"]),
        ({"q": "crm-1"}, [C]),
        ({"q": TENANT}, [C]),
        ({"q": "nothing"}, []),
        ({"q": "c"}, [C]),
        ({"method": "app_registration"}, [C]),
        ({"status": "unknown", "q": "conto"}, [C]),
        ({"status": "failed"}, []),
        ({"switch": "running"}, []),
        ({"switch": "none", "method": "app_registration"}, [C]),
        ({"q": ".*"}, []),
        ({"q": "$ne"}, []),
        ({"q": "ar" + "z" * 150}, []),
    ]:
        found = (await gateway.get("/customers", params=asked)).json()
        assert [row["id"] for row in found["items"]] == ids, asked


async def test_paging_is_stable_while_customers_come_and_go(config: Config) -> None:
    gateway = config.gateway("admin")
    for n in range(6):
        await gateway.put(f"/customers/c-{n}", {"name": f"N{n}", "tenant": f"t{n}.example"})
    first = (await gateway.get("/customers", params={"limit": 2})).json()
    await gateway.put("/customers/a-0", {"name": "A0", "tenant": "a.example"})
    await gateway.delete("/customers/c-2")
    second = (await gateway.get("/customers", params={"limit": 2, "cursor": first["next"]})).json()
    assert [row["id"] for row in first["items"] + second["items"]] == ["c-0", "c-1", "c-3", "c-4"]


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": 201},
        {"limit": "x"},
        {"method": "other"},
        {"status": "x"},
        {"switch": "x"},
        {"q": "x" * 201},
    ],
)
async def test_wrong_filters_are_refused(config: Config, asked: dict[str, Any]) -> None:
    answer = await config.gateway().get("/customers", params=asked)
    assert (answer.status_code, answer.json()["field"]) == (422, next(iter(asked)))


async def test_a_cursor_counts_only_for_the_list_that_gave_it(config: Config) -> None:
    for n in range(3):
        await config.gateway().put(f"/customers/c-{n}", {"name": f"N{n}", "tenant": f"t{n}.example"})
    cursor = (await config.gateway().get("/customers", params={"limit": 1})).json()["next"]
    for asked in ({"cursor": cursor, "status": "unknown"}, {"cursor": cursor[:-2]}, {"cursor": "x"}):
        answer = await config.gateway().get("/customers", params=asked)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.parametrize(
    ("role", "reads", "changes", "removes"),
    [
        (None, 401, 401, 401),
        ("token.read", 403, 403, 403),
        ("viewer", 200, 403, 403),
        ("operator", 200, 200, 403),
        ("admin", 200, 200, 204),
    ],
)
async def test_roles(config: Config, role: str | None, reads: int, changes: int, removes: int) -> None:
    await config.registered()
    gateway = config.gateway(role)
    assert (await gateway.get(f"/customers/{C}")).status_code == reads
    assert (await gateway.get("/customers")).status_code == reads
    assert (await gateway.put(f"/customers/{C}", BODY)).status_code == changes
    answer = await gateway.delete(f"/customers/{C}")
    assert answer.status_code == removes
    if removes == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_who_did_it_stands_in_the_event(config: Config) -> None:
    await config.registered()
    audit = (await config.gateway().get("/audit")).json()["items"]
    assert audit[0]["action"] == "CustomerRegistered" and audit[0]["actor"]["id"] == "g-operator"
    assert audit[0]["address"] == "192.0.2.9"


async def test_over_a_hundred_unsent_events_a_command_gets_503(config: Config) -> None:
    await config.registered()
    for n in range(101):
        answer = await config.gateway().put(f"/customers/{C}", BODY | {"name": f"Name {n}"})
        if answer.status_code == 503:
            break
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    refused = await config.gateway().post(f"/customers/{C}/switch", {"to": "token", "admin_email": ADMIN})
    assert refused.status_code == 503


async def test_while_events_wait_for_kafka_the_customer_says_so(config: Config) -> None:
    await config.gateway().put(f"/customers/{C}", BODY)
    waiting = (await config.gateway().get(f"/customers/{C}")).json()["delayed"]
    assert waiting["since"]
    await config.relays()
    assert (await config.gateway().get(f"/customers/{C}")).json()["delayed"] is None


async def test_a_failed_customer_is_found_by_its_status(config: Config) -> None:
    await config.registered()
    await config.set(C, lambda state: replace(state, status="failed"))
    listed = (await config.gateway().get("/customers", params={"status": "failed"})).json()["items"]
    assert [row["id"] for row in listed] == [C]


async def test_the_command_line_is_told_how_to_sign_in(config: Config, tmp_path: Path, mongo_url: str) -> None:
    refused = await config.gateway(None).get("/sign-in")
    assert refused.status_code == 404 and "CLI_CLIENT_ID" in refused.json()["detail"]
    (tmp_path / "other").mkdir()
    other = Config(tmp_path / "other", mongo_url, "test_cli", cli_client_id="cli-1", operator_issuer=f"{URL}/v2.0")
    told = (await other.gateway(None).get("/sign-in")).json()
    assert told == {"authority": URL, "client_id": "cli-1", "scopes": [f"{AUDIENCE}/.default"]}
    me = (await config.gateway("operator").get("/me")).json()
    assert me["roles"] == ["viewer", "operator"] and me["id"] == "g-operator"
    assert (await config.gateway(None).get("/me")).status_code == 401

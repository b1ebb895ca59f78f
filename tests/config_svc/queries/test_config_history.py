"""Timeline, audit, Pending Invitations by API and as CSV: complete, newest first, paged, and free of secrets."""

from __future__ import annotations

import csv
import dataclasses
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config_svc.queries import csv_export, history
from config_svc.queries.history import audit_entry, order, timeline_entry
from config_svc.texts.event_texts import EVENT_TEXTS, KINDS, describe
from notify_svc.domain.model import ADDRESSEE_OF
from shared.contracts import cloudevents
from shared.contracts.cloudevents import Record
from shared.contracts.events import (
    REGISTRY,
    Account,
    Actor,
    CustomerRegistered,
    EmailSent,
    Event,
    LinkCopied,
    Registration,
    SettingsChanged,
    SwitchCompleted,
    TenantPinned,
)
from shared.store.operations import Insert
from tests.config_svc.config_kit import ADMIN, SECRET, C, Config

AT = datetime(2126, 3, 1, 12, tzinfo=UTC)
BY = Actor(id="u-1", name="Olga", email="olga@provider.example", address="192.0.2.7")


def record(event: Event, id: str = "config/customers/c1/3/0", at: datetime = AT) -> Record:
    return Record(
        id=id, type=type(event).__name__, source="/tokenswitch/x", time=at, key=event.key, trace=None, event=event
    )


# --- entries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REGISTRY.values(), ids=REGISTRY.keys())
def test_every_event_has_a_story_and_its_sealed_parts_are_left_out(kind: Any) -> None:
    assert kind.name in EVENT_TEXTS
    given = {field.name: f"<{field.name}>" for field in dataclasses.fields(kind.cls)}
    told = describe(kind.name, given, str)
    assert told.title and "%(" not in told.summary
    told = describe(kind.name, {}, str)
    assert "%(" not in told.summary


def test_a_type_of_a_newer_service_shows_its_name() -> None:
    assert describe("SomethingNew", {"by": {"id": "x"}}, str).title == "SomethingNew"


def test_the_texts_name_only_what_the_events_have() -> None:
    made_up = {"cancelled", "account", "invitee", "roles", "reason"}
    for name, text in EVENT_TEXTS.items():
        fields = {field.name for field in dataclasses.fields(REGISTRY[name].cls)} | made_up
        for place in fields:
            text = dataclasses.replace(text, text=text.text.replace(f"%({place})s", ""))
        assert "%(" not in text.text, name


def test_every_kind_of_mail_has_a_name() -> None:
    assert set(KINDS) == set(ADDRESSEE_OF)


def test_a_timeline_entry_holds_no_sealed_part() -> None:
    event = CustomerRegistered(
        customer="c1",
        name="Contoso",
        tenant="contoso.example",
        registration=Registration(client_id="app", revision=1, secret_change="set", secret="sealed"),
        by=BY,
    )
    entry = timeline_entry(record(event))
    assert entry and (entry["customer"], entry["type"], entry["service"]) == ("c1", "CustomerRegistered", "config")
    assert "registration" not in entry["data"] and "sealed" not in str(entry)


def test_the_audit_has_who_what_and_from_where_and_only_what_somebody_did() -> None:
    entry = audit_entry(record(LinkCopied(customer="c1", switch=2, generation=1, by=BY)))
    assert entry and entry["actor"] == {"id": "u-1", "name": "Olga", "email": "olga@provider.example"}
    assert (entry["address"], entry["action"], entry["switch"]) == ("192.0.2.7", "LinkCopied", 2)
    assert (
        audit_entry(record(EmailSent(customer="c1", switch=1, kind="invitation", generation=1, tries=1, count=1)))
        is None
    )
    settings = SettingsChanged(
        customer="settings",
        version=1,
        subjects={},
        bodies={},
        sender="a@b.example",
        life_days=7,
        remind_after_days=3,
        accepted_roles=("r",),
        by=BY,
    )
    assert audit_entry(record(settings)) is not None


def test_entries_of_one_moment_keep_the_order_of_their_document() -> None:
    event = EmailSent(customer="c1", switch=1, kind="invitation", generation=1, tries=1, count=1)
    ids = [f"notify/outgoing_mails/c1/1/{version}/{n}" for version in (2, 9, 10, 11) for n in (0, 1)]
    keys = [order(record(event, id)) for id in ids]
    assert keys == sorted(keys)
    assert order(record(event, "strange")) < order(record(event, "strange", AT.replace(minute=1)))


def test_a_story_reads_as_a_sentence() -> None:
    done = SwitchCompleted(
        customer="c1", switch=1, to="token", method="device_code", invited=True, account=Account("a@b.example", "o")
    )
    entry = timeline_entry(record(done))
    assert entry
    assert describe("SwitchCompleted", entry["data"], str).summary == "Switch completed: By Device code a@b.example"


# --- by API ----------------------------------------------------------------------------------------------------------


async def test_the_timeline_is_newest_first_paged_and_without_repeats(config: Config) -> None:
    await config.invited()
    for n in range(5):
        config.later(seconds=1)
        await config.hears(
            EmailSent(customer=C, switch=1, kind="invitation", generation=1, tries=1, count=n + 1),
            "notify/outgoing_mails",
        )
    gateway, found, cursor = config.gateway("viewer"), [], None
    for _ in range(10):
        asked = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await gateway.get(f"/customers/{C}/timeline", params=asked)).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [row["data"]["count"] for row in found[:5]] == [5, 4, 3, 2, 1]
    assert {row["type"] for row in found[5:]} == {
        "SwitchRequested",
        "TenantPinned",
        "TenantResolved",
        "CustomerRegistered",
    }
    assert len({row["id"] for row in found}) == 9
    assert next(row["by"] for row in found if row["type"] == "SwitchRequested") == "Gateway operator from 192.0.2.9"
    assert found[0]["summary"] == "E-mail sent: invitation"
    assert SECRET not in str(found)


@pytest.mark.parametrize("limit", [2, 8, 9, 50])
async def test_the_last_events_are_found_however_long_ago_they_were(config: Config, limit: int) -> None:
    ages = [-1, 5, 30, 59, 60 * 5, 60 * 23, 60 * 24 * 3, 60 * 24 * 29, 60 * 24 * 400]  # minutes; one clock is ahead
    timeline = config.service.mongo.collection("timeline")
    made = [
        record(TenantPinned("c1", "a1", "t1"), f"config/customers/c1/{n}/0", AT - timedelta(minutes=age))
        for n, age in enumerate(ages)
    ]
    await timeline.write([Insert({"_id": one.id, **(timeline_entry(one) or {})}) for one in made])
    found = await history.History(timeline, timeline, config.service_cursors()).recent(limit)
    assert [row["_id"] for row in found] == [one.id for one in made][:limit]


async def test_a_record_that_comes_twice_stands_in_the_timeline_once(config: Config) -> None:
    await config.registered()
    document = await config.service.mongo.collection("timeline").find({}, limit=10)
    headers = cloudevents.headers_of(document[0]["_id"], "TenantPinned", AT, C, None)
    before = len(document)
    event = cloudevents.encode(TenantPinned(C, "x", "y")).encode()
    for _ in range(2):
        await config._take(C.encode(), event, headers)
    assert len(await config.service.mongo.collection("timeline").find({}, limit=10)) == before


async def test_the_timeline_of_nobody_is_404(config: Config) -> None:
    answer = await config.gateway().get("/customers/nobody/timeline")
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_unknown")


async def test_the_audit_is_filtered_and_needs_an_operator(config: Config) -> None:
    await config.invited()
    gateway = config.gateway()
    for asked, actions in [
        ({}, ["SwitchRequested", "CustomerRegistered"]),
        ({"action": "SwitchRequested"}, ["SwitchRequested"]),
        ({"customer": C, "limit": 1}, ["SwitchRequested"]),
        ({"customer": "nobody"}, []),
        ({"actor": "g-operator", "action": "CustomerRegistered"}, ["CustomerRegistered"]),
        ({"actor": "x"}, []),
    ]:
        found = (await gateway.get("/audit", params=asked)).json()["items"]
        assert [row["action"] for row in found] == actions, asked
    assert (await config.gateway("viewer").get("/audit")).status_code == 403
    assert (await gateway.get("/audit", params={"action": "$where"})).status_code == 422


async def test_the_audit_is_asked_by_person_and_period(config: Config) -> None:
    await config.invited()
    config.later(days=2)
    await config.gateway().post(f"/customers/{C}/switch/link", {"switch": 1})
    await config.relays()
    gateway = config.gateway()
    first, day, later = "2126-03-01T12:00:00Z", "2126-03-02T00:00:00Z", "2126-03-03T14:00:00+02:00"
    for asked, count in [
        ({"actor": "OLGA@provider.example"}, 3),
        ({"actor": "gateway OPERATOR"}, 3),
        ({"actor": "olga"}, 0),
        ({"from": day}, 1),
        ({"to": day}, 2),
        ({"from": first, "to": later}, 2),
        ({"from": later}, 1),
        ({"from": first, "to": first}, 0),
        ({"from": day, "action": "LinkCopied", "customer": C, "actor": "g-operator"}, 1),
        ({"to": first}, 0),
    ]:
        found = (await gateway.get("/audit", params=asked)).json()["items"]
        assert len(found) == count, asked
    page = (await gateway.get("/audit", params={"to": later, "limit": 1})).json()
    more = (await gateway.get("/audit", params={"to": later, "limit": 1, "cursor": page["next"]})).json()
    assert [page["items"][0]["action"], more["items"][0]["action"], more["next"]] == [
        "SwitchRequested",
        "CustomerRegistered",
        None,
    ]
    other = await gateway.get("/audit", params={"to": day, "limit": 1, "cursor": page["next"]})
    assert other.json()["code"] == "cursor_invalid"
    assert (await gateway.get("/audit", params={"from": "2126-03-01T12:00:00"})).status_code == 422


async def test_the_audit_as_csv_is_whole_and_no_cell_is_a_formula(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "EXPORT_STEP", 2)
    for n in range(5):
        config.later(seconds=1)
        await config.hears(
            LinkCopied(
                customer="settings-x",
                switch=n,
                generation=1,
                by=Actor(id="u", name="=cmd|' /C calc'!A0", email=None, address="192.0.2.1"),
            )
        )
    answer = await config.gateway().get("/audit", headers={"Accept": "text/csv"})
    assert "audit.csv" in answer.headers["content-disposition"]
    head, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert tuple(head) == csv_export.AUDIT and [row[head.index("switch")] for row in rows] == ["4", "3", "2", "1", "0"]
    assert {row[head.index("person_name")] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert (await config.gateway("viewer").get("/audit", headers={"Accept": "text/csv"})).status_code == 403


async def test_invitations_by_state_search_and_order(config: Config) -> None:
    for n, name in enumerate(("Beta", "Alpha", "Gamma")):
        id = name.lower()
        await config.gateway().put(f"/customers/{id}", {"name": name, "tenant": f"{id}.example"})
        await config.relays()
        await config.pinned(id, f"c0de000{n}-0001-4000-9abc-d00d00010000")
        body = {"to": "token", "admin_email": f"admin@{id}.example", "reference": f"T-{n}"}
        config.later(minutes=1)
        assert (await config.gateway().post(f"/customers/{id}/switch", body)).status_code == 202
    await config.gateway().delete("/customers/gamma/switch", params={"switch": 1})
    gateway = config.gateway("viewer")
    for asked, ids in [
        ({}, ["gamma/1", "alpha/1", "beta/1"]),
        ({"sort": "created"}, ["beta/1", "alpha/1", "gamma/1"]),
        ({"sort": "name"}, ["alpha/1", "beta/1", "gamma/1"]),
        ({"sort": "-name"}, ["gamma/1", "beta/1", "alpha/1"]),
        ({"sort": "expires"}, ["beta/1", "alpha/1", "gamma/1"]),
        ({"state": "pending"}, ["alpha/1", "beta/1"]),
        ({"state": "pending", "sort": "name"}, ["alpha/1", "beta/1"]),
        ({"state": "cancelled"}, ["gamma/1"]),
        ({"q": "admin@alpha"}, ["alpha/1"]),
        ({"q": "t-1"}, ["alpha/1"]),
        ({"q": "b"}, ["beta/1"]),
        ({"q": "a", "sort": "name"}, ["alpha/1"]),
        ({"q": "beta", "state": "completed"}, []),
        ({"state": "pending", "sort": "-expires", "q": "admin"}, ["alpha/1", "beta/1"]),
    ]:
        found = (await gateway.get("/invitations", params=asked)).json()["items"]
        assert [row["id"] for row in found] == ids, asked
    row = (await gateway.get("/invitations", params={"q": "beta"})).json()["items"][0]
    assert (row["invitation_email"], row["email_sent"], row["email_sent_count"], row["device_authenticated"]) == (
        "admin@beta.example",
        "queued",
        0,
        False,
    )
    assert row["age_seconds"] == 120 and row["expires_at"] and row["token_expires_at"] is None
    for asked in ({"sort": "color"}, {"state": "lost"}):
        assert (await gateway.get("/invitations", params=asked)).status_code == 422


async def test_the_claimed_tokens_dates_stand_in_the_row(config: Config) -> None:
    await config.invited()
    await config.claims()
    row = (await config.gateway().get("/invitations")).json()["items"][0]
    assert (row["state"], row["m365_admin_email"], row["device_authenticated"]) == ("completed", ADMIN, True)
    assert row["token_created_at"].startswith("2126-03-01") and row["token_expires_at"].startswith("2126-05-30")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "|cmd", "%0A"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert csv_export.cell(text).startswith("'")


@pytest.mark.parametrize("text", ["x;=cmd|' /C calc'!A0;y", "a\t@SUM(1)", "a; \uff1d1", "\uff1d1+1"])
def test_no_cell_becomes_a_formula_where_another_letter_parts_cells(text: str) -> None:
    for apart in ";\t":
        assert not any(part.lstrip()[:1] in "=+-@\uff1d" for part in csv_export.cell(text).split(apart))


def test_numbers_and_harmless_texts_stay_as_they_are() -> None:
    assert [csv_export.cell(value) for value in (7, None, True, AT, "Ann = Bob", "a\nb")] == [
        "7",
        "",
        "true",
        "2126-03-01T12:00:00Z",
        "Ann = Bob",
        "a\nb",
    ]


async def test_the_export_holds_all_rows_and_no_link_and_no_formula(config: Config) -> None:
    await config.invited()
    evil = '=HYPERLINK("http://evil.example","x")'
    await config.set(
        C,
        lambda state: dataclasses.replace(
            state, name=evil, switch=dataclasses.replace(state.switch, reference='@x,"y"\r\n=2')
        ),
    )
    answer = await config.gateway("viewer").get("/invitations", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    head, row = csv.reader(io.StringIO(answer.text, newline=""))
    cells = dict(zip(head, row, strict=True))
    assert (cells["id"], cells["customer_name"], cells["reference"]) == (f"{C}/1", f"'{evil}", '\'@x,"y"\r\n=2')
    assert "/i/" not in answer.text and tuple(head) == csv_export.COLUMNS

"""Bulk switches by API and pages: checked as a whole, asked once each whatever stops, watched and reminded."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from config_svc.commands.bulk_operations import JOB, BulkCommands
from config_svc.domain.bulk_operations import BulkOperation, Pace
from config_svc.schemas import bulk_file
from shared.contracts.events import Actor
from shared.domain.rules import Unavailable
from shared.jobs.worker import Worker
from shared.store.write_plan import Command, Step
from tests.config_svc.config_kit import TENANT, Config

HERE = "/bulk-switches"
ACTOR = Actor(id="o", name="Otto", email="otto@p.example")
HEAD = "customer,admin_email,admin_name,locale,reference\n"


async def known(config: Config, count: int) -> list[str]:
    """Customers whose tenants are known."""
    ids = [f"c{number:02}" for number in range(count)]
    for number, id in enumerate(ids):
        await config.gateway().put(f"/customers/{id}", {"name": f"Name {id}", "tenant": f"{id}.example"})
        await config.pinned(id, f"{TENANT[:-4]}{number:04}")
    return ids


def file(ids: Sequence[str]) -> str:
    return HEAD + "".join(f"{id},admin@{id}.example,Admin {id},de,T-{id}\n" for id in ids)


async def begin(config: Config, text: str, key: str = "k", **query: Any) -> httpx.Response:
    headers = {"Content-Type": "text/csv", "Idempotency-Key": key}
    params: dict[str, Any] = {"name": "Autumn", "per_minute": 600} | query
    return await config.gateway().http.post(f"/api/v1{HERE}", content=text, headers=headers, params=params)


async def act(config: Config, id: str, verb: str, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key or f"{verb}-{config.now.timestamp()}"}
    return await config.gateway().http.post(f"/api/v1{HERE}/{id}/{verb}", headers=headers)


async def work(config: Config) -> int:
    """One replica's due work, until nothing is due however late it gets."""
    commands = config.bulk_operations
    due: Worker[BulkOperation] = Worker(store=commands.store, job=JOB, execute=commands.work, lease_seconds=5)
    rounds = 0
    for _ in range(60):
        if await due.once():
            await due.settled()
            rounds += 1
        elif rounds and not await _due_later(config):
            break
        config.later(seconds=11)
    return rounds


async def _due_later(config: Config) -> bool:
    return bool(await config.bulk_operations.store.collection.find({f"due.{JOB}": {"$gt": config.now}}, limit=1))


async def counts(config: Config, id: str) -> dict[str, int]:
    answer = (await config.gateway("viewer").get(f"{HERE}/{id}")).json()
    found: dict[str, int] = {name: n for name, n in answer["counts"].items() if n}
    assert found["all"] == sum(found.values()) - found["all"]
    return found


async def numbers(config: Config, ids: Sequence[str]) -> list[int]:
    return [(await config.customer(id)).switches for id in ids]


# --- the check -------------------------------------------------------------------------------------------------------


async def test_the_whole_file_is_checked_and_nobody_is_asked(config: Config) -> None:
    ids = await known(config, 3)
    await config.gateway().post(f"/customers/{ids[1]}/switch", {"to": "token", "admin_email": "a@x.example"})
    text = file([*ids, "nobody"]) + "c02,admin@c02.example,,,\nc00,x,,,\n"
    headers = {"Content-Type": "text/csv"}
    answer = await config.gateway().http.post(f"/api/v1{HERE}/check", content=text, headers=headers)
    found = answer.json()
    assert answer.status_code == 200 and (found["rows"], found["good"]) == (6, 2)
    assert [(wrong["line"], wrong["code"]) for wrong in found["problems"]] == [
        (3, "switch_running"),
        (5, "customer_unknown"),
        (6, "bulk_twice"),
        (7, "bulk_twice"),
    ]
    refused = await begin(config, text)
    assert refused.status_code == 422 and refused.json()["code"] == "bulk_problems"
    assert refused.json()["problems"] == found["problems"]
    assert await numbers(config, ids) == [0, 1, 0]
    assert (await config.gateway("viewer").get(HERE)).json()["items"] == []


async def test_rows_of_json_are_checked_alike(config: Config) -> None:
    ids = await known(config, 1)
    rows = [{"customer": ids[0], "admin_email": "a@x.example"}, {"customer": "c9"}]
    found = (await config.gateway().post(f"{HERE}/check", {"rows": rows})).json()
    assert [(wrong["line"], wrong["field"]) for wrong in found["problems"]] == [(2, "admin_email")]
    answer = await config.gateway().post(HERE, {"name": "Two", "rows": rows, "skip_problems": True})
    assert answer.status_code == 202
    assert await counts(config, answer.json()["bulk"]) == {"all": 2, "problem": 1, "waiting": 1}


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("text/plain", "x", 415, "content_type"),
        ("text/csv", "a,b\n1,2\n", 422, "bulk_heading"),
        ("application/json", "{", 400, "json_invalid"),
        ("application/json", '{"rows": []}', 422, "invalid"),
    ],
)
async def test_what_cannot_be_read_says_so(config: Config, kind: str, body: str, status: int, code: str) -> None:
    headers = {"Content-Type": kind}
    answer = await config.gateway().http.post(f"/api/v1{HERE}/check", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_only_operators_begin_and_viewers_look(config: Config) -> None:
    assert (await config.gateway("viewer").post(HERE, {})).status_code == 403
    assert (await config.gateway(None).get(HERE)).status_code == 401
    assert (await config.gateway("viewer").get(f"{HERE}/{'0' * 40}")).status_code == 404
    for verb in ("pause", "resume", "stop", "remind"):
        assert (await act(config, "0" * 40, verb)).json()["code"] == "bulk_unknown"


async def test_a_file_larger_than_other_bodies_is_taken(config: Config) -> None:
    text = HEAD + "".join(f"c{n:05},admin@c{n:05}.example,Avery Admin,en,\n" for n in range(2500))
    headers = {"Content-Type": "text/csv"}
    assert len(text) > 65536
    answer = await config.gateway().http.post(f"/api/v1{HERE}/check", content=text, headers=headers)
    assert answer.status_code == 200 and answer.json()["good"] == 0


# --- asking ----------------------------------------------------------------------------------------------------------


async def test_the_first_wave_is_asked_then_the_rest_when_somebody_goes_on(config: Config) -> None:
    ids = await known(config, 8)
    answer = await begin(config, file(ids), first=3)
    id = answer.json()["bulk"]
    assert answer.status_code == 202
    await work(config)
    assert await numbers(config, ids) == [1] * 3 + [0] * 5
    assert await counts(config, id) == {"all": 8, "waiting": 5, "requested": 3}
    assert (await config.gateway().get(f"{HERE}/{id}")).json()["state"] == "paused"
    assert (await act(config, id, "resume")).json() == {"bulk": id, "state": "running"}
    await work(config)
    assert await numbers(config, ids) == [1] * 8
    assert (await config.gateway().get(f"{HERE}/{id}")).json()["state"] == "ended"
    switch = (await config.customer(ids[7])).switch
    assert switch and switch.invitee and (switch.locale, switch.reference, switch.bulk) == ("de", "T-c07", id)
    assert (await act(config, id, "pause")).json()["code"] == "bulk_ended"
    said = Counter(await config.relays())
    assert said == {"SwitchRequested": 8, "BulkSwitchBegun": 1, "BulkSwitchChanged": 3}
    audit = (await config.gateway().get("/audit", params={"action": "BulkSwitchBegun"})).json()["items"]
    assert audit[0]["customer"] == "bulk-switches"


async def test_the_same_key_is_the_same_bulk_and_invites_nobody_twice(config: Config) -> None:
    ids = await known(config, 4)
    first = await begin(config, file(ids), first=0)
    await work(config)
    assert (await begin(config, file(ids), first=0)).json() == first.json()
    other = await begin(config, file(ids), key="other", first=0)
    assert other.status_code == 422 and {wrong["code"] for wrong in other.json()["problems"]} == {"switch_running"}
    assert await numbers(config, ids) == [1] * 4
    assert (await begin(config, file(ids[:2]), first=0)).json()["code"] == "idempotency_key_reused"


async def test_who_changed_since_the_check_is_refused_and_the_others_go_on(config: Config) -> None:
    ids = await known(config, 3)
    id = (await begin(config, file(ids), first=0)).json()["bulk"]
    await config.gateway().post(f"/customers/{ids[1]}/switch", {"to": "token", "admin_email": "a@x.example"})
    await work(config)
    assert await counts(config, id) == {"all": 3, "refused": 1, "requested": 2}
    rows = (await config.gateway().get(f"{HERE}/{id}/rows", params={"state": "refused"})).json()["items"]
    assert [(row["customer"], row["problem"]) for row in rows] == [(ids[1], "switch_running")]


@pytest.mark.parametrize("where", ["asked", "noted"])
async def test_killed_at_any_point_it_goes_on_and_asks_nobody_twice(
    config: Config, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After asking, before it is noted in the part; after that, before the bulk moves on."""
    ids = await known(config, 5)
    id = (await begin(config, file(ids), first=0)).json()["bulk"]
    killed = config.bulk_operations
    claim = _claim(await config.bulk_operations.read.bulk_switch(id))
    if where == "asked":
        monkeypatch.setattr(type(killed.read.parts), "apply", _dies_at(killed.read.parts))
        with pytest.raises(Unavailable):
            await killed.work(claim)
        monkeypatch.undo()
    else:
        await killed.work(claim)  # its rule is never applied
    assert await numbers(config, ids) == [1] * 5
    await work(config)
    assert await numbers(config, ids) == [1] * 5
    assert await counts(config, id) == {"all": 5, "requested": 5}


async def test_killed_while_the_file_is_kept_it_is_sent_again_and_is_one_bulk(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await known(config, 3)
    monkeypatch.setattr(type(config.bulk_operations.store), "apply", _dies_at(config.bulk_operations.store))
    assert (await begin(config, file(ids), first=0)).status_code == 503
    monkeypatch.undo()
    assert (await begin(config, file(ids), first=0)).status_code == 202
    await work(config)
    assert await numbers(config, ids) == [1] * 3
    assert len((await config.gateway("viewer").get(HERE)).json()["items"]) == 1


async def test_what_was_found_before_a_crash_is_what_counts_after_it(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that were kept, and the bulk that counts them, must not come from two different checks."""
    text = file([*(await known(config, 2)), "c02"])
    monkeypatch.setattr(type(config.bulk_operations.store), "apply", _dies_at(config.bulk_operations.store))
    assert (await begin(config, text, first=0, skip_problems=True)).status_code == 503
    monkeypatch.undo()
    await known(config, 3)
    id = (await begin(config, text, first=0, skip_problems=True)).json()["bulk"]
    await work(config)
    assert await counts(config, id) == {"all": 3, "problem": 1, "requested": 2}
    assert (await config.gateway("viewer").get(f"{HERE}/{id}")).json()["state"] == "ended"


async def test_three_replicas_ask_each_row_once(config: Config) -> None:
    ids = await known(config, 12)
    id = (await begin(config, file(ids), first=0)).json()["bulk"]
    await asyncio.gather(*(work(config) for _ in range(3)))
    assert await numbers(config, ids) == [1] * 12
    assert await counts(config, id) == {"all": 12, "requested": 12}
    assert Counter(await config.relays())["SwitchRequested"] == 12


async def test_stopped_it_asks_nobody_else(config: Config) -> None:
    ids = await known(config, 4)
    id = (await begin(config, file(ids), first=2)).json()["bulk"]
    await work(config)
    assert (await act(config, id, "stop")).json() == {"bulk": id, "state": "stopped"}
    await work(config)
    assert await numbers(config, ids) == [1, 1, 0, 0]
    assert (await act(config, id, "resume")).json()["code"] == "bulk_ended"


async def test_paused_while_the_last_rows_are_asked_it_has_ended(config: Config) -> None:
    """A whole part, so that no part stands behind the last row."""
    ids = await known(config, 4)
    text = file([*ids, *(f"gone{number:03}" for number in range(196))])
    id = (await begin(config, text, first=0, skip_problems=True)).json()["bulk"]
    outcome = await config.bulk_operations.work(_claim(await config.bulk_operations.read.bulk_switch(id)))
    await act(config, id, "pause")
    assert outcome
    await config.bulk_operations.store.apply_step(id, Step(rule=outcome.rule, facts=outcome.facts))
    shown = (await config.gateway("viewer").get(f"{HERE}/{id}")).json()
    assert (shown["state"], await numbers(config, ids)) == ("ended", [1] * 4)


async def test_the_same_file_goes_on_although_its_answer_is_long_forgotten(config: Config) -> None:
    ids = await known(config, 2)
    id = (await begin(config, file(ids), first=1)).json()["bulk"]
    await work(config)
    for number in range(12):
        await act(config, id, "resume", f"r{number}")
        await act(config, id, "pause", f"p{number}")
    again = await begin(config, file(ids), first=1)
    assert (again.status_code, again.json()) == (202, {"bulk": id})


async def test_a_key_is_of_one_file_also_where_its_first_try_only_left_a_draft(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await known(config, 2)
    with monkeypatch.context() as patched:
        patched.setattr(BulkCommands, "begin", _away)
        assert (await begin(config, file(ids[:1]), first=0)).status_code == 503
    other = await begin(config, file(ids[1:]), first=0)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await begin(config, file(ids[:1]), first=0)).status_code == 202
    await work(config)
    assert await numbers(config, ids) == [1, 0]


async def test_parts_of_a_draft_are_forgotten_soon_and_those_of_a_bulk_that_began_are_kept(config: Config) -> None:
    ids = await known(config, 1)
    rows = await config.bulk_operations.check(bulk_file.read_csv(file(ids).encode()), ACTOR)
    await config.bulk_operations.draft("0" * 40, "n", rows, ACTOR)
    kept = (await config.bulk_operations.read.part("0" * 40, 0)).forget_at - config.now
    await config.bulk_operations.begin("0" * 40, Pace(), ACTOR, Command("k", "d"))
    begun = (await config.bulk_operations.read.part("0" * 40, 0)).forget_at - config.now
    assert (kept.days, begun.days) == (2, 400)


@pytest.mark.parametrize("path", ["", "/check"])
async def test_a_body_with_a_million_faults_is_refused_in_a_sentence(config: Config, path: str) -> None:
    body = json.dumps({"rows": [{f"a{number}": 0 for number in range(50_000)}]})
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    answer = await config.gateway().http.post(f"/api/v1{HERE}{path}", content=body, headers=headers)
    assert (answer.status_code, "things are wrong" in answer.json()["detail"]) == (422, True)
    answer = await config.gateway().http.post(f"/api/v1{HERE}{path}", content=" " * 5_000_000, headers=headers)
    assert answer.status_code == 413


# --- afterwards ------------------------------------------------------------------------------------------------------


async def test_only_who_has_not_answered_is_reminded_and_once(config: Config) -> None:
    ids = await known(config, 4)
    id = (await begin(config, file(ids), first=0)).json()["bulk"]
    await work(config)
    await config.relays()
    await config.claims(ids[0])
    await config.gateway().http.delete(f"/api/v1/customers/{ids[1]}/switch", params={"switch": 1})
    assert (await act(config, id, "remind", "r")).json() == {"bulk": id, "reminder": 1}
    assert (await act(config, id, "remind", "r")).json() == {"bulk": id, "reminder": 1}
    assert (await act(config, id, "remind", "other")).json()["code"] == "bulk_reminding"
    await work(config)
    generations = [(await config.customer(id)).switch.generation for id in ids]  # type: ignore[union-attr]
    assert generations == [1, 1, 2, 2]
    reminder = (await config.gateway().get(f"{HERE}/{id}")).json()["reminder"]
    assert (reminder["number"], reminder["sent"]) == (1, 2) and reminder["ended_at"]


async def test_who_was_invited_at_another_address_is_counted_shown_and_reminded_alike(config: Config) -> None:
    ids = await known(config, 1)
    id = (await begin(config, file(ids), first=0)).json()["bulk"]
    await work(config)
    await config.gateway().post(f"/customers/{ids[0]}/switch/resend", {"switch": 1, "admin_email": "other@x.example"})
    assert await counts(config, id) == {"all": 1, "requested": 1}
    rows = (await config.gateway().get(f"{HERE}/{id}/rows", params={"state": "requested"})).json()["items"]
    assert [row["customer"] for row in rows] == ids
    await act(config, id, "remind")
    await work(config)
    switch = (await config.customer(ids[0])).switch
    assert switch and (switch.number, switch.generation) == (2, 2)


async def test_a_reminder_is_stopped_although_all_were_asked(config: Config) -> None:
    ids = await known(config, 3)
    id = (await begin(config, file(ids), first=0)).json()["bulk"]
    await work(config)
    await act(config, id, "remind")
    assert (await act(config, id, "stop")).json() == {"bulk": id, "state": "ended"}
    await work(config)
    assert {(await config.customer(id)).switch.generation for id in ids} == {1}  # type: ignore[union-attr]
    assert (await act(config, id, "stop", "again")).json()["code"] == "bulk_ended"


async def test_rows_say_how_they_stand_and_the_result_is_a_safe_file(config: Config) -> None:
    ids = await known(config, 4)
    text = file(ids).replace("T-c03", "=1+1")
    id = (await begin(config, text + "nobody,a@x.example,,,\n", first=0, skip_problems="true")).json()["bulk"]
    await work(config)
    await config.relays()
    await config.claims(ids[0])
    await config.gateway().post(f"/customers/{ids[1]}/switch/resend", {"switch": 1, "admin_email": "b@x.example"})
    await config.gateway("admin").http.delete(f"/api/v1/customers/{ids[2]}")
    config.later(minutes=5)
    gateway = config.gateway("viewer")
    rows = (await gateway.get(f"{HERE}/{id}/rows", params={"limit": 3})).json()
    assert [row["state"] for row in rows["items"]] == ["completed", "requested", "replaced"] and rows["next"] == 3
    rest = (await gateway.get(f"{HERE}/{id}/rows", params={"place": rows["next"]})).json()
    assert [row["state"] for row in rest["items"]] == ["requested", "problem"] and rest["next"] is None
    assert rest["items"][1]["problem"] == "customer_unknown"
    answer = await gateway.http.get(f"/api/v1{HERE}/{id}/rows", headers={"Accept": "text/csv"})
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(table) == 5 and table[3]["reference"] == "'=1+1" and table[0]["state"] == "completed"


# --- pages -----------------------------------------------------------------------------------------------------------


async def test_an_operator_checks_begins_goes_on_and_reminds_by_forms_alone(config: Config) -> None:
    ids = await known(config, 3)
    browser = await config.browser()
    await browser.open(HERE)
    assert "No bulk switch yet" in browser.text
    await browser.open(f"{HERE}/new")
    answer = await browser.send(HERE, name="Autumn", text=file(ids) + "nobody,a@x.example,,,\n")
    id = answer.headers["location"].rpartition("/")[2]
    page = (await browser.open(answer.headers["location"])).text
    assert "1 line cannot be asked" in page and "There is no such customer." in page and "Invite 3" in page
    assert await numbers(config, ids) == [0] * 3
    refused = await browser.send(f"{HERE}/{id}/begin", first="many", per_minute="0", after="wait")
    assert refused.status_code == 422 and "Please correct 2 fields" in browser.text
    answer = await browser.send(f"{HERE}/{id}/begin", first="1", per_minute="600", after="wait")
    assert answer.status_code == 303
    await work(config)
    page = (await browser.open(f"{HERE}/{id}")).text
    assert "1 of 3 asked" in page and "The first wave was asked." in page
    await browser.send(f"{HERE}/{id}/resume")
    await work(config)
    page = (await browser.open(f"{HERE}/{id}?state=unanswered")).text
    assert "3 of 3 asked" in page and page.count("Requested") >= 3
    assert (await browser.send(f"{HERE}/{id}/remind")).headers["location"].endswith("done=reminding")
    assert await numbers(config, ids) == [1] * 3
    assert "Autumn" in (await browser.open(HERE)).text


async def test_a_form_sent_again_with_another_file_is_another_bulk(config: Config) -> None:
    """Back in the browser, the file corrected, sent again: the same form, but what counts is the file."""
    ids = await known(config, 2)
    browser = await config.browser()
    page = await browser.open(f"{HERE}/new")
    places = []
    for text in (file(ids[:1]), file(ids[:1]), file(ids)):
        browser.page = page
        places.append((await browser.send(HERE, name="Autumn", text=text)).headers["location"])
    assert places[0] == places[1] != places[2]
    assert "Invite 2" in (await browser.open(places[2])).text


async def test_a_file_that_cannot_be_read_is_told_beside_its_field(config: Config) -> None:
    browser = await config.browser()
    await browser.open(f"{HERE}/new")
    for text, said in (("", "This is required."), ("a;b\n1;2\n", "does not name the columns")):
        answer = await browser.send(HERE, name="Autumn", text=text)
        assert answer.status_code == 422 and said in browser.text
    viewer = await config.browser("viewer")
    assert (await viewer.open(f"{HERE}/new")).status_code == 403


# --- seams -----------------------------------------------------------------------------------------------------------


async def _away(*_: Any, **__: Any) -> Any:
    raise Unavailable("MongoDB", "killed")


def _claim(operation: BulkOperation) -> Any:
    class Held:
        state = operation

    return Held()


def _dies_at(store: Any) -> Any:
    """The process ends before it writes there."""
    apply = type(store).apply

    async def dies(self: Any, *args: Any, **more: Any) -> Any:
        if self.source == store.source:
            raise Unavailable("MongoDB", "killed")
        return await apply(self, *args, **more)

    return dies

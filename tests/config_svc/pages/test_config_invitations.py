"""Pending Invitations by forms alone: one row, several rows at once, the operator's own reference."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from config_svc.commands.bulk_operations import JOB
from config_svc.domain.bulk_operations import MOST_IN_STEP, BulkOperation
from shared.jobs.worker import Worker
from tests.config_svc.config_kit import ADMIN, TENANT, Browser, C, Config

LIST = "/invitations?q=&state=pending&sort=-created"


async def invite(config: Config, *ids: str) -> None:
    """Customers whose administrators are invited."""
    for number, id in enumerate(ids):
        await config.gateway().put(f"/customers/{id}", {"name": f"Name {id}", "tenant": f"{id}.example"})
        await config.pinned(id, f"{TENANT[:-4]}{number:04}")
        await config.gateway().post(f"/customers/{id}/switch", {"to": "token", "admin_email": f"admin@{id}.example"})
        await config.relays()


def worker(config: Config) -> Worker[BulkOperation]:
    commands = config.bulk_operations
    return Worker(store=commands.store, job=JOB, execute=commands.work, lease_seconds=5)


async def work(config: Config) -> int:
    """All selections to their end; gives how often one was taken up."""
    rounds, due = 0, worker(config)
    while await due.once():
        await due.settled()
        rounds += 1
    return rounds


async def chosen(browser: Browser, do: str, *ids: str) -> None:
    rows = [("row", f"{id}/1/1") for id in ids]
    await browser.open("/invitations/selected", params=[("do", do), ("back", LIST), *rows])


def outcomes(browser: Browser) -> list[str]:
    return re.findall(r'data-state="(queued|done|failed)"', browser.page.text)


async def test_a_row_is_sent_again_once_and_leads_back_to_the_same_list(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open(f"{LIST}&done=cancelled")
    where, hidden = browser.form("/invitations/resend")
    assert f'value="{C}/1/1"' in browser.page.text
    answers = [await browser.http.post(where, data=hidden | {"row": f"{C}/1/1"}) for _ in range(2)]
    assert {answer.headers["location"] for answer in answers} == {
        "/invitations?state=pending&sort=-created&done=resent"
    }
    assert await config.relays() == ["InvitationResendRequested"]
    assert "The invitation is on its way again" in (await browser.open(answers[0].headers["location"])).text


@pytest.mark.parametrize("action", ["/invitations/resend", "/invitations/link"])
async def test_a_row_that_has_ended_meanwhile_is_refused_on_the_list(config: Config, action: str) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open("/invitations?state=all&sort=name")
    await config.claims()
    page = browser.page
    for row, status, said in (
        (f"{C}/1/1", 409, "This switch has ended meanwhile."),
        (f"{C}/9/1", 409, "Meanwhile there is another switch."),
        ("nobody/1/1", 404, "There is no such customer."),
        (f"{C}/0", 422, "No invitation was named."),
    ):
        browser.page = page
        answer = await browser.send(action, row=row)
        assert answer.status_code == status and said in browser.text
        assert "sorted, ascending" in browser.text


async def test_several_rows_are_confirmed_done_and_told_each(config: Config) -> None:
    await invite(config, "a", "b", "c", "d")
    browser = await config.browser()
    await config.gateway().delete("/customers/d/switch", params={"switch": 1})
    await chosen(browser, "resend", "a", "b", "c", "d")
    assert "3 administrators get the invitation once more" in browser.text and "admin@b.example" in browser.text
    assert "1 of them is left out" in browser.text and "This switch has ended meanwhile." in browser.text
    assert await config.relays() == ["SwitchCancelled"]
    where, hidden = browser.form("/invitations/batches")
    rows = ["a/1", "b/1", "c/1", "d/1"]
    first, second = [await browser.http.post(where, data=hidden | {"row": rows}) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"]
    assert await work(config) == 1
    assert await config.relays() == ["InvitationResendRequested"] * 3
    await browser.open(first.headers["location"])
    assert "Finished" in browser.text and outcomes(browser) == ["done"] * 3 and "3 of 3 done" in browser.text


async def test_a_refusal_stands_beside_its_row_in_a_sentence(config: Config) -> None:
    await invite(config, "a", "b")
    browser = await config.browser()
    await chosen(browser, "cancel", "a", "b")
    assert "2 invitations stop working at once" in browser.text
    where, hidden = browser.form("/invitations/batches")
    answer = await browser.http.post(where, data=hidden | {"row": ["a/1", "b/1"]})
    place = answer.headers["location"]
    await browser.open(place)
    assert outcomes(browser) == ["queued", "queued"] and "0 of 2 done" in browser.text
    assert '<noscript><meta http-equiv="refresh"' in browser.page.text
    await config.claims("b")
    await work(config)
    await browser.open(place)
    assert outcomes(browser) == ["done", "failed"] and "1 of 2 done, 1 not done" in browser.text
    assert "This switch has ended meanwhile. Look at its outcome" in browser.text
    assert f'href="{LIST.replace("&", "&amp;")}"' in browser.page.text
    assert (await browser.open(place.replace("?", "/state?"))).status_code == 286
    assert (await config.customer("a")).switch.state == "cancelled"  # type: ignore[union-attr]


async def test_a_selection_goes_on_after_a_crash_and_acts_once_per_row(config: Config) -> None:
    ids = [f"c{n}" for n in range(MOST_IN_STEP + 2)]
    await invite(config, *ids)
    browser = await config.browser()
    await chosen(browser, "resend", *ids)
    where, hidden = browser.form("/invitations/batches")
    await browser.http.post(where, data=hidden | {"row": [f"{id}/1" for id in ids]})
    commands = config.bulk_operations
    (document,) = await commands.store.find({}, limit=1)
    part = await commands.read.part(document.id, 0)
    for row in part.rows[:3]:  # acted, and then killed before the outcome was kept
        await commands._act(document.state, row)
    assert await work(config) == 2
    assert (await config.relays()).count("InvitationResendRequested") == len(ids)
    generations = {(await config.customer(id)).switch.generation for id in ids}  # type: ignore[union-attr]
    assert generations == {2}


async def test_nothing_selected_says_what_to_do(config: Config) -> None:
    browser = await config.browser()
    for rows in ([], [("row", "nobody/1/1")], [("row", "../x")], [("row", "a/0/0")]):
        await browser.open("/invitations/selected", params=[("do", "resend"), *rows])
        assert "Nothing is selected" in browser.text and 'href="/invitations"' in browser.page.text
    assert (await browser.open("/invitations/batches/nothing")).status_code == 404
    assert "no longer kept" in browser.text


async def test_a_reference_is_changed_in_its_place_and_audited(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    browser.http.headers["HX-Request"] = "true"
    await browser.open(f"/customers/{C}/reference")
    assert "<html" not in browser.page.text
    where, hidden = browser.form("/reference")
    answer = await browser.http.post(where, data=hidden | {"reference": "see www.evil.example"})
    assert answer.status_code == 200 and "Leave out web and e-mail addresses." in answer.text
    answer = await browser.http.post(where, data=hidden | {"reference": "TICKET-99"})
    assert "TICKET-99" in answer.text and "<form" not in answer.text
    assert await config.relays() == ["ReferenceChanged"]
    entry = (await config.gateway().get("/audit")).json()["items"][0]
    assert (entry["action"], entry["data"]["reference"]) == ("ReferenceChanged", "TICKET-99") and entry["who"]
    del browser.http.headers["HX-Request"]
    await browser.open("/invitations?q=ticket-99&state=all")
    assert "TICKET-99" in browser.text
    answer = await browser.http.get(f"{where}?show=1&back=/invitations", headers={"HX-Request": "true"})
    assert "TICKET-99" in answer.text and "<form" not in answer.text


async def test_without_script_a_reference_has_a_page_and_an_ended_switch_keeps_it(config: Config) -> None:
    await config.invited()
    await config.claims()
    browser = await config.browser()
    await browser.open(f"/customers/{C}/reference", params={"back": LIST})
    where, hidden = browser.form("/reference")
    answer = await browser.http.post(where, data=hidden | {"reference": "x" * 101})
    assert answer.status_code == 422 and "Use 100 characters at most." in answer.text
    answer = await browser.http.post(where, data=hidden | {"reference": ""})
    assert answer.headers["location"].startswith("/invitations?state=pending")
    await config.set(C, lambda found: replace(found, switch=replace(found.switch, number=2)))
    answer = await browser.http.post(where, data=hidden | {"reference": "late", "key": "another"})
    assert answer.status_code == 409 and "Meanwhile there is another switch." in answer.text
    assert (await config.customer()).switch.reference is None  # type: ignore[union-attr]


async def test_programs_change_a_reference_too(config: Config) -> None:
    await config.invited()
    gateway = config.gateway()
    for _ in range(2):
        answer = await gateway.post(f"/customers/{C}/switch/reference", {"switch": 1, "reference": "T-1"}, key="k")
        assert (answer.status_code, answer.json()) == (202, {"switch": 1})
    assert await config.relays() == ["ReferenceChanged"]
    for body, status in (
        ({"switch": 1}, 422),
        ({"switch": 1, "reference": "a\nb"}, 422),
        ({"switch": 2, "reference": None}, 409),
    ):
        assert (await gateway.post(f"/customers/{C}/switch/reference", body)).status_code == status
    assert (await config.gateway("viewer").post(f"/customers/{C}/switch/reference", {})).status_code == 403
    assert ADMIN in (await gateway.get("/invitations", params={"q": "t-1"})).text


async def test_what_is_searched_from_the_header_is_found_by_any_of_its_names(config: Config) -> None:
    await config.invited()
    await config.gateway().put("/customers/other", {"name": "Other <b>", "tenant": "other.example"})
    browser = await config.browser("viewer")
    for q in ("conto", "GmbH", C, "contoso.example", TENANT, ADMIN, "crm-1", "admin@con"):
        answer = await browser.open("/search", params={"q": q})
        assert 'data-url="/customers/contoso"' in answer.text and "1 customer found" in browser.text, q
        assert "contoso.example · contoso · CRM-1" in browser.text and "Requested" in browser.text
        assert "Contoso GmbH" in (await browser.open("/customers", params={"q": q})).text
    assert "Other &lt;b&gt;" in (await browser.open("/search", params={"q": "oth"})).text
    for q in ("", " ", "zzz", "%", "../"):
        assert "<li" not in (await browser.open("/search", params={"q": q})).text


async def test_of_many_found_the_first_are_shown_and_the_way_to_all(config: Config) -> None:
    for n in range(10):
        await config.gateway().put(f"/customers/c-{n}", {"name": f"Same {n}", "tenant": f"t{n}.example"})
    browser = await config.browser("viewer")
    answer = await browser.open("/search", params={"q": "same"})
    assert answer.text.count("<li") == 9 and 'data-url="/customers?q=same"' in answer.text
    assert "More than 8 customers found" in browser.text

"""Authentication Status: why, since when, who must act, who looks when; many validated at once; filters; export."""

from __future__ import annotations

import csv
import html
import io
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config_svc.commands.customers import HOUR
from config_svc.domain import customers
from config_svc.domain.model import Customer, Failure, Grant
from config_svc.queries import authentication_status, index
from shared.contracts.events import AccessLost, AccessRecovered, AuthenticationValidated
from shared.http.rate_limits import Limits
from tests.config_svc.config_kit import ACCOUNT, NOW, Browser, C, Config

GRANT = Grant(
    id="g",
    account=ACCOUNT,
    method="sign_in",
    roles=("r",),
    scopes=("s",),
    claimed_at=NOW,
    expires_at=NOW + timedelta(days=90),
)
TOKEN = Customer(
    id="c",
    name="Name",
    tenant="t.example",
    tenant_id="t",
    method="token",
    status="successful",
    checked_at=NOW,
    grant=GRANT,
)
OWN = Customer(
    id="c", name="Name", tenant="t.example", tenant_id="t", method="app_registration", secret=True, status="successful"
)


@pytest.mark.parametrize(
    ("customer", "hours", "kind"),
    [
        (TOKEN, 1, "by"),
        (TOKEN, 24.9, "by"),
        (TOKEN, 26, "late"),
        (replace(TOKEN, status="checking"), 30, "now"),
        (replace(TOKEN, grant=replace(GRANT, lost=True), status="failed"), 1, "daily"),
        (OWN, 1, "daily"),
        (replace(OWN, tenant_id=None), 1, "none"),
        (replace(OWN, method="none"), 1, "none"),
    ],
)
def test_the_next_look_is_what_is_known_of_it(customer: Customer, hours: float, kind: str) -> None:
    look = authentication_status.next_check(customer, NOW + timedelta(hours=hours))
    assert look.kind == kind and (look.at is not None) == (kind in ("by", "late"))


@pytest.mark.parametrize(
    ("days", "step"), [(31, None), (30, 30), (15, 30), (14, 14), (8, 14), (7, 7), (2, 7), (1, 1), (0, 0), (-3, 0)]
)
def test_a_secret_in_use_warns_in_steps(days: int, step: int | None) -> None:
    until = (NOW + timedelta(days=days)).date().isoformat()
    assert (
        authentication_status.step(authentication_status.secret_left(replace(OWN, secret_expires_on=until), NOW))
        == step
    )
    assert authentication_status.secret_left(replace(TOKEN, secret=True, secret_expires_on=until), NOW) is None


def test_since_is_from_when_on_every_look_had_this_outcome() -> None:
    def looked(customer: Customer, hours: float, outcome: Any) -> Customer:
        at = NOW + timedelta(hours=hours)
        asked = replace(customer, request="r", request_grant="g", status="checking")
        event = AuthenticationValidated(
            customer="c",
            request="r",
            method="token",
            outcome=outcome,
            checked_at=at,
            revision=0,
            grant="g",
            reason="revoked" if outcome == "failed" else None,
        )
        change = customers.validated(asked, event, at)
        assert change is not None
        return change.state

    state = looked(looked(replace(TOKEN, since=NOW), 1, "failed"), 2, "failed")
    assert (state.since, state.checked_at) == (NOW + timedelta(hours=1), NOW + timedelta(hours=2))
    lost = customers.access_lost(
        state,
        AccessLost(customer="c", customer_name="Name", method="token", reason="revoked", revision=0, grant="g"),
        NOW + timedelta(hours=3),
    )
    assert lost is not None and lost.state.since == NOW + timedelta(hours=1)
    back = customers.access_recovered(
        lost.state,
        AccessRecovered(customer="c", customer_name="Name", method="token", revision=0, grant="g"),
        NOW + timedelta(5),
    )
    assert back is not None and back.state.since == NOW + timedelta(5)
    assert looked(back.state, 400, "successful").since == NOW + timedelta(5)
    assert index.derived(state)["attention"].startswith("0\t2126-03-01T13:")


# --- the page --------------------------------------------------------------------------------------------------------


async def several(config: Config, *ids: str) -> None:
    for n, id in enumerate(ids):
        await config.gateway().put(
            f"/customers/{id}",
            {
                "name": f"Customer {id}",
                "tenant": f"{id}.example",
                "app_registration": {
                    "client_id": f"c0de0001-0003-4000-9abc-d00d0001000{n}",
                    "client_secret": "x",
                    "secret_expires_on": "2126-03-06" if n == 0 else "2127-01-31",
                },
            },
        )
        await config.relays()
        await config.pinned(id, f"c0de000{n}-0001-4000-9abc-d00d00010000")


async def outcome(config: Config, id: str, outcome: Any, reason: str | None = None) -> None:
    state = await config.customer(id)
    assert state.request is not None
    await config.hears(
        AuthenticationValidated(
            customer=id,
            request=state.request,
            method=state.method,
            outcome=outcome,
            checked_at=config.now,
            revision=state.revision,
            grant=None,
            reason=reason,
            aadsts=None,
            correlation_id="corr-1",
        )
    )


async def requests(config: Config, *ids: str) -> list[str | None]:
    return [(await config.customer(id)).request for id in ids]


async def send(browser: Browser, **fields: Any) -> None:
    """The form as a browser sends it, with all its hidden fields (one name stands in it many times)."""
    form = next(body for body in re.findall(r'<form[^>]*action="/status/validate".*?</form>', browser.page.text, re.S))
    hidden: dict[str, Any] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form):
        hidden.setdefault(name, []).append(html.unescape(value))
    answer = await browser.http.post("/status/validate", data=hidden | fields)
    assert answer.status_code == 303, answer.text
    await browser.open(answer.headers["location"])


async def test_those_selected_are_validated_and_the_outcomes_come_by_row(config: Config) -> None:
    await several(config, "a", "b", "c")
    browser = await config.browser()
    await browser.open("/status")
    await send(browser, which="selected", pick=["a", "b"])
    assert "2 validations have begun." in browser.text and "2 customers are being checked now" in browser.text
    one, two, none = await requests(config, "a", "b", "c")
    assert one and two and none is None
    config.later(minutes=1)
    await outcome(config, "a", "failed", "secret_wrong")
    await outcome(config, "b", "successful")
    await browser.open("/status/rows?id=a&id=b&id=c&id=nobody")
    assert browser.page.text.count("data-row=") == 3 and "<html" not in browser.page.text
    assert "The client secret is wrong" in browser.text and "An administrator of the customer." in browser.text
    assert "corr-1" in browser.text and browser.page.text.index("row-a") < browser.page.text.index("row-b")


async def test_the_form_sent_twice_asks_once_and_a_new_page_asks_anew(config: Config) -> None:
    await several(config, "a", "b")
    browser = await config.browser()
    shown = await browser.open("/status")
    await send(browser, which="selected", pick="a")
    first = await requests(config, "a")
    browser.page = shown
    await send(browser, which="selected", pick="a")
    assert await requests(config, "a") == first
    await browser.open("/status")
    await send(browser, which="selected", pick="a")
    assert await requests(config, "a") != first


async def test_all_shown_leaves_out_what_is_being_checked_and_what_cannot_be(config: Config) -> None:
    await several(config, "a", "b")
    await config.gateway().put("/customers/bare", {"name": "Bare", "tenant": "bare.example"})
    browser = await config.browser()
    await browser.open("/status")
    await send(browser, only="a")
    before = await requests(config, "a")
    await browser.open("/status")
    await send(browser, which="all")
    assert "1 validation has begun." in browser.text
    assert await requests(config, "a") == before and (await requests(config, "b"))[0]
    await browser.open("/status")
    await send(browser, which="all")
    assert "Nothing was to be validated." in browser.text


async def test_one_refusal_does_not_stop_the_others_and_says_why(config: Config) -> None:
    await several(config, "a", "b")
    await config.gateway().put("/customers/bare", {"name": "Bare", "tenant": "bare.example"})
    browser = await config.browser()
    await browser.open("/status")
    await send(browser, which="selected", pick=["bare", "nobody", "a"])
    assert "1 validation has begun." in browser.text and "2 customers were left out." in browser.text
    assert "There is nothing to validate yet." in browser.text


async def test_too_many_validations_of_one_customer_are_left_out(config: Config) -> None:
    await several(config, "a")
    browser = await config.browser()
    limits, most = Limits(config.service.mongo.collection("limits")), config.settings.requests_per_hour
    for _ in range(most):
        await limits.check("validations", "a", most, HOUR, config.now)
    await browser.open("/status")
    await send(browser, only="a")
    assert await requests(config, "a") == [None]
    assert "There were too many requests for this customer in the last hour." in browser.text


async def test_counts_are_tabs_search_and_filter_go_together_and_empty_has_a_way_on(config: Config) -> None:
    await several(config, "a", "b", "c")
    browser = await config.browser("viewer")
    await config.set(
        "b", lambda found: replace(found, status="failed", checked_at=NOW, failure=Failure(reason="revoked", at=NOW))
    )
    await config.set("a", lambda found: replace(found, secret_warned=7))
    await browser.open("/status")
    assert "All 3 Failed 1 Secret expires soon 1 Checking 0 Unknown 2 Successful 0" in browser.text
    assert "The client secret expires in 5 days." in browser.text and "5 days left" in browser.text
    assert "Validate" not in browser.text and browser.page.text.index("row-b") < browser.page.text.index("row-a")
    await browser.open("/status?status=failed&q=customer+b")
    assert browser.page.text.count("data-row=") == 1 and 'id="row-b"' in browser.page.text
    await browser.open("/status?status=failed&q=customer+a")
    assert "No customer fits this search." in browser.text and "Show all" in browser.text
    await browser.open("/status?status=successful")
    assert "No customer has this status." in browser.text


async def test_only_an_operator_validates(config: Config) -> None:
    await several(config, "a")
    operator, viewer = await config.browser(), await config.browser("viewer")
    await operator.open("/status")
    await viewer.open("/status")
    assert "form_key" not in viewer.page.text
    refused = await viewer.http.post("/status/validate", data={"only": "a", "key": "k"})
    assert refused.status_code == 403 and await requests(config, "a") == [None]
    forged = await operator.http.post("/status/validate", data={"only": "a", "key": "k"})
    assert forged.status_code == 403 and await requests(config, "a") == [None]


async def test_the_export_holds_the_filtered_rows_and_no_formula(config: Config) -> None:
    await several(config, "a", "b")
    await config.set(
        "b",
        lambda found: replace(
            found,
            name="=1+1",
            status="failed",
            since=NOW,
            failure=Failure(reason="revoked", at=NOW, aadsts=None, correlation_id="corr"),
        ),
    )
    answer = await (await config.browser("viewer")).open("/status.csv?status=failed")
    assert answer.headers["content-type"].startswith("text/csv")
    head, row = csv.reader(io.StringIO(answer.text, newline=""))
    cells = dict(zip(head, row, strict=True))
    assert tuple(head) == authentication_status.COLUMNS
    assert (cells["customer_name"], cells["reason"], cells["who_must_act"]) == ("'=1+1", "revoked", "invitee")
    assert (cells["since"], cells["next_check"]) == ("2126-03-01T12:00:00Z", "daily")


async def test_a_customer_of_the_list_that_is_removed_meanwhile_leaves_it(config: Config) -> None:
    await several(config, "a", C)
    await config.gateway("admin").delete("/customers/a")
    browser = await config.browser()
    await browser.open(f"/status/rows?id=a&id={C}")
    assert f'id="row-{C}"' in browser.page.text and 'id="row-a"' not in browser.page.text

"""What the portal's pages say in each state: labels, languages, what moves, what is delayed, what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import config_svc
from config_svc.texts.refusal_texts import DONE, TEXTS
from shared.contracts.events import AuthenticationFailed, AuthenticationStarted, AuthenticationValidated
from shared.i18n.catalogs import gaps
from tests.config_svc.config_kit import ADMIN, APP, GLOBAL_ADMIN, SECRET, TENANT, C, Config

HERE = f"/customers/{C}"
PACKAGE = Path(config_svc.__file__).parent
SETTINGS = (
    "Microsoft 365 Settings",
    "Application (client) id",
    "Client secret",
    "Client secret expiration date",
    "Days until expiration",
    "Assigned Entra ID roles",
    "User name",
    "Last Authentication Status:",
    "Validate Authentication",
)


def test_german_is_complete() -> None:
    assert list(gaps(PACKAGE, "de")) == []


async def test_the_seeds_labels_stand_on_the_customers_page(config: Config) -> None:
    await config.registered()
    browser = await config.browser()
    await browser.open(HERE)
    for label in (
        *SETTINGS,
        "Switch to auth token",
        "M365 Configuration",
        "Configuration",
        "Multitenant",
        "Pending Invitations",
        "Authentication Status",
    ):
        assert label in browser.text, label
    await browser.open(f"{HERE}/switch?to=token")
    await browser.send("/switch", admin_email=ADMIN, methods="device_code")
    await browser.send("/switch/confirm")
    for label in ("Resend Invitation", "Copy link", "Cancel switch", "Resend to another address"):
        assert label in browser.text, label
    await config.claims()
    await browser.open(HERE)
    for label in (
        *SETTINGS,
        "Authentication Status: Successful",
        "Switch to App Registration",
        "Reinitiate Authentication Flow",
    ):
        assert label in browser.text, label


async def test_in_german_no_english_label_is_left(config: Config) -> None:
    await config.invited()
    browser = await config.browser("admin", "de")
    for path in (HERE, "/customers", "/invitations", "/status", f"{HERE}/edit", f"{HERE}/cancel", "/customers/nobody"):
        await browser.open(path)
        assert 'lang="de"' in browser.page.text
        for label in ("Customers", "Settings", "Switch", "Invitation ", "Cancel", "Timeline", "Sign out", "Status:"):
            assert not re.search(rf"\b{label}\b", browser.text.replace("Tokenswitch", "")), (path, label)


# --- what moves by itself --------------------------------------------------------------------------------------------


async def test_only_while_something_moves_the_page_asks_again(config: Config) -> None:
    await config.registered()
    config.later(minutes=2)
    browser = await config.browser()
    answer = await browser.open(HERE)
    assert "hx-get" not in answer.text and "http-equiv" not in answer.text
    await browser.send("/validate")
    assert f'hx-get="{HERE}/state"' in browser.page.text and '<noscript><meta http-equiv="refresh"' in browser.page.text
    await config.relays()
    assert (await browser.open(f"{HERE}/state")).status_code == 200
    request = (await config.customer()).request or ""
    await config.hears(
        AuthenticationValidated(
            customer=C,
            request=request,
            method="app_registration",
            outcome="successful",
            checked_at=config.now,
            revision=1,
        )
    )
    assert (await browser.open(f"{HERE}/state")).status_code == 200
    config.later(minutes=2)
    answer = await browser.open(f"{HERE}/state")
    assert answer.status_code == 286 and "Last Authentication Status: Successful" in browser.text


async def test_a_failed_sign_in_is_told_until_the_next_one_begins(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    await config.hears(
        AuthenticationFailed(
            customer=C,
            switch=1,
            attempt=1,
            method="device_code",
            reason="code_blocked",
            aadsts=530035,
            correlation_id="corr-9",
        )
    )
    await browser.open(HERE)
    for text in ("The last sign-in failed", "does not allow sign-in by code", "Who must act", "corr-9", "AADSTS530035"):
        assert text in browser.text
    await config.hears(
        AuthenticationStarted(
            customer=C, switch=1, attempt=2, method="sign_in", accepted_roles=(GLOBAL_ADMIN,), tenant_id=TENANT
        ),
        "invite/invitations",
    )
    await browser.open(HERE)
    assert "The last sign-in failed" not in browser.text


async def test_a_customer_removed_meanwhile_makes_the_open_page_reload(config: Config) -> None:
    await config.registered()
    browser = await config.browser("admin")
    await browser.open(f"{HERE}/remove")
    await browser.send("/remove")
    answer = await browser.open(f"{HERE}/state")
    assert answer.status_code == 204 and answer.headers["hx-refresh"] == "true"


async def test_what_waits_for_kafka_is_shown_as_delayed(config: Config) -> None:
    await config.registered()
    browser = await config.browser()
    await browser.open(f"{HERE}/switch?to=token")
    await browser.send("/switch", admin_email=ADMIN, methods="sign_in")
    await browser.send("/switch/confirm")
    assert "The switch has begun" in browser.text and "delayed" not in browser.text
    config.later(seconds=5)
    for path, said in ((HERE, "Accepted, but delayed"), ("/invitations", "delayed: Kafka is away")):
        await browser.open(path)
        assert said in browser.text
    await config.relays()
    for path in (HERE, "/invitations"):
        await browser.open(path)
        assert "delayed" not in browser.text


# --- what is asked twice, changed, refused ---------------------------------------------------------------------------


async def test_back_from_the_confirmation_everything_typed_is_there(config: Config) -> None:
    await config.registered()
    browser = await config.browser()
    await browser.open(f"{HERE}/switch?to=token")
    await browser.send(
        "/switch", admin_email=ADMIN, admin_name="Avery", locale="de", methods="device_code", reference="T-9"
    )
    _, hidden = browser.form("/switch/confirm")
    await browser.send("/switch/confirm", follow=False)  # sent once already
    answer = browser.page = await browser.http.post(f"{HERE}/switch/change", data=hidden)
    assert answer.status_code == 200
    for text in (f'value="{ADMIN}"', 'value="Avery"', 'value="T-9"', 'value="de" selected'):
        assert text in answer.text
    assert re.findall(r'value="([a-z_]+)" checked', answer.text) == ["device_code"]
    assert browser.form("/switch")[1]["key"] != hidden["key"]


@pytest.mark.parametrize(
    ("page", "action", "event"),
    [
        (HERE, "/validate", "ValidationRequested"),
        (f"{HERE}/cancel", "/cancel", "SwitchCancelled"),
        (HERE, "/resend", "InvitationResendRequested"),
    ],
)
async def test_a_double_click_counts_once(config: Config, page: str, action: str, event: str) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open(page)
    where, hidden = browser.form(action)
    answers = [await browser.http.post(where, data=hidden) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert await config.relays() == [event]


async def test_a_change_on_top_of_anothers_shows_both_values(config: Config) -> None:
    await config.registered()
    mine, theirs = await config.browser(), await config.browser("admin")
    await mine.open(f"{HERE}/edit")
    await theirs.open(f"{HERE}/edit")
    await theirs.send("/edit", name="Theirs", tenant="contoso.example", client_id=APP, reference="CRM-1")
    answer = await mine.send("/edit", name="Mine", tenant="contoso.example", client_id=APP, client_secret=SECRET)
    assert answer.status_code == 412 and "Somebody changed this customer" in mine.text
    assert 'value="Mine"' in mine.page.text and "In force now: Theirs" in mine.text and SECRET not in mine.page.text
    await mine.send("/edit", name="Mine", tenant="contoso.example", client_id=APP)
    assert (await config.customer()).name == "Mine"


@pytest.mark.parametrize("path", ["/resend", "/cancel"])
async def test_a_page_about_a_switch_that_is_over_says_so(config: Config, path: str) -> None:
    await config.registered()
    browser = await config.browser()
    answer = await browser.open(HERE + path)
    assert answer.status_code == 409 and "There is no switch." in browser.text
    await config.set(C, lambda found: found)
    await browser.open(f"{HERE}/switch?to=token")
    await browser.send("/switch", admin_email=ADMIN, methods="sign_in")
    await browser.send("/switch/confirm")
    await config.claims()
    answer = await browser.open(HERE + path)
    assert answer.status_code == 409 and "This switch has ended meanwhile." in browser.text


@pytest.mark.parametrize(
    ("secret", "expires", "said"),
    [
        (False, None, "There is no client secret on file."),
        (True, "2126-02-01", "The client secret on file has expired."),
    ],
)
async def test_without_a_usable_secret_the_way_back_invites_an_administrator(
    config: Config, secret: bool, expires: str | None, said: str
) -> None:
    await config.invited()
    await config.claims()
    await config.set(C, lambda found: replace(found, secret=secret, secret_expires_on=expires))
    browser = await config.browser()
    await browser.open(f"{HERE}/switch?to=app_registration")
    assert said in browser.text and "Use the stored app registration" not in browser.text
    await browser.send("/switch", admin_email=ADMIN)
    assert "will get an invitation to enter the app registration" in browser.text
    await browser.send("/switch/confirm")
    assert "Resend Invitation" in browser.text


def test_every_refusal_of_the_rules_has_its_words_and_a_way_on() -> None:
    sources = [*PACKAGE.glob("domain/*.py"), PACKAGE / "commands" / "customers.py"]
    codes = {code for path in sources for code in re.findall(r'Refused\(\s*"([a-z_]+)"', path.read_text())}
    assert len(codes) >= 12 and codes - TEXTS.keys() - {"invalid"} == set()
    assert all(what and todo for what, todo in TEXTS.values()) and all(DONE.values())


async def test_an_unknown_customer_is_a_page_with_a_way_on(config: Config) -> None:
    browser = await config.browser("viewer")
    answer = await browser.open("/customers/nobody")
    assert answer.status_code == 404 and "There is no such customer" in browser.text
    assert 'action="/customers"' in answer.text and 'href="/customers"' in answer.text


async def test_with_a_customer_chosen_the_navigation_leads_to_it(config: Config) -> None:
    await config.registered()
    browser = await config.browser()
    for path, leads in ((f"{HERE}/edit", HERE), ("/status", "/m365")):
        answer = await browser.open(path)
        assert re.search(rf'<a href="{leads}"[^>]*>(<svg.*?</svg>)?<span>M365 Configuration', answer.text, re.S)


async def test_an_expired_switch_leaves_the_old_status_in_the_list_of_problems(config: Config) -> None:
    await config.invited()
    config.later(days=8)
    await config.set(
        C,
        lambda found: replace(
            found,
            switch=replace(found.switch, state="expired", ended_at=config.now - timedelta(hours=1)),
        ),
    )
    browser = await config.browser("viewer")
    await browser.open(HERE)
    assert "nobody signed in in time" in browser.text and "Last Authentication Status: Unknown" in browser.text
    await browser.open("/invitations?state=expired")
    assert "Expired" in browser.text and "8 days ago" in browser.text

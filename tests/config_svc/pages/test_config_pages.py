"""The portal as operators use it: every step of a switch by forms alone, what each state shows, every refusal."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config_svc.domain.model import Failure, Mail, Switch
from shared.contracts.events import Account, Actor, AuthenticationFailed, AuthenticationValidated, EmailSent, Person
from tests.config_svc.config_kit import ADMIN, APP, INVITE, SECRET, TENANT, C, Config

HERE = f"/customers/{C}"


async def test_a_customer_is_registered_and_changed_by_forms(config: Config) -> None:
    browser = await config.browser()
    await browser.open("/")
    assert browser.page.headers["location"] == "/customers"
    await browser.open("/customers")
    assert "No customers yet" in browser.text and "Add customer" in browser.text
    await browser.open("/add-customer")
    await browser.send(
        "/add-customer",
        id=C,
        name="Contoso GmbH",
        tenant="contoso.example",
        client_id=APP,
        client_secret=SECRET,
        secret_expires_on="2127-01-31",
        reference="CRM-1",
    )
    assert "The customer is registered" in browser.text and "being looked up" in browser.text
    await config.relays()
    await config.pinned()
    await browser.open(f"{HERE}/edit")
    assert SECRET not in browser.page.text and 'value="Contoso GmbH"' in browser.page.text
    await browser.send(
        "/edit",
        name="Contoso Ltd",
        tenant="contoso.example",
        client_id=APP,
        secret_expires_on="2127-01-31",
        reference="",
    )
    assert "The changes are saved" in browser.text and "Contoso Ltd" in browser.text
    state = await config.customer()
    assert (state.secret, state.revision, state.reference) == (True, 1, None)


async def test_a_wrong_form_comes_back_with_what_was_entered_but_never_the_secret(config: Config) -> None:
    browser = await config.browser()
    await browser.open("/add-customer")
    answer = await browser.send(
        "/add-customer",
        id="no good",
        name="",
        tenant="contoso",
        client_id="x",
        client_secret=SECRET,
        secret_expires_on="tomorrow",
    )
    assert answer.status_code == 422
    for text in (
        "Please correct 5 fields",
        "Enter a name.",
        "Enter the tenant's domain",
        "Enter the application",
        "Enter a date",
        "Use 1 to 64 letters",
    ):
        assert text in browser.text
    assert 'value="contoso"' in browser.page.text and SECRET not in browser.page.text


async def test_an_id_is_taken_once(config: Config) -> None:
    await config.registered()
    browser = await config.browser()
    await browser.open("/add-customer")
    answer = await browser.send("/add-customer", id=C, name="Other", tenant="other.example")
    assert answer.status_code == 409 and "There is a customer with this id already" in browser.text
    assert (await config.customer()).name == "Contoso GmbH"


async def test_two_operators_editing_at_once_lose_nothing(config: Config) -> None:
    await config.registered()
    first, second = await config.browser(), await config.browser("admin")
    await first.open(f"{HERE}/edit")
    await second.open(f"{HERE}/edit")
    await first.send("/edit", name="First", tenant="contoso.example", client_id=APP)
    answer = await second.send("/edit", name="Second", tenant="contoso.example", client_id=APP)
    assert answer.status_code == 412 and "Somebody changed this customer meanwhile" in second.text
    assert (await config.customer()).name == "First"


async def test_an_invitation_may_be_in_five_languages_while_the_portal_has_two(config: Config) -> None:
    await config.registered()
    browser = await config.browser()
    page = await browser.open(f"{HERE}/switch?to=token")
    assert set(re.findall(r'<option value="(\w\w)"', page.text)) == {"en", "de", "fr", "es", "ja"}
    assert set(re.findall(r'hreflang="(\w+)"', page.text)) == {"de"} and "日本語" in page.text


async def test_the_switch_dialog_asks_confirms_and_sends_once(config: Config) -> None:
    await config.registered()
    browser = await config.browser()
    await browser.open(HERE)
    assert "Switch to auth token" in browser.text and "Validate Authentication" in browser.text
    assert "Reinitiate Authentication Flow" not in browser.text
    await browser.open(f"{HERE}/switch?to=token")
    for text in ("E-mail of the customer administrator", "Language of the invitation", "OK", "Cancel"):
        assert text in browser.text
    await browser.send(
        "/switch", admin_email=ADMIN, admin_name="Avery Admin", locale="de", methods=["sign_in"], reference="T-7"
    )
    assert "Please confirm" in browser.text and ADMIN in browser.text and "Deutsch" in browser.text
    assert (await config.customer()).switch is None
    where, hidden = browser.form("/switch/confirm")
    await browser.send("/switch/confirm")
    for text in ("The switch has begun", "Resend Invitation", "Copy link", "Cancel switch", ADMIN, "T-7"):
        assert text in browser.text
    twice = await browser.http.post(where, data=hidden)
    assert twice.headers["location"] == f"{HERE}?done=switched"
    assert await config.relays() == ["SwitchRequested"]
    switch = (await config.customer()).switch
    assert switch and (switch.locale, switch.methods, switch.inviter and switch.inviter.address) == (
        "de",
        ("sign_in",),
        "192.0.2.7",
    )


@pytest.mark.parametrize(
    ("entered", "said"),
    [
        ({"admin_email": ""}, "This is required."),
        ({"admin_email": "nobody"}, "Enter an address like"),
        ({"admin_email": "a@b.example\r\nBcc: x@y.example"}, "Enter an address like"),
        ({"admin_name": "see www.evil.example"}, "Leave out web and e-mail addresses."),
        ({"reference": "x" * 101}, "Use 100 characters at most."),
        ({"locale": "xx"}, "Choose one of the languages"),
        ({"methods": "telepathy"}, "Choose at least one way"),
        ({"methods": []}, "Choose at least one way"),
    ],
)
async def test_a_wrong_dialog_comes_back_with_a_sentence(config: Config, entered: dict[str, Any], said: str) -> None:
    await config.registered()
    browser = await config.browser()
    await browser.open(f"{HERE}/switch?to=token")
    answer = await browser.send("/switch", **({"admin_email": ADMIN, "methods": "sign_in"} | entered))
    assert answer.status_code == 422 and said in browser.text
    assert (await config.customer()).switch is None


async def test_resend_copy_link_and_cancel(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open(HERE)
    await browser.send("/resend")
    assert "The invitation is on its way again" in browser.text
    assert (await config.customer()).switch.generation == 2  # type: ignore[union-attr]
    await browser.send("/link")
    link = re.search(rf'value="({re.escape(INVITE)}/i/[^"]+)"', browser.page.text)
    assert link and "Whoever has this link counts as the invited administrator" in browser.text
    config.later(minutes=1)
    await browser.open(HERE)
    where, hidden = browser.form("/link")
    answer = await browser.http.post(where, data=hidden, headers={"Accept": "application/json"})
    assert answer.json() == {"link": link[1]}
    await browser.open(f"{HERE}/cancel")
    assert "stops working at once" in browser.text
    await browser.send("/cancel")
    assert "The switch is cancelled" in browser.text and "Switch to auth token" in browser.text
    assert await config.relays() == ["InvitationResendRequested", "LinkCopied", "LinkCopied", "SwitchCancelled"]


async def test_a_double_click_on_resend_sends_once(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open(HERE)
    where, hidden = browser.form("/resend")
    for _ in range(2):
        assert (await browser.http.post(where, data=hidden)).status_code == 303
    assert await config.relays() == ["InvitationResendRequested"]


async def test_resending_to_another_address_is_a_new_switch(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open(f"{HERE}/resend")
    answer = await browser.send("/resend", follow=False, admin_email="nobody", admin_name="")
    assert answer.status_code == 422
    await browser.send("/resend", admin_email="it@contoso.example", admin_name="Ina")
    assert "a new one is on its way" in browser.text and "it@contoso.example" in browser.text
    assert (await config.customer()).switches == 2


async def test_the_line_of_steps_moves_with_the_events_to_successful(config: Config) -> None:
    await config.invited()
    browser = await config.browser("viewer")
    await browser.open(HERE)
    assert f'hx-get="{HERE}/state"' in browser.page.text and "every 1s" in browser.page.text
    assert '<noscript><meta http-equiv="refresh"' in browser.page.text
    await config.hears(EmailSent(customer=C, switch=1, kind="invitation", generation=1, tries=1, count=1))
    await browser.open(f"{HERE}/state")
    assert "Sent" in browser.text and "<html" not in browser.page.text and "1 time" in browser.text
    await config.hears(
        AuthenticationFailed(
            customer=C,
            switch=1,
            attempt=1,
            method="device_code",
            reason="code_blocked",
            aadsts=530035,
            correlation_id="corr-1",
        )
    )
    await browser.open(f"{HERE}/state")
    assert "does not allow sign-in by code" in browser.text
    await config.claims(attempt=2)
    await browser.open(HERE)
    for text in (
        "Last Authentication Status: Successful",
        "Auth token",
        "Global Administrator",
        ADMIN,
        "Token claimed",
        "Switch completed",
    ):
        assert text in browser.text, browser.text


async def test_back_at_the_customer_the_other_way_and_the_renewal_are_offered(config: Config) -> None:
    await config.invited()
    await config.claims()
    browser = await config.browser()
    await browser.open(HERE)
    assert "Switch to App Registration" in browser.text and "Reinitiate Authentication Flow" in browser.text
    assert "Switch to auth token" not in browser.text
    await browser.open(f"{HERE}/switch?to=app_registration")
    assert "Use the stored app registration" in browser.text
    await browser.send("/switch")
    assert "Nobody has to sign in" in browser.text
    await browser.send("/switch/confirm")
    assert "The stored app registration is being proven" in browser.text
    assert await config.relays() == ["SwitchRequested"]


async def test_a_renewal_runs_in_place(config: Config) -> None:
    await config.invited()
    await config.claims()
    browser = await config.browser()
    await browser.open(f"{HERE}/switch?to=token&renew=1")
    assert f'value="{ADMIN}"' in browser.page.text
    await browser.send("/switch", admin_email=ADMIN, methods="sign_in")
    await browser.send("/switch/confirm")
    switch = (await config.customer()).switch
    assert switch and switch.renew and "Renewal of the auth token" in browser.text


async def test_validation_shows_how_it_ended_and_what_to_do(config: Config) -> None:
    await config.registered()
    browser = await config.browser()
    await browser.open(HERE)
    await browser.send("/validate")
    assert "The validation has begun" in browser.text and "Checking" in browser.text
    request = (await config.customer()).request or ""
    await config.hears(
        AuthenticationValidated(
            customer=C,
            request=request,
            method="app_registration",
            outcome="failed",
            checked_at=config.now,
            revision=1,
            grant=None,
            reason="secret_wrong",
            aadsts=7000215,
            correlation_id="corr-7",
        )
    )
    await browser.open(HERE)
    for text in (
        "Failed",
        "The client secret is wrong",
        "Who must act: An administrator of the customer",
        "corr-7",
        "AADSTS7000215",
    ):
        assert text in browser.text


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ("running", "/switch?to=token", "A switch is running for this customer."),
        ("unresolved", "/switch?to=token", "The tenant is not known yet"),
        ("token", "/switch?to=token", "This way to authenticate is in force already."),
        ("registered", "/switch?to=token&renew=1", "There is no token in force to renew."),
        ("registered", "/switch?to=app_registration", "This way to authenticate is in force already."),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_on_the_customers_page(
    config: Config, given: str, path: str, said: str
) -> None:
    if given == "unresolved":
        await config.gateway().put(HERE, {"name": "Contoso", "tenant": "contoso.example"})
    else:
        await (config.registered() if given == "registered" else config.invited())
    if given == "token":
        await config.claims()
    browser = await config.browser()
    answer = await browser.open(HERE + path)
    assert answer.status_code == 409 and said in browser.text and "Microsoft 365 Settings" in browser.text


async def test_an_action_on_what_has_ended_meanwhile_says_so(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open(HERE)
    await config.claims()
    for action in ("/resend", "/link"):
        page = browser.page
        answer = await browser.send(action)
        assert answer.status_code == 409 and "This switch has ended meanwhile" in browser.text
        browser.page = page


def switch(config: Config, state: Any, **more: Any) -> Switch:
    given: dict[str, Any] = {
        "invitee": Person(ADMIN, "Avery Admin"),
        "mail": Mail(state="sent", count=2, at=config.now),
        "invited_at": config.now,
        "ended_at": None if state in ("requested", "invited", "opened", "authenticating") else config.now,
    }
    return Switch(
        number=1,
        to="token",
        renew=False,
        state=state,
        requested_at=config.now,
        expires_at=config.now + timedelta(days=7),
        methods=("sign_in",),
        accepted_roles=("r",),
        life_seconds=604800,
        inviter=Actor(id="operator-1"),
        **(given | more),
    )


@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        ("requested", {}, "Requested"),
        ("invited", {}, "Invited"),
        ("opened", {}, "Opened"),
        ("authenticating", {"method": "device_code", "step": "code_issued", "attempt": 1}, "Device code, code shown"),
        ("completed", {"account": Account(ADMIN, "o", "A")}, "Signed in as"),
        ("cancelled", {"reason": "cancelled"}, "The last switch was cancelled."),
        ("expired", {"reason": "too_late"}, "nobody signed in in time"),
        ("failed", {"reason": "secret_wrong"}, "failed"),
        ("failed", {"invitee": None, "reason": "too_late"}, "The last switch failed."),
        ("opened", {"mail": Mail(state="failed", count=0, at=None, why="mailbox unknown")}, "mailbox unknown"),
    ],
)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_every_state_of_a_switch_can_be_shown(
    config: Config, state: str, more: dict[str, Any], said: str, language: str
) -> None:
    await config.registered()
    await config.set(C, lambda found: replace(found, switches=1, switch=switch(config, state, **more)))
    for path in (HERE, "/invitations", "/customers", "/status", f"{HERE}/state"):
        browser = await config.browser("operator", language)
        answer = await browser.open(path)
        assert answer.status_code == 200, browser.text
    browser = await config.browser("operator", "en")
    await browser.open(HERE)
    assert said in browser.text


@pytest.mark.parametrize(
    ("tenant_state", "reason", "said"),
    [
        ("unknown", "tenant_unknown", "was not found"),
        ("taken", "tenant_taken", "belongs to another customer"),
        ("resolving", None, "being looked up"),
    ],
)
async def test_every_state_of_a_tenant_can_be_shown(
    config: Config, tenant_state: Any, reason: str | None, said: str
) -> None:
    await config.registered()
    await config.set(C, lambda found: replace(found, tenant_id=None, tenant_state=tenant_state, tenant_reason=reason))
    browser = await config.browser()
    await browser.open(HERE)
    assert said in browser.text and "Switch to auth token" not in browser.text


async def test_a_secret_that_expires_is_told_ahead_of_time(config: Config) -> None:
    await config.registered()
    days = (("2126-03-06", "expires in 5 days"), ("2126-03-02", "expires in 1 day."), ("2126-02-01", "expired on"))
    for day, said in days:
        await config.set(C, lambda found, day=day: replace(found, secret_expires_on=day))  # type: ignore[misc]
        browser = await config.browser()
        await browser.open(HERE)
        assert said in browser.text


async def test_pending_invitations_has_the_seeds_columns_and_both_date_pairs(config: Config) -> None:
    await config.invited()
    browser = await config.browser()
    await browser.open("/invitations")
    for label in (
        "ID",
        "Full Name",
        "Invitation Email",
        "M365 Admin Email",
        "Email Sent",
        "Email Invitation Sent Count",
        "Created at",
        "Expires at",
        "Device Authenticated",
        "Auth URL",
        "State",
    ):
        assert f">{label}<" in browser.page.text, label
    assert f"{C}/1" in browser.text and ADMIN in browser.text and "/i/" not in browser.page.text
    await browser.send("/invitations/resend", row=f"{C}/1/1")
    assert "The invitation is on its way again" in browser.text and "Pending Invitations" in browser.text
    await config.claims()
    await browser.open("/invitations?state=completed")
    assert "Yes" in browser.text and browser.page.text.count("May 30, 2126") >= 1
    await browser.open("/invitations?state=pending")
    assert "No invitation fits this search" in browser.text
    await browser.open("/invitations?q=contoso&sort=name&state=all")
    assert f"{C}/1" in browser.text


async def test_authentication_status_shows_problems_first(config: Config) -> None:
    await config.registered()
    await config.gateway().put("/customers/bad", {"name": "Bad", "tenant": "bad.example"})
    failed = Failure(reason="revoked", at=config.now, aadsts=50173, correlation_id="corr")
    await config.set("bad", lambda found: replace(found, status="failed", checked_at=config.now, failure=failed))
    browser = await config.browser()
    await browser.open("/status")
    assert browser.text.index("Bad") < browser.text.index("Contoso GmbH")
    assert "Access was revoked" in browser.text and "The administrator who signs in" in browser.text
    await browser.open("/status?status=successful")
    assert "No customer has this status" in browser.text


async def test_removal_is_the_administrators_and_leaves_the_history(config: Config) -> None:
    await config.registered()
    operator, admin = await config.browser(), await config.browser("admin")
    await operator.open(f"{HERE}/edit")
    assert "Remove this customer" not in operator.text
    assert (await operator.open(f"{HERE}/remove")).status_code == 403
    await admin.open(f"{HERE}/remove")
    await admin.send("/remove")
    assert "The customer is removed" in admin.text
    await config.relays()
    answer = await admin.open(HERE)
    assert answer.status_code == 410 and "was removed" in admin.text and "Customer registered" in admin.text
    for path in ("/edit", "/switch?to=token", "/cancel", "/resend"):
        assert (await admin.open(HERE + path)).status_code == 410


async def test_lists_are_paged_both_ways(config: Config) -> None:
    for n in range(55):
        await config.gateway().put(f"/customers/c-{n:02}", {"name": f"Name {n:02}", "tenant": f"t{n}.example"})
    browser = await config.browser("viewer")
    await browser.open("/customers?status=unknown")
    assert "Name 49" in browser.text and "Name 50" not in browser.text
    following = re.search(r'rel="next" href="([^"]+)"', browser.page.text)
    assert following and 'rel="prev"' not in browser.page.text
    await browser.open(following[1].replace("&amp;", "&"))
    assert "Name 50" in browser.text and "Name 49" not in browser.text
    before = re.search(r'rel="prev" href="([^"]+)"', browser.page.text)
    assert before and 'rel="next"' not in browser.page.text
    await browser.open(before[1].replace("&amp;", "&"))
    assert "Name 00" in browser.text and "Name 49" in browser.text and 'rel="prev"' not in browser.page.text
    assert (await browser.open("/customers?cursor=wrong")).status_code == 400


async def test_unknown_things_are_pages_with_a_way_on(config: Config) -> None:
    browser = await config.browser()
    for path, status in (("/customers/nobody", 404), ("/nothing", 404), ("/customers/nobody/edit", 404)):
        assert (await browser.open(path)).status_code == status
        assert "<html" in browser.page.text
    await browser.open(f"{HERE}?done=<script>")
    assert "<script>" not in browser.page.text.replace("<script src", "")


async def test_the_tenant_id_is_shown_beside_its_domain(config: Config) -> None:
    await config.registered()
    browser = await config.browser("viewer")
    await browser.open(HERE)
    assert TENANT in browser.text and "Days until expiration" in browser.text and "336" in browser.text

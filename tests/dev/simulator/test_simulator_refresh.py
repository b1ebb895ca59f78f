"""Refresh tokens: rotation, and every reason for which Entra ends a connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dev.simulator.simulator_kit import Kit, kit_fixture
from tokenswitch_dev.simulator import demo

CONTOSO, ADMIN = "contoso.example", "admin@contoso.example"


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    yield from kit_fixture(tmp_path_factory)


def why(answer: dict[str, Any]) -> tuple[str, str, list[int]]:
    return answer["error"], answer.get("suberror", ""), answer["error_codes"]


def by_secret(kit: Kit, tenant: str, token: str) -> dict[str, Any]:
    return kit.refresh(tenant, token, demo.SIGNIN_CLIENT_ID, client_secret=demo.SIGNIN_SECRET)


def test_rotation_leaves_the_old_token_valid(kit: Kit) -> None:
    first = kit.device_signin(CONTOSO, ADMIN)["refresh_token"]
    second = kit.refresh(CONTOSO, first)["refresh_token"]
    assert second != first
    assert "access_token" in kit.refresh(CONTOSO, first)
    assert "access_token" in kit.refresh(CONTOSO, second)


def test_msal_refreshes_silently_from_its_cache(kit: Kit) -> None:
    app = kit.device_app(CONTOSO)
    flow = app.initiate_device_flow(["User.Read"])
    kit.sim("approve", user_code=flow["user_code"], account=ADMIN)
    app.acquire_token_by_device_flow(flow, exit_condition=lambda _flow: True)
    account = app.get_accounts()[0]
    fresh = app.acquire_token_silent_with_error(["User.Read"], account=account, force_refresh=True)
    assert fresh["token_source"] == "identity_provider"


def test_a_secret_sent_for_a_public_client(kit: Kit) -> None:
    token = kit.device_signin(CONTOSO, ADMIN)["refresh_token"]
    assert why(kit.refresh(CONTOSO, token, client_secret="x")) == ("invalid_client", "", [700025])


def test_a_token_of_another_client_or_a_damaged_one(kit: Kit) -> None:
    token = kit.device_signin(CONTOSO, ADMIN)["refresh_token"]
    assert why(by_secret(kit, CONTOSO, token)) == ("invalid_grant", "bad_token", [70000])
    assert why(kit.refresh(CONTOSO, token[:-3])) == ("invalid_grant", "bad_token", [70000])


def test_revoked_tokens_end_and_a_new_sign_in_works(kit: Kit) -> None:
    token = kit.device_signin(CONTOSO, ADMIN)["refresh_token"]
    kit.sim("revoke", tenant=CONTOSO)
    assert why(kit.refresh(CONTOSO, token)) == ("invalid_grant", "bad_token", [50173])
    assert "access_token" in kit.refresh(CONTOSO, kit.device_signin(CONTOSO, ADMIN)["refresh_token"])


def test_device_code_blocked_later_ends_only_what_came_by_device_code(kit: Kit) -> None:
    by_device = kit.device_signin("litware.example", "admin@litware.example")["refresh_token"]
    by_code = kit.code_signin("litware.example", "admin@litware.example")["refresh_token"]
    kit.sim("policies", tenant="litware.example", device_code="security_defaults")
    assert why(kit.refresh("litware.example", by_device)) == ("invalid_grant", "bad_token", [530036])
    assert "access_token" in by_secret(kit, "litware.example", by_code)


def test_consent_withdrawn(kit: Kit) -> None:
    token = kit.device_signin("proseware.example", "admin@proseware.example")["refresh_token"]
    kit.sim("policies", tenant="proseware.example", consents={})
    assert why(kit.refresh("proseware.example", token)) == ("invalid_grant", "consent_required", [65001])


def test_the_account_is_disabled(kit: Kit) -> None:
    token = kit.device_signin(CONTOSO, "teams@contoso.example")["refresh_token"]
    kit.sim("accounts", tenant=CONTOSO, account="teams@contoso.example", enabled=False)
    assert why(kit.refresh(CONTOSO, token))[2] == [50057]
    kit.sim("accounts", tenant=CONTOSO, account="teams@contoso.example", enabled=True)


def test_the_tenant_that_revokes_after_two_minutes(kit: Kit) -> None:
    token = kit.code_signin("lamna.example", "admin@lamna.example")["refresh_token"]
    assert "access_token" in by_secret(kit, "lamna.example", token)
    kit.sim("clock", advance=121)
    assert why(by_secret(kit, "lamna.example", token)) == ("invalid_grant", "bad_token", [50173])


def test_a_refresh_token_opens_every_tenant_where_the_person_is(kit: Kit) -> None:
    token = kit.device_signin("tailspin.example", "teams@tailspin.example")["refresh_token"]
    kit.device_signin(CONTOSO, "teams@tailspin.example")
    assert kit.refresh(CONTOSO, token)["scope"].startswith("User.Read")
    assert why(kit.refresh("northwind.example", token))[2] == [50020]


def test_ninety_days_without_use(kit: Kit) -> None:
    token = kit.device_signin(CONTOSO, ADMIN)["refresh_token"]
    kit.sim("clock", advance=89 * 86400)
    newer = kit.refresh(CONTOSO, token)["refresh_token"]
    kit.sim("clock", advance=2 * 86400)
    assert why(kit.refresh(CONTOSO, token)) == ("invalid_grant", "token_expired", [700082])
    assert "access_token" in kit.refresh(CONTOSO, newer)

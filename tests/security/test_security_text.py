"""Texts that others choose (names of a foreign tenant, ids in a path): they begin no line of ours."""

from __future__ import annotations

import io
import logging

import pytest

from auth_svc.microsoft import checks
from auth_svc.microsoft.interfaces import Me
from notify_svc.domain.model import MailFacts
from shared.contracts.events import Account
from shared.observability.logs import TextFormatter
from tests.auth_svc.auth_kit import OID, FakeMicrosoft
from tests.auth_svc.microsoft.test_auth_checks import claims, outcome, signed
from tests.notify_svc.notify_kit import letter, read

TRAP = "Avery\r\n\r\nYour session has ended:\u2028https://evil.example\u202e"


async def test_a_name_of_the_foreign_tenant_is_one_short_line_in_our_events() -> None:
    microsoft = FakeMicrosoft({"me": [Me(id=OID, upn="admin@contoso.example", name=TRAP + "x" * 5000, guest=False)]})
    person = await outcome(signed(claims(preferred_username=TRAP, name=TRAP)), microsoft=microsoft)
    for text in (person.account.upn, person.account.name):
        assert text.isprintable() and len(text) <= checks.MAX_NAME_CHARACTERS


async def test_so_it_is_where_the_sign_in_is_refused() -> None:
    other = "c0de0008-0001-4000-9abc-d00d00080000"
    refused = await outcome(signed(claims(tid=other, preferred_username=TRAP, name=TRAP * 100)), home_tenant=other)
    assert refused.reason == "wrong_tenant"
    assert refused.account.upn.isprintable() and len(refused.account.name) <= checks.MAX_NAME_CHARACTERS


@pytest.mark.parametrize("kind", ["done", "operator_done", "refused"])
def test_a_name_begins_no_line_of_a_mail(kind: str) -> None:
    """Even if the event was made by an older auth-svc, which let such a name through."""
    account = Account(TRAP + "@contoso.example", "oid", TRAP)
    mail = read(letter(kind, facts=MailFacts(account=account, method="sign_in", reason="no_role")))  # type: ignore[arg-type]
    plain = mail.get_body(("plain",))
    assert plain is not None
    lines = [line.strip() for line in plain.get_content().splitlines()]
    assert not [line for line in lines if line.startswith(("Your session", "https://evil"))]


def test_an_id_from_a_path_begins_no_line_of_the_log() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 1, "access token for %s", ("a\nFAKE line",), None)
    record.customer = "c1\n12:00:00 auth-svc all is well\x1b[2J"
    said = TextFormatter("auth-svc").format(record)
    assert "\n" not in said and "\x1b" not in said
    assert io.StringIO(said).readlines() == [said]

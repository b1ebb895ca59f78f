"""A sign-in attempt step by step, with every way to fail, be stopped, be late or lose a holder in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auth_svc.domain import attempts
from auth_svc.domain.model import Attempt
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable, ErrorDetails
from auth_svc.microsoft.interfaces import Me
from shared.contracts.events import ATTEMPT_LIMIT, AuthenticationStarted, AuthenticationStopped, SignInReturned
from shared.crypto.secret import Secret
from shared.domain.rules import Change, Unavailable
from shared.store.mongo import Collection
from shared.store.operations import Insert, Update, Written
from tests.auth_svc.auth_kit import MARK, TENANT, Bench, FakeMicrosoft, bench, redeemed
from tests.shared.kit.faults import parts_of

HERE = (1, 1)


@pytest.fixture
async def here(mongo_url: str, mongo_database: str) -> AsyncIterator[Bench]:
    fake = FakeMicrosoft()
    async with bench(mongo_url, mongo_database, fake, fake) as made:
        await made.register()
        await made.pin()
        await made.ask()
        yield made


def script(here: Bench, **answers: list[Any]) -> FakeMicrosoft:
    fake = here.entra
    assert isinstance(fake, FakeMicrosoft)
    fake.script |= answers
    return fake


async def failure(here: Bench) -> dict[str, Any]:
    await here.until_attempt("failed")
    (event,) = await here.events("AuthenticationFailed")
    return event


async def old_start(here: Bench, method: Any, left: timedelta) -> None:
    """An attempt of which only this much time is left."""
    event = AuthenticationStarted(
        customer="c1", switch=1, attempt=1, method=method, accepted_roles=(), tenant_id=TENANT
    )
    await here.apply(lambda state, now: attempts.start(state, event, now - ATTEMPT_LIMIT + left))


# --- device code ----------------------------------------------------------------------------------------


async def test_the_code_is_sealed_for_the_wizard_and_nothing_is_kept_in_clear(here: Bench) -> None:
    script(here, poll=["pending"])
    await here.start("device_code")
    here.run()
    attempt = await here.until_attempt("code_issued")
    (event,) = await here.events("DeviceCodeIssued")
    assert here.opened(event, "DeviceCodeIssued", "code") == {"user_code": f"{MARK}-UC"}
    assert MARK not in str(await here.store.collection.get("c1"))
    assert attempt.expires_at is not None and attempt.flow is not None


async def test_retry_after_is_respected(here: Bench) -> None:
    times: list[float] = []

    async def look() -> Any:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            raise EntraUnavailable("busy", retry_after=2)
        return "pending"

    script(here, poll=[look])
    await here.start("device_code")
    here.run()
    while len(times) < 2:
        await asyncio.sleep(0.05)
    assert times[1] - times[0] >= 2


async def test_slow_down_adds_five_seconds_and_stays(here: Bench) -> None:
    times: list[float] = []

    async def look() -> str:
        times.append(asyncio.get_running_loop().time())
        return "slow_down" if len(times) == 1 else "pending"

    script(here, poll=[look])
    await here.start("device_code")
    here.run()
    while len(times) < 2:
        await asyncio.sleep(0.05)
    assert times[1] - times[0] >= 5


async def test_a_stopped_attempt_is_watched_no_more(here: Bench) -> None:
    here.lease = 3.0  # what a stop leaves without any deadline is noticed at the next renewal
    fake = script(here, poll=["pending"])
    await here.start("device_code")
    here.run()
    await here.until_attempt("code_issued")
    await here.fact(
        attempts.stop, AuthenticationStopped(customer="c1", switch=1, attempt=1, reason="continued_elsewhere")
    )
    await here.given_back()
    looks = fake.calls.count("poll")
    await asyncio.sleep(1)
    assert fake.calls.count("poll") == looks
    assert (await here.attempt()).state == "stopped"
    assert not await here.events("AuthenticationFailed")


async def test_what_a_stopped_attempt_still_yields_is_discarded(here: Bench) -> None:
    looking, go = asyncio.Event(), asyncio.Event()

    async def look() -> Any:
        looking.set()
        await go.wait()
        return redeemed()

    script(here, poll=[look])
    await here.start("device_code")
    here.run()
    await asyncio.wait_for(looking.wait(), 20)
    await here.fact(
        attempts.stop, AuthenticationStopped(customer="c1", switch=1, attempt=1, reason="continued_elsewhere")
    )
    go.set()
    await here.given_back()
    assert (await here.attempt()).state == "stopped"
    assert (await here.attempt()).redeemed is None


EXPIRED = EntraRefused("code_expired", ErrorDetails(70020))


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (["pending", EXPIRED], "code_expired"),
        ([EntraUnavailable("busy", retry_after=1), EXPIRED], "code_expired"),
        ([EntraUnavailable("unreachable", retry_after=1, maybe_processed=True), EXPIRED], "interrupted"),
        (
            [EntraRefused("blocked_by_policy", ErrorDetails(53003, "corr-12345678", "trace-12345678"))],
            "blocked_by_policy",
        ),
    ],
)
async def test_how_a_watch_ends(here: Bench, answers: list[Any], reason: str) -> None:
    """A code that is gone before its time, after a look whose answer never came, was spent by that look."""
    script(here, poll=answers)
    await here.start("device_code")
    here.run()
    event = await failure(here)
    assert event["reason"] == reason
    assert (await here.attempt()).flow is None


async def test_the_next_holder_of_a_code_that_is_gone_says_interrupted(here: Bench) -> None:
    script(here, poll=["pending"])
    await here.start("device_code")
    first = here.attempts_due()
    await first.once()
    await first.settled()
    script(here, poll=[EXPIRED])
    for _ in range(2):  # the lease of a holder that was killed runs out: its number is passed over
        await here.store.collection.update_many({"_id": "c1"}, {"$inc": {"lease.attempt.n": 1}})
    here.run()
    assert (await failure(here))["reason"] == "interrupted"


async def test_a_failure_says_what_to_quote(here: Bench) -> None:
    details = ErrorDetails(53003, "5d1f0c1e-0000-4000-8000-000000000001", "5d1f0c1e-0000-4000-8000-000000000002")
    script(here, poll=[EntraRefused("blocked_by_policy", details)])
    await here.start("device_code")
    here.run()
    event = await failure(here)
    assert (event["aadsts"], event["correlation_id"], event["trace_id"]) == (
        53003,
        details.correlation_id,
        details.trace_id,
    )


async def test_stopping_waits_for_the_look_in_flight_and_keeps_what_it_brought(here: Bench) -> None:
    looking = asyncio.Event()

    async def look() -> Any:
        looking.set()
        await asyncio.sleep(1)
        return redeemed()

    script(here, poll=[look])
    await here.start("device_code")
    here.run()
    await asyncio.wait_for(looking.wait(), 20)
    await here.stop()
    assert (await here.attempt()).state == "redeemed"


class Failing(Collection):
    """A collection whose next writes fail."""

    failures = 0

    async def write(self, operations: Any) -> Written:
        written: list[Insert | Update] = list(operations)
        if self.failures > 0:
            self.failures -= 1
            raise Unavailable("MongoDB", "a test")
        return await super().write(written)


async def test_the_answer_survives_a_database_that_is_away_when_it_comes(here: Bench) -> None:
    failing = Failing(*parts_of(here.store.collection))
    here.store.collection = failing

    async def look() -> Any:
        failing.failures = 4
        return redeemed()

    fake = script(here, poll=[look], signing_key=[EntraUnavailable("unreachable")])
    await here.start("device_code")
    here.run()
    await here.until_attempt("redeemed")
    assert fake.calls.count("poll") == 1


async def test_an_error_nobody_thought_of_ends_in_an_honest_once_more(here: Bench) -> None:
    script(here, poll=[KeyError(f"{MARK}")])
    await here.start("device_code")
    here.run()
    assert (await failure(here))["reason"] == "interrupted"


async def test_microsoft_away_at_the_start_is_waited_for(here: Bench) -> None:
    fake = script(here, begin_device=[EntraUnavailable("unreachable"), EntraRefused("tenant_unknown")])
    await here.start("device_code")
    here.run()
    assert (await failure(here))["reason"] == "tenant_unknown"
    assert fake.calls.count("begin_device") == 2


@pytest.mark.parametrize("reason", ["unreachable", "busy"])
async def test_microsoft_away_until_the_end_of_the_attempt(here: Bench, reason: str) -> None:
    script(here, begin_device=[EntraUnavailable(reason, retry_after=1)])
    await old_start(here, "device_code", timedelta(seconds=5))
    here.run()
    assert (await failure(here))["reason"] == reason


@pytest.mark.parametrize(("method", "reason"), [("device_code", "code_expired"), ("sign_in", "sign_in_expired")])
async def test_an_attempt_that_comes_too_late(here: Bench, method: Any, reason: str) -> None:
    fake = script(here)
    await old_start(here, method, timedelta(seconds=-1))
    here.run()
    assert (await failure(here))["reason"] == reason
    assert not any(call.startswith("begin") for call in fake.calls)


async def test_the_tenant_is_the_pinned_one_whatever_the_wizard_says(here: Bench) -> None:
    fake = script(here)
    await here.start("device_code", tenant="c0de0008-0001-4000-9abc-d00d00080000")
    here.run()
    assert (await failure(here))["reason"] == "wrong_tenant"
    assert "begin_device" not in fake.calls


# --- the button -----------------------------------------------------------------------------------------


async def ready(here: Bench, attempt: int = 1) -> str:
    """The state of an authorization request that was made."""
    await here.start("sign_in", attempt=attempt)
    await here.until(
        lambda access: (
            access.attempt is not None
            and access.attempt.place == (1, attempt)
            and access.attempt.state == "sign_in_ready"
        )
    )
    state: str = here.entra.states[-1]
    return state


async def come_back(here: Bench, attempt: int = 1, **query: str) -> None:
    sealed = here.answer(query, attempt=attempt)
    await here.fact(attempts.take_answer, SignInReturned(customer="c1", switch=1, attempt=attempt, answer=sealed))


async def test_the_mark_is_set_before_the_code_is_spent(here: Bench) -> None:
    marks: list[str] = []

    async def redeem() -> Any:
        marks.append((await here.attempt()).state)
        return redeemed()

    script(here, redeem=[redeem], signing_key=[EntraUnavailable("unreachable")])
    here.run()
    await come_back(here, code="a-code", state=await ready(here))
    await here.until_attempt("redeemed")
    assert marks == ["redeeming"]
    assert MARK not in str(await here.store.collection.get("c1"))


async def test_a_mark_without_an_answer_is_interrupted_and_not_redeemed_again(here: Bench) -> None:
    fake = script(here)
    await here.start("sign_in")
    due = here.attempts_due()
    await due.once()
    await due.settled()
    await come_back(here, code="a-code", state=fake.states[-1])
    await here.apply(lambda state, now: attempts.mark_redeeming(state, HERE, now))  # and then kill -9
    here.run()
    assert (await failure(here))["reason"] == "interrupted"
    assert "redeem" not in fake.calls


async def test_microsoft_away_at_the_redemption_is_waited_for(here: Bench) -> None:
    script(here, redeem=[EntraUnavailable("unreachable"), redeemed()], signing_key=[EntraUnavailable("unreachable")])
    here.run()
    await come_back(here, code="a-code", state=await ready(here))
    await here.until_attempt("redeemed")


async def test_a_code_that_was_spent_by_a_lost_try_is_interrupted(here: Bench) -> None:
    script(
        here,
        redeem=[
            EntraUnavailable("unreachable", maybe_processed=True),
            EntraRefused("interrupted", ErrorDetails(54005)),
        ],
    )
    here.run()
    await come_back(here, code="a-code", state=await ready(here))
    assert (await failure(here))["reason"] == "interrupted"


async def test_a_state_of_another_attempt_is_refused_though_it_is_ours(here: Bench) -> None:
    fake = script(here)
    here.run()
    old = await ready(here)
    await ready(here, attempt=2)
    await come_back(here, attempt=2, code="a-code", state=old)
    assert (await failure(here))["reason"] == "sign_in_mismatch"
    assert "redeem" not in fake.calls


@pytest.mark.parametrize("change", [lambda s: s[:-2] + "AA", lambda s: "", lambda s: "made-up", lambda s: s + "x"])
async def test_a_state_that_is_not_ours(here: Bench, change: Callable[[str], str]) -> None:
    fake = script(here)
    here.run()
    await come_back(here, code="a-code", state=change(await ready(here)))
    assert (await failure(here))["reason"] == "sign_in_mismatch"
    assert "redeem" not in fake.calls


async def test_an_answer_with_neither_code_nor_error(here: Bench) -> None:
    script(here)
    here.run()
    await come_back(here, state=await ready(here))
    assert (await failure(here))["reason"] == "sign_in_mismatch"


async def test_a_refusal_that_the_browser_brought(here: Bench) -> None:
    fake = script(here)
    here.run()
    state = await ready(here)
    text = "AADSTS90094: An administrator must... Correlation ID: 5d1f0c1e-0000-4000-8000-000000000001 Timestamp"
    await come_back(here, error="consent_required", error_description=text, state=state)
    event = await failure(here)
    assert (event["reason"], event["aadsts"]) == ("admin_consent", 90094)
    assert event["correlation_id"] == "5d1f0c1e-0000-4000-8000-000000000001"
    assert "redeem" not in fake.calls


async def test_an_answer_that_was_sealed_for_another_attempt(here: Bench) -> None:
    script(here)
    here.run()
    await ready(here)
    sealed = here.answer({"code": "a-code", "state": "x"}, attempt=2)
    await here.fact(attempts.take_answer, SignInReturned(customer="c1", switch=1, attempt=1, answer=sealed))
    assert (await failure(here))["reason"] == "unreadable"


# --- checks and app registration ------------------------------------------------------------------------


async def redeemed_attempt(here: Bench) -> Attempt:
    script(here, poll=[redeemed()])
    await here.start("device_code")
    due = here.attempts_due()
    for _ in range(2):
        await due.once()
        await due.settled()
    return await here.attempt()


async def test_the_checks_go_on_from_the_stored_answer_on_another_replica(here: Bench) -> None:
    """Whatever happens to the holder: the answer is in the document, and the checks repeat."""
    assert (await redeemed_attempt(here)).state == "redeemed"
    script(here, signing_key=[EntraRefused("token_invalid")], me=[Me(id="x", upn="y", name="z", guest=False)])
    here.run()
    event = await failure(here)
    assert event["reason"] == "token_invalid"
    assert (await here.attempt()).redeemed is None


async def test_a_stored_answer_that_was_moved_from_another_attempt_does_not_open(here: Bench) -> None:
    await redeemed_attempt(here)
    await here.apply(_renumbered)
    here.run()
    assert (await failure(here))["reason"] == "unreadable"


def _renumbered(state: Any, now: Any) -> Any:
    return Change(replace(state, attempt=replace(state.attempt, number=2)))


def entered(here: Bench, attempt: int = 1) -> str:
    return here.keys.sealer.seal(
        "auth",
        {"client_id": "c0de0001-0003-4000-9abc-d00d00010000", "client_secret": MARK},
        customer="c1/1",
        event="AuthenticationStarted",
        attempt=attempt,
        now=here.store.clock(),
    )


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"app_token": [EntraRefused("secret_wrong", ErrorDetails(7000215))]}, "secret_wrong"),
        ({"organization": ["c0de0008-0001-4000-9abc-d00d00080000"]}, "wrong_organization"),
        ({"organization": [EntraRefused("graph_forbidden")]}, "graph_forbidden"),
    ],
)
async def test_entered_credentials_that_prove_nothing(here: Bench, answers: dict[str, list[Any]], reason: str) -> None:
    script(here, **answers)
    await here.start("app_registration", credentials=entered(here))
    here.run()
    assert (await failure(here))["reason"] == reason
    assert (await here.state()).proposed_registration is None


async def test_credentials_of_another_attempt_do_not_open(here: Bench) -> None:
    await here.start("app_registration", credentials=entered(here, attempt=2))
    here.run()
    assert (await failure(here))["reason"] == "unreadable"


async def test_entered_credentials_are_sealed_by_the_vault_at_once(here: Bench) -> None:
    await here.start("app_registration", credentials=entered(here))
    here.run()
    await here.until_attempt("claimed")
    access = await here.state()
    assert access.proposed_registration is not None and access.attempt is not None
    assert access.attempt.credentials is None
    assert here.keys.credential_store.open_secret("c1", access.proposed_registration.vault) == Secret(MARK)


async def test_without_a_stored_secret_the_way_back_says_so(here: Bench) -> None:
    await here.ask(switch=2, to="app_registration", invited=False)
    here.run()
    event = await failure(here)
    assert (event["reason"], event["final"]) == ("secret_missing", True)

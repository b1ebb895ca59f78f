"""Random interleavings, duplicates and delays of all events: what must hold for every switch, whatever happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.protocol.outside import CUSTOMER, INVITEE_MOVES, OPERATOR_MOVES, REMOVE, SERVICE_MOVES, TENANT
from tests.protocol.world import World

VERDICTS = ("SwitchCompleted", "SwitchCancelled", "SwitchExpired", "SwitchFailed")
ENDED = {"SwitchCompleted": "done", "SwitchCancelled": "revoked", "SwitchExpired": "expired", "SwitchFailed": "revoked"}
CONFIG_STATE = {
    "SwitchCompleted": "completed",
    "SwitchCancelled": "cancelled",
    "SwitchExpired": "expired",
    "SwitchFailed": "failed",
}
MOVES = OPERATOR_MOVES | INVITEE_MOVES | SERVICE_MOVES
MACHINERY = ["relay", "relay", "relay", "relay twice", "consume", "consume", "consume and die"]
STORY = [
    "to token",
    "open",
    "settle",
    "device code",
    "sign in",
    "microsoft: go on",
    "microsoft: go on",
    "settle",
    "return",
    "microsoft: go on",
    "renew",
    "back",
    "keep: fine",
]
LIVELY = ["time", "time", *MOVES, *MACHINERY * 6, *STORY * 3]
"""Most moves go on with a switch; each disturbance stands once among them."""
pytestmark = pytest.mark.timeout(600)  # it computes: on a busy machine two minutes are short
common = settings(
    max_examples=300,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)


def ready() -> World:
    """A customer whose tenant is pinned and whose app registration is on file."""
    world = World()
    MOVES["put"](world)
    world.settle()
    for _ in range(3):
        MOVES["keep: fine"](world)
        world.settle()
    assert world.state("config/customers", CUSTOMER).tenant_id == TENANT
    return world


def play(world: World, data: st.DataObject, moves: list[str]) -> None:
    """Draws a move; one that has no effect just now is passed over for the next that has."""
    first = data.draw(st.integers(0, len(moves) - 1))
    for move in moves[first:] + moves[:first]:
        if happens(world, data, move):
            break
    check_always(world)


def happens(world: World, data: st.DataObject, move: str) -> bool:
    if move in MOVES:
        return bool(MOVES[move](world))
    if move == "time":
        world.advance(data.draw(st.sampled_from([timedelta(seconds=5), timedelta(minutes=16), timedelta(days=4)])))
        return True
    if move.startswith("relay") and (unsent := world.unsent()):
        world.relay(*data.draw(st.sampled_from(unsent)), settle=move == "relay")
        return True
    if move.startswith("consume") and (behind := world.behind()):
        service, count = data.draw(st.sampled_from(behind)), data.draw(st.integers(1, 8))
        world.consume(service, count, commit=move == "consume")
        return True
    if move == "settle" and (world.unsent() or world.behind()):
        world.settle()
        return True
    return False


def check_always(world: World) -> None:
    """What holds at every moment, in the middle of everything."""
    access = world.state("auth/access", CUSTOMER)
    if access is None:
        return
    completed = _said(world, "SwitchCompleted")
    if access.grant:
        assert access.grant.id in {event.grant for event in completed}, "a grant is served that was never put in force"
        assert not access.removed
    if access.in_force == "token":
        assert access.grant is not None, "the method changed without what was proven"
    for wanted, used, waited in world.written:
        assert not wanted or used == wanted or (used is None and waited), "a mail went out with other texts"
    for switch, found in _verdicts(world).items():
        assert len(found) == 1, f"switch {switch} has {len(found)} verdicts: {found}"


def _said(world: World, *types: str) -> list[Any]:
    """Published or still in an outbox: said is said."""
    waiting = [entry for document in world.documents.values() for entry in document.outbox]
    known = World(topic=[*world.topic, *world.beside, *waiting])
    return known.events(*types)


def _verdicts(world: World) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for event in _said(world, *VERDICTS):
        found.setdefault(event.switch, []).append(type(event).__name__)
    return found


def finish(world: World) -> None:
    """Nobody does anything any more; time passes until every deadline has come."""
    for _ in range(6):
        world.settle()
        world.advance(timedelta(days=5))
        for move in ("microsoft: refuse", "invite deadline", "config deadline"):
            MOVES[move](world)
            world.settle()
        for _ in range(5):  # a tenant that was changed away and back is looked up again: then all agree on it
            MOVES["keep: fine"](world)
            world.settle()


def check_end(world: World) -> None:
    """Every switch has exactly one verdict, and all four services agree on it."""
    requested, verdicts = _said(world, "SwitchRequested"), _verdicts(world)
    assert {event.switch for event in requested} == set(verdicts)
    customer, access = world.state("config/customers", CUSTOMER), world.state("auth/access", CUSTOMER)
    if customer.switch:
        assert customer.switch.state == CONFIG_STATE[verdicts[customer.switch.number][0]]
        assert access.settled == customer.switch.number
    for event in requested:
        place = f"{CUSTOMER}/{event.switch}"
        outgoing = world.state("notify/outgoing_mails", place)
        assert outgoing.over and outgoing.texts_version == event.texts_version
        if event.invitee:
            assert world.state("invite/invitations", place).state == ENDED[verdicts[event.switch][0]]
    for event in _said(world, "SettingsChanged"):
        assert world.state("notify/texts", str(event.version)).sender == event.sender
    assert access.proposed is None and access.proposed_registration is None
    assert access.attempt is None
    if customer.removed:
        assert access.removed and access.grant is None
        return
    assert access.in_force == customer.method, "auth-svc and config-svc disagree on the method in force"
    assert (access.grant and access.grant.id) == (customer.grant and customer.grant.id)
    assert (access.registration.revision if access.registration else 0) == (customer.revision)
    assert bool(access.registration and access.registration.has_secret) == customer.secret
    assert access.tenant_id == customer.tenant_id


@common
@given(st.data())
def test_whatever_happens_every_switch_ends_once_and_all_services_agree(data: st.DataObject) -> None:
    world = ready()
    moves = data.draw(st.permutations(LIVELY))
    for _ in range(data.draw(st.integers(5, 120))):
        play(world, data, moves)
    finish(world)
    check_end(world)


@common
@given(st.data())
def test_a_customer_removed_at_any_moment_leaves_nothing_behind(data: st.DataObject) -> None:
    world = ready()
    moves = [*INVITEE_MOVES, *SERVICE_MOVES, *MACHINERY, "to token", "renew", "back", "resend"]
    for _ in range(data.draw(st.integers(0, 25))):
        play(world, data, moves)
    REMOVE(world)
    for _ in range(data.draw(st.integers(0, 15))):
        play(world, data, [*INVITEE_MOVES, *SERVICE_MOVES, *MACHINERY])
    finish(world)
    check_end(world)
    tenant = world.state("config/tenants", TENANT)
    assert tenant is None or tenant.customer is None


@common
@given(st.data())
def test_the_method_in_force_changes_only_by_a_verdict_of_a_proof(data: st.DataObject) -> None:
    world = ready()
    method = world.state("config/customers", CUSTOMER).method
    for _ in range(data.draw(st.integers(5, 50))):
        before = len(_said(world, "SwitchCompleted"))
        play(world, data, [*MOVES, *MACHINERY, "to token", "open", "device code", "microsoft: go on"])
        now = world.state("config/customers", CUSTOMER).method
        assert now == method or len(_said(world, "SwitchCompleted")) > before
        method = now


def test_the_happy_path_reaches_the_token() -> None:
    world = ready()
    for move in ("to token", "open", "device code", *["microsoft: go on"] * 3):
        MOVES[move](world)
        world.settle()
    customer = world.state("config/customers", CUSTOMER)
    assert (customer.method, customer.status, customer.switch.state) == ("token", "successful", "completed")
    check_end(world)


def test_a_switch_keeps_the_texts_and_the_life_it_began_with_also_at_another_address() -> None:
    world = ready()
    MOVES["settings"](world)
    MOVES["to token"](world)
    MOVES["settings"](world)
    MOVES["readdress"](world)
    world.settle()
    first, second = world.events("SwitchRequested")
    assert (first.texts_version, second.texts_version) == (1, 1)
    assert second.expires_at == world.now + timedelta(days=4)
    MOVES["cancel"](world)
    MOVES["to token"](world)
    world.settle()
    assert world.events("SwitchRequested")[2].texts_version == 2


def test_a_mail_waits_for_its_texts_whatever_order_they_come_in() -> None:
    world = ready()
    MOVES["settings"](world)
    MOVES["to token"](world)
    world.settle(settings_late=True)
    MOVES["mail: taken"](world)
    assert (
        world.written == []
        and world.state("notify/outgoing_mails", f"{CUSTOMER}/1").mail("invitation").state == "queued"
    )
    world.settle()
    world.advance(timedelta(seconds=5))
    MOVES["mail: taken"](world)
    assert world.written == [(1, 1, False)]

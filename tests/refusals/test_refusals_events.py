"""The consumers of all four services while MongoDB refuses: no event is taken for done, none is buried, all come in.

What they hear is a customer's whole story, as the rules of all four services tell it to each other (`tests/protocol`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from auth_svc.main import build as build_auth
from auth_svc.settings import AuthSettings
from notify_svc.main import build as build_notify
from shared.contracts import cloudevents
from shared.contracts.cloudevents import encode
from shared.contracts.events import REGISTRY
from shared.contracts.schemas import example
from shared.messaging.event_handlers import EventHandlers
from shared.messaging.kafka import KafkaRecord
from shared.service.service import Service
from shared.service.settings import load
from shared.store.write_plan import OutboxEntry
from tests.auth_svc.auth_kit import FakeMicrosoft, write_keys
from tests.config_svc.config_kit import Config, Nowhere
from tests.invite_svc.invite_kit import Wizard
from tests.notify_svc.notify_kit import settings as notify_settings
from tests.protocol.outside import INVITEE_MOVES, OPERATOR_MOVES, REMOVE, SERVICE_MOVES
from tests.protocol.world import World
from tests.refusals.refusals_kit import Refusals, RefusedHandlers
from tests.shared.kit.mongo_proxy import MongoProxy
from tokenswitch_dev.simulator import demo

pytestmark = pytest.mark.timeout(600)  # some thousand batches: on a busy machine two minutes are short
MOVES = OPERATOR_MOVES | INVITEE_MOVES | SERVICE_MOVES | {"remove": REMOVE}
DAY = timedelta(days=1)
STORY: list[str | timedelta] = [
    *("settings", "put", "keep: fine", "keep: fine", "keep: fine"),
    *("to token", "mail: taken", "open", "device code", "microsoft: go on", "microsoft: refuse", "mail: taken"),
    *("device code", "microsoft: go on", "microsoft: go on", "microsoft: go on", "mail: taken", "mail: taken"),
    *("validate", "keep: fine", 2 * DAY, "keep: fine", 2 * DAY, "keep: refused", "validate", "keep: fine"),
    *("back", "microsoft: go on", "mail: taken", "to token", "open", "sign in", "microsoft: go on", "return"),
    *("microsoft: go on", "microsoft: go on", "microsoft: go on", "renew", "resend", "readdress", "cancel"),
    *("renew", "open", "device code", "give up", 4 * DAY, "invite deadline", 5 * DAY, "invite deadline"),
    *("ask again", "config deadline", "back by invitation", "open", "app registration", "microsoft: go on"),
    *("change tenant", "keep: fine", "put", "remove"),
]


UNCHANGING = {
    *(("invite", name) for name in ("AuthenticationFailed", "DeviceCodeIssued", "SignInReady", "SwitchFailed")),
    *(("auth", name) for name in ("SignInReturned", "SwitchFailed")),
    *(("notify", name) for name in ("AccessNotProven", "AccessProven", "InvitationReminded", "SwitchFailed")),
}
"""They change what a command or a job began, and neither is played here: of these only the reads are refused."""


def story() -> list[OutboxEntry]:
    world = World()
    for move in STORY:
        if isinstance(move, timedelta):
            world.advance(move)
        else:
            MOVES[move](world)
        world.settle()
    told = sorted([*world.topic, *world.beside], key=lambda entry: entry.at)
    missing = REGISTRY.keys() - {entry.type for entry in told}
    return told + [example_of(name, told[-1].at) for name in sorted(missing)]


def example_of(name: str, at: datetime) -> OutboxEntry:
    """What the story has no place for."""
    event = example(REGISTRY[name])
    return OutboxEntry(id=f"other/things/{name}/1/0", type=name, at=at, key=event.key, body=encode(event), trace=None)


class Clock:
    """The time of the story, for all four."""

    now = World().now
    followers: Sequence[Any] = ()

    def __call__(self) -> datetime:
        return self.now

    def show(self, now: datetime) -> None:
        for one in (self, *self.followers):
            one.now = now


def services(folder: Path, url: str, database: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[Service]:
    for name in ("config", "invite", "auth", "notify"):
        (folder / name).mkdir()
    given = {
        "KAFKA_BOOTSTRAP": "localhost:1",
        "MONGO_URL": url,
        "MONGO_DATABASE": database,
        "PORT": "0",
        "PORTAL_URL": "http://localhost:8000",
        "INVITE_URL": "http://localhost:8001",
        "ENTRA_CLIENT_ID": demo.SIGNIN_CLIENT_ID,
        "ENTRA_DEVICE_CLIENT_ID": demo.DEVICE_CLIENT_ID,
        "OPERATOR_ISSUER": "https://login.example/x/v2.0",
        "API_AUDIENCE": "api://tokenswitch",
    }
    for name, value in (given | write_keys(folder / "auth")).items():
        monkeypatch.setenv(name, value)
    config, invite = Config(folder / "config", url, database), Wizard(folder / "invite", url, database)
    clock.followers = (config, invite)
    fake = FakeMicrosoft()
    auth = build_auth(load(AuthSettings), entra=fake, graph=fake, clock=clock)
    mails = notify_settings(folder / "notify", "smtp://localhost:1", mongo_url=SecretStr(url), mongo_database=database)
    return [config.service, invite.service, auth, build_notify(mails, clock=clock)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def all_four(
    tmp_path: Path, proxy: MongoProxy, mongo_database: str, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> AsyncIterator[list[Service]]:
    made = services(tmp_path, proxy.url, mongo_database, clock, monkeypatch)
    yield made
    for service in made:
        await service.mongo.drop()
        service.mongo.close()


async def test_every_event_waits_and_then_is_taken_in(
    all_four: list[Service], refusals: Refusals, clock: Clock
) -> None:
    told = story()
    for service in all_four:
        handlers = EventHandlers(
            service._subscriptions, service._stores, Nowhere(), "dead", logs=service._logs, clock=service.clock
        )
        refused = RefusedHandlers(handlers, refusals, f"{service.name}: ")
        for offset, entry in enumerate(told):
            headers = cloudevents.headers_of(entry.id, entry.type, entry.at, entry.key, None)
            record = KafkaRecord(
                topic="events",
                partition=0,
                offset=offset,
                key=entry.key.encode(),
                value=entry.body.encode(),
                headers=headers,
            )
            clock.show(entry.at)
            for batch in handlers.batches([record]):
                await refused.handle(batch)
    heard = {(service.name, one.event.__name__) for service in all_four for one in service._subscriptions}
    met = {tuple(name.split(": ")): {command for command, _ in points} for name, points in refusals.table.items()}
    assert not [one for one in heard if "find" not in met[one]]
    assert {one for one in heard if not {"insert", "update"} & met[one]} == UNCHANGING

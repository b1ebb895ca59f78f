"""Secrets by where they may stand, and a search for them everywhere else, in each form that they could take."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from tests.e2e.e2e_kit import TOPIC, Customer, World
from tests.e2e.e2e_pages import bodies
from tests.system import SERVICES

# A token that Microsoft signed: its header and its claims both begin with `{"`. (What we seal has no claims.)
SIGNED = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{20,}\.")


@dataclass
class Secrets:
    """A secret's name and value, and the places it belongs to."""

    known: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    def add(self, name: str, value: str, *belongs: str) -> None:
        assert len(value) > 7, f"{name} is too short to be searched for"
        self.known[name] = (value, frozenset(belongs))

    def leaks(self, places: dict[str, bytes]) -> list[str]:
        """Where something stands that does not belong there, in clear or encoded."""
        return [
            f"{name} in {place}"
            for name, (value, belongs) in self.known.items()
            for place, content in places.items()
            if place.partition("/")[0] not in belongs and any(form in content for form in forms(value))
        ]

    def missing(self, places: dict[str, bytes]) -> list[str]:
        """What is not even where it belongs: then the search has looked for the wrong thing."""
        return [
            name
            for name, (value, belongs) in self.known.items()
            for wanted in belongs
            if not any(value.encode() in content for place, content in places.items() if place.startswith(wanted))
        ]


def forms(value: str) -> Iterator[bytes]:
    raw = value.encode()
    yield raw
    yield quote(value, safe="").encode()
    yield raw.hex().encode()
    for shift in range(3):  # base64 of a text that holds it, at each of the three places it may begin
        text = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]
        yield text
        yield text.replace(b"+", b"-").replace(b"/", b"_")


def tokens_given_out(world: World, customers: Iterable[Customer]) -> Iterator[tuple[str, str]]:
    """Device codes, authorization codes, nonces and refresh tokens, from the simulator's own store."""
    mine = {customer.tid for customer in customers}
    with closing(sqlite3.connect(world.system.plan.entra_state / "entra.sqlite3")) as store:
        rows = store.execute("SELECT kind, value FROM kept WHERE kind IN ('device', 'code', 'refresh')").fetchall()
    for kind, text in rows:
        value = json.loads(text)
        if value["tid"] in mine:
            yield f"{kind} {value['key'][:12]}", value["key"]


async def everywhere(world: World) -> dict[str, bytes]:
    """All that a thief, an operator or a log reader could look at."""
    found = await _topic(world) | _logs(world) | await asyncio.to_thread(_database, world)
    for name in ("config", "invite", "auth", "notify"):
        async with httpx.AsyncClient(base_url=world.system.base(name), trust_env=False) as client:
            found[f"metrics/{name}"] = (await client.get("/metrics")).content
            found[f"openapi/{name}"] = (await client.get("/openapi.json")).content
    for number, mail in enumerate(await world.mails("")):
        found[f"mails/{number}"] = json.dumps(mail, ensure_ascii=False).encode()
    found["api"] = b"\n".join(bodies(world.api.seen))
    found["wizard"] = b"\n".join(body for invitee in world.invitees for body in bodies(invitee.seen))
    return found


async def _topic(world: World) -> dict[str, bytes]:
    found = {}
    for topic in (TOPIC, *(f"tokenswitch.dead.{service}" for service in SERVICES)):
        for record in await world.records(topic):
            headers = b"\n".join(name.encode() + b"=" + value for name, value in record.headers)
            place = f"topic/{topic}/{record.partition}/{record.offset}"
            found[place] = b"\n".join([record.key or b"", record.value or b"", headers])
    return found


def _logs(world: World) -> dict[str, bytes]:
    return {f"log/{name}": world.system.log(name).read_bytes() for name in SERVICES}


def _database(world: World) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with MongoClient(world.system.mongo_url, document_class=RawBSONDocument, directConnection=True) as client:
        for name in [name for name in client.list_database_names() if name.startswith("tokenswitch_")]:
            for collection in client[name].list_collection_names():
                documents = [document.raw for document in client[name][collection].find()]
                found[f"database/{name}/{collection}"] = b"\n".join(documents)
    return found

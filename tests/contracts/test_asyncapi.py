"""The events' description is valid AsyncAPI 3, its examples fit its schemas, and a program that follows it works."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from shared.contracts.cloudevents import encode, headers_of
from shared.contracts.events import REGISTRY, Kind
from shared.contracts.schemas import AT, asyncapi, document, example
from shared.messaging.kafka import Cluster, Producer, ensure_topics
from tests.contracts.contract import FOLDER

VENDOR = Path(__file__).parent / "vendor"
SPEC = VENDOR / "asyncapi-3.0.0.json"
FOLLOW = Path(__file__).resolve().parents[2] / "docs" / "examples" / "follow.py"


def test_the_vendored_schema_is_the_one_that_its_readme_names() -> None:
    assert hashlib.sha256(SPEC.read_bytes()).hexdigest() in (VENDOR / "README.md").read_text()


def test_the_document_is_asyncapi_3() -> None:
    found = json.loads(json.dumps(asyncapi("tokenswitch.events")))
    jsonschema.validate(found, json.loads(SPEC.read_text()))
    assert found["components"]["messages"].keys() == REGISTRY.keys()
    found["channels"]["events"]["messages"]["X"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, json.loads(SPEC.read_text()))


@pytest.mark.parametrize("kind", [pytest.param(kind, id=name) for name, kind in REGISTRY.items()])
def test_every_example_fits_its_schema_and_every_reference_leads_somewhere(kind: Kind) -> None:
    whole = asyncapi("tokenswitch.events")
    message = whole["components"]["messages"][kind.name]
    for part in ("headers", "payload"):
        (said,) = message["examples"]
        jsonschema.validate(said[part], {**message[part], "components": whole["components"]})
    assert (
        message["examples"][0]["payload"] == json.loads((FOLDER / f"{kind.name}.json").read_text())["example"]["body"]
    )


def test_a_schema_stands_at_the_address_that_records_name() -> None:
    for kind in REGISTRY.values():
        named = dict(headers_of("a/b/c/1/0", kind.name, AT, "c1", None))["ce_dataschema"]
        assert document(kind)["$id"] == named.decode()


async def test_the_documented_consumer_follows_the_topic(kafka_bootstrap: str, topic: str) -> None:
    cluster = Cluster(bootstrap=kafka_bootstrap, topic=topic, partitions=1)
    await ensure_topics(cluster, [])
    producer = Producer(cluster, "test")
    for number, name in enumerate(("SwitchRequested", "SwitchCompleted")):
        event = example(REGISTRY[name])
        headers = headers_of(f"config/customers/c1/{number}/0", name, AT, "c1", None)
        await producer.send(topic, b"c1", encode(event).encode(), headers)
    await producer.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(FOLLOW), kafka_bootstrap, topic, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [(await asyncio.wait_for(process.stdout.readline(), 40)).decode().split() for _ in range(2)]
    process.kill()
    await process.wait()
    assert [line[1] for line in lines] == ["SwitchRequested", "SwitchCompleted"] and lines[0][2] == "c1"
    assert sum(bool(line.strip()) for line in FOLLOW.read_text().splitlines()) <= 24

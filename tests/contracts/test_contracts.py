"""What other programs read from the topic stays readable: every event against its stored contract, both ways."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.cloudevents import decode, encode, read, type_of
from shared.contracts.events import REGISTRY, Kind
from tests.contracts.contract import FOLDER, example, headers, schema

KINDS = [pytest.param(kind, id=name) for name, kind in REGISTRY.items()]


def stored(kind: Kind) -> dict[str, Any]:
    path = FOLDER / f"{kind.name}.json"
    assert path.exists(), f"{kind.name} has no stored contract; write it by `python tests/contracts/contract.py`"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_we_read_what_was_stored(kind: Kind) -> None:
    """A stored example, perhaps of an older service still running, is taken in whole."""
    kept = stored(kind)["example"]
    raw_headers = [(name, value.encode()) for name, value in kept["headers"].items()]
    assert type_of(raw_headers) == kind.name
    record = read(b"c1", json.dumps(kept["body"]).encode(), raw_headers)
    again = json.loads(encode(record.event))
    assert {name: again[name] for name in kept["body"]} == kept["body"]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_consumer_of_the_stored_contract_reads_what_we_emit(kind: Kind, data: st.DataObject) -> None:
    event = data.draw(st.from_type(kind.cls))
    jsonschema.validate(json.loads(encode(event)), stored(kind)["schema"])


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_a_consumer_relies_on_is_gone(kind: Kind) -> None:
    """Every stored property, at any depth, is still there; what was required still is."""
    _kept(stored(kind)["schema"], schema(kind), kind.name)


def _kept(old: dict[str, Any], new: dict[str, Any], place: str) -> None:
    for name, part in old.get("properties", {}).items():
        assert name in new.get("properties", {}), f"{place}.{name} is gone"
        allowed_before, allowed_now = _types(part), _types(new["properties"][name])
        assert allowed_now <= allowed_before, f"{place}.{name} may now be {allowed_now - allowed_before}"
    for name, part in old.get("$defs", {}).items():
        assert name in new.get("$defs", {}), f"{place}: {name} is gone"
        _kept(part, new["$defs"][name], f"{place}/{name}")


def _types(part: dict[str, Any]) -> set[str]:
    options = part.get("anyOf", [part])
    return {str(next((o[name] for name in ("$ref", "const", "enum", "type") if name in o), "any")) for o in options}


@pytest.mark.parametrize("kind", KINDS)
def test_the_headers_are_cloudevents_as_stored(kind: Kind) -> None:
    kept = stored(kind)
    assert kept["example"]["headers"] == headers(kind)
    assert (kept["by"], kept["version"]) == (kind.by, kind.version)


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_a_newer_service_adds_is_passed_over(kind: Kind) -> None:
    body = stored(kind)["example"]["body"] | {"added_later": {"by": "a newer service"}}
    assert decode(kind.name, json.dumps(body)) == decode(kind.name, encode(example(kind)))


def test_every_stored_contract_has_its_event() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(REGISTRY)

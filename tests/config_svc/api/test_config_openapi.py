"""The OpenAPI document: every call has an example of what is sent, of what comes back, and of every refusal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from config_svc.api.problems import PROBLEMS
from config_svc.texts.refusal_texts import TEXTS
from tests.config_svc.config_kit import Config

EMPTY = {"204"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield f"{verb} {path}", operation


@pytest.fixture
async def document(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = (await config.gateway(None).http.get("/openapi.json")).json()
    return found


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what its references lead to."""
    return {**schema, "components": document["components"]}


def examples(content: dict[str, Any], schema: dict[str, Any]) -> list[Any]:
    return [content["example"]] if "example" in content else list(schema.get("examples", ()))


async def test_every_answer_and_every_refusal_has_an_example(document: dict[str, Any]) -> None:
    missing = [
        f"{name}: {status}"
        for name, operation in operations(document)
        for status, answer in operation["responses"].items()
        if status not in EMPTY and not all("example" in content for content in answer.get("content", {"": {}}).values())
    ]
    assert missing == []


async def test_the_example_of_a_refusal_is_of_that_status_and_says_what_to_do(document: dict[str, Any]) -> None:
    seen = set()
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) < 400:
                continue
            example = answer["content"]["application/problem+json"]["example"]
            assert example["status"] == int(status) and example["code"] and example["detail"].endswith("."), name
            seen.add(int(status))
    assert seen == set(PROBLEMS)


async def test_every_body_has_an_example_that_its_schema_takes(document: dict[str, Any]) -> None:
    count = 0
    for name, operation in operations(document):
        for kind, content in operation.get("requestBody", {"content": {}})["content"].items():
            schema = content["schema"]
            target = schema
            if "$ref" in schema:
                target = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            found = examples(content, target)
            assert found, f"{name}: {kind}"
            for example in found:
                jsonschema.validate(example, resolved(document, target))
            count += 1
    assert count >= 8


async def test_the_codes_of_the_examples_are_those_that_there_are(document: dict[str, Any]) -> None:
    said = {refusal.code for refusal in PROBLEMS.values()}
    others = {"idempotency_key_missing", "token_missing", "content_type", "invalid", "if_match_missing", "unavailable"}
    assert said <= TEXTS.keys() | others

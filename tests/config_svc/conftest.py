"""The service of each test. Its database is made once with all its indexes, and emptied after each test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import pytest_asyncio
from pymongo.database import Database

from tests.config_svc.config_kit import Config


@pytest.fixture(scope="session")
def config_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of keys, made once: no test changes them."""
    return tmp_path_factory.mktemp("config-keys")


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def prepared(config_keys: Path, mongo_url: str) -> AsyncIterator[Database[dict[str, Any]]]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    made = Config(config_keys, mongo_url, name)
    await made.prepare()
    with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
        yield client[f"{name}_config"]
    await made.close()


@pytest.fixture
def config_database(prepared: Database[dict[str, Any]]) -> Iterator[str]:
    """The name as a setting; all documents are gone after the test."""
    yield prepared.name.removesuffix("_config")
    for name in prepared.list_collection_names():
        prepared[name].delete_many({})


@pytest.fixture
async def config(config_keys: Path, mongo_url: str, config_database: str) -> AsyncIterator[Config]:
    made = Config(config_keys, mongo_url, config_database)
    yield made
    await made.leave()

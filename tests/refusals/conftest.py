"""The proxy that refuses, and what drives it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.refusals.refusals_kit import Refusals, proxy_before
from tests.shared.kit.mongo_proxy import MongoProxy


@pytest.fixture
def proxy(mongo_url: str) -> Iterator[MongoProxy]:
    with proxy_before(mongo_url) as proxy:
        yield proxy


@pytest.fixture
def refusals(proxy: MongoProxy) -> Refusals:
    return Refusals(proxy)

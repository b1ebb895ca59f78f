"""The integration tests on three brokers, each of which dies in turn with -9 while they run, and comes back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.lanes.three_brokers import whole
from tests.servers import KAFKA
from tokenswitch_dev.stack.kafka import EmbeddedKafka, prepare_fast_start, three_brokers
from tokenswitch_dev.stack.process import tail

TESTS = Path(__file__).parents[1]
INTEGRATION = (
    "shared/messaging/test_consumer.py",
    "shared/messaging/test_dead_letters.py",
    "shared/messaging/test_kill.py",
    "shared/messaging/test_outbox_relay.py",
    "shared/messaging/test_topics.py",
    "shared/service/test_service.py",
    "config_svc/test_config_service.py",
    "config_svc/stream/test_config_stream.py",
    "invite_svc/test_invite_service.py",
    "notify_svc/test_notify_process.py",
    "contracts/test_asyncapi.py",
)
"""Those that talk to Kafka, but for those that break a broker of their own."""
LIMIT, AWAY, BETWEEN = 1500, 3.0, 8.0

pytestmark = pytest.mark.timeout(LIMIT + 100)


@pytest.fixture
async def brokers(tmp_path: Path) -> AsyncIterator[list[EmbeddedKafka]]:
    prepare_fast_start(tmp_path / "training")
    made = three_brokers(tmp_path / "brokers")
    try:
        await asyncio.gather(*(asyncio.to_thread(broker.start) for broker in made))
        yield made
    finally:
        for broker in made:
            broker.stop()


async def test_all_of_them_pass_while_each_broker_dies_in_turn(brokers: list[EmbeddedKafka], tmp_path: Path) -> None:
    bootstrap, log = ",".join(broker.bootstrap for broker in brokers), tmp_path / "tests.log"
    deaths = 0
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadscope",
        *(str(TESTS / name) for name in INTEGRATION),
    ]
    with log.open("wb") as out:
        tests = subprocess.Popen(argv, env=os.environ | {KAFKA: bootstrap}, stdout=out, stderr=out, cwd=TESTS.parent)
    try:
        async with asyncio.timeout(LIMIT):
            while tests.poll() is None:
                await asyncio.sleep(BETWEEN)
                await whole(bootstrap)
                broker = brokers[deaths % 3]
                broker.kill()
                deaths += 1
                await asyncio.sleep(AWAY)
                await asyncio.to_thread(broker.start)
    finally:
        tests.kill()
    print(f"{deaths} brokers died; {tail(log, 1)}")
    assert tests.returncode == 0, f"after {deaths} deaths:\n{tail(log, 60)}"
    assert deaths >= 6

"""The whole system on three Kafka brokers: three copies of each event, of which two must have it before it counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from tests.e2e.e2e_kit import TOPIC
from tests.e2e.e2e_wait import wait_for
from tests.system import SERVICES, WholeSystem
from tokenswitch_dev.runner import plan
from tokenswitch_dev.stack.kafka import EmbeddedKafka, prepare_fast_start, three_brokers

BROKERS = ("kafka-1", "kafka-2", "kafka-3")
OURS = [TOPIC, "__consumer_offsets"]


class OnThreeBrokers(WholeSystem):
    def __init__(self, home: Path) -> None:
        super().__init__(home)
        prepare_fast_start(home / "kafka-training")
        self.brokers: dict[str, EmbeddedKafka] = dict(zip(BROKERS, three_brokers(home / "brokers"), strict=True))
        del self.programs["kafka"]
        told = {"KAFKA_BOOTSTRAP": self.kafka, "TOPIC_REPLICATION": "3", "TOPIC_MIN_INSYNC": "2"}
        for service in SERVICES:
            program = self.programs[service]
            self.programs[service] = replace(program, env={**program.env, **told})
        servers = {name: plan.server(name, broker) for name, broker in self.brokers.items()}
        self.programs = servers | self.programs
        self.originals = tuple(self.programs)

    @property
    def kafka(self) -> str:
        return ",".join(broker.bootstrap for broker in self.brokers.values())


async def copies(bootstrap: str, topics: list[str] | None) -> list[tuple[int, int]]:
    """How many copies each partition has, and how many of them are in step. None: of all topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        found = await admin.describe_topics(topics)
    finally:
        await admin.close()
    return [(len(place["replicas"]), len(place["isr"])) for topic in found for place in topic["partitions"]]


async def in_step(bootstrap: str, wanted: int, timeout: float = 60) -> None:
    """Every partition has three copies, `wanted` of them in step."""

    async def look() -> bool:
        return set(await copies(bootstrap, OURS)) == {(3, wanted)}

    await wait_for(look, f"three copies with {wanted} in step", timeout)


async def whole(bootstrap: str, timeout: float = 60) -> None:
    """All copies of all topics are in step."""

    async def look() -> bool:
        return all(there == alive for there, alive in await copies(bootstrap, None))

    await wait_for(look, "cluster with all copies in step", timeout)

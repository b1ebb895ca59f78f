"""Topics are made as the settings say, and what is there already stays as it is."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.messaging.kafka import Cluster, ensure_topics


async def config(bootstrap: str, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {name: value for name, value, *_ in answer.resources[0][4]}
    finally:
        await admin.close()


async def test_events_and_dead_letters_need_as_many_copies_as_the_settings_say(
    kafka_bootstrap: str, topic: str
) -> None:
    cluster = Cluster(bootstrap=kafka_bootstrap, topic=topic, partitions=1, replication=1, min_insync=2)
    await ensure_topics(cluster, ["group"])
    for name in (topic, cluster.dead_topic("group")):
        assert (await config(kafka_bootstrap, name))["min.insync.replicas"] == "2"
    await ensure_topics(Cluster(bootstrap=kafka_bootstrap, topic=topic, partitions=1, replication=1), ["group"])
    assert (await config(kafka_bootstrap, topic))["min.insync.replicas"] == "2"

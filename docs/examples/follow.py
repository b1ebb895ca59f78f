"""Follows all events of Tokenswitch: python follow.py BROKERS [TOPIC]. Needs aiokafka."""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer


async def main(brokers: str, topic: str = "tokenswitch.events") -> None:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=brokers,
        group_id="follow-example",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        async for record in consumer:
            headers = {name: value.decode() for name, value in record.headers}
            body = json.loads(record.value)
            # Do here what is to be done; the same `ce_id` may come again, so do it once for each.
            print(headers["ce_time"], headers["ce_type"], body["customer"], headers["ce_id"], flush=True)
            await consumer.commit()  # only now: what was not done comes again


asyncio.run(main(*sys.argv[1:]))

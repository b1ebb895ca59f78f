"""Whether Kafka answers: asked for its metadata over a connection that is kept."""

from __future__ import annotations

import asyncio
import contextlib

from aiokafka.client import AIOKafkaClient

from shared.domain.rules import Unavailable
from shared.messaging.kafka import Cluster, within

TIMEOUT_SECONDS = 3.0


class KafkaProbe:
    """A health check: raises Unavailable while no broker answers."""

    def __init__(self, cluster: Cluster, client_id: str) -> None:
        self._cluster, self._client_id = cluster, client_id
        self._client: AIOKafkaClient | None = None

    async def __call__(self) -> None:
        """Raises: Unavailable."""
        client = self._client or await self._connect()
        try:
            answered = await within(TIMEOUT_SECONDS, client.force_metadata_update())
        except BaseException:
            await self.close()
            raise
        if not answered:
            await self.close()
            raise Unavailable("Kafka", "it does not answer")

    async def _connect(self) -> AIOKafkaClient:
        client = AIOKafkaClient(
            bootstrap_servers=self._cluster.bootstrap,
            client_id=self._client_id,
            request_timeout_ms=int(TIMEOUT_SECONDS * 1000),
            **self._cluster.access,
        )
        try:
            await within(TIMEOUT_SECONDS, client.bootstrap())
        except BaseException:
            await _close(client)
            raise
        self._client = client
        return client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _close(client)


async def _close(client: AIOKafkaClient) -> None:
    with contextlib.suppress(Exception):
        await asyncio.wait_for(client.close(), 1)

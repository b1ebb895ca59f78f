"""The HTTP answer of an event stream: a reader that stopped reading is let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

from starlette.responses import StreamingResponse
from starlette.types import Message, Send

log = logging.getLogger(__name__)

SEND_TIMEOUT_SECONDS = 20.0


class EventStream(StreamingResponse):
    """`text/event-stream`. A chunk that the reader does not take in time ends the connection: it resumes by its id."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncGenerator[bytes], *, send_timeout: float = SEND_TIMEOUT_SECONDS) -> None:
        super().__init__(chunks, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._chunks, self._send_timeout = chunks, send_timeout

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._send_timeout):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            log.info("an event stream is cut off: its reader does not read")
        except Exception:
            log.exception("an event stream failed")
        finally:
            await self._chunks.aclose()

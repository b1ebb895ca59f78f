"""The HTTP answer of an event stream: sends with an end, so that a reader that stopped reading is let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

log = logging.getLogger(__name__)

PATIENCE = 20.0


class EventStream(Response):
    """`text/event-stream`. A chunk that the reader does not take in time ends the connection: it resumes by its id."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncIterator[bytes], *, patience: float = PATIENCE) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._chunks, self._patience = chunks, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send_all(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(sending, leaving)
            if sending.done() and not sending.cancelled() and (error := sending.exception()):
                log.error("an event stream failed", exc_info=error)
            if aclose := getattr(self._chunks, "aclose", None):
                await aclose()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for chunk in self._chunks:
                await asyncio.wait_for(
                    send({"type": "http.response.body", "body": chunk, "more_body": True}), self._patience
                )
        except TimeoutError:
            log.info("an event stream is cut off: its reader does not read")
            return
        await asyncio.wait_for(send({"type": "http.response.body", "body": b"", "more_body": False}), self._patience)


async def _end(*tasks: asyncio.Future[None]) -> None:
    """Cancels until it is heard: a wait that comes to its end in the same moment swallows a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=1)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""What all walks share: how a visit is called, an application served alone on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvicorn
from playwright.async_api import BrowserContext, Page

Visit = Callable[[Page, str], Awaitable[None]]
Walk = Callable[[BrowserContext, str, Visit], Awaitable[None]]
"""(context, address of MongoDB, visit): past every screen."""


@contextlib.asynccontextmanager
async def served(app: Any, host: str = "localhost") -> AsyncIterator[str]:
    """Its address. Without Kafka and without loops: the walk plays the other services."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        config = uvicorn.Config(app, log_level="warning", proxy_headers=False, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([sock]))
        try:
            yield f"http://{host}:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def language_of(page: Page) -> str:
    return str(await page.evaluate("navigator.language")).partition("-")[0]


def own_database() -> str:
    return f"screens_{uuid.uuid4().hex[:12]}"

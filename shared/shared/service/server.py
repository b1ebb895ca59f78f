"""The process: its socket, uvicorn without an access log (addresses hold secrets), its signals.

Who is slow with a request's head is hung up on: a connection costs an attacker little, and us a place.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.service.settings import Misconfigured

SHUTDOWN_SECONDS = 3
KEEP_ALIVE_SECONDS = 15
HEAD_TIMEOUT_SECONDS = 10.0


def bind(host: str, port: int) -> socket.socket:
    """The listening socket. Raises: Misconfigured, naming the setting, if the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio's TCP_NODELAY wants it named
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Misconfigured(
            f"PORT {port} on HOST {host} cannot be used ({error.strerror or error}); "
            "set PORT to a free port, or stop what uses it."
        ) from None
    listening.set_inheritable(True)
    return listening


class HeadTimeoutProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a time limit for the head of a request; its size is limited by h11, to 64 kB."""

    head_timeout_seconds = HEAD_TIMEOUT_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        """The time runs from the first byte of a head, or from the connection, until the head is whole."""
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.head_timeout_seconds, self._hang_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hang_up(self) -> None:
        self._timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.abort()


class Server(uvicorn.Server):
    """On SIGTERM or SIGINT it says so at once, ends in order and exits with 0; on a second SIGINT without waiting."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._on_stop()


def serve(app: ASGIApp, sock: socket.socket, on_stop: Callable[[], None]) -> None:
    """Serves until a signal."""
    config = uvicorn.Config(
        app,
        http=HeadTimeoutProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    Server(config, on_stop).run(sockets=[sock])

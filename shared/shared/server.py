"""The process: its socket, uvicorn without an access log (addresses hold secrets), its signals."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from shared.settings import Misconfigured

CONNECTIONS_END = 3


def bind(host: str, port: int) -> socket.socket:
    """The listening socket. Raises: Misconfigured, naming the setting, if the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise Misconfigured(
            f"PORT {port} on HOST {host} cannot be used ({error.strerror or error}); "
            "set PORT to a free port, or stop what uses it."
        ) from None
    found.set_inheritable(True)
    return found


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
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=CONNECTIONS_END,
        timeout_keep_alive=15,
    )
    Server(config, on_stop).run(sockets=[sock])

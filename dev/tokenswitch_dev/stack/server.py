"""What one may do with an embedded server: start, stop, kill -9, freeze, start again on its data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from tokenswitch_dev.stack.process import GRACE_SECONDS, Child

S = TypeVar("S", bound="EmbeddedServer")

START_SECONDS = 120.0


class EmbeddedServer(ABC):
    """One server process on 127.0.0.1 whose data outlive it in `data_dir`."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir = data_dir
        self.port = port
        self._child: Child | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Everything before the first start: files fetched, data directory made. Safe to repeat."""

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments, after `prepare`."""

    @abstractmethod
    def ready(self) -> bool:
        """Does it answer its own protocol?"""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self, timeout: float = START_SECONDS) -> None:
        self.prepare()
        self._child = Child(self.command(), self.data_dir / "server.log")
        self._child.start()
        try:
            self._child.wait_until(self.ready, timeout)
        except BaseException:
            self._child.kill()
            raise

    @property
    def child(self) -> Child:
        if self._child is None:
            raise RuntimeError("start the server first")
        return self._child

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        if self._child is not None:
            self._child.stop(grace)

    def kill(self) -> None:
        """As kill -9 or a power cut of the process: it gets no chance to tidy up."""
        self.child.kill()

    def freeze(self) -> None:
        """Keeps its connections but answers nothing."""
        self.child.freeze()

    def thaw(self) -> None:
        self.child.thaw()

    def __enter__(self: S) -> S:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

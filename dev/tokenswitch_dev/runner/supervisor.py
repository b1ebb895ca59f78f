"""Keeps programs running: says when one dies, starts it again (bounded), stops all within seconds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Sequence

from tokenswitch_dev.runner.console import Console
from tokenswitch_dev.runner.plan import Program
from tokenswitch_dev.stack.process import die_with_parent, signal_group

RESTARTS, RESTART_SECONDS = 5, 60.0
PAUSE_SECONDS = 1.0
LINE_LIMIT = 1_000_000
SERVICE_GRACE_SECONDS, SERVER_GRACE_SECONDS = 6.5, 2.5


class GaveUp(Exception):
    """A program cannot be kept running; the message names its log."""


class Supervised:
    """One program. `ready` is set each time that it says so."""

    def __init__(self, program: Program, console: Console) -> None:
        self.program = program
        self.ready = asyncio.Event()
        self._console = console
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._deaths: deque[float] = deque(maxlen=RESTARTS)

    async def run(self) -> None:
        """Returns when stopped; raises GaveUp when the program dies again and again."""
        while not self._stopping:
            command = await asyncio.to_thread(self.program.prepare)
            await self._once(command)
            if self._stopping:
                return
            self._count_death()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _once(self, command: Sequence[str]) -> None:
        if self._stopping:
            return
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | self.program.env,
            limit=LINE_LIMIT,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        self._process = process
        watching = asyncio.create_task(self._watch(process))
        try:
            await self._follow(process)
            await process.wait()
        finally:
            watching.cancel()
            signal_group(process.pid, signal.SIGKILL)
            self.ready.clear()

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        output = process.stdout
        while output is not None and not output.at_eof():
            # A line over the limit is dropped by the reader: the program must never block on us.
            with contextlib.suppress(ValueError):
                line = (await output.readline()).decode(errors="replace").rstrip()
                if line:
                    self._console.line(self.program.name, line)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        while process.returncode is None:
            if await asyncio.to_thread(self.program.ready):
                self.ready.set()
                return
            await asyncio.sleep(0.1)

    def _count_death(self) -> None:
        code = self._process.returncode if self._process else None
        self._deaths.append(time.monotonic())
        name, log = self.program.name, self._console.path(self.program.name)
        if self._console.quiet:
            self._console.last_lines(name)
        if len(self._deaths) == RESTARTS and self._deaths[-1] - self._deaths[0] < RESTART_SECONDS:
            raise GaveUp(f"{name} ended {RESTARTS} times within a minute (last code {code}); its log: {log}")
        self._console.say(f"{name} ended (code {code}); starting it again. Its log: {log}")

    async def stop(self, grace: float) -> None:
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace)
            return
        self._console.say(f"{self.program.name} did not stop in {grace:.0f} s; it is killed")
        signal_group(process.pid, signal.SIGKILL)
        await process.wait()


async def stop_all(programs: Sequence[Supervised]) -> None:
    """Services first: they still have to hand over their work to Kafka and MongoDB."""
    for server, grace in ((False, SERVICE_GRACE_SECONDS), (True, SERVER_GRACE_SECONDS)):
        await asyncio.gather(*(one.stop(grace) for one in programs if one.program.server is server))

"""python -m tokenswitch_dev.runner: brings the whole system up on this machine and stops it on Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tokenswitch_dev.runner import customers, plan, ports
from tokenswitch_dev.runner.banner import banner
from tokenswitch_dev.runner.console import Console
from tokenswitch_dev.runner.supervisor import GaveUp, Supervised, stop_all
from tokenswitch_dev.stack.process import PR_SET_PDEATHSIG, StartFailed

READY_SECONDS = 180.0
LOCK_SECONDS = 15.0


class Refusal(Exception):
    """The system cannot start; the message is one sentence that says what to do."""


def main() -> int:
    home = Path(os.environ.get("RUN_DIR") or ".run").resolve()
    _end_with_make()
    try:
        with only_one(home):
            system = plan.System(home, ports.read(os.environ))
            ports.check_free(os.environ)
            return asyncio.run(run(system))
    except (Refusal, StartFailed, ports.WrongPort) as wrong:
        print(wrong, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _end_with_make() -> None:
    """A kill -9 of the `make` in front of us must end the system as well, not leave it without a terminal."""
    if sys.platform == "linux" and "MAKELEVEL" in os.environ:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """One system per data directory; a run that is just ending is waited for."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a+") as lock:
        if not _locked(lock.fileno()):
            lock.seek(0)
            raise Refusal(f"It already runs with the data in {home} (process {lock.read().strip()}): stop that one.")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _locked(handle: int) -> bool:
    deadline = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.2)
    return False


async def run(system: plan.System) -> int:
    console = Console(system.home / "logs")
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    supervised = [Supervised(program, console) for program in plan.programs(system)]
    running = [asyncio.create_task(one.run(), name=one.program.name) for one in supervised]
    living = asyncio.create_task(_live(system, supervised, console))
    try:
        return await _until_stopped(stopped, running, living, console)
    finally:
        living.cancel()
        console.say("Stopping ...")
        await stop_all(supervised)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, living, return_exceptions=True)
        console.say("Stopped; nothing is left running. The data stay.")
        console.close()


async def _until_stopped(
    stopped: asyncio.Event, running: list[asyncio.Task[None]], living: asyncio.Task[None], console: Console
) -> int:
    """Ends on a signal, or when a program cannot be kept running."""
    signal_came = asyncio.create_task(stopped.wait())
    waited: set[asyncio.Task[object]] = {signal_came, living, *running}
    while not signal_came.done():
        done, waited = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        failed = [task.exception() for task in done if task.exception() is not None]
        if failed:
            signal_came.cancel()
            console.say(f"Cannot go on: {failed[0]}")
            return 1
    return 0


async def _live(system: plan.System, supervised: list[Supervised], console: Console) -> None:
    begun = time.monotonic()
    console.say("Starting " + ", ".join(one.program.name for one in supervised) + " ...")
    await asyncio.gather(*(_ready(one, console) for one in supervised))
    console.quiet = False
    try:
        new = await customers.register(system.portal, system.authority, system.ca_file)
        console.say(f"{new} demo customers registered." if new else "The demo customers are there.")
    except customers.NotRegistered as wrong:
        console.say(f"The demo customers could not be registered: {wrong}")
    console.say(banner(system, time.monotonic() - begun))


async def _ready(one: Supervised, console: Console) -> None:
    try:
        await asyncio.wait_for(one.ready.wait(), READY_SECONDS)
        version = f" ({one.program.version})" if one.program.version else ""
        console.say(f"{one.program.name}{version} is ready.")
    except TimeoutError:
        console.last_lines(one.program.name)
        raise GaveUp(f"{one.program.name} is not ready; its log: {console.path(one.program.name)}") from None


if __name__ == "__main__":
    sys.exit(main())

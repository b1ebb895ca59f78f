"""python -m tokenswitch_dev.simulator: runs the simulator until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.options import Options
from tokenswitch_dev.simulator.server import Running, serving


def parse(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="tokenswitch_dev.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8443, help="https, for machines")
    parser.add_argument("--pages-port", type=int, default=8444, help="http, for people")
    parser.add_argument("--state", type=Path, required=True, help="where keys and state are kept")
    parser.add_argument("--clock-scale", type=float, default=1.0, help="how much faster the simulated clock runs")
    parser.add_argument("--interval", type=int, default=5, help="seconds between polls, as devicecode says")
    parser.add_argument("--device-lifetime", type=int, default=900, help="seconds that a device code lives")
    parser.add_argument("--slow-down", action="store_true", help="answer slow_down to polls that come too soon")
    parser.add_argument("--api-audience", default="api://tokenswitch", help="audience of the gateway's tokens")
    parser.add_argument(
        "--portal-redirect",
        dest="portal_redirects",
        action="append",
        default=[],
        help="one more address of the portal",
    )
    parser.add_argument(
        "--signin-redirect",
        dest="signin_redirects",
        action="append",
        default=[],
        help="one more address of the sign-in app",
    )
    parser.add_argument("--secrets-dir", type=Path, help="write the applications' secrets here, one file each")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; 0.0.0.0 in a container")
    parser.add_argument("--authority-url", default="", help="how machines reach it, if not as https://localhost:PORT")
    parser.add_argument("--pages-url", default="", help="how people reach it, if not as http://localhost:PAGES_PORT")
    read = parser.parse_args(arguments)
    given: dict[str, Any] = vars(read)
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return Options(**(given | lists))


def write_secrets(folder: Path) -> None:
    """One secret a file, one line, for the owner only: what *_SECRET_FILE settings point at."""
    folder.mkdir(parents=True, exist_ok=True)
    gateway = {f"gateway-{role}-secret": app.secret for role, app in demo.GATEWAY_APPS.items()}
    all_secrets = {
        "portal-client-secret": demo.PORTAL_SECRET,
        "entra-client-secret": demo.SIGNIN_SECRET,
    } | gateway
    for name, secret in all_secrets.items():
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secret + "\n")


def _announce(running: Running) -> None:
    print(f"simulated Entra ID: {running.authority}  (certificate authority {running.ca_file})", flush=True)
    print(
        f"simulated Microsoft pages: {running.pages_url}/  (password of all accounts: {demo.PASSWORD})",
        flush=True,
    )


async def run(options: Options) -> None:
    if options.secrets_dir:
        write_secrets(options.secrets_dir)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wanted, stopped.set)
    async with serving(options) as running:
        _announce(running)
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(run(parse()))

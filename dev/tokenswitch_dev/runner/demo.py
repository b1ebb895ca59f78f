"""python -m tokenswitch_dev.runner.demo: walks the sixteen steps against the system that `make run` started."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import httpx
from playwright.async_api import Error, Page, async_playwright

from tokenswitch_dev.runner import plan, ports
from tokenswitch_dev.runner.customers import customer_id
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.walkthrough.browser import NoChromium, launch
from tokenswitch_dev.walkthrough.steps import Addresses, People, begin, steps


class NotRunning(Exception):
    """There is nothing to walk through; the message says what to do."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tokenswitch_dev.runner.demo", description=__doc__)
    home = Path(os.environ.get("RUN_DIR") or ".run")
    parser.add_argument("--into", type=Path, default=home / "demo", help="where the screenshots go")
    parser.add_argument("--customer", default="contoso", help="whose switch is walked: an id of the demo customers")
    return parser.parse_args(arguments)


def addresses() -> Addresses:
    """From the same variables as `make run` (PORT_PORTAL and so on)."""
    system = plan.System(Path(), ports.read(os.environ))
    return Addresses(system.portal, system.mailbox, system.entra_pages)


def people(customer: str) -> People:
    known = {customer_id(one): one for one in demo.customers()}
    if customer not in known:
        raise NotRunning(f"There is no demo customer {customer!r}; choose one of {', '.join(known)}.")
    return People(customer=customer, name=known[customer].name, admin=known[customer].admin)


def demand_running(at: Addresses) -> None:
    for address in (f"{at.portal}/readyz", at.mailbox, at.microsoft):
        try:
            answered = httpx.get(address, timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            answered = False
        if not answered:
            raise NotRunning(
                f"The system is not running: {address} does not answer. Start it with make run and try again."
            )


async def run(at: Addresses, who: People, into: Path) -> None:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        walk = await begin(browser, at, who)
        await walk.portal.sign_in(who.operator)
        await walk.portal.show(who.customer)
        if await walk.portal.make_ready():
            print(f" 0. {who.name} was taken back to its app registration first.", flush=True)
        async for step in steps(walk):
            shot = into / f"{step.number:02d}-{step.name}.png"
            await _shoot(step.page, shot)
            print(f"{step.number:2d}. {step.what}  [{shot}]", flush=True)
        await walk.close()
        await browser.close()


async def _shoot(page: Page, shot: Path) -> None:
    await page.screenshot(path=shot, animations="disabled")


def main(arguments: list[str] | None = None) -> int:
    asked = parse(arguments)
    try:
        at, who = addresses(), people(asked.customer)
        demand_running(at)
        asked.into.mkdir(parents=True, exist_ok=True)
        asyncio.run(run(at, who, asked.into))
    except (NotRunning, NoChromium, ports.WrongPort) as wrong:
        print(wrong, file=sys.stderr)
        return 1
    except (AssertionError, Error) as wrong:
        print(f"The walk stopped: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The command line against the whole system: signed in by MSAL at Microsoft's pages, then a file of customers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

from tests.e2e.e2e_kit import Customer, World
from tests.e2e.e2e_wait import wait_for
from tokenswitch_dev.simulator import demo

CLI = [sys.executable, "-m", "tokenswitch_cli"]


def environment(world: World, home: Path) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.startswith("TOKENSWITCH_")}
    return found | {"TOKENSWITCH_HOME": str(home)}


async def run(world: World, home: Path, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *CLI, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(world, home)
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode or 0, out.decode(), err.decode()


async def sign_in(address: str, account: str) -> str:
    """Microsoft's pages as a person walks them, to the loopback address."""
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False, timeout=20) as person:
        page = await person.get(address)
        page = await person.post(page.url, data={"step": "account", "loginfmt": account})
        page = await person.post(page.url, data={"step": "password", "passwd": demo.PASSWORD})
        number = re.findall(r'id="number">(\d\d)<', page.text)[0]
        page = await person.post(page.url, data={"step": "approve", "answer": "approve", "number": number})
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        target = re.findall(r'action="(http://localhost:\d+/?)"', page.text)[0]
        return (await person.post(target, data=fields)).text


async def login(world: World, home: Path) -> None:
    arguments = (
        "login",
        "--no-browser",
        "--url",
        world.system.plan.portal,
        "--ca-file",
        str(world.system.plan.ca_file),
    )
    process = await asyncio.create_subprocess_exec(
        *CLI, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(world, home)
    )
    assert process.stdout is not None
    address = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    await sign_in(address, "operator@provider.example")
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err.decode()
    assert "Signed in as operator@provider.example" in err.decode()


async def test_an_operator_signs_in_and_moves_a_file_of_customers(world: World, tmp_path: Path) -> None:
    customers = [await world.customer() for _ in range(4)]
    await login(world, tmp_path)
    _, out, _ = await run(world, tmp_path, "whoami", "--json")
    assert json.loads(out)["roles"] == ["viewer", "operator"]
    file = tmp_path / "move.csv"
    file.write_text("customer,admin_email\n" + "".join(f"{one.id},{one.user('admin')}\n" for one in customers))
    for _ in range(2):  # run again it is the same bulk switch
        code, _, err = await run(world, tmp_path, "switch", "--file", str(file), "--first", "2", "--pace", "600")
        assert code == 0 and "It waits" in err, err
    assert (await run(world, tmp_path, "bulk", "resume"))[0] == 0
    code, _, err = await run(world, tmp_path, "switch", "--file", str(file), "--first", "2", "--pace", "600")
    assert code == 0 and "4 of 4 asked" in err, err
    for customer in customers:
        await world.until(customer, switch="invited")
        assert (await world.shown(customer))["switch"]["number"] == 1
    await _claimed(world, tmp_path, customers[0])
    code, out, _ = await run(world, tmp_path, "bulk", "rows", "--json", "--unanswered")
    assert {row["customer"] for row in json.loads(out)} == {one.id for one in customers[1:]}
    assert (await run(world, tmp_path, "cancel", customers[3].id))[0] == 0
    assert (await run(world, tmp_path, "cancel", customers[3].id))[0] == 5
    assert (await run(world, tmp_path, "customers", "show", "never-registered-by-anybody"))[0] == 4


async def _claimed(world: World, home: Path, customer: Customer) -> None:
    """One of them signs in with the code; the command line then shows it as completed."""
    invitee = world.browser()
    await invitee.open(await world.link(customer))
    await world.approve(await invitee.ask_code(customer.user("admin")), customer.user("admin"))

    async def completed() -> bool | None:
        _, out, _ = await run(world, home, "customers", "show", customer.id, "--json")
        return json.loads(out)["switch"]["state"] == "completed" or None

    await wait_for(completed, "the switch is completed")

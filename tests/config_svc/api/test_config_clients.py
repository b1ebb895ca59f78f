"""Clients that generators make of the OpenAPI document are typed, and walk a switch against a running service."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.config_svc.config_kit import Config

pytestmark = pytest.mark.timeout(400)
CLIENTS, TOOLS = Path(__file__).parent / "clients", Path(__file__).parents[3] / ".tools" / "clients"
GENERATED = "tokenswitch_client"
WALKED = {
    "edition": 1,
    "asked": 1,
    "running": "requested",
    "invitee": "admin@contoso.example",
    "resent": 2,
    "pending": ["it@contoso.example"],
    "cancelled": 2,
    "state": "cancelled",
    "refused": "switch_stale",
}
MYPY = f"""
[mypy]
strict = true
[mypy-{GENERATED}.client]
disable_error_code = arg-type
"""  # the generator's own `__exit__(*args: object)`


async def run(*command: str | Path, cwd: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, f"{command}\n{output.decode()[-3000:]}\n{errors.decode()[-3000:]}"
    return output.decode()


def in_environment(name: str) -> Path:
    return Path(sys.executable).parent / name


class Running:
    """The service on a port of its own. Whoever is registered gets a tenant, as the other services would say it."""

    def __init__(self, config: Config, url: str) -> None:
        self.config, self.url = config, url
        self.token = config.gateway("operator").http.headers["Authorization"].removeprefix("Bearer ")

    async def walk(self, *command: str | Path, cwd: Path) -> dict[str, Any]:
        tenant = asyncio.create_task(self._tenant())
        output = await run(*command, self.url, self.token, "contoso", cwd=cwd)
        await tenant
        walked: dict[str, Any] = json.loads(output)
        return walked

    async def _tenant(self) -> None:
        while await self.config.customers.get("contoso") is None:
            await asyncio.sleep(0.05)
        await self.config.relays()
        await self.config.pinned("contoso")


@pytest.fixture
async def running(tmp_path: Path, mongo_url: str, mongo_database: str) -> AsyncIterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = Config(tmp_path, mongo_url, mongo_database, portal_url=url)
        await config.prepare()
        server = uvicorn.Server(uvicorn.Config(config.app, lifespan="off", log_level="warning"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield Running(config, url)
        server.should_exit = True
        await serving
        await config.close()


@pytest.fixture
async def document(running: Running, tmp_path: Path) -> Path:
    written = tmp_path / "openapi.json"
    written.write_text(json.dumps(running.config.app.openapi()))
    return written


async def test_a_python_client_is_typed_and_walks_a_switch(running: Running, document: Path, tmp_path: Path) -> None:
    (tmp_path / "generator.json").write_text(json.dumps({"literal_enums": True, "post_hooks": []}))
    (tmp_path / "mypy.ini").write_text(MYPY)
    shutil.copy(CLIENTS / "walk.py", tmp_path)
    generator = in_environment("openapi-python-client"), "generate", "--meta", "none", "--config", "generator.json"
    await run(*generator, "--path", document, "--output-path", GENERATED, cwd=tmp_path)
    await run(sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "walk.py", GENERATED, cwd=tmp_path)
    assert await running.walk(sys.executable, "walk.py", cwd=tmp_path) == WALKED


async def test_a_typescript_client_is_typed_and_walks_a_switch(running: Running, document: Path) -> None:
    modules = await node_modules()
    generator = modules / ".bin" / "openapi-typescript", "--default-non-nullable", "false"
    await run(*generator, document, "--output", "schema.d.ts", cwd=TOOLS)
    await run(modules / ".bin" / "tsc", cwd=TOOLS)
    assert await running.walk("node", "built/walk.js", cwd=TOOLS) == WALKED


async def node_modules() -> Path:
    """The packages of the lock file, installed once. A build server has npm and its registry; elsewhere it is said what
    is missing."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    lock, installed = "package-lock.json", TOOLS / "node_modules"
    known = (TOOLS / lock).read_text() if installed.exists() else ""
    for file in CLIENTS.iterdir():
        if file.suffix != ".py" and file.is_file():
            shutil.copy(file, TOOLS)
    if known != (CLIENTS / lock).read_text():
        try:
            await run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", cwd=TOOLS)
        except (OSError, AssertionError) as error:
            (TOOLS / lock).unlink()
            if os.environ.get("CI"):
                raise
            pytest.skip(f"the TypeScript client was not tried: npm is not there or reaches no registry ({error})")
    return installed


def test_the_lock_of_the_typescript_client_holds_no_address() -> None:
    assert "://" not in (CLIENTS / "package-lock.json").read_text()

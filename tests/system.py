"""The whole system as processes of its own on free ports: what end-to-end, browser and chaos tests stand on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from tokenswitch_dev import services
from tokenswitch_dev.mailbox.embedded import EmbeddedMailbox
from tokenswitch_dev.runner import plan, ports
from tokenswitch_dev.runner.token import bearer_token
from tokenswitch_dev.stack.process import Child, answers_ok, free_port, signal_group

SERVICES = tuple(service.name for service in services.SERVICES)
START_TIMEOUT = 180.0
# As `make run`, but quick: polls three times a second, short leases; one address tries as often as tests need.
QUICK = {
    "ENTRA_POLL_SECONDS": "0.3",
    "ATTEMPT_LEASE_SECONDS": "4",
    "STARTS_PER_ADDRESS": "100000",
    "STARTS_PER_TENANT": "100000",
    "WRONG_LINKS_PER_ADDRESS": "100000",
}
QUICK_SIMULATOR = ("--interval", "0")
System = TypeVar("System", bound="WholeSystem")


class WholeSystem:
    """Everything that `make run` starts; each process can be killed, frozen, doubled and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.plan = plan.System(home, free_ports())
        self.programs = {program.name: program for program in plan.programs(self.plan)}
        self.originals = tuple(self.programs)
        self.children: dict[str, Child] = {}
        self.mailbox = EmbeddedMailbox(home / "mailbox", self.plan.ports.mailbox, self.plan.ports.smtp)
        self._tokens: dict[str, str] = {}

    # --- processes --------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """All at once; then waits until each says that it is ready."""
        self.spawn(*names)
        self.await_ready(*names)

    def spawn(self, *names: str) -> None:
        for name in names:
            program = self.programs[name]
            quick = QUICK_SIMULATOR if name == "entra" else ()
            environment = os.environ | dict(program.env) | QUICK
            self.children[name] = Child([*program.prepare(), *quick], self.log(name), environment)
            self.children[name].start()

    def await_ready(self, *names: str) -> None:
        for name in names:
            self.children[name].wait_until(self.programs[name].ready, START_TIMEOUT)

    def await_consumers(self) -> None:
        """Until each service has joined its group: it is ready before, and the first event would wait for that."""
        for name in SERVICES:
            self.children[name].wait_until(partial(self._joined, name), START_TIMEOUT)

    def _joined(self, name: str) -> bool:
        return "partitions are this member's" in self.log(name).read_text()

    def replicas(self, *services: str, **environment: str) -> dict[str, str]:
        """One more process of each of these services, on ports of their own: their addresses."""
        names = {service: self._plan_replica(service, environment) for service in services}
        self.start(*(name for name, _ in names.values()))
        return {service: address for service, (_, address) in names.items()}

    def _plan_replica(self, service: str, environment: dict[str, str]) -> tuple[str, str]:
        port, original = free_port(), self.programs[service]
        name, address = f"{service}-{port}", f"http://127.0.0.1:{port}"
        env = {**original.env, **environment, "PORT": str(port)}
        self.programs[name] = replace(original, name=name, env=env, ready=lambda: answers_ok(port, "/readyz"))
        return name, address

    def kill(self, *names: str) -> None:
        """With -9."""
        for name in names:
            self.children[name].kill()

    def heal(self) -> None:
        """Everything runs again, whatever a test left behind; replicas end."""
        replicas = {name: self.children.pop(name) for name in set(self.children) - set(self.originals)}
        stop_together(list(replicas.values()))
        for name in replicas:
            del self.programs[name]
        for child in self.children.values():
            if child.running:
                child.thaw()
        self.start(*(name for name in self.originals if not self._runs(name)))
        self.await_ready(*self.originals)
        self.mailbox.heal()

    def _runs(self, name: str) -> bool:
        return name in self.children and self.children[name].running

    def stop(self) -> None:
        """The services kindly and together; then the servers at once, since nobody needs their data."""
        running = {name: child for name, child in self.children.items() if child.running}
        stop_together([child for name, child in running.items() if name.startswith(SERVICES)])
        for child in running.values():
            child.kill()

    # --- where it is found ------------------------------------------------------------------------------

    def log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def base(self, service: str) -> str:
        return f"http://127.0.0.1:{self.plan.ports.services[service]}"

    @property
    def mongo_url(self) -> str:
        return f"mongodb://127.0.0.1:{self.plan.ports.mongo}"

    @property
    def kafka(self) -> str:
        return f"127.0.0.1:{self.plan.ports.kafka}"

    def token(self, role: str) -> str:
        """A bearer token of the provider's gateway; one a role serves all tests."""
        if role not in self._tokens:
            at = self.plan
            self._tokens[role] = bearer_token(role, at.authority, at.ca_file)
        return self._tokens[role]


def stop_together(children: Sequence[Child]) -> None:
    """Each gets its own SIGTERM now, so that none waits for another's end; a killed member of a group is missed."""
    for child in children:
        if child.running:
            signal_group(child.pid, signal.SIGTERM)
    for child in children:
        child.stop(grace=4)


def free_ports() -> ports.Ports:
    """All different: one is only taken when its program starts."""
    free: set[int] = set()
    while len(free) < len(ports.DEFAULTS):
        free.add(free_port())
    return ports.read({name: str(port) for name, port in zip(ports.DEFAULTS, free, strict=True)})


@contextmanager
def started(running: System) -> Iterator[System]:
    """With all its programs up and all consumers in their groups; stopped in the end, also where it did not come up."""
    try:
        running.start(*running.originals)
        running.await_consumers()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSystem]:
    """One for all tests that need it; each works with customers and tenants of its own."""
    with started(WholeSystem(tmp_path_factory.mktemp("system"))) as running:
        yield running

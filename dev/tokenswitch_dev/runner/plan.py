"""What runs, as data: each program, how it is started, and how we see that it is ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tokenswitch_dev.mailbox.embedded import EmbeddedMailbox
from tokenswitch_dev.runner.keys import KeyFiles, make_keys
from tokenswitch_dev.runner.ports import Ports
from tokenswitch_dev.services import SERVICES, Service
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.__main__ import write_secrets
from tokenswitch_dev.simulator.tls import certificate_authority
from tokenswitch_dev.stack.kafka import EmbeddedKafka, prepare_fast_start
from tokenswitch_dev.stack.mongo import EmbeddedMongo
from tokenswitch_dev.stack.process import accepts, answers_ok
from tokenswitch_dev.stack.server import EmbeddedServer

API_AUDIENCE = demo.API_AUDIENCE
PROVIDER_NAME = "Northstar Communications"
LOGO = Path(__file__).with_name("northstar.svg")


@dataclass(frozen=True, kw_only=True)
class Program:
    """`prepare` may take a while and gives the command line; servers stop after those that need them."""

    name: str
    prepare: Callable[[], list[str]]
    ready: Callable[[], bool]
    server: bool = False
    version: str = ""
    """Which of several it is, where that depends on the machine."""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class System:
    """Where one running system keeps its things and is found."""

    home: Path
    ports: Ports

    def service(self, key: str) -> str:
        return f"http://127.0.0.1:{self.ports.services[key]}"

    @property
    def portal(self) -> str:
        return self.service("config")

    @property
    def invite(self) -> str:
        return self.service("invite")

    @property
    def mailbox(self) -> str:
        return f"http://127.0.0.1:{self.ports.mailbox}"

    @property
    def authority(self) -> str:
        return f"https://localhost:{self.ports.entra}"

    @property
    def entra_pages(self) -> str:
        return f"http://localhost:{self.ports.entra_pages}"

    @property
    def entra_state(self) -> Path:
        return self.home / "entra"

    @property
    def secrets(self) -> Path:
        return self.home / "keys"

    @property
    def ca_file(self) -> Path:
        return self.entra_state / "ca.pem"


def programs(system: System) -> list[Program]:
    """Keys and certificates are made first, so that every program can be started at once."""
    make_keys(system.secrets)
    write_secrets(system.secrets)
    system.entra_state.mkdir(parents=True, exist_ok=True)
    certificate_authority(system.entra_state)
    ports, environment = system.ports, settings(system)
    mailbox = EmbeddedMailbox(system.home / "mailbox", ports.mailbox, ports.smtp)
    mongo = EmbeddedMongo(system.home / "mongo", ports.mongo)
    return [
        _kafka(EmbeddedKafka(system.home / "kafka", ports.kafka), system.home / "kafka-training"),
        server("mongodb", mongo, mongo.program.name),
        _entra(system),
        Program(name="mailbox", prepare=_prepared(mailbox), ready=mailbox.ready),
        *(_service(system, service, environment) for service in SERVICES),
    ]


def _prepared(server: EmbeddedServer) -> Callable[[], list[str]]:
    def prepare() -> list[str]:
        server.prepare()
        return server.command()

    return prepare


def server(name: str, embedded: EmbeddedServer, version: str = "") -> Program:
    return Program(name=name, prepare=_prepared(embedded), ready=embedded.ready, server=True, version=version)


def _kafka(broker: EmbeddedKafka, training: Path) -> Program:
    def prepare() -> list[str]:
        prepare_fast_start(training)
        return _prepared(broker)()

    return Program(name="kafka", prepare=prepare, ready=broker.ready, server=True)


def _entra(system: System) -> Program:
    ports = system.ports
    command = [
        sys.executable,
        "-m",
        "tokenswitch_dev.simulator",
        "--port",
        str(ports.entra),
        "--pages-port",
        str(ports.entra_pages),
        "--state",
        str(system.entra_state),
        "--api-audience",
        API_AUDIENCE,
        "--portal-redirect",
        f"{system.portal}/auth/callback",
        "--signin-redirect",
        f"{system.invite}/signin/return",
    ]
    return Program(
        name="entra", prepare=lambda: command, ready=lambda: accepts(ports.entra) and accepts(ports.entra_pages)
    )


def _service(system: System, service: Service, common: dict[str, str]) -> Program:
    port = system.ports.services[service.key]
    command = [sys.executable, "-m", service.module]
    environment = common | {"HOST": "127.0.0.1", "PORT": str(port)}
    if service.reads_sealed:
        environment["SEAL_KEYS_FILE"] = str(KeyFiles(system.secrets).seal(service.key))
    return Program(
        name=service.name, prepare=lambda: command, ready=lambda: answers_ok(port, "/readyz"), env=environment
    )


def settings(system: System) -> dict[str, str]:
    """The services' settings; what the caller's environment says wins (another simulator, say)."""
    ports, keys = system.ports, make_keys(system.secrets)
    given = {
        "KAFKA_BOOTSTRAP": f"127.0.0.1:{ports.kafka}",
        "MONGO_URL": f"mongodb://127.0.0.1:{ports.mongo}",
        "PORTAL_URL": system.portal,
        "INVITE_URL": system.invite,
        "OPERATOR_ISSUER": f"{system.authority}/{demo.PROVIDER_TENANT}/v2.0",
        "OPERATOR_CA_FILE": str(system.ca_file),
        "PORTAL_CLIENT_ID": demo.PORTAL_CLIENT_ID,
        "PORTAL_CLIENT_SECRET_FILE": str(system.secrets / "portal-client-secret"),
        "API_AUDIENCE": API_AUDIENCE,
        "CLI_CLIENT_ID": demo.CLI_CLIENT_ID,
        "OPS_EMAIL": "ops@provider.example",
        "PROVIDER_NAME": PROVIDER_NAME,
        "PROVIDER_LOGO_FILE": str(LOGO),
        "ENTRA_PUBLISHER": PROVIDER_NAME,
        "LINK_KEYS_FILE": str(keys.link),
        "VAULT_KEYS_FILE": str(keys.vault),
        "SEAL_PUBLIC_KEYS_FILE": str(keys.seal_public),
        "ENTRA_AUTHORITY": system.authority,
        "GRAPH_URL": system.authority,
        "ENTRA_CA_FILE": str(system.ca_file),
        "ENTRA_SIMULATED": "1",
        "ENTRA_CLIENT_ID": demo.SIGNIN_CLIENT_ID,
        "ENTRA_CLIENT_SECRET_FILE": str(system.secrets / "entra-client-secret"),
        "ENTRA_DEVICE_CLIENT_ID": demo.DEVICE_CLIENT_ID,
        "ENTRA_APP_NAME": "Tokenswitch",
        "ENTRA_DEVICE_APP_NAME": "Tokenswitch (sign-in by code)",
        # On one machine everybody has one address, and the demo tenants are tried again and again.
        "STARTS_PER_ADDRESS": "100",
        "STARTS_PER_TENANT": "500",
        "SMTP_URL": f"smtp://127.0.0.1:{ports.smtp}",
        "MAIL_FROM": f"{PROVIDER_NAME} <no-reply@provider.example>",
    }
    return given | {name: os.environ[name] for name in given if os.environ.get(name)}

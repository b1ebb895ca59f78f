"""The ports of a running system: each has a default and an environment variable that moves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tokenswitch_dev.services import SERVICES
from tokenswitch_dev.stack.process import port_is_free

DEFAULTS = {service.port_variable: (service.port, f"{service.face} ({service.name})") for service in SERVICES} | {
    "PORT_MAILBOX": (8025, "the mailbox page"),
    "PORT_SMTP": (1025, "the mailbox's SMTP"),
    "PORT_ENTRA": (8443, "the Entra simulator (https)"),
    "PORT_ENTRA_PAGES": (8444, "the Entra simulator's pages"),
    "PORT_KAFKA": (9092, "Kafka"),
    "PORT_MONGO": (27017, "MongoDB"),
}


class WrongPort(Exception):
    """A port that cannot be used; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    services: Mapping[str, int]
    """By the service's key."""
    mailbox: int
    smtp: int
    entra: int
    entra_pages: int
    kafka: int
    mongo: int


def read(environment: Mapping[str, str]) -> Ports:
    """Raises: WrongPort."""
    chosen = _chosen(environment)
    return Ports(
        services={service.key: chosen[service.port_variable] for service in SERVICES},
        mailbox=chosen["PORT_MAILBOX"],
        smtp=chosen["PORT_SMTP"],
        entra=chosen["PORT_ENTRA"],
        entra_pages=chosen["PORT_ENTRA_PAGES"],
        kafka=chosen["PORT_KAFKA"],
        mongo=chosen["PORT_MONGO"],
    )


def check_free(environment: Mapping[str, str]) -> None:
    """Raises: WrongPort, when another program listens on one of them."""
    for name, port in _chosen(environment).items():
        _, what = DEFAULTS[name]
        if not port_is_free(port):
            way_out = f"stop that one or set {name} to a free port."
            raise WrongPort(f"Port {port} ({what}) is taken by another program: {way_out}")


def _chosen(environment: Mapping[str, str]) -> dict[str, int]:
    chosen = {name: _number(name, environment.get(name) or str(default)) for name, (default, _) in DEFAULTS.items()}
    names: dict[int, str] = {}
    for name, port in chosen.items():
        if port in names:
            raise WrongPort(f"{names[port]} and {name} are both {port}; give one of them another port.")
        names[port] = name
    return chosen


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise WrongPort(f"{name} is {text!r}; give a port between 1 and 65535.")
    return int(text)

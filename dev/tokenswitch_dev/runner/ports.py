"""The ports of a running system: each has a default and an environment variable that moves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tokenswitch_dev.stack.process import port_is_free

DEFAULTS = {
    "PORT_PORTAL": (8000, "the portal (config-svc)"),
    "PORT_INVITE": (8001, "the wizard (invite-svc)"),
    "PORT_AUTH": (8002, "auth-svc"),
    "PORT_NOTIFY": (8003, "notify-svc"),
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
    portal: int
    invite: int
    auth: int
    notify: int
    mailbox: int
    smtp: int
    entra: int
    entra_pages: int
    kafka: int
    mongo: int


def read(environment: Mapping[str, str]) -> Ports:
    chosen = {name: _number(name, environment.get(name) or str(default)) for name, (default, _) in DEFAULTS.items()}
    seen: dict[int, str] = {}
    for name, port in chosen.items():
        if port in seen:
            raise WrongPort(f"{seen[port]} and {name} are both {port}; give one of them another port.")
        seen[port] = name
    return Ports(**{name.removeprefix("PORT_").lower(): port for name, port in chosen.items()})


def check_free(ports: Ports) -> None:
    for name, (_, what) in DEFAULTS.items():
        port = getattr(ports, name.removeprefix("PORT_").lower())
        if not port_is_free(port):
            way_out = f"stop that one or set {name} to a free port."
            raise WrongPort(f"Port {port} ({what}) is taken by another program: {way_out}")


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise WrongPort(f"{name} is {text!r}; give a port between 1 and 65535.")
    return int(text)

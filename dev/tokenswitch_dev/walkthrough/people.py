"""Where a running system is found, and who walks through it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Addresses:
    portal: str
    mailbox: str
    microsoft: str


@dataclass(frozen=True, kw_only=True)
class People:
    """The customer of a walk, and its administrator's account at Microsoft."""

    customer: str
    name: str
    admin: str
    operator: str = "operator@provider.example"

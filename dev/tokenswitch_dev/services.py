"""The product's services, each once. What cannot read this list is compared by tests/deploy/test_services.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    key: str
    """The short name: in events, database names, key files."""
    face: str
    """What people call it."""
    port: int
    """Where it listens under `make run`, unless `port_variable` says another one."""
    port_variable: str
    keys: tuple[str, ...]
    """The key and secret files that it is handed, and no other service's."""

    @property
    def name(self) -> str:
        """As folder, image, Kafka user and in logs."""
        return f"{self.key}-svc"

    @property
    def module(self) -> str:
        return f"{self.key}_svc"

    @property
    def reads_sealed(self) -> bool:
        """Other services seal values for this one: it holds a private key."""
        return f"seal-{self.key}.json" in self.keys


SERVICES = (
    Service(
        key="config",
        face="the portal",
        port=8000,
        port_variable="PORT_PORTAL",
        keys=("link.json", "seal-public.json", "portal-client-secret", "ca.pem"),
    ),
    Service(
        key="invite",
        face="the wizard",
        port=8001,
        port_variable="PORT_INVITE",
        keys=("link.json", "seal-public.json", "seal-invite.json"),
    ),
    Service(
        key="auth",
        face="access tokens",
        port=8002,
        port_variable="PORT_AUTH",
        keys=("vault.json", "seal-public.json", "seal-auth.json", "entra-client-secret", "ca.pem"),
    ),
    Service(
        key="notify",
        face="the mails",
        port=8003,
        port_variable="PORT_NOTIFY",
        keys=("link.json",),
    ),
)

"""What invite-svc is told beside the common settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from shared.contracts.guids import GUID
from shared.crypto.sealed_box import SealKeysFile, SealPublicKeysFile
from shared.crypto.vault import KeyRingFile
from shared.service.settings import CommonSettings
from shared.web.logo import LogoFile


def _name(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has a control character in it; give a name as people read it")
    return text.strip()


def _client_id(text: str) -> str:
    if text and not GUID.fullmatch(text):
        raise ValueError("is not an application (client) ID; give one like 00000000-0000-0000-0000-000000000000")
    return text.lower()


ClientId = Annotated[str, AfterValidator(_client_id)]
Name = Annotated[str, AfterValidator(_name), Field(max_length=100)]


class InviteSettings(CommonSettings):
    """`entra_app_name` and `entra_device_app_name`: the names that Microsoft shows for our two app registrations,
    `entra_client_id` and `entra_device_client_id` their ids, `entra_publisher` their publisher; people compare them.
    `starts_per_address`, `wrong_links_per_address`: in ten minutes. `starts_per_tenant`: in a day."""

    link_keys_file: KeyRingFile
    """Key ring that makes links, sessions and list cursors; the same in the services that have it."""
    seal_keys_file: SealKeysFile
    """Private keys for what other services seal for this one."""
    seal_public_keys_file: SealPublicKeysFile
    """Public keys of all readers; the first of each seals."""
    provider_name: Annotated[Name, Field(min_length=1)]
    """Your name, as customers know it."""
    provider_logo_file: LogoFile | None = None
    """Your logo: a plain SVG, or a PNG of up to 32 kB."""
    entra_publisher: Name = ""
    """Publisher of both, as Microsoft shows it."""
    entra_client_id: ClientId = ""
    """Application (client) id of the sign-in button. invite-svc shows it to security people."""
    entra_device_client_id: ClientId = ""
    """Application (client) id of the device-code way, a public client."""
    entra_app_name: Name = ""
    """Name of the sign-in application, as Microsoft shows it."""
    entra_device_app_name: Name = ""
    """Name of the device-code application, as Microsoft shows it."""
    graph_scopes: str = "User.Read"
    """Delegated permissions to ask for, with blanks between; the same in both services."""
    starts_per_address: Annotated[int, Field(ge=1)] = 10
    """Wizards begun from one address in ten minutes."""
    starts_per_tenant: Annotated[int, Field(ge=1)] = 20
    """Wizards begun for one tenant in a day."""
    wrong_links_per_address: Annotated[int, Field(ge=1)] = 30
    """Wrong links from one address in ten minutes."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """What Microsoft will ask to be granted, for people to read."""
        return (*self.graph_scopes.replace(",", " ").split(), "offline_access")

"""What config-svc is told beside the common settings."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from shared.contracts.roles import NAMES
from shared.crypto.sealed_box import SealPublicKeysFile
from shared.crypto.vault import KeyRingFile
from shared.service.setting_types import CaFile, IssuerUrl, SecretFile
from shared.service.settings import CommonSettings
from shared.web.logo import LogoFile

_DURATION = re.compile(r"(\d{1,6})\s*([smhd]?)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "": "days"}
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DEFAULT_ROLES = "62e90394-69f5-4237-9190-012177145e10,69091246-20e8-4a56-aa4d-066075b2a7a8"
MAX_LIFE = timedelta(days=90)


def duration(value: Any) -> Any:
    """`7d`, `36h`, `15m`, `90s`, or a number of days."""
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip().lower())
    if found is None:
        raise ValueError("is not a duration; give one like 7d, 36h or 15m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def duration_or_none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() in ("none", "0") else duration(value)


def _life(value: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= value <= MAX_LIFE:
        raise ValueError(f"must be between one second and {MAX_LIFE.days} days")
    return value


def _roles(text: str) -> str:
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found or not all(_GUID.fullmatch(role) for role in found):
        example = next(f"{id} ({name})" for id, name in NAMES.items() if id in DEFAULT_ROLES)
        raise ValueError(f"must be template ids of Entra roles, parted by commas, such as {example}")
    return ",".join(role.lower() for role in found)


Life = Annotated[timedelta, BeforeValidator(duration), AfterValidator(_life)]


class ConfigSettings(CommonSettings):
    """`invitation_life`, `remind_after`, `accepted_roles`: what a new switch takes until an administrator saves other
    settings; a running one keeps its own. `provider_name`, `mail_from`: those of notify-svc, for the settings page."""

    operator_issuer: IssuerUrl
    """Who signs operators and API callers in: your tenant's issuer."""
    operator_ca_file: CaFile | None = None
    """Certificate authority of that issuer, if it is a private one."""
    portal_client_id: Annotated[str, Field(min_length=1)]
    """The portal's application (client) id."""
    portal_client_secret_file: SecretFile
    """File of one line: the portal's client secret."""
    api_audience: Annotated[str, Field(min_length=1)]
    """What tokens for the API must be made out to."""
    cli_client_id: Annotated[str, Field(max_length=100)] = ""
    """Application (client) id of the command line, a public client; empty: it cannot sign in."""
    ops_email: str = ""
    """Who hears of lost access."""
    provider_name: Annotated[str, Field(max_length=100)] = ""
    """Your name, as customers know it."""
    mail_from: str = ""
    """Sender of all mails; config-svc shows it on the settings page."""
    link_keys_file: KeyRingFile
    """Key ring that makes links, sessions and list cursors; the same in the services that have it."""
    seal_public_keys_file: SealPublicKeysFile
    """Public keys of all readers; the first of each seals."""
    invitation_life: Life = timedelta(days=7)
    """How long an invitation counts, like `7d`, until an administrator saves another value."""
    remind_after: Annotated[timedelta | None, BeforeValidator(duration_or_none)] = timedelta(days=3)
    """When an invitee is reminded; `none`: never. Also only until one is saved."""
    accepted_roles: Annotated[str, AfterValidator(_roles)] = DEFAULT_ROLES
    """Template ids of the Entra roles whose holders may approve. Also only until some are saved."""
    requests_per_hour: Annotated[int, Field(ge=1)] = 60
    """Switches and resends for one customer in an hour."""
    provider_logo_file: LogoFile | None = None
    """Your logo: a plain SVG, or a PNG of up to 32 kB."""
    event_streams: Annotated[int, Field(ge=1, le=1000)] = 40
    """Open event streams in one process."""

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.accepted_roles.split(","))

"""The settings of auth-svc: where Microsoft is, as which applications we meet it, the keys, who may read
tokens.

Without ENTRA_SIMULATED only Microsoft's own hosts are accepted, and no certificate authority of one's own: a private
one in front of Microsoft would be a machine in the middle that reads every token. https is needed in any case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from shared.contracts.guids import GUID
from shared.crypto.sealed_box import SealKeysFile, SealPublicKeysFile
from shared.crypto.vault import KeyRingFile
from shared.service.setting_types import CaFile, IssuerUrl, SecretFile, ServerUrl
from shared.service.settings import CommonSettings

AUTHORITY_HOSTS = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
        "login.microsoftonline.us",
        "login-us.microsoftonline.com",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
    }
)
GRAPH_HOSTS = frozenset(
    {
        "graph.microsoft.com",
        "graph.microsoft.us",
        "dod-graph.microsoft.us",
        "microsoftgraph.chinacloudapi.cn",
    }
)
MIN_POLL_SECONDS = 5
"""Between two polls of one device code (RFC 8628, 3.5)."""
EVERYONE = "*"
_SCOPE = re.compile(r"(https://[a-z0-9.-]+/)?[A-Za-z][A-Za-z0-9._-]{0,80}")
_RESERVED = {"openid", "profile", "email", "offline_access"}


def _guid(text: str) -> str:
    if not GUID.fullmatch(text):
        raise ValueError("is not an application (client) id; copy the GUID from the app registration")
    return text.lower()


def _scopes(text: str) -> str:
    scopes = text.split()
    if not scopes or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise ValueError("is not a list of Graph permissions; give names like User.Read, with blanks between")
    if _RESERVED.intersection(scopes):
        raise ValueError("must not hold openid, profile, email or offline_access; they are always asked for")
    return text


def _readers(text: str) -> str:
    _parsed(text)
    return text


def _parsed(text: str) -> Mapping[str, frozenset[str]]:
    try:
        readers = json.loads(text)
    except ValueError:
        readers = None
    lists = readers.values() if isinstance(readers, dict) else ()
    if not isinstance(readers, dict) or not all(_names(value) for value in lists):
        raise ValueError('must be JSON like {"<client id of the caller>": ["<customer>", ...]}, or ["*"] for all')
    return {caller.lower(): frozenset(customers) for caller, customers in readers.items()}


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


ClientId = Annotated[str, AfterValidator(_guid)]


class AuthSettings(CommonSettings):
    """What auth-svc is told. `entra_simulated` comes first: what is allowed below depends on it."""

    entra_simulated: bool = False
    """Tests only: lets Microsoft be another host, with its own certificate authority."""
    entra_authority: ServerUrl = "https://login.microsoftonline.com"
    """Microsoft's sign-in service of your cloud."""
    graph_url: ServerUrl = "https://graph.microsoft.com"
    """Microsoft Graph of your cloud."""
    entra_ca_file: CaFile | None = None
    """Tests only: certificate authority of the simulated Microsoft."""
    entra_client_id: ClientId
    """Application (client) id of the sign-in button. invite-svc shows it to security people."""
    entra_client_secret_file: SecretFile
    """File of one line: the client secret of that application."""
    entra_device_client_id: ClientId
    """Application (client) id of the device-code way, a public client."""
    graph_scopes: Annotated[str, AfterValidator(_scopes)] = "User.Read"
    """Delegated permissions to ask for, with blanks between; the same in both services."""
    entra_workers: Annotated[int, Field(ge=1, le=128)] = 32
    """Threads that poll Microsoft for device codes. About flows x answer time / poll seconds."""
    entra_pending_flows: Annotated[int, Field(ge=1, le=10_000)] = 2000
    """Device codes that one process keeps open."""
    entra_poll_seconds: Annotated[float, Field(ge=0.1, le=60)] = MIN_POLL_SECONDS
    """Seconds between two polls of one device code; under 5 for tests only."""
    attempt_lease_seconds: Annotated[float, Field(ge=2, le=120)] = 30.0
    """After a crash, how long a sign-in waits for another replica."""
    vault_keys_file: KeyRingFile
    """Key ring that seals tokens and secrets at rest."""
    seal_keys_file: SealKeysFile
    """Private keys for what other services seal for this one."""
    seal_public_keys_file: SealPublicKeysFile
    """Public keys of all readers; the first of each seals."""
    operator_issuer: IssuerUrl
    """Who signs operators and API callers in: your tenant's issuer."""
    operator_ca_file: CaFile | None = None
    """Certificate authority of that issuer, if it is a private one."""
    api_audience: Annotated[str, Field(min_length=1)]
    """What tokens for the API must be made out to."""
    token_readers: Annotated[str, AfterValidator(_readers)] = ""
    """Who may read tokens of whom: `{"<client id>": ["<customer>"]}`; empty: the role decides."""

    @field_validator("token_readers", mode="before")
    @classmethod
    def _not_given(cls, value: object) -> object:
        return value or "{}"

    @field_validator("entra_authority", "graph_url", mode="after")
    @classmethod
    def _at_microsoft(cls, url: str, info: ValidationInfo) -> str:
        parts = urlsplit(url)
        if parts.scheme != "https":
            raise ValueError("must begin with https://, since tokens travel there")
        hosts = AUTHORITY_HOSTS if info.field_name == "entra_authority" else GRAPH_HOSTS
        if info.data.get("entra_simulated"):
            return url
        if parts.netloc not in hosts or parts.path:
            raise ValueError(
                f"is not one of Microsoft's own ({', '.join(sorted(hosts))}); "
                "another one needs ENTRA_SIMULATED, for tests only"
            )
        return url

    @field_validator("entra_ca_file", mode="after")
    @classmethod
    def _only_simulated(cls, path: CaFile | None, info: ValidationInfo) -> CaFile | None:
        if path and not info.data.get("entra_simulated"):
            raise ValueError("needs ENTRA_SIMULATED: Microsoft's certificates are public ones; leave it out")
        return path

    @field_validator("entra_poll_seconds", mode="after")
    @classmethod
    def _patient(cls, seconds: float, info: ValidationInfo) -> float:
        if seconds < MIN_POLL_SECONDS and not info.data.get("entra_simulated"):
            raise ValueError(f"must be {MIN_POLL_SECONDS} at least; less needs ENTRA_SIMULATED, for tests only")
        return seconds

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.graph_scopes.split())

    @property
    def readers(self) -> Mapping[str, frozenset[str]]:
        """Callers by client id, and the customers whose tokens they may read; empty: the role alone
        decides."""
        return _parsed(self.token_readers or "{}")

    @property
    def redirect_uri(self) -> str:
        return f"{self.invite_url}/signin/return"

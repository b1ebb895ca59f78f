"""What the control API can be asked for, checked at the edge."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FaultWish(Wish):
    where: str
    code: str = ""
    kind: str = ""
    tenant: str = "*"
    account: str = ""
    times: int | None = None
    retry_after: int = 10
    seconds: float = 30.0


class RevokeWish(Wish):
    tenant: str
    account: str = ""


class RolesWish(Wish):
    tenant: str
    account: str
    roles: list[str]


class SecretWish(Wish):
    client_id: str
    value: str | None = None
    expired: bool | None = None
    expires: float | None = None


class RedirectWish(Wish):
    client_id: str
    uri: str


class PolicyWish(Wish):
    tenant: str
    device_code: Literal["allowed", "security_defaults", "conditional_access"] | None = None
    conditional_access_block: bool | None = None
    user_consent: bool | None = None
    consents: dict[str, dict[str, list[str]]] | None = None


class AccountWish(Wish):
    tenant: str
    account: str
    enabled: bool


class ClockWish(Wish):
    advance: float


class ApproveWish(Wish):
    user_code: str
    account: str
    consent: bool = True


class DeclineWish(Wish):
    user_code: str


class AuthorizeWish(Wish):
    url: str
    account: str
    consent: bool = True

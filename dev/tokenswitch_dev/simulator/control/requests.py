"""What the control API can be asked for, checked at the edge."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FaultRequest(Request):
    where: str
    code: str = ""
    kind: str = ""
    tenant: str = "*"
    account: str = ""
    times: int | None = None
    retry_after: int = 10
    seconds: float = 30.0


class RevokeRequest(Request):
    tenant: str
    account: str = ""


class RolesRequest(Request):
    tenant: str
    account: str
    roles: list[str]


class SecretRequest(Request):
    client_id: str
    value: str | None = None
    expired: bool | None = None
    expires: float | None = None


class RedirectRequest(Request):
    client_id: str
    uri: str


class PolicyRequest(Request):
    tenant: str
    device_code: Literal["allowed", "security_defaults", "conditional_access"] | None = None
    conditional_access_block: bool | None = None
    user_consent: bool | None = None
    consents: dict[str, dict[str, list[str]]] | None = None


class AccountRequest(Request):
    tenant: str
    account: str
    enabled: bool


class ClockRequest(Request):
    advance: float


class ApproveRequest(Request):
    user_code: str
    account: str
    consent: bool = True


class DeclineRequest(Request):
    user_code: str


class AuthorizeRequest(Request):
    url: str
    account: str
    consent: bool = True

"""What the control API can be asked for, checked at the edge."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


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


class AnswerRequest(Request):
    """`body`: a text as it is, anything else as JSON. `delay` and `clock_offset` in seconds."""

    endpoint: str = "any"
    tenant: str = "*"
    path: str = ""
    status: int | None = Field(None, ge=200, le=599)
    headers: dict[str, str] = {}
    body: Any = ""
    delay: float = Field(0.0, ge=0, le=300)
    clock_offset: float = 0.0
    times: int | None = Field(None, ge=1)


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

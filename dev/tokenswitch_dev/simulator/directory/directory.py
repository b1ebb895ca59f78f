"""What a directory holds: tenants, accounts, app registrations; found by id, domain and user name."""

from __future__ import annotations

from typing import Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from tokenswitch_dev.simulator.directory.store import Store

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
TEAMS_ADMINISTRATOR = "69091246-20e8-4a56-aa4d-066075b2a7a8"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
CLOUD_APPLICATION_ADMINISTRATOR = "158c047a-c907-4556-b7ef-446551a6b5f7"
EVERY_MEMBER = "b79fbf4d-3ef9-4689-8143-76b194e85509"

ROLE_NAMES = {
    GLOBAL_ADMINISTRATOR: "Global Administrator",
    TEAMS_ADMINISTRATOR: "Teams Administrator",
    PRIVILEGED_ROLE_ADMINISTRATOR: "Privileged Role Administrator",
    APPLICATION_ADMINISTRATOR: "Application Administrator",
    CLOUD_APPLICATION_ADMINISTRATOR: "Cloud Application Administrator",
    "baf37b3a-610e-45da-9e62-d9d1e5e8914b": "Teams Communications Administrator",
    "aa38014f-0993-46e9-9b45-30501a20909d": "Teams Telephony Administrator",
    "3d762c5a-1b6c-493f-843e-55a3b42923d4": "Teams Devices Administrator",
    "75941009-915a-4869-abe7-691bff18279e": "Skype for Business Administrator",
    "29232cdf-9323-42fd-ade2-1d097af3e4de": "Exchange Administrator",
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
}
# A Teams Administrator is not among them: that role cannot consent for the organisation.
CONSENT_GIVERS = {
    GLOBAL_ADMINISTRATOR,
    PRIVILEGED_ROLE_ADMINISTRATOR,
    APPLICATION_ADMINISTRATOR,
    CLOUD_APPLICATION_ADMINISTRATOR,
}


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Home(Record):
    """Where a guest comes from."""

    tid: str
    oid: str
    upn: str


class Account(Record):
    upn: str
    name: str = ""
    oid: str = Field(default_factory=lambda: str(uuid4()))
    roles: list[str] = []
    home: Home | None = None
    enabled: bool = True
    revoked_at: float = 0.0
    app_roles: dict[str, list[str]] = {}

    @property
    def login(self) -> str:
        """What the person types: a guest types the name of the home tenant."""
        return (self.home.upn if self.home else self.upn).lower()


class Secret(Record):
    value: str
    id: str = Field(default_factory=lambda: str(uuid4()))
    expires: float | None = None


class App(Record):
    client_id: str = Field(default_factory=lambda: str(uuid4()))
    name: str
    tenant: str = ""
    multi_tenant: bool = False
    public: bool = False
    secrets: list[Secret] = []
    redirect_uris: list[str] = []
    graph_roles: list[str] = []
    api_roles: list[str] = []
    emits_wids: bool = False
    assignment_required: bool = False
    enabled: bool = True


class Preset(Record):
    """A fault that a demo tenant has from the beginning."""

    where: str
    code: str


class Tenant(Record):
    domain: str
    name: str = ""
    tid: str = Field(default_factory=lambda: str(uuid4()))
    shows: str = ""
    accounts: list[Account] = []
    apps: list[App] = []
    device_code: Literal["allowed", "security_defaults", "conditional_access"] = "allowed"
    conditional_access_block: bool = False
    user_consent: bool = True
    consents: dict[str, dict[str, list[str]]] = {}
    refresh_revoked_after: float | None = None
    faults: list[Preset] = []


class Directory:
    """All tenants, in memory and in the store; every change goes through `save`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.tenants: dict[str, Tenant] = {}
        self._domains: dict[str, str] = {}
        self._apps: dict[str, App] = {}
        self._accounts: dict[tuple[str, str], Account] = {}
        self._logins: dict[tuple[str, str], Account] = {}
        for value in store.load("tenant").values():
            self._index(Tenant.model_validate(value))

    def save(self, tenant: Tenant) -> Tenant:
        self._store.put("tenant", tenant.tid, tenant.model_dump())
        return self._index(tenant)

    def _index(self, tenant: Tenant) -> Tenant:
        self.tenants[tenant.tid] = tenant
        self._domains[tenant.domain.lower()] = tenant.tid
        for app in tenant.apps:
            app.tenant = tenant.tid
            self._apps[app.client_id.lower()] = app
        for account in tenant.accounts:
            self._accounts[tenant.tid, account.oid] = account
            self._logins[tenant.tid, account.login] = account
        return tenant

    def tenant(self, segment: str) -> Tenant | None:
        """By GUID or by domain, as in an address."""
        key = segment.lower()
        return self.tenants.get(key) or self.tenants.get(self._domains.get(key, ""))

    def app(self, client_id: str) -> App | None:
        return self._apps.get(client_id.lower())

    def account(self, tid: str, oid: str) -> Account | None:
        return self._accounts.get((tid, oid))

    def account_by_login(self, tid: str, login: str) -> Account | None:
        return self._logins.get((tid, login.strip().lower()))

    def home_of(self, login: str) -> tuple[Tenant, Account] | None:
        """The tenant that manages this user name, by its domain."""
        tenant = self.tenant(login.rpartition("@")[2])
        account = self.account_by_login(tenant.tid, login) if tenant else None
        return (tenant, account) if tenant and account and not account.home else None

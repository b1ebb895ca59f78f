"""The demo directory as data: tenants and what each shows, accounts, app registrations with their secrets."""

from __future__ import annotations

from dataclasses import dataclass

from tokenswitch_dev.simulator.directory.directory import (
    GLOBAL_ADMINISTRATOR,
    TEAMS_ADMINISTRATOR,
    Account,
    App,
    Directory,
    Home,
    Preset,
    Secret,
    Tenant,
)
from tokenswitch_dev.simulator.options import Options

PASSWORD = "Demo-Passw0rd!"

PROVIDER_TENANT = "0d9a1c5e-0001-4a6f-8b1e-5f0a2c3d0001"
API_CLIENT_ID = "0d9a1c5e-1000-4a6f-8b1e-5f0a2c3d1000"
PORTAL_CLIENT_ID = "0d9a1c5e-1001-4a6f-8b1e-5f0a2c3d1001"
SIGNIN_CLIENT_ID = "0d9a1c5e-1002-4a6f-8b1e-5f0a2c3d1002"
DEVICE_CLIENT_ID = "0d9a1c5e-1003-4a6f-8b1e-5f0a2c3d1003"
CLI_CLIENT_ID = "0d9a1c5e-1004-4a6f-8b1e-5f0a2c3d1004"
PORTAL_SECRET = "demo-portal-client-secret"
SIGNIN_SECRET = "demo-signin-client-secret"
API_AUDIENCE = "api://tokenswitch"
CLI_SCOPE = f"{API_AUDIENCE}/.default"
PORTAL_REDIRECT = "http://localhost:8000/auth/callback"
SIGNIN_REDIRECT = "http://localhost:8001/signin/return"


@dataclass(frozen=True)
class GatewayApp:
    """A machine that calls our API: its registration and the one app role it has."""

    client_id: str
    secret: str


GATEWAY_APPS = {
    "viewer": GatewayApp("0d9a1c5e-2001-4a6f-8b1e-5f0a2c3d2001", "demo-gateway-viewer-secret"),
    "operator": GatewayApp("0d9a1c5e-2002-4a6f-8b1e-5f0a2c3d2002", "demo-gateway-operator-secret"),
    "admin": GatewayApp("0d9a1c5e-2003-4a6f-8b1e-5f0a2c3d2003", "demo-gateway-admin-secret"),
    "token.read": GatewayApp("0d9a1c5e-2004-4a6f-8b1e-5f0a2c3d2004", "demo-token-reader-secret"),
}


@dataclass(frozen=True, kw_only=True)
class DemoCustomer:
    """What an operator would enter for a demo tenant: the secret here is as entered, right or wrong."""

    name: str
    domain: str
    client_id: str
    client_secret: str
    admin: str
    shows: str


NEVER, EXPIRED_ON = None, 1_735_689_600.0  # the expired secret ended with 2024
DEVICE_PARTS = ("devicecode", "poll", "refresh", "app", "graph")


@dataclass(frozen=True, kw_only=True)
class DemoTenant:
    """One line of the table below; number n makes the tenant's and its accounts' well-formed GUIDs."""

    n: int
    domain: str
    name: str
    shows: str
    entered_secret: str = ""
    expires: float | None = NEVER
    device_code: str = "allowed"
    blocked: bool = False
    user_consent: bool = True
    without_role: bool = False
    revoked_after: float | None = None
    fault: str = ""


DEMO_TENANTS = (
    DemoTenant(n=1, domain="contoso.example", name="Contoso", shows="All well"),
    DemoTenant(
        n=2,
        domain="fabrikam.example",
        name="Fabrikam",
        shows="Security defaults block device code (530035); the button works",
        device_code="security_defaults",
    ),
    DemoTenant(
        n=3,
        domain="woodgrove.example",
        name="Woodgrove Bank",
        shows="Conditional access refuses the sign-in (53003)",
        blocked=True,
    ),
    DemoTenant(
        n=4,
        domain="adatum.example",
        name="Adatum",
        shows="Users may not consent (90094): teams@ is refused, admin@ can accept",
        user_consent=False,
    ),
    DemoTenant(
        n=5,
        domain="litware.example",
        name="Litware",
        shows="The app registration's secret was entered wrongly (7000215)",
        entered_secret="not-the-secret-of-litware",
    ),
    DemoTenant(
        n=6,
        domain="proseware.example",
        name="Proseware",
        shows="The app registration's secret has expired (7000222)",
        expires=EXPIRED_ON,
    ),
    DemoTenant(
        n=7,
        domain="northwind.example",
        name="Northwind",
        shows="The account has no administrator role",
        without_role=True,
    ),
    DemoTenant(
        n=8,
        domain="tailspin.example",
        name="Tailspin Toys",
        shows="Use its admin@ for another customer: account of another tenant; its teams@ is a guest of Contoso",
    ),
    DemoTenant(
        n=9,
        domain="wingtip.example",
        name="Wingtip",
        shows="Microsoft throttles (429 with Retry-After) until switched off",
        fault="throttle",
    ),
    DemoTenant(
        n=10,
        domain="alpine.example",
        name="Alpine Ski House",
        shows="Microsoft is out of order (503) until switched off",
        fault="outage",
    ),
    DemoTenant(
        n=11,
        domain="lamna.example",
        name="Lamna Healthcare",
        shows="The refresh token is revoked two minutes later (50173)",
        revoked_after=120.0,
    ),
)


def guid(kind: int, n: int, m: int = 0) -> str:
    return f"{0xC0DE0000 + n:08x}-{kind:04x}-4{m:03x}-9abc-d00d{n:04x}{m:04x}"


def _accounts(row: DemoTenant) -> list[Account]:
    def account(m: int, user: str, name: str, *roles: str) -> Account:
        return Account(upn=f"{user}@{row.domain}", name=name, oid=guid(2, row.n, m), roles=list(roles))

    if row.without_role:
        return [account(1, "admin", "Avery Admin"), account(3, "user", "Uma User")]
    people = [
        account(1, "admin", "Avery Admin", GLOBAL_ADMINISTRATOR),
        account(2, "teams", "Terry Teams", TEAMS_ADMINISTRATOR),
        account(3, "user", "Uma User"),
    ]
    return people + ([_guest(row)] if row.n == 1 else [])


def _guest(row: DemoTenant) -> Account:
    """A person of Tailspin is a guest at Contoso, even with a role: a guest must be refused all the same."""
    home = Home(tid=guid(1, 8), oid=guid(2, 8, 2), upn="teams@tailspin.example")
    upn = f"teams_tailspin.example#EXT#@{row.domain}"
    roles = [GLOBAL_ADMINISTRATOR]
    return Account(upn=upn, name="Gale Guest", oid=guid(2, row.n, 4), roles=roles, home=home)


def _tenant(row: DemoTenant) -> Tenant:
    secret = Secret(id=guid(4, row.n), value=real_secret(row), expires=row.expires)
    return Tenant.model_validate(
        {
            "tid": guid(1, row.n),
            "domain": row.domain,
            "name": row.name,
            "shows": row.shows,
            "accounts": _accounts(row),
            "apps": [
                App(
                    client_id=guid(3, row.n),
                    name=f"Teams access of {row.name}",
                    secrets=[secret],
                    graph_roles=["Organization.Read.All", "Application.Read.All"],
                )
            ],
            "device_code": row.device_code,
            "conditional_access_block": row.blocked,
            "user_consent": row.user_consent,
            "refresh_revoked_after": row.revoked_after,
            "faults": [Preset(where=where, code=row.fault) for where in DEVICE_PARTS if row.fault],
        }
    )


def real_secret(row: DemoTenant) -> str:
    return f"demo-app-secret-of-{row.domain.partition('.')[0]}"


def customers() -> list[DemoCustomer]:
    return [
        DemoCustomer(
            name=row.name,
            domain=row.domain,
            client_id=guid(3, row.n),
            client_secret=row.entered_secret or real_secret(row),
            admin=f"admin@{row.domain}",
            shows=row.shows,
        )
        for row in DEMO_TENANTS
    ]


def _provider(options: Options) -> Tenant:
    def person(m: int, user: str, name: str) -> Account:
        roles = {PORTAL_CLIENT_ID: [user], API_CLIENT_ID: [user]}
        return Account(upn=f"{user}@provider.example", name=name, oid=guid(2, 99, m), app_roles=roles)

    own = [
        App(client_id=API_CLIENT_ID, name="Tokenswitch API"),
        App(
            client_id=PORTAL_CLIENT_ID,
            name="Tokenswitch portal",
            secrets=[Secret(value=PORTAL_SECRET, id=guid(4, 99))],
            redirect_uris=[PORTAL_REDIRECT, *options.portal_redirects],
            assignment_required=True,
        ),
        App(
            client_id=SIGNIN_CLIENT_ID,
            name="Tokenswitch",
            multi_tenant=True,
            emits_wids=True,
            secrets=[Secret(value=SIGNIN_SECRET, id=guid(4, 98))],
            redirect_uris=[SIGNIN_REDIRECT, *options.signin_redirects],
        ),
        App(
            client_id=DEVICE_CLIENT_ID,
            name="Tokenswitch (sign-in by code)",
            multi_tenant=True,
            public=True,
            emits_wids=True,
        ),
        App(client_id=CLI_CLIENT_ID, name="Tokenswitch command line", public=True, redirect_uris=["http://localhost"]),
    ]
    machines = [
        App(
            client_id=app.client_id,
            name=f"Gateway ({role})",
            api_roles=[role],
            secrets=[Secret(value=app.secret, id=app.client_id)],
        )
        for role, app in GATEWAY_APPS.items()
    ]
    people = [
        person(1, "viewer", "Vera Viewer"),
        person(2, "operator", "Otto Operator"),
        person(3, "admin", "Ada Admin"),
    ]
    return Tenant(
        tid=PROVIDER_TENANT,
        domain="provider.example",
        name="Your company (the provider)",
        shows="Operators of the portal",
        accounts=people,
        apps=own + machines,
        consents={PORTAL_CLIENT_ID: {"*": ["User.Read"]}, CLI_CLIENT_ID: {"*": ["User.Read", CLI_SCOPE]}},
    )


def seed(directory: Directory, options: Options) -> None:
    """Adds what is missing; what an earlier run changed stays, redirect addresses follow the options."""
    for tenant in [_provider(options), *map(_tenant, DEMO_TENANTS)]:
        kept = directory.tenants.get(tenant.tid)
        if kept is None:
            directory.save(tenant)
    provider = directory.tenants[PROVIDER_TENANT]
    made = _provider(options)
    fresh = {app.client_id: app.redirect_uris for app in made.apps}
    for app in provider.apps:
        app.redirect_uris = fresh.get(app.client_id, app.redirect_uris)
    _newer(provider, made)
    directory.save(provider)


def _newer(kept: Tenant, made: Tenant) -> None:
    """What an earlier version did not have yet: applications, their consents, people's roles in them."""
    there = {app.client_id for app in kept.apps}
    kept.apps += [app for app in made.apps if app.client_id not in there]
    kept.consents = {**made.consents, **kept.consents}
    roles = {account.upn: account.app_roles for account in made.accounts}
    for account in kept.accounts:
        account.app_roles = {**roles.get(account.upn, {}), **account.app_roles}

"""Client credentials: an application for itself, towards Graph or towards an API of the operator's own."""

from __future__ import annotations

from typing import Any

from tokenswitch_dev.simulator.demo import API_CLIENT_ID
from tokenswitch_dev.simulator.directory.directory import App, Tenant
from tokenswitch_dev.simulator.endpoints.clients import check_client
from tokenswitch_dev.simulator.endpoints.tokens import GRAPH, TOKEN_LIFE_SECONDS, api_app_token, graph_app_token
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.errors import Refusal, refuse
from tokenswitch_dev.simulator.wire.faults import Fault

GRAPH_RESOURCES = ("https://graph.microsoft.com", GRAPH)


def client_credentials(
    sim: Simulator, tenant: Tenant | None, form: dict[str, str], client_id: str, secret: str
) -> dict[str, Any] | Refusal | Fault:
    if tenant is None:
        return refuse("50059")
    fault = sim.faults.hit("app", tenant, client_id)
    if fault:
        return fault
    app = _installed(sim, tenant, client_id)
    if isinstance(app, Refusal):
        return app
    wrong = check_client(app, form, secret, sim.clock.now())
    return wrong or _token(sim, app, tenant, form.get("scope", ""))


def _installed(sim: Simulator, tenant: Tenant, client_id: str) -> App | Refusal:
    """An app has a principal where it is registered, and where somebody consented to it."""
    app = sim.find_app(client_id, tenant)
    known = isinstance(app, App) and (app.tenant == tenant.tid or app.client_id in tenant.consents)
    return app if known or isinstance(app, Refusal) else refuse("700016", client=client_id, tenant=tenant.name)


def _token(sim: Simulator, app: App, tenant: Tenant, scope: str) -> dict[str, Any] | Refusal:
    resource, suffix = scope.removesuffix("/.default").rstrip("/"), scope.endswith("/.default")
    if not suffix:
        return refuse("70011", scope=scope)
    if resource in GRAPH_RESOURCES:
        made = graph_app_token(sim, app, tenant)
    elif resource in (sim.options.api_audience, API_CLIENT_ID):
        made = api_app_token(sim, app, tenant, resource)
    else:
        return refuse("500011", scope=resource, tenant=tenant.name)
    return {
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFE_SECONDS,
        "ext_expires_in": TOKEN_LIFE_SECONDS,
        "access_token": made,
    }

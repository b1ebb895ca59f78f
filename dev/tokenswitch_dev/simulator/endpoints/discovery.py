"""Discovery: openid-configuration, JWKS, and the instance discovery of the cloud."""

from __future__ import annotations

from typing import Any

from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call, answer
from tokenswitch_dev.simulator.wire.errors import Refusal, new_trace, refused
from tokenswitch_dev.simulator.wire.faults import fault_answer

PUBLIC = {"access-control-allow-origin": "*", "cache-control": "max-age=86400, private"}


def openid_configuration(sim: Simulator, call: Call) -> Answer:
    trace = new_trace(call.headers.get("client-request-id", ""))
    tenant = sim.find_tenant(call.tenant)
    if isinstance(tenant, Refusal):
        return refused(tenant, trace, sim.authority)
    fault = sim.faults.hit("discovery", tenant)
    if fault:
        return fault_answer(fault, trace, sim.authority)
    segment = tenant.tid if tenant else call.tenant.lower()
    return answer(_configuration(sim, segment, tenant.tid if tenant else ""), headers=PUBLIC)


def _configuration(sim: Simulator, segment: str, tid: str) -> dict[str, Any]:
    machines, pages = f"{sim.authority}/{segment}", f"{sim.options.pages}/{segment}"
    return {
        "token_endpoint": f"{machines}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": f"{machines}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": sim.issuer(tid or "{tenantid}"),
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": f"{sim.authority}/oidc/userinfo",
        "authorization_endpoint": f"{pages}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{machines}/oauth2/v2.0/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{pages}/oauth2/v2.0/logout",
        "claims_supported": [
            "sub",
            "iss",
            "cloud_instance_name",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "acr",
            "nonce",
            "preferred_username",
            "name",
            "tid",
            "ver",
            "at_hash",
            "c_hash",
            "email",
        ],
        "tenant_region_scope": "EU" if tid else None,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }


def jwks(sim: Simulator, call: Call) -> Answer:
    tenant = sim.find_tenant(call.tenant)
    if isinstance(tenant, Refusal):
        return refused(tenant, new_trace(), sim.authority)
    fault = sim.faults.hit("discovery", tenant)
    if fault:
        return fault_answer(fault, new_trace(), sim.authority)
    return answer(sim.keys.jwks(sim.issuer(tenant.tid if tenant else "{tenantid}")), headers=PUBLIC)


def instance_discovery(sim: Simulator, call: Call) -> Answer:
    host = sim.authority.removeprefix("https://")
    asked = call.query.get("authorization_endpoint", "")
    segment = asked.removeprefix(sim.authority).strip("/").partition("/")[0] or "common"
    return answer(
        {
            "tenant_discovery_endpoint": f"{sim.authority}/{segment}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        },
        headers=PUBLIC,
    )

"""Entra ID by MSAL: device code, authorization code with PKCE, refresh, client credentials.

An MSAL application lives for one call: so nothing that it remembers (throttling, failed refreshes, other people's
tokens) can reach another customer. What costs time, connections and the tenants' configurations, is shared.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msal

from auth_svc.microsoft.discovery import ConfiguredHttpClient, Discovery, Hosts
from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable, read_error
from auth_svc.microsoft.http_client import CallFailed, HttpClient, NotWanted, Workers
from auth_svc.microsoft.interfaces import DeviceFlow, Pending, Redeemed, SignInFlow, Token
from auth_svc.microsoft.token_responses import (
    ask_twice,
    blame_tenant,
    defer_if_ours,
    living_token,
    read_redemption,
    read_token,
)
from auth_svc.settings import MIN_POLL_SECONDS
from shared.contracts.events import Method
from shared.crypto.secret import Secret
from shared.identity.token_verifier import PublishedKey

log = logging.getLogger(__name__)
T = TypeVar("T")

PROBE_SECONDS = 30.0
"""For so long an answer of Microsoft proves that it is there."""
_DEVICE_FLOW_FIELDS = ("device_code", "expires_at", "_correlation_id")
_IN_REDEMPTION = {
    "idle_too_long": "sign_in_expired",
    "token_damaged": "sign_in_mismatch",
    "secret_wrong": "client_refused",
    "secret_expired": "client_refused",
}
"""What the numbers mean for an authorization code, and for a secret that is our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applications:
    """Our two applications, and what they ask for."""

    sign_in: str
    """The client id of the confidential one, for the button."""
    secret: Secret[str]
    """Its client secret."""
    device: str
    """The client id of the public one, for device codes."""
    scopes: tuple[str, ...]
    """Delegated permissions of Graph."""
    redirect_uri: str
    """Where Microsoft sends the browser back."""
    graph: str
    """The resource that app tokens are asked for."""


class MsalEntra:
    """`polls` are the threads for pending device codes, `calls` for everything that somebody waits for."""

    def __init__(
        self,
        http: HttpClient,
        authority: str,
        hosts: Hosts,
        apps: Applications,
        *,
        polls: Workers,
        calls: Workers,
        interval: float = MIN_POLL_SECONDS,
    ) -> None:
        self._http, self._authority, self._hosts, self._apps = http, authority.rstrip("/"), hosts, apps
        self._polls, self._calls, self._interval = polls, calls, interval
        self._discovery = Discovery(http, self._authority, hosts)

    # --- the tenant ------------------------------------------------------------------------------------

    async def resolve_tenant(self, asked: str) -> str:
        return await self._calls.run(lambda: self._guarded(lambda: self._discovery.resolve(asked)))

    async def issuer(self, tenant: str) -> str:
        return await self._calls.run(lambda: self._guarded(lambda: self._discovery.issuer(tenant)))

    async def signing_key(self, tenant: str, kid: str) -> PublishedKey | None:
        return await self._calls.run(lambda: self._guarded(lambda: self._discovery.key(tenant, kid)))

    def clock_ahead(self) -> float | None:
        """Seconds that our clock is ahead of Microsoft's; None: Microsoft has not told its time yet."""
        return self._http.clock_ahead

    async def probe(self) -> None:
        """Asks only if nothing was heard for a while. Raises: EntraUnavailable."""
        if time.monotonic() - self._http.answered_at > PROBE_SECONDS:
            await self._calls.run(lambda: self._guarded(self._discovery.probe))

    # --- device code -----------------------------------------------------------------------------------

    async def begin_device(self, tenant: str, claims: str | None = None) -> DeviceFlow:
        return await self._calls.run(lambda: self._guarded(lambda: self._begin_device(tenant, claims)))

    def _begin_device(self, tenant: str, claims: str | None) -> DeviceFlow:
        flow = self._public(tenant).initiate_device_flow(list(self._apps.scopes), claims_challenge=claims)
        if "user_code" not in flow:
            raise blame_tenant(read_error(flow))
        if not self._hosts.is_page(flow["verification_uri"]):
            raise EntraRefused("token_invalid")
        msal_flow = {name: flow[name] for name in _DEVICE_FLOW_FIELDS if name in flow}
        return DeviceFlow(
            msal_flow=Secret(json.dumps(msal_flow)),
            user_code=Secret(str(flow["user_code"])),
            verification_uri=str(flow["verification_uri"]),
            expires_in=int(flow["expires_in"]),
            interval=max(self._interval, float(flow["interval"])),
        )

    async def poll_device(self, tenant: str, msal_flow: Secret[str], wanted: Callable[[], bool]) -> Redeemed | Pending:
        return await self._polls.run(lambda: self._guarded(lambda: self._poll(tenant, msal_flow)), wanted)

    def _poll(self, tenant: str, msal_flow: Secret[str]) -> Redeemed | Pending:
        # With an interval of 0 MSAL would not look at the exit condition and ask without end.
        flow = json.loads(msal_flow.reveal()) | {"interval": MIN_POLL_SECONDS}
        cache = msal.SerializableTokenCache()
        response = self._public(tenant, cache).acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
        if "access_token" in response:
            return read_redemption(self._apps.device, response, cache, None)
        if response.get("error") == "authorization_pending":
            return "pending"
        if response.get("error") == "slow_down":
            return "slow_down"
        raise blame_tenant(read_error(response))

    # --- the sign-in button ----------------------------------------------------------------------------

    async def begin_sign_in(
        self, tenant: str, state: str, login_hint: str | None, claims: str | None = None
    ) -> SignInFlow:
        return await self._calls.run(
            lambda: self._guarded(lambda: self._begin_sign_in(tenant, state, login_hint, claims))
        )

    def _begin_sign_in(self, tenant: str, state: str, login_hint: str | None, claims: str | None) -> SignInFlow:
        flow = self._confidential(tenant).initiate_auth_code_flow(
            list(self._apps.scopes),
            redirect_uri=self._apps.redirect_uri,
            state=state,
            prompt="select_account",
            login_hint=login_hint or None,
            response_mode="query",
            claims_challenge=claims,
        )
        url = str(flow.pop("auth_uri"))
        if not self._hosts.is_page(url):
            raise EntraRefused("token_invalid")
        return SignInFlow(Secret(json.dumps(flow)), Secret(url), Secret(state))

    async def redeem_code(self, tenant: str, msal_flow: Secret[str], answer: Mapping[str, str]) -> Redeemed:
        return await self._calls.run(lambda: self._guarded(lambda: self._redeem(tenant, msal_flow, answer)))

    def _redeem(self, tenant: str, msal_flow: Secret[str], answer: Mapping[str, str]) -> Redeemed:
        flow, cache = json.loads(msal_flow.reveal()), msal.SerializableTokenCache()
        nonce = hashlib.sha256(str(flow["nonce"]).encode("ascii")).hexdigest()
        given = {name: answer[name] for name in ("code", "state") if name in answer}
        response = self._confidential(tenant, cache).acquire_token_by_auth_code_flow(flow, given)
        if "access_token" not in response:
            error = read_error(response)
            error.reason = _IN_REDEMPTION.get(error.reason, error.reason)
            raise error
        return read_redemption(self._apps.sign_in, response, cache, nonce)

    # --- tokens ----------------------------------------------------------------------------------------

    async def refresh(
        self, tenant: str, method: Method, cache: Secret[str], *, force: bool, claims: str | None = None
    ) -> Token:
        return await self._calls.run(lambda: self._guarded(lambda: self._refresh(tenant, method, cache, force, claims)))

    def _refresh(self, tenant: str, method: Method, kept: Secret[str], force: bool, claims: str | None) -> Token:
        cache = msal.SerializableTokenCache()
        cache.deserialize(kept.reveal())
        try:
            response = ask_twice(
                lambda force, claims: self._silent(tenant, method, cache, force, claims), force, claims
            )
        except (CallFailed, EntraUnavailable):
            living = None if force or claims else living_token(cache, self._apps.scopes)
            if living is None:
                raise
            return living
        return read_token(response, Secret(cache.serialize()) if cache.has_state_changed else None)

    def _silent(
        self, tenant: str, method: Method, cache: msal.SerializableTokenCache, force: bool, claims: str | None
    ) -> Mapping[str, Any]:
        """Each call by an application of its own: MSAL remembers a refusal, and would repeat it unasked."""
        public = method == "device_code"
        app = self._public(tenant, cache) if public else self._confidential(tenant, cache)
        accounts = app.get_accounts()
        response: Mapping[str, Any] | None = accounts and app.acquire_token_silent_with_error(
            list(self._apps.scopes), accounts[0], force_refresh=force, claims_challenge=claims
        )
        if not response:
            raise EntraRefused("token_damaged")
        if "access_token" not in response:
            raise blame_tenant(read_error(response)) if public else defer_if_ours(read_error(response))
        return response

    async def app_token(self, tenant: str, client_id: str, secret: Secret[str], *, claims: str | None = None) -> Token:
        return await self._calls.run(lambda: self._guarded(lambda: self._app_token(tenant, client_id, secret, claims)))

    def _app_token(self, tenant: str, client_id: str, secret: Secret[str], claims: str | None) -> Token:
        def ask(_: bool, claims: str | None) -> Mapping[str, Any]:
            app = msal.ConfidentialClientApplication(
                client_id, client_credential=secret.reveal(), **self._at(tenant, msal.TokenCache())
            )
            response: Mapping[str, Any] = app.acquire_token_for_client(
                [f"{self._apps.graph}/.default"], claims_challenge=claims
            )
            if "access_token" not in response:
                raise read_error(response)
            return response

        return read_token(ask_twice(ask, True, claims), None)

    # --- MSAL ------------------------------------------------------------------------------------------

    def _public(self, tenant: str, cache: msal.TokenCache | None = None) -> Any:
        return msal.PublicClientApplication(self._apps.device, **self._at(tenant, cache))

    def _confidential(self, tenant: str, cache: msal.TokenCache | None = None) -> Any:
        secret = self._apps.secret.reveal()
        return msal.ConfidentialClientApplication(
            self._apps.sign_in, client_credential=secret, **self._at(tenant, cache)
        )

    def _at(self, tenant: str, cache: msal.TokenCache | None) -> dict[str, Any]:
        """The tenant's own authority, so that Microsoft itself refuses other people's accounts."""
        return {
            "authority": f"{self._authority}/{tenant}",
            "instance_discovery": False,
            "http_client": ConfiguredHttpClient(self._http, self._discovery.configuration(tenant)),
            "token_cache": cache,
        }

    def _guarded(self, call: Callable[[], T]) -> T:
        """Runs in a thread. Whatever MSAL may raise ends as one of our two kinds, without its texts."""
        self._http.forget_tokens()
        try:
            return call()
        except (EntraRefused, EntraUnavailable, NotWanted):
            raise
        except CallFailed as error:
            raise error.unavailable from None
        except Exception as error:
            spent = self._http.saw_tokens()
            log.error("MSAL failed with %s, %s tokens", type(error).__name__, "with" if spent else "without")
            raise EntraRefused("token_invalid" if spent else "our_request") from None

"""A simulator in a thread of its own, and unmodified MSAL in front of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msal
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.server import Running, running_simulator

ONCE = {"exit_condition": lambda _flow: True}
RETURN = demo.SIGNIN_REDIRECT


class Kit:
    """One running simulator and a session that trusts its authority only."""

    def __init__(self, running: Running) -> None:
        self.running, self.authority = running, running.authority
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(running.ca_file)

    def tid(self, domain: str) -> str:
        return self.running.tid(domain)

    def sim(self, name: str, **wish: Any) -> dict[str, Any]:
        said = self.session.post(f"{self.authority}/_sim/{name}", json=wish, timeout=30)
        assert said.status_code == 200, said.text
        return dict(said.json())

    def no_faults(self) -> None:
        """Nor raw answers."""
        for name in ("faults", "answers"):
            assert self.session.delete(f"{self.authority}/_sim/{name}", timeout=30).status_code == 200

    def device_app(self, tenant: str, client_id: str = demo.DEVICE_CLIENT_ID) -> msal.PublicClientApplication:
        return msal.PublicClientApplication(client_id, **self._at(tenant))

    def signin_app(self, tenant: str, secret: str = demo.SIGNIN_SECRET) -> msal.ConfidentialClientApplication:
        return self.confidential(tenant, demo.SIGNIN_CLIENT_ID, secret)

    def confidential(self, tenant: str, client_id: str, secret: str) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(client_id, client_credential=secret, **self._at(tenant))

    def _at(self, tenant: str) -> dict[str, Any]:
        segment = tenant if tenant in ("organizations", "common") else self.tid(tenant)
        return {
            "authority": f"{self.authority}/{segment}",
            "instance_discovery": False,
            "http_client": self.session,
        }

    def device_signin(self, tenant: str, account: str) -> dict[str, Any]:
        """A whole device flow that ends well."""
        app = self.device_app(tenant)
        flow = app.initiate_device_flow(["User.Read"])
        assert self.sim("approve", user_code=flow["user_code"], account=account) == {"outcome": "approved"}
        result = dict(app.acquire_token_by_device_flow(flow, **ONCE))
        assert "access_token" in result, result
        return result

    def code_signin(self, tenant: str, account: str) -> dict[str, Any]:
        """A whole authorization code flow that ends well."""
        app = self.signin_app(tenant)
        flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=RETURN, response_mode="form_post")
        back = self.sim("authorize", url=flow["auth_uri"], account=account)
        result = dict(app.acquire_token_by_auth_code_flow(flow, back["form"]))
        assert "access_token" in result, result
        return result

    def token(self, tenant: str, **form: str) -> requests.Response:
        return self.session.post(f"{self.authority}/{tenant}/oauth2/v2.0/token", data=form, timeout=30)

    def refresh(self, tenant: str, token: str, client_id: str = demo.DEVICE_CLIENT_ID, **more: str) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "refresh_token": token,
            "scope": "User.Read",
        }
        return dict(self.token(self.tid(tenant), **(form | more)).json())

    def graph(self, token: str, path: str, **body: Any) -> requests.Response:
        verb = "POST" if body else "GET"
        headers = {"Authorization": f"Bearer {token}"}
        address = f"{self.running.graph_url}/v1.0/{path}"
        return self.session.request(verb, address, headers=headers, json=body or None, timeout=30)

    def claims(self, token: str, tenant: str) -> dict[str, Any]:
        """Verified by the published keys, as a careful client does."""
        keys = self.session.get(f"{self.authority}/{tenant}/discovery/v2.0/keys", timeout=30).json()
        return dict(jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims)


@contextmanager
def simulator_thread(state: Path, **options: Any) -> Iterator[Kit]:
    ready: list[Running] = []
    started, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with running_simulator(state, **options) as running:
            ready.append(running)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(60), "the simulator did not start"
    kit = Kit(ready[0])
    try:
        yield kit
    finally:
        kit.session.close()
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def kit_fixture(factory: Any, **options: Any) -> Iterator[Kit]:
    """For a module's own fixture: fresh state, faults of the demo tenants left on."""
    with simulator_thread(factory.mktemp("entra"), **options) as kit:
        yield kit

"""Everything that one running simulator holds together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.directory.clock import Clock
from tokenswitch_dev.simulator.directory.directory import Account, App, Directory, Tenant
from tokenswitch_dev.simulator.directory.grants import Grants
from tokenswitch_dev.simulator.directory.keys import Keys
from tokenswitch_dev.simulator.directory.store import Store
from tokenswitch_dev.simulator.options import Options
from tokenswitch_dev.simulator.wire.calls import Call
from tokenswitch_dev.simulator.wire.errors import Refusal, refuse
from tokenswitch_dev.simulator.wire.faults import Faults
from tokenswitch_dev.simulator.wire.raw_answers import RawAnswer, RawAnswers, endpoint_of

SHARED = ("organizations", "common")
MASKED = {"client_secret", "code", "device_code", "refresh_token", "code_verifier", "client_assertion"}


@dataclass(kw_only=True)
class Simulator:
    options: Options
    store: Store
    clock: Clock
    directory: Directory
    keys: Keys
    faults: Faults
    raw_answers: RawAnswers
    grants: Grants
    log: deque[dict[str, Any]]

    @property
    def authority(self) -> str:
        return self.options.authority

    def issuer(self, tid: str) -> str:
        return f"{self.authority}/{tid}/v2.0"

    def find_tenant(self, segment: str) -> Tenant | Refusal | None:
        """A tenant, None for all of them (organizations), or the refusal of an unknown one."""
        if segment.lower() in SHARED:
            return None
        return self.directory.tenant(segment) or refuse("90002", tenant=segment)

    def raw_answer(self, call: Call) -> RawAnswer | None:
        """What was asked to be answered to this call, whatever the endpoint would say."""
        endpoint = endpoint_of(call) if self.raw_answers.active else ""
        return self.raw_answers.take(endpoint, self._tid(call), call.path) if endpoint else None

    def _tid(self, call: Call) -> str:
        claims = self.keys.read_graph(call.bearer) if call.bearer else None
        tenant = self.directory.tenant(call.tenant) if call.tenant else None
        return str(claims["tid"]) if claims else tenant.tid if tenant else ""

    def find_app(self, client_id: str, tenant: Tenant | None) -> App | Refusal:
        """An app that a person may sign in to at this authority."""
        app = self.directory.app(client_id)
        where = tenant.name if tenant else "Microsoft"
        if app is None or (tenant and not app.multi_tenant and app.tenant != tenant.tid):
            return refuse("700016", client=client_id, tenant=where)
        if not app.enabled:
            return refuse("7000112", client=client_id)
        if tenant is None and not app.multi_tenant:
            return refuse("50194", client=client_id)
        return app

    def remember(self, call: Call, status: int) -> None:
        """The request log that tests read; secrets are masked."""
        sent = call.form if call.method == "POST" and not call.path.endswith("checkMemberObjects") else {}
        shown = {name: "***" if name in MASKED else value for name, value in sent.items()}
        request_id = call.headers.get("client-request-id", "")
        self.log.append(
            {
                "at": self.clock.now(),
                "method": call.method,
                "path": call.path,
                "query": call.query,
                "form": shown,
                "status": status,
                "client_request_id": request_id,
                "sku": call.headers.get("x-client-sku", ""),
            }
        )

    def revoke(self, tenant: Tenant, accounts: list[Account]) -> None:
        for account in accounts:
            account.revoked_at = self.clock.now()
        self.directory.save(tenant)


def open_simulator(options: Options) -> Simulator:
    options.state.mkdir(parents=True, exist_ok=True)
    store = Store(options.state / "entra.sqlite3")
    directory = Directory(store)
    demo.seed(directory, options)
    clock = Clock(store, options.clock_scale)
    faults = Faults(store)
    faults.restore(list(directory.tenants.values()))
    grants = Grants(store)
    grants.sweep(clock.now())
    return Simulator(
        options=options,
        store=store,
        clock=clock,
        directory=directory,
        keys=Keys(store),
        faults=faults,
        raw_answers=RawAnswers(),
        grants=grants,
        log=deque(maxlen=5000),
    )

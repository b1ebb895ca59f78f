"""Faults switched on by request: any row of the error table, for a tenant, an account, a number of times."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

from tokenswitch_dev.simulator.directory.directory import Tenant
from tokenswitch_dev.simulator.directory.store import Store
from tokenswitch_dev.simulator.wire.calls import Answer, answer
from tokenswitch_dev.simulator.wire.error_table import row
from tokenswitch_dev.simulator.wire.errors import Refusal, Trace, refused

PLACES = ("devicecode", "browser", "poll", "code", "refresh", "app", "graph", "discovery", "any")
# What is no row of the table: broken answers, silence, and Graph's own refusals.
KINDS = ("html", "garbage", "silent", "cae", "forbidden", "unauthorized")
GRAPH_NAMES = {
    "throttle": (429, "TooManyRequests", "Too many requests. Please retry after some time."),
    "outage": (503, "ServiceUnavailable", "The service is temporarily unavailable."),
    "forbidden": (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    "unauthorized": (401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
}


@dataclass(kw_only=True)
class Fault:
    where: str
    code: str
    tenant: str = "*"
    account: str = ""
    times: int | None = None
    retry_after: int = 10
    seconds: float = 30.0
    id: int = 0
    switch: str = ""

    def matches(self, where: str, tenant: Tenant | None, account: str) -> bool:
        here = self.where in (where, "any")
        tenant_fits = self.tenant == "*" or (tenant is not None and self.tenant == tenant.tid)
        return here and tenant_fits and self.account in ("", account)


def known(code: str) -> bool:
    return code in KINDS or row(code) is not None


@dataclass
class Faults:
    store: Store
    active: list[Fault] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def restore(self, tenants: list[Tenant]) -> None:
        """From the last run, or the demo tenants' own in a fresh one."""
        kept = self.store.load("faults").get("active")
        if kept is None:
            presets = [(tenant, preset) for tenant in tenants for preset in tenant.faults]
            kept = [asdict(Fault(where=p.where, code=p.code, tenant=t.tid, switch=p.code)) for t, p in presets]
        self.active = [Fault(**value) for value in kept]
        for fault in self.active:
            fault.id = next(self._ids)
        self._save()

    def add(self, fault: Fault) -> Fault:
        fault.id = next(self._ids)
        self.active.append(fault)
        self._save()
        return fault

    def remove(self, **wanted: Any) -> int:
        """Those whose fields are all as wanted; all of them where nothing is wanted."""
        before = len(self.active)
        self.active = [f for f in self.active if any(getattr(f, name) != value for name, value in wanted.items())]
        self._save()
        return before - len(self.active)

    def hit(self, where: str, tenant: Tenant | None, account: str = "") -> Fault | None:
        if not self.active:
            return None
        fault = next((fault for fault in self.active if fault.matches(where, tenant, account)), None)
        if fault and fault.times is not None:
            self._use(fault)
        return fault

    def _use(self, fault: Fault) -> None:
        fault.times = (fault.times or 1) - 1
        if fault.times == 0:
            self.active.remove(fault)
        self._save()

    def _save(self) -> None:
        self.store.put("faults", "active", [asdict(fault) for fault in self.active])


def fault_answer(fault: Fault, trace: Trace, authority: str) -> Answer:
    """What the sign-in service says while the fault is on."""
    broken = _broken(fault)
    if broken:
        return broken
    error = row(fault.code)
    if error is None:
        return answer({"error": "server_error", "error_description": "Internal error."}, 500)
    return refused(Refusal(error.code), trace, authority, fault.retry_after)


def _broken(fault: Fault) -> Answer | None:
    pages: dict[str, Answer] = {
        "html": Answer(status=503, body=b"<html><body>Service unavailable</body></html>", content_type="text/html"),
        "garbage": Answer(status=200, body=b"this is not JSON", content_type="text/plain"),
        "silent": Answer(status=504, body=b"", content_type="text/plain", delay=fault.seconds),
    }
    return pages.get(fault.code)


def graph_fault(fault: Fault) -> tuple[int, str, str] | Answer:
    """(status, code, message) of a Graph error, or a broken answer; a table row shows as its nearest."""
    error = row(fault.code)
    nearest = {429: "throttle", 503: "outage", 500: "outage"}
    name = nearest.get(error.status, "forbidden") if error else fault.code
    return _broken(fault) or GRAPH_NAMES.get(name, GRAPH_NAMES["unauthorized"])

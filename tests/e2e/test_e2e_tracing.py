"""One switch is one trace, through all four services, as a collector gets it by OTLP."""

from __future__ import annotations

import gzip
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e.e2e_kit import World
from tests.e2e.e2e_wait import wait_for
from tests.system import SERVICES, WholeSystem


@dataclass(frozen=True, kw_only=True)
class Got:
    """A span as it was sent. `text`: all of it, for what must not be in it."""

    service: str
    name: str
    trace: str
    parent: str
    id: str
    text: str


@dataclass
class Collector:
    """Takes OTLP over http on this machine."""

    spans: list[Got] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            for scope in resource.scope_spans:
                self.spans += [
                    Got(
                        service=service,
                        name=one.name,
                        trace=one.trace_id.hex(),
                        parent=one.parent_span_id.hex(),
                        id=one.span_id.hex(),
                        text=str(one),
                    )
                    for one in scope.spans
                ]

    def traces(self) -> dict[str, list[Got]]:
        found: dict[str, list[Got]] = defaultdict(list)
        for span in list(self.spans):
            found[span.trace].append(span)
        return found


@pytest.fixture
def collector(system: WholeSystem) -> Iterator[Collector]:
    """The four services again, now told of a collector by the standard variables."""
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = dict(system.programs)
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
        "OTEL_BSP_SCHEDULE_DELAY": "300",
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",  # asked for, and not done: its spans hold addresses
    }
    _again(system, {name: replace(before[name], env={**before[name].env, **told}) for name in SERVICES})
    yield made
    _again(system, {name: before[name] for name in SERVICES})
    server.shutdown()
    server.server_close()


def _again(system: WholeSystem, programs: dict[str, object]) -> None:
    for name in programs:
        system.children[name].stop(grace=5)
    system.programs.update(programs)  # type: ignore[arg-type]
    system.start(*programs)


async def test_one_switch_is_one_trace_through_all_services(world: World, collector: Collector) -> None:
    customer = await world.customer()
    await world.switched(customer)

    async def whole() -> list[Got] | None:
        for spans in collector.traces().values():
            names = {(span.service, span.name) for span in spans}
            mails = sum(span.name == "SMTP send" for span in spans)
            ids = {span.id for span in spans}
            hanging = sum(span.parent not in ids for span in spans)  # others have parents that have not ended yet
            if names >= WANTED and mails >= 2 and hanging == 1:
                return spans
        return None

    spans = await wait_for(whole, "a trace with all of it", 30, lambda: _told(collector))
    ids = {span.id for span in spans}
    roots = [span for span in spans if span.parent not in ids]
    assert sorted({(span.service, span.name) for span in roots}) == [("config-svc", SWITCH)]
    text = "\n".join(span.text for span in collector.spans)
    for secret in (customer.client_secret, customer.user("admin"), "eyJ", "device_code=", "refresh_token"):
        assert secret not in text, secret
    assert not re.search(r"/i/[A-Za-z0-9_-]{8}", text)
    assert len({span.service for span in spans}) == 4


SWITCH = "POST /api/v1/customers/{id}/switch"
WANTED = {
    ("config-svc", SWITCH),
    ("config-svc", "send SwitchRequested"),
    ("invite-svc", "process SwitchRequested"),
    ("invite-svc", "send InvitationCreated"),
    ("notify-svc", "process InvitationCreated"),
    ("notify-svc", "SMTP send"),
    ("invite-svc", "apply invitations"),
    ("invite-svc", "send AuthenticationStarted"),
    ("auth-svc", "process AuthenticationStarted"),
    ("auth-svc", "access attempt"),
    ("auth-svc", "POST device code"),
    ("auth-svc", "POST token"),
    ("auth-svc", "send TokenClaimed"),
    ("config-svc", "process TokenClaimed"),
    ("config-svc", "send SwitchCompleted"),
    ("auth-svc", "process SwitchCompleted"),
}


def _told(collector: Collector) -> str:
    best = max(collector.traces().values(), key=len, default=[])
    return f"missing: {sorted(WANTED - {(span.service, span.name) for span in best})}"

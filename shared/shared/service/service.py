"""A service: what it keeps, what it hears, its jobs, its routes, and one process around them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from shared.admin.cli import Admin
from shared.admin.indexes import WantedIndexes, build
from shared.admin.keys import KeyFile, Keys
from shared.contracts.cloudevents import Record
from shared.domain.rules import Clock, Rule, utc_now
from shared.http.middleware import MAX_BYTES, BodyLimit, SecurityHeaders, TrustedHost, allowed_hosts
from shared.http.probes import FailFast, MetricsMiddleware, probes_router
from shared.http.problems import ErrorPage, install_errors
from shared.http.tracing import TracingMiddleware
from shared.jobs.claim import Execute
from shared.jobs.worker import Worker
from shared.messaging.consumer import Consumer
from shared.messaging.dead_letters import DeadLetters
from shared.messaging.event_handlers import EventHandlers, EventLog, Subscription
from shared.messaging.kafka import Producer, ensure_topics
from shared.messaging.kafka_probe import KafkaProbe
from shared.messaging.outbox_relay import OutboxRelay
from shared.observability import tracing
from shared.observability.health import Check, Health, Probe
from shared.observability.logs import configure
from shared.service.server import bind, serve
from shared.service.settings import CommonSettings
from shared.service.supervisor import Loop, Run, Runtime
from shared.store.mapping import Deadline, Derived
from shared.store.mongo import Collection, Mongo
from shared.store.operations import Document, Index
from shared.store.store import Store

if TYPE_CHECKING:
    from shared.web.pages import Pages  # a service without pages needs neither Jinja2 nor Babel in its memory

log = logging.getLogger(__name__)
S = TypeVar("S")


class Service:
    """One service of Tokenswitch, composed part by part and then run.

        service = Service("notify", settings)
        store = service.store("outgoing_mails", OutgoingMails, deadlines={"mail": next_deadline})
        service.subscribe(SUBSCRIPTIONS)
        service.work(store, "mail", jobs.execute)
        service.main()

    Nothing connects or runs before `main()`, or before the lifespan of `app()`. Then indexes and topics are made,
    outboxes relayed, events consumed and jobs executed until a signal. Each of these is started again when it fails;
    a part that is away makes the service unready, but never ends it.

    - `name`: `config`, `invite`, `auth` or `notify`.
    - `public_url`: where people open it in a browser; None: it is for programs only.
    - `body_limits`: path -> the bytes of a request's body, where they are not the usual `MAX_BYTES`.
    - `clock`: another one in tests.
    """

    def __init__(
        self,
        name: str,
        settings: CommonSettings,
        *,
        public_url: str | None = None,
        body_limits: Mapping[str, int] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.name, self.settings, self.clock = name, settings, clock
        self.full_name = f"{name}-svc"
        self.stopping = asyncio.Event()
        self.health = Health()
        self._stop_tracing = tracing.start(self.full_name)
        self.mongo = Mongo(settings.mongo, f"{settings.mongo_database}_{name}")
        self.cluster = settings.cluster
        self.producer = Producer(self.cluster, self.full_name)
        self._public_url, self._body_limits = public_url, body_limits
        self._runtime = Runtime(self.health, self.stopping)
        self._kafka_probe = KafkaProbe(self.cluster, self.full_name)
        self._stores: dict[str, Store[Any]] = {}
        self._key_files, self._resealing = list[KeyFile](), dict[str, Rule[Any]]()
        self._indexes: list[tuple[Collection, Sequence[Index]]] = []
        self._logs: list[EventLog] = []
        self._subscriptions: list[Subscription] = []
        self._loops: list[Loop] = []
        self._probes = [Probe(name="MongoDB", check=self.mongo.ping), Probe(name="Kafka", check=self._kafka_probe)]
        self._routers: list[APIRouter] = []
        self._provided: dict[str, object] = {}
        self._installs: list[Callable[[FastAPI], None]] = []
        self._html: ErrorPage | None = None
        self._closes: list[Callable[[], Awaitable[object]]] = []
        self._indexed, self._topics = asyncio.Event(), asyncio.Event()

    # --- what it keeps -------------------------------------------------------------------------------------------

    def store(
        self,
        collection: str,
        state: type[S],
        *,
        deadlines: Mapping[str, Deadline] | None = None,
        derived: Derived | None = None,
        indexes: Sequence[Index] = (),
    ) -> Store[S]:
        """A store of documents with the state `state`; subscriptions name it by its `collection`.

        - `deadlines`: job -> the deadline that a state holds for it, for `work`.
        - `derived`: fields of a state that are searched by, kept under `index`.
        - `indexes`: those of MongoDB beside the store's own.
        """
        store = Store(
            self.mongo.collection(collection),
            state,
            f"{self.name}/{collection}",
            deadlines=deadlines,
            derived=derived,
            indexes=indexes,
            clock=self.clock,
        )
        self._stores[collection] = store
        return store

    def collection(self, name: str, indexes: Sequence[Index] = ()) -> Collection:
        """A collection without rules or events, such as sessions or counters."""
        collection = self.mongo.collection(name)
        self._indexes.append((collection, indexes))
        return collection

    def event_log(
        self, name: str, entry: Callable[[Record], Document | None], indexes: Sequence[Index] = ()
    ) -> Collection:
        """A history of events: the `entry` of each (None: it is left out) is a document of its own."""
        collection = self.collection(name, indexes)
        self._logs.append(EventLog(collection, entry))
        return collection

    def keys(self, *files: KeyFile, resealing: Mapping[str, Rule[Any]] | None = None) -> None:
        """The key files of the service, for its command `keys`. `resealing`: store -> the rule that brings a document
        under the key that seals now."""
        self._key_files += files
        self._resealing |= resealing or {}

    # --- what it does --------------------------------------------------------------------------------------------

    def subscribe(self, subscriptions: Iterable[Subscription]) -> None:
        """What it hears: rows of `on(Event, "<collection>", rule)`."""
        self._subscriptions += subscriptions

    def work(self, store: Store[S], job: str, execute: Execute[S], **options: Any) -> None:
        """Executes the jobs of a store when they are due (its `deadlines` say so); `execute` may call the outside
        world. `options`: see `shared.jobs.worker.Worker`."""
        worker = Worker(store=store, job=job, execute=execute, **({"grace_seconds": 6.0} | options))
        self.loop(f"{store.collection.name}/{job}", worker.run)

    def loop(self, name: str, run: Run) -> None:
        """A task of the service's own: `run(stopping)` goes on until the event is set. It is started again when it
        fails, and may raise Unavailable."""
        self._loops.append(Loop(name=name, run=run, after=(self._indexed,)))

    def probe(self, name: str, check: Check, *, required: bool = True) -> None:
        """Another part that the service depends on; `check` raises if it is away. Not `required`: shown, but the
        service is ready without it."""
        self._probes.append(Probe(name=name, check=check, required=required))

    def on_close(self, close: Callable[[], Awaitable[object]]) -> None:
        """Called at the end, after all work (at most one second)."""
        self._closes.append(close)

    # --- what it serves ------------------------------------------------------------------------------------------

    def include_router(self, router: APIRouter) -> None:
        """As FastAPI's."""
        self._routers.append(router)

    def provide(self, **values: object) -> None:
        """What routes depend on, as `request.app.state.<name>`: so routers are made at import, without a service."""
        self._provided |= values

    def install(self, install: Callable[[FastAPI], None]) -> None:
        """For parts that add routes and handlers by themselves, such as `operators.install`."""
        self._installs.append(install)

    def pages(self, pages: Pages) -> None:
        """The service has pages: their static files, and errors shown as pages to people, in their language."""

        def error(request: Request, status: int, title: str, detail: str, *, reference: str | None) -> Response:
            if detail and "%" not in detail:  # a sentence of the catalog; others as they came
                detail = pages.gettext(pages.language(request))(detail)
            return pages.error(request, status, title, detail, reference=reference)

        self._html = error
        self._installs.append(pages.install)

    def app(self) -> FastAPI:
        """The application as it meets the network."""
        app = FastAPI(
            title=f"Tokenswitch {self.full_name}",
            docs_url=None,
            redoc_url=None,
            lifespan=self._lifespan,
            telemetry={"tracing": False, "metrics": False, "logs": False},  # they would hold addresses
        )
        for name, value in self._provided.items():
            setattr(app.state, name, value)
        app.include_router(probes_router(self.health))
        for router in self._routers:  # as they were made at import: including them would make each route once more
            app.router.routes += router.routes
        for install in self._installs:
            install(app)
        app.add_middleware(FailFast, health=self.health, part="MongoDB")
        install_errors(app, self._html)
        app.add_middleware(BodyLimit, max_bytes=MAX_BYTES, larger=self._body_limits)
        app.add_middleware(TracingMiddleware)
        if self._public_url:
            app.add_middleware(TrustedHost, hosts=allowed_hosts(self._public_url))
        app.add_middleware(SecurityHeaders, public_url=self._public_url)
        app.add_middleware(MetricsMiddleware)
        return app

    def main(self) -> None:
        """Serves; or, called with arguments, does what they say (`shared.admin.cli`) and exits."""
        if arguments := sys.argv[1:]:
            keys = Keys(self._key_files, self._stores, self._resealing, self.clock)
            admin = Admin(
                dead_letters=self._dead_letters(), keys=keys, stores=self._stores, indexes=self._wanted_indexes()
            )
            sys.exit(admin.main(self.full_name, arguments, self._close))
        self.run()

    def _dead_letters(self) -> DeadLetters:
        settled = self.mongo.collection("dead")
        return DeadLetters(
            self.cluster, self.full_name, settled, self._subscriptions, self._stores, self._logs, self.clock
        )

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT."""
        configure(self.full_name)
        sock = bind(self.settings.host, self.settings.port)
        host, port = sock.getsockname()[:2]
        log.info("%s listens on http://%s:%s", self.full_name, f"[{host}]" if ":" in host else host, port)
        serve(self.app(), sock, self._runtime.stop_soon)

    # --- its life ------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        stores = list(self._stores.values())
        relay = OutboxRelay(stores, self.producer, self.cluster.topic, clock=self.clock, sweepable=self._indexed)
        self._runtime.start([*self._preparing(), *self._moving(relay), *self._loops], self._probes)
        try:
            yield
        finally:
            await self._runtime.stop(relay.drain)
            await self._close()
            log.info("%s has stopped", self.full_name)

    def _preparing(self) -> Iterable[Loop]:
        yield Loop(name="indexes", run=self._ensure_indexes, once=True)
        yield Loop(name="topics", run=self._ensure_topics, once=True)

    def _moving(self, relay: OutboxRelay) -> Iterable[Loop]:
        """They find documents by id, so they need not wait for indexes."""
        if self._stores:
            yield Loop(name="relay", run=relay.run, after=(self._topics,), last=True)
        if self._subscriptions or self._logs:
            yield Loop(name="consumer", run=self._consumer().run, after=(self._topics,), reports_itself=True)

    def _consumer(self) -> Consumer:
        default = self.cluster.topic == "tokenswitch.events"
        group = self.full_name if default else f"{self.cluster.topic}.{self.full_name}"
        dead = self.cluster.dead_topic(self.full_name)
        handlers = EventHandlers(
            self._subscriptions, self._stores, self.producer, dead, logs=self._logs, clock=self.clock
        )
        return Consumer(self.cluster, group, handlers, health=self._consuming, client_id=self.full_name)

    def _consuming(self, part: str | None) -> None:
        self.health.say("consumer", f"away: it waits for {part}" if part else None)

    async def _ensure_indexes(self, stopping: asyncio.Event) -> None:
        """Before due work and the relay's sweep, which find by them."""
        await build(self._wanted_indexes(), drop=False, progress=partial(self.health.say, "indexes"))
        self.health.say("indexes", None)
        self._indexed.set()

    def _wanted_indexes(self) -> WantedIndexes:
        return [*((store.collection, store.indexes) for store in self._stores.values()), *self._indexes]

    async def _ensure_topics(self, stopping: asyncio.Event) -> None:
        await ensure_topics(self.cluster, [self.full_name])
        self._topics.set()

    async def _close(self) -> None:
        for close in (*self._closes, self._kafka_probe.close, self.producer.close):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(close(), 1)
        self.mongo.close()
        await asyncio.to_thread(self._stop_tracing)

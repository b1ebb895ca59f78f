"""auth-svc composed: Microsoft's service, the only one that talks to Entra ID and Graph about customers."""

from __future__ import annotations

import logging
import warnings

from auth_svc.api import access_tokens
from auth_svc.api.token_reader import TokenReader
from auth_svc.credential_store import PURPOSE, CredentialStore
from auth_svc.domain import attempts, keep_alive
from auth_svc.domain.model import Access
from auth_svc.jobs.attempts import AttemptJobs
from auth_svc.jobs.keep_alive import KeepAliveJobs
from auth_svc.microsoft import checks
from auth_svc.microsoft.discovery import Hosts
from auth_svc.microsoft.entra import Applications, MsalEntra
from auth_svc.microsoft.errors import PART
from auth_svc.microsoft.graph import MsGraph
from auth_svc.microsoft.http_client import HttpClient, Workers
from auth_svc.microsoft.interfaces import Entra, Graph
from auth_svc.settings import AUTHORITY_HOSTS, AuthSettings
from auth_svc.subscriptions import ACCESS, SUBSCRIPTIONS
from shared.admin.keys import KeyFile
from shared.crypto.sealed_box import Opener, Sealer
from shared.crypto.signed_tokens import Signer
from shared.crypto.vault import KeyRing, Vault
from shared.domain.rules import Clock, utc_now
from shared.identity.bearer import Bearer
from shared.identity.oidc import Issuer
from shared.observability.health import Faulty
from shared.service.service import Service
from shared.service.setting_types import read_secret
from shared.service.settings import load

CALL_THREADS = 16
"""For calls to Microsoft that somebody waits for; polls of device codes have threads of their own."""
OTHER_ATTEMPTS = 100
"""Attempts at once that are no pending codes: they have room of their own, however many codes wait."""
PUBLIC_GRAPH = "https://graph.microsoft.com"


def build(
    settings: AuthSettings, *, entra: Entra | None = None, graph: Graph | None = None, clock: Clock = utc_now
) -> Service:
    """The service; `entra` and `graph` are fakes in tests."""
    logging.getLogger("msal").setLevel(logging.WARNING)  # at DEBUG it prints device codes
    # The return must bring the attempt's cookie, which a form posted by Microsoft's page would not.
    warnings.filterwarnings("ignore", message="response_mode=", category=UserWarning)
    service = Service("auth", settings, clock=clock)
    store = service.store(
        ACCESS, Access, deadlines={"attempt": attempts.next_deadline, "keep": keep_alive.next_deadline}
    )
    service.subscribe(SUBSCRIPTIONS)
    if entra is None or graph is None:
        entra, graph = _microsoft(settings, service)
    credential_store = open_credential_store(settings)
    service.keys(
        KeyFile(kind="vault", path=settings.vault_keys_file),
        KeyFile(kind="seal", path=settings.seal_keys_file, public=settings.seal_public_keys_file, reader="auth"),
        resealing={ACCESS: credential_store.rewrap},
    )
    attempt_jobs = AttemptJobs(
        entra=entra,
        graph=graph,
        credential_store=credential_store,
        store=store,
        scopes=settings.scopes,
        clock=clock,
        max_pending_codes=settings.entra_pending_flows,
    )
    keep_alive_jobs = KeepAliveJobs(entra=entra, graph=graph, credential_store=credential_store, clock=clock)
    service.work(
        store,
        "attempt",
        attempt_jobs.execute,
        concurrency=settings.entra_pending_flows + OTHER_ATTEMPTS,
        lease_seconds=settings.attempt_lease_seconds,
    )
    service.work(store, "keep", keep_alive_jobs.execute, concurrency=CALL_THREADS)
    issuer = Issuer(settings.operator_issuer, settings.operator_ca_file)
    service.on_close(issuer.close)
    service.provide(
        bearer=Bearer(issuer, settings.api_audience, proxies=settings.proxies, clock=clock),
        token_reader=TokenReader(
            entra=entra,
            credential_store=credential_store,
            store=store,
            app_scope=f"{graph_resource(settings)}/.default",
            clock=clock,
        ),
        allowed_customers=settings.readers,
    )
    service.include_router(access_tokens.router)
    return service


def open_credential_store(settings: AuthSettings) -> CredentialStore:
    keys = KeyRing.from_file(settings.vault_keys_file)
    return CredentialStore(
        vault=Vault(keys),
        opener=Opener.from_file(settings.seal_keys_file),
        sealer=Sealer.from_file(settings.seal_public_keys_file),
        signer=Signer(keys, PURPOSE),
    )


def graph_resource(settings: AuthSettings) -> str:
    """What tokens are asked for: Graph of this cloud. A simulator calls itself by the public name."""
    return PUBLIC_GRAPH if settings.entra_simulated else settings.graph_url


def _microsoft(settings: AuthSettings, service: Service) -> tuple[MsalEntra, MsGraph]:
    http = HttpClient(settings.entra_workers + CALL_THREADS, settings.entra_ca_file)
    polls, calls = Workers(settings.entra_workers, "polls"), Workers(CALL_THREADS, "calls")
    entra = MsalEntra(
        http,
        settings.entra_authority,
        Hosts(AUTHORITY_HOSTS, settings.entra_simulated),
        Applications(
            sign_in=settings.entra_client_id,
            secret=read_secret(settings.entra_client_secret_file),
            device=settings.entra_device_client_id,
            scopes=settings.scopes,
            redirect_uri=settings.redirect_uri,
            graph=graph_resource(settings),
        ),
        polls=polls,
        calls=calls,
        interval=settings.entra_poll_seconds,
    )
    service.probe(PART, entra.probe, required=False)  # with it away we start, wait and go on; nothing is lost

    async def clock() -> None:
        if fault := checks.clock_fault(entra.clock_ahead()):
            raise Faulty(fault)

    service.probe("clock", clock, required=False)

    async def close() -> None:
        for workers in (polls, calls):
            workers.close()
        http.close()

    service.on_close(close)
    return entra, MsGraph(http, settings.graph_url, calls)


def main() -> None:
    build(load(AuthSettings)).main()

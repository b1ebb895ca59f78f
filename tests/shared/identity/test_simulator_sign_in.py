"""The sign-ins against an issuer on the wire: TLS by its own authority, Entra's tokens, Entra's answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import Depends, FastAPI, Request

from shared.contracts.events import Actor
from shared.crypto.secret import Secret
from shared.domain.rules import Unavailable
from shared.http.problems import install_errors
from shared.identity.bearer import Bearer, Identity, RequiredRole
from shared.identity.oidc import Issuer
from shared.identity.portal_sign_in import Operators
from shared.identity.sessions import Session, Sessions
from shared.store.mongo import Mongo
from shared.web.pages import Pages
from tests.dev.simulator.simulator_kit import Kit, simulator_thread
from tokenswitch_dev.runner.token import bearer_token
from tokenswitch_dev.simulator import demo

PORTAL = "http://localhost:8000"
AUDIENCE = "api://tokenswitch"


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    with simulator_thread(tmp_path_factory.mktemp("entra")) as found:
        yield found


@pytest.fixture
async def issuer(kit: Kit) -> AsyncIterator[Issuer]:
    found = Issuer(kit.running.issuer, kit.running.ca_file)
    yield found
    await found.close()


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "token.read"])
async def test_the_gateways_tokens_count(kit: Kit, issuer: Issuer, role: str) -> None:
    app = FastAPI()
    app.state.bearer = Bearer(issuer, AUDIENCE)
    caller = Depends(RequiredRole(role))

    async def who(request: Request, actor: Actor = caller) -> str:
        identity: Identity = request.state.identity
        return str(identity.app)

    app.get("/api/who")(who)
    install_errors(app)
    token = await asyncio.to_thread(bearer_token, role, kit.authority, kit.running.ca_file, audience=AUDIENCE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PORTAL) as client:
        response = await client.get("/api/who", headers={"authorization": f"Bearer {token}"})
    assert response.json() == demo.GATEWAY_APPS[role].client_id


@pytest.mark.parametrize("role", ["viewer", "admin"])
async def test_operators_sign_in(kit: Kit, issuer: Issuer, mongo_url: str, mongo_database: str, role: str) -> None:
    mongo = Mongo(mongo_url, mongo_database)
    pages = Pages("shared", "config", PORTAL)
    operators = Operators(
        issuer,
        Sessions(mongo.collection("sessions")),
        pages,
        client_id=demo.PORTAL_CLIENT_ID,
        client_secret=Secret(demo.PORTAL_SECRET),
        portal_url=PORTAL,
    )
    app, signed_in = FastAPI(), Depends(operators.operator())

    async def who(session: Session = signed_in) -> list[str]:
        return [session.actor.email or "", *session.identity.roles]

    app.get("/who")(who)
    operators.install(app)
    install_errors(app, pages.error)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=PORTAL, headers={"accept": "text/html"}
    ) as browser:
        begun = await browser.get("/auth/sign-in?next=/who")
        wish = {"url": begun.headers["location"], "account": f"{role}@provider.example"}
        back = await asyncio.to_thread(lambda: kit.sim("authorize", **wish))
        answer = urlsplit(back["redirect"])
        finished = await browser.get(f"{answer.path}?{answer.query}")
        assert finished.headers["location"] == "/who"
        assert (await browser.get("/who")).json() == [f"{role}@provider.example", role]
    await mongo.drop()
    mongo.close()


async def test_another_authority_is_not_trusted(kit: Kit) -> None:
    issuer = Issuer(kit.running.issuer)  # the system's authorities only
    with pytest.raises(Unavailable, match="ConnectError"):
        await issuer.probe()
    await issuer.close()

"""Operators sign in at their issuer: only the browser that asked, only once, only to our own pages; then a session."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import Depends, FastAPI, Request

from shared.crypto.secret import Secret
from shared.http.problems import install_errors
from shared.identity.oidc import Issuer
from shared.identity.portal_sign_in import Operators, own_path
from shared.identity.sessions import INDEXES, Session, Sessions
from shared.store.mongo import Collection, Mongo
from shared.web.pages import Pages
from tests.shared.kit.issuer import NOW, URL, FakeIssuer, claims, rsa, sign

PORTAL, CLIENT = "http://localhost:8000", "portal-client"
HTML = {"accept": "text/html"}


@dataclass
class Portal:
    """A portal with two pages, its issuer, a clock, and a browser."""

    collection: Collection
    fake: FakeIssuer = field(default_factory=FakeIssuer)
    now: datetime = NOW

    def __post_init__(self) -> None:
        pages = Pages("shared", "config", PORTAL)
        issuer = Issuer(URL, transport=self.fake.transport())
        self.operators = Operators(
            issuer,
            Sessions(self.collection),
            pages,
            client_id=CLIENT,
            client_secret=Secret("hunter2"),
            portal_url=PORTAL,
            clock=self.clock,
        )
        self.app = FastAPI()
        self._routes()
        pages.install(self.app)
        self.operators.install(self.app)
        install_errors(self.app, pages.error)
        self.browser = self.new_browser()

    def clock(self) -> datetime:
        return self.now

    def _routes(self) -> None:
        signed_in, as_admin = Depends(self.operators.operator()), Depends(self.operators.operator("admin"))

        async def who(request: Request, session: Session = signed_in) -> dict[str, Any]:
            return {"id": session.actor.id, "roles": sorted(session.identity.roles), "caller": request.state.caller}

        async def admin(session: Session = as_admin) -> str:
            return "admin"

        self.app.get("/customers", response_model=None)(who)
        self.app.post("/customers", response_model=None)(who)
        self.app.get("/admin", response_model=None)(admin)

    def new_browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=PORTAL, headers=HTML)

    async def question(self, next: str = "/customers?q=a&b=1") -> dict[str, str]:
        response = await self.browser.get("/auth/sign-in", params={"next": next})
        assert response.status_code == 303
        return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}

    async def answer(self, asked: dict[str, str], **more: Any) -> httpx.Response:
        """The operator signs in at the issuer and comes back."""
        body = claims(aud=CLIENT, nonce=asked["nonce"]) | more
        self.fake.codes["c0de"] = sign(body)
        return await self.browser.get("/auth/callback", params={"code": "c0de", "state": asked["state"]})

    async def sign_in(self, **more: Any) -> httpx.Response:
        return await self.answer(await self.question(), **more)


@pytest.fixture
async def portal(mongo_url: str, mongo_database: str) -> AsyncIterator[Portal]:
    mongo = Mongo(mongo_url, mongo_database)
    collection = mongo.collection("sessions")
    await collection.ensure(INDEXES)
    found = Portal(collection)
    yield found
    await found.browser.aclose()
    await mongo.drop()
    mongo.close()


async def test_a_page_leads_to_the_sign_in_and_back(portal: Portal) -> None:
    response = await portal.browser.get("/customers", params={"q": "a", "b": "1"})
    assert response.status_code == 303
    sign_in = await portal.browser.get(response.headers["location"])
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sign_in.headers["location"]).query).items()}
    assert sign_in.headers["location"].startswith("https://login.test/authorize?")
    assert asked["redirect_uri"] == f"{PORTAL}/auth/callback"
    assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (CLIENT, "code", "S256")
    back = await portal.answer(asked)
    assert (back.status_code, back.headers["location"]) == (303, "/customers?q=a&b=1")
    page = await portal.browser.get("/customers")
    assert page.json() == {"id": "u-1", "roles": ["operator"], "caller": "u-1"}


async def test_the_code_is_redeemed_with_our_secret_and_the_verifier(portal: Portal) -> None:
    asked = await portal.question()
    await portal.answer(asked)
    (form,) = portal.fake.forms
    assert (form["client_secret"], form["grant_type"]) == ("hunter2", "authorization_code")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
    assert challenge.decode() == asked["code_challenge"]


async def test_the_session_cookie_is_ours_alone_and_its_id_is_nowhere_else(portal: Portal) -> None:
    response = await portal.sign_in()
    (cookie,) = [c for c in response.headers.get_list("set-cookie") if c.startswith("ts-config=")]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age" not in cookie
    id = cookie.partition("=")[2].partition(";")[0]
    kept = str(await portal.collection.find({}, limit=10))
    assert id not in kept
    assert hashlib.sha256(id.encode()).hexdigest() in kept
    assert not [token for token in portal.fake.codes.values() if token in kept]


async def test_each_sign_in_has_a_new_session_and_ends_the_old_one(portal: Portal) -> None:
    await portal.sign_in()
    first = portal.browser.cookies["ts-config"]
    await portal.sign_in()
    assert portal.browser.cookies["ts-config"] != first
    assert (await _with_cookie(portal, first)).status_code == 303


async def _with_cookie(portal: Portal, id: str, path: str = "/customers") -> httpx.Response:
    async with portal.new_browser() as other:
        return await other.get(path, headers={"cookie": f"ts-config={id}"})


async def test_an_answer_for_another_browser_yields_nothing(portal: Portal) -> None:
    """Login CSRF: the attacker's own answer, sent to a victim."""
    attacker = await portal.question()
    portal.browser = portal.new_browser()
    for victim_asked in (False, True):
        if victim_asked:
            await portal.question()
        response = await portal.answer(attacker)
        assert response.status_code == 400
        assert "ts-config" not in portal.browser.cookies


async def test_a_sign_in_is_finished_once(portal: Portal) -> None:
    asked = await portal.question()
    pending = portal.browser.cookies["ts-config-signin"]
    assert (await portal.answer(asked)).status_code == 303
    portal.browser = portal.new_browser()
    portal.browser.cookies.set("ts-config-signin", pending)
    response = await portal.answer(asked)
    assert response.status_code == 400
    assert "finished already" in response.text
    assert len(portal.fake.forms) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "api://tokenswitch"},
        {"iss": "https://login.test/other/v2.0"},
        {"exp": int(NOW.timestamp()) - 61},
    ],
)
async def test_an_id_token_that_does_not_fit_is_refused(portal: Portal, wrong: dict[str, Any]) -> None:
    assert (await portal.sign_in(**wrong)).status_code == 400
    assert "ts-config" not in portal.browser.cookies


async def test_an_id_token_of_another_key_is_refused(portal: Portal) -> None:
    asked = await portal.question()
    portal.fake.codes["c0de"] = sign(claims(aud=CLIENT, nonce=asked["nonce"]), rsa("stranger"))
    response = await portal.browser.get("/auth/callback", params={"code": "c0de", "state": asked["state"]})
    assert response.status_code == 400


async def test_who_has_no_role_stays_outside_with_an_explanation(portal: Portal) -> None:
    response = await portal.sign_in(roles=["token.read"])
    assert response.status_code == 403
    assert "ts-config" not in portal.browser.cookies
    assert "role" in response.text


@pytest.mark.parametrize(
    "said", [{"error": "access_denied", "error_description": "<script>x</script>"}, {"code": ""}, {}, {"code": "old"}]
)
async def test_a_sign_in_that_fails_says_so_and_how_to_go_on(portal: Portal, said: dict[str, str]) -> None:
    asked = await portal.question()
    response = await portal.browser.get("/auth/callback", params={"state": asked["state"], **said})
    assert response.status_code == 400
    assert 'href="/auth/sign-in"' in response.text
    assert "script>x" not in response.text
    assert "ts-config-signin" not in portal.browser.cookies


async def test_an_answer_of_another_issuer_is_refused(portal: Portal) -> None:
    asked = await portal.question()
    said = {"state": asked["state"], "code": "c0de", "iss": "https://evil.test"}
    assert (await portal.browser.get("/auth/callback", params=said)).status_code == 400
    assert not portal.fake.forms


async def test_with_the_issuer_away_the_sign_in_is_503(portal: Portal) -> None:
    portal.fake.away = True
    response = await portal.browser.get("/auth/sign-in")
    assert response.status_code == 503
    assert "retry-after" in response.headers


@pytest.mark.parametrize(("passed", "status"), [(timedelta(minutes=30), 200), (timedelta(minutes=30, seconds=1), 303)])
async def test_a_session_ends_when_it_is_idle_for_half_an_hour(portal: Portal, passed: timedelta, status: int) -> None:
    await portal.sign_in()
    portal.now += passed
    assert (await portal.browser.get("/customers")).status_code == status


async def test_a_session_ends_after_eight_hours_however_busy(portal: Portal) -> None:
    await portal.sign_in()
    for _ in range(19):
        portal.now += timedelta(minutes=25)
        assert (await portal.browser.get("/customers")).status_code == 200
    portal.now = NOW + timedelta(hours=8)
    assert (await portal.browser.get("/customers")).status_code == 303


@pytest.mark.parametrize("id", ["", "x", "a" * 5000, "'; drop", "é"])
async def test_a_made_up_session_is_none(portal: Portal, id: str) -> None:
    async with portal.new_browser() as other:
        response = await other.get("/customers", headers={b"cookie": f"ts-config={id}".encode()})
    assert response.status_code == 303


async def test_a_used_up_state_is_no_session(portal: Portal) -> None:
    asked = await portal.question()
    await portal.answer(asked)
    assert (await _with_cookie(portal, asked["state"])).status_code == 303


async def test_a_role_that_is_missing_is_403(portal: Portal) -> None:
    await portal.sign_in()
    assert (await portal.browser.get("/admin")).status_code == 403


async def test_a_form_without_a_session_leads_to_the_first_page_and_machines_get_401(portal: Portal) -> None:
    form = await portal.browser.post("/customers")
    assert form.headers["location"] == "/auth/sign-in?next=%2F"
    htmx = await portal.browser.get("/customers", headers={"hx-request": "true"})
    assert (htmx.status_code, htmx.headers["hx-redirect"]) == (401, "/auth/sign-in?next=%2F")
    machine = await portal.browser.get("/customers", headers={"accept": "application/json"})
    assert (machine.status_code, machine.json()["code"]) == (401, "session_missing")


async def test_signing_out_needs_our_form_and_ends_the_session(portal: Portal) -> None:
    await portal.sign_in()
    id = portal.browser.cookies["ts-config"]
    assert (await portal.browser.post("/auth/sign-out")).status_code == 403
    assert (await portal.browser.get("/customers")).status_code == 200
    response = await portal.browser.post("/auth/sign-out", data={"csrf": _csrf(id)})
    assert (response.status_code, response.headers["location"]) == (303, "/auth/signed-out")
    assert (await _with_cookie(portal, id)).status_code == 303
    page = await portal.browser.get("/auth/signed-out")
    assert "You are signed out" in page.text


def _csrf(id: str) -> str:
    from shared.web.csrf import csrf_token

    return csrf_token(id, "sign-out")


@pytest.mark.parametrize(
    "path",
    ["/", "/customers", "/customers/contoso?tab=timeline&x=%2F%2F", "/a//b", "/customers?next=https://evil.test"],
)
def test_own_paths_are_kept(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "customers",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "https://evil.test",
        "https:evil.test",
        "javascript:alert(1)",
        "/\t/evil.test",
        "/\n/evil.test",
        " //evil.test",
        "/auth/sign-in",
        "/auth/callback?code=x",
        "//evil.test/auth/",
        "http://[",
        "/" + "a" * 2000,
        "/\u2028/x",
        "?x",
        "#x",
    ],
)
def test_no_other_place_is_returned_to(path: str | None) -> None:
    assert own_path(path) == "/"


@pytest.mark.parametrize("path", ["//evil.test", "https://evil.test/x", "/\\evil.test"])
async def test_the_sign_in_never_leads_elsewhere(portal: Portal, path: str) -> None:
    response = await portal.answer(await portal.question(path))
    assert response.headers["location"] == "/"


async def test_a_changed_cookie_leads_nowhere_else(portal: Portal) -> None:
    asked = await portal.question()
    seed = re.match(r"[^.]+", portal.browser.cookies["ts-config-signin"])
    assert seed is not None
    portal.browser = portal.new_browser()
    portal.browser.cookies.set("ts-config-signin", f"{seed[0]}.//evil.test")
    assert (await portal.answer(asked)).headers["location"] == "/"

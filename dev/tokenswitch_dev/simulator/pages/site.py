"""The http port: Microsoft's pages for a person, plain forms that need no script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tokenswitch_dev.simulator.demo import PASSWORD
from tokenswitch_dev.simulator.directory.grants import SignIn
from tokenswitch_dev.simulator.endpoints.authorize import reply_declined, start_authorize
from tokenswitch_dev.simulator.endpoints.scopes import described as in_words
from tokenswitch_dev.simulator.endpoints.scopes import gives_for_all, missing_consent
from tokenswitch_dev.simulator.endpoints.signin import Who, identify, start_device
from tokenswitch_dev.simulator.pages.start_page import start_page, switch
from tokenswitch_dev.simulator.pages.steps import submit
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call, html, redirect
from tokenswitch_dev.simulator.wire.errors import Refusal, described, new_trace
from tokenswitch_dev.simulator.wire.faults import fault_answer

TEMPLATES = Path(__file__).parent / "templates"
TITLES = {"90094": "Need admin approval", "90095": "Need admin approval"}
TROUBLE = "Sorry, but we're having trouble signing you in."
Page = Callable[["Pages", Call], Answer]


class Pages:
    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(),
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def show(self, name: str, status: int = 200, **values: Any) -> Answer:
        return html(self._templates.get_template(name).render(password=PASSWORD, **values), status)

    def trouble(self, refusal: Refusal, page: SignIn | None = None) -> Answer:
        """Microsoft's error page: the number, the sentence, and what the support asks for."""
        trace = new_trace()
        title = TITLES.get(refusal.code, TROUBLE)
        app = self.sim.directory.app(page.client_id) if page else None
        return self.show(
            "trouble.html",
            title=title,
            code=refusal.code,
            text=refusal.text,
            trace=trace,
            page=page,
            app=app.name if app else "",
            full=described(refusal, trace),
        )


def _start(pages: Pages, _call: Call) -> Answer:
    return pages.show("start.html", **start_page(pages.sim))


def _switch(pages: Pages, call: Call) -> Answer:
    switch(pages.sim, call.form)
    return redirect("/")


def _device_login(pages: Pages, call: Call) -> Answer:
    if call.method in ("GET", "HEAD"):
        return pages.show("code.html", note="", typed=call.query.get("otc", ""))
    page = start_device(pages.sim, call.form.get("otc", ""))
    if isinstance(page, SignIn):
        return redirect(f"/login?flow={page.key}")
    note = f"{page.text} (AADSTS{page.code})"
    return pages.show(
        "code.html",
        note="That code didn't work. Check the code and try again. " + note,
        typed=call.form.get("otc", ""),
    )


def _authorize(pages: Pages, call: Call) -> Answer:
    raw = pages.sim.raw_answer(call)
    if raw and (said := raw.answer()):
        return said
    tenant = pages.sim.find_tenant(call.tenant)
    fault = pages.sim.faults.hit("discovery", None if isinstance(tenant, Refusal) else tenant)
    if fault:
        return fault_answer(fault, new_trace(), pages.sim.authority)
    page = start_authorize(pages.sim, call)
    if isinstance(page, Refusal):
        return pages.trouble(page)
    if page.request.get("prompt") == "none":
        return reply_declined(pages.sim, page, "50058")
    return redirect(f"/login?flow={page.key}")


def _login(pages: Pages, call: Call) -> Answer:
    page = pages.sim.grants.signins.get(call.query.get("flow", ""))
    if page is None:
        return pages.show("gone.html", status=404)
    if call.method == "POST":
        return submit(pages.sim, page, call.form) or redirect(f"/login?flow={page.key}")
    if page.step == "refused":
        return pages.trouble(Refusal(page.refused, tuple(page.values.items())), page)
    return pages.show(f"{page.step}.html", **_values(pages.sim, page))


def _values(sim: Simulator, page: SignIn) -> dict[str, Any]:
    app = sim.directory.app(page.client_id)
    values: dict[str, Any] = {
        "page": page,
        "app": app.name if app else "",
        "publisher": _publisher(sim, page),
    }
    if page.step == "account":
        values["accounts"] = _offered(sim, page.authority)
    if page.step == "consent":
        values |= _asked_for(sim, page)
    return values


def _publisher(sim: Simulator, page: SignIn) -> str:
    app = sim.directory.app(page.client_id)
    return sim.directory.tenants[app.tenant].domain if app else ""


def _offered(sim: Simulator, authority: str) -> list[dict[str, str]]:
    """The tiles of `Pick an account`: the tenant's own people; others can be typed."""
    tenant = sim.directory.tenant(authority)
    tenants = [tenant] if tenant else [t for t in sim.directory.tenants.values() if t.shows][:3]
    return [{"login": a.login, "name": a.name} for t in tenants for a in t.accounts][:8]


def _asked_for(sim: Simulator, page: SignIn) -> dict[str, Any]:
    who = identify(sim, page.client_id, page.authority, page.login)
    if not isinstance(who, Who):
        return {"permissions": [], "for_all": False}
    missing = missing_consent(who.tenant, page.client_id, who.account, page.scopes)
    extra = [scope for scope in page.scopes if scope == "offline_access"]
    return {
        "permissions": in_words(missing + extra),
        "for_all": gives_for_all(who.account),
        "organisation": who.tenant.name,
    }


def _logout(pages: Pages, call: Call) -> Answer:
    """Back to the application only if that address is one of its own."""
    target, state = call.query.get("post_logout_redirect_uri", ""), call.query.get("state", "")
    known = {_origin(uri) for t in pages.sim.directory.tenants.values() for app in t.apps for uri in app.redirect_uris}
    if not target or _origin(target) not in known:
        return pages.show("signed_out.html")
    mark = "&" if "?" in target else "?"
    return redirect(target + (f"{mark}state={state}" if state else ""))


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc


def build_pages(sim: Simulator) -> Starlette:
    pages = Pages(sim)

    def route(path: str, page: Page, *methods: str) -> Route:
        async def endpoint(request: Request) -> Response:
            answer = page(pages, await _call(request))
            await asyncio.sleep(answer.delay)
            headers = {"cache-control": "no-store", **answer.headers}
            return Response(answer.body, answer.status, headers, answer.content_type)

        return Route(path, endpoint, methods=list(methods or ("GET",)))

    return Starlette(
        routes=[
            route("/", _start),
            route("/switch", _switch, "POST"),
            route("/devicelogin", _device_login, "GET", "POST"),
            route("/login", _login, "GET", "POST"),
            route("/{tenant}/oauth2/v2.0/authorize", _authorize, "GET", "POST"),
            route("/{tenant}/oauth2/v2.0/logout", _logout, "GET"),
        ]
    )


async def _call(request: Request) -> Call:
    return Call(
        method=request.method,
        path=request.url.path,
        query=dict(request.query_params),
        headers=dict(request.headers),
        body=await request.body(),
        tenant=request.path_params.get("tenant", ""),
    )

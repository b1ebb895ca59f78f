"""The authorization endpoint: which requests it takes, and how the answer goes back to the application."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import urlencode

from tokenswitch_dev.simulator.directory.directory import App
from tokenswitch_dev.simulator.directory.grants import PAGE_LIFE_SECONDS, SignIn, opaque_page
from tokenswitch_dev.simulator.endpoints.scopes import api_of, parse_scopes
from tokenswitch_dev.simulator.endpoints.signin import Who, issue_code
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call, html, redirect
from tokenswitch_dev.simulator.wire.errors import Refusal, described, new_trace, refuse

LOOPBACK = re.compile(r"^http://localhost:\d{1,5}(?=/?$)")
KEPT = (
    "redirect_uri",
    "state",
    "nonce",
    "response_mode",
    "prompt",
    "login_hint",
    "code_challenge",
    "client_info",
)


def start_authorize(sim: Simulator, call: Call) -> SignIn | Refusal:
    """Refusals here are shown to the person: an application that is not known is never redirected to."""
    asked = call.query if call.method == "GET" else call.form
    tenant = sim.find_tenant(call.tenant)
    if isinstance(tenant, Refusal):
        return tenant
    app = sim.find_app(asked.get("client_id", ""), tenant)
    if isinstance(app, Refusal):
        return app
    if not _registered(app, asked.get("redirect_uri", "")):
        return refuse("50011", redirect=asked.get("redirect_uri", ""), client=app.client_id)
    wrong = _wrong(asked)
    scopes = parse_scopes(asked.get("scope", ""))
    audience = None if isinstance(scopes, Refusal) else api_of(scopes)
    if audience not in (None, sim.options.api_audience):
        return refuse("500011", scope=audience, tenant=call.tenant)
    if wrong or isinstance(scopes, Refusal):
        return wrong or refuse("70011", scope=asked.get("scope", ""))
    return sim.grants.signins.put(_page(sim, call.tenant, app.client_id, scopes, asked))


def _registered(app: App, uri: str) -> bool:
    """As registered; of `http://localhost` a public client may use any port."""
    plain = LOOPBACK.sub("http://localhost", uri) if app.public else uri
    return uri in app.redirect_uris or plain in app.redirect_uris


def _wrong(asked: dict[str, str]) -> Refusal | None:
    if asked.get("response_type", "") != "code":
        return refuse("900144", parameter="response_type=code")
    if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
        return refuse("9002313")
    return None


def _page(sim: Simulator, authority: str, client_id: str, scopes: list[str], asked: dict[str, str]) -> SignIn:
    page = SignIn(
        key=opaque_page(),
        kind="authorize",
        client_id=client_id,
        authority=authority,
        scopes=scopes,
        expires=sim.clock.now() + PAGE_LIFE_SECONDS,
    )
    page.request = {name: asked[name] for name in KEPT if name in asked}
    page.login = asked.get("login_hint", "")
    # With a hint Microsoft goes straight to the password, unless the application wants the person to choose.
    page.step = "password" if page.login and asked.get("prompt") != "select_account" else "account"
    return page


def reply_code(sim: Simulator, page: SignIn, who: Who) -> Answer:
    fields = {"code": issue_code(sim, page, who).key}
    sim.grants.signins.drop(page.key)
    return _reply(page, fields | {"session_state": opaque_page()})


def reply_declined(sim: Simulator, page: SignIn, code: str = "65004") -> Answer:
    refusal = refuse(code)
    text = described(refusal, new_trace())
    sim.grants.signins.drop(page.key)
    extra = {"error_subcode": "cancel"} if code == "65004" else {}
    return _reply(page, {"error": refusal.row.error, "error_description": text} | extra)


def _reply(page: SignIn, fields: dict[str, str]) -> Answer:
    target, mode = page.request["redirect_uri"], page.request.get("response_mode", "query")
    if "state" in page.request:
        fields = fields | {"state": page.request["state"]}
    if mode == "form_post":
        return _form_post(target, fields)
    mark = "#" if mode == "fragment" else "&" if "?" in target else "?"
    return redirect(target + mark + urlencode(fields))


def _form_post(target: str, fields: dict[str, str]) -> Answer:
    """Microsoft's page posts itself by script; the button is for browsers without."""
    inputs = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in fields.items())
    return html(
        f'<!doctype html><html lang="en"><head><title>Working...</title></head>'
        f'<body onload="document.forms[0].submit()"><form method="post" action="{escape(target)}">{inputs}'
        "<noscript><p>Script is disabled. Click Submit to continue.</p></noscript>"
        '<button type="submit" id="submit">Submit</button></form></body></html>'
    )

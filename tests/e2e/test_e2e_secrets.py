"""No secret anywhere: all three ways with marked secrets, then a search through all that is kept, sent and shown."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from tests.e2e.e2e_kit import Api, World
from tests.e2e.e2e_secrets import SIGNED, Secrets, everywhere, tokens_given_out
from tokenswitch_dev.simulator import demo

WAYS = ("device", "button", "app")


async def operator_cookie(world: World) -> str:
    """A portal session, signed in through Microsoft's pages."""
    page = {"Accept": "text/html"}
    async with httpx.AsyncClient(base_url=world.system.plan.portal, headers=page, trust_env=False) as browser:
        path = "/customers"
        for _ in range(5):
            answer = await browser.get(path)
            path = answer.headers.get("location", "")
            if "/oauth2/v2.0/authorize" in path:
                back = await world.sim("authorize", url=path, account="operator@provider.example")
                path = back["redirect"]
            if answer.status_code == 200:
                return browser.cookies["ts-config"]
    raise AssertionError("no session at the portal")


async def test_no_secret_anywhere(world: World) -> None:
    secrets = Secrets()
    customers = {way: await world.customer(secret=f"marked~{way}~app~secret~4711") for way in WAYS}
    for way, customer in customers.items():
        secrets.add(f"client secret ({way})", customer.client_secret)
    invitees = {way: await world.invited(customer) for way, customer in customers.items()}

    for way, customer in customers.items():
        link = (await world.api.done("POST", f"{customer.path}/switch/link", {"switch": 1}))["link"]
        secrets.add(f"link ({way})", link.rpartition("/")[2], "mails", "api", "wizard")

    by_code, admin = customers["device"], customers["device"].user("admin")
    code = await invitees["device"].ask_code(admin)
    secrets.add("user code", code, "wizard")
    await world.approve(code, admin)

    by_button = customers["button"]
    url = await invitees["button"].ask_sign_in()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    for name in ("state", "nonce", "code_challenge"):
        secrets.add(name, asked[name], "wizard")
    back = await world.sim("authorize", url=url, account=by_button.user("admin"))
    await invitees["button"].get(back["redirect"])

    entered = customers["app"]
    await invitees["app"].enter_app(entered.client_id, entered.client_secret)
    for way, invitee in invitees.items():
        await invitee.until("done")
        await world.until(customers[way], switch="completed")
        secrets.add(f"session ({way})", invitee.http.cookies["ts-invite"], "wizard")
    secrets.add("operator's session", await operator_cookie(world))

    jobs = Api(world.system.base("auth"), world.system.token("token.read"))
    for customer in (by_code, by_button, entered):
        await world.settled(customer, 1)
        served = await jobs.done("POST", f"/internal/v1/customers/{customer.id}/access-token")
        secrets.add(f"access token of {customer.id}", served["access_token"])
    for name, value in tokens_given_out(world, customers.values()):
        secrets.add(name, value)
    for name, value in (("portal", demo.PORTAL_SECRET), ("sign-in app", demo.SIGNIN_SECRET)):
        secrets.add(f"our own secret ({name})", value)
    for role in ("operator", "token.read"):
        secrets.add(f"bearer token ({role})", world.system.token(role))

    places = await everywhere(world)
    assert len([place for place in places if place.startswith("topic/")]) > 30
    assert secrets.missing(places) == []
    assert secrets.leaks(places) == []
    assert [place for place, content in places.items() if SIGNED.search(content)] == []
    assert {name.partition(" ")[0] for name in secrets.known} >= {"device", "code", "refresh"}


def test_the_search_finds_a_secret_in_every_disguise() -> None:
    value = "marked secret?/4711~x"
    secrets = Secrets()
    secrets.add("planted", value, "mails")
    disguises = {
        "clear": value.encode(),
        "quoted": quote(value, safe="").encode(),
        "hex": value.encode().hex().encode(),
        **{f"base64/{n}": base64.b64encode(b"xyz"[:n] + value.encode() + b"more") for n in range(3)},
    }
    places = {f"log/{name}": b"before " + text + b" after" for name, text in disguises.items()}
    assert secrets.leaks(places) == [f"planted in {place}" for place in places]
    assert secrets.leaks({"mails/1": value.encode()}) == []
    assert secrets.missing({"log/clear": value.encode()}) == ["planted"]

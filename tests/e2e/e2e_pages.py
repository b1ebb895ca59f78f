"""The invitee's browser without script, by HTTP: pages with their forms and links, cookies, one session."""

from __future__ import annotations

import contextlib
import html
import re
import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.e2e.e2e_wait import wait_for

SCREEN = re.compile(r'id="screen-([a-z_]+)"')
CODE = re.compile(r'data-copy="([A-Z0-9]+)"[^>]*id="copy-code"')


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a browser makes of an answer: its forms, and its links by their text."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.status, self.url, self.text = answer.status_code, str(answer.url), answer.text
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self._link: str | None = None
        self._words: list[str] = []
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        if tag == "input" and self.forms and given.get("name") and given.get("type") not in ("radio", "checkbox"):
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        if tag == "a":
            self._link, self._words = given.get("href"), []

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link:
            self.links[" ".join("".join(self._words).split())] = self._link
            self._link = None

    @property
    def screen(self) -> str:
        found = SCREEN.search(self.text)
        return found[1] if found else ""

    @property
    def words(self) -> str:
        """The page as it is read: without tags."""
        return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", self.text).split()))

    def form(self, action: str) -> Form:
        found = next((form for form in self.forms if form.action.endswith(action)), None)
        assert found, f"no form {action} on {self.url}: {self.words[:600]}"
        return found


# To read the machine's certificates costs 20 ms a client; plain http needs none.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
KEPT, ANEW = httpx.Limits(), httpx.Limits(max_keepalive_connections=0)
"""Connections are kept, or made anew for each request: a replica that ends closes those that were kept."""


class Invitee:
    """One browser, which waits `patience` seconds for a page. All that it saw is kept for those who search it."""

    def __init__(self, base: str, patience: float = 30, limits: httpx.Limits = KEPT) -> None:
        self.patience = patience
        self.http = httpx.AsyncClient(
            base_url=base, follow_redirects=True, trust_env=False, timeout=30, verify=NO_CERTIFICATES, limits=limits
        )
        self.seen: list[httpx.Response] = []

    async def __aenter__(self) -> Invitee:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def get(self, address: str) -> Page:
        return self._kept(await self.http.get(address))

    async def send(self, page: Page, action: str, **fields: str) -> Page:
        form = page.form(action)
        return self._kept(await self.http.post(form.action, data=form.fields | fields))

    def _kept(self, answer: httpx.Response) -> Page:
        self.seen += [*answer.history, answer]
        return Page(answer)

    # --- the wizard -------------------------------------------------------------------------------------

    async def open(self, link: str) -> Page:
        """The link in the mail, and `Start`; at the replica that this browser is led to."""
        return await self.send(await self.get(urlsplit(link).path), "/start")

    async def until(self, *screens: str, timeout: float = 0) -> Page:
        """The wizard's page once it shows one of these screens."""

        async def shown() -> Page | None:
            with contextlib.suppress(httpx.TransportError):  # a service that is away just now
                page = await self.get("/w")
                return page if page.screen in screens else None
            return None

        return await wait_for(
            shown, f"screen {screens}", timeout or self.patience, lambda: Page(self.seen[-1]).words[:600]
        )

    async def ask_code(self, user_name: str, timeout: float = 0) -> str:
        """`Use Device Token`, the user name, `Start authentication`, and the code that is shown."""
        await self.send(await self.get("/w/device"), "/w/device", user_name=user_name)
        return code_on(await self.until("code", timeout=timeout))

    async def ask_sign_in(self, timeout: float = 0) -> str:
        """`Sign in with Microsoft`, and the address behind `Continue to Microsoft`."""
        await self.send(await self.get("/w"), "/w/sign-in")
        return (await self.until("ready", timeout=timeout)).links["Continue to Microsoft"]

    async def come_back(self, address: str) -> Page:
        """Microsoft's way back, at the replica that this browser is led to."""
        return await self.get(urlsplit(address)._replace(scheme="", netloc="").geturl())

    async def enter_app(self, client_id: str, client_secret: str) -> Page:
        page = await self.get("/w/app")
        return await self.send(page, "/w/app", client_id=client_id, client_secret=client_secret)


def code_on(page: Page) -> str:
    found = CODE.search(page.text)
    assert found, page.words
    return found[1]


def bodies(answers: list[httpx.Response]) -> list[bytes]:
    """Everything that came with them: headers and contents."""
    return [b"\n".join(_headers(answer)) + b"\n" + answer.content for answer in answers]


def _headers(answer: Any) -> list[bytes]:
    return [name + b": " + value for name, value in answer.headers.raw]

"""Signing in: the authorization code with PKCE on a loopback address, by MSAL; tokens in a file of the user alone."""

from __future__ import annotations

import json
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msal
import requests

from tokenswitch_cli.errors import AWAY, NOT_SIGNED_IN, USAGE, Problem

LOOPBACK = ("localhost", "127.0.0.1", "::1")
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
SIGN_IN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class PortalAddress:
    """A portal, and the certificate authority where it has a private one."""

    url: str
    ca_file: str | None = None

    def client(self) -> httpx.Client:
        local = urlsplit(self.url).hostname in LOOPBACK
        return httpx.Client(base_url=self.url, verify=_verify(self.ca_file), timeout=TIMEOUT, trust_env=not local)


def portal_address(url: str, ca_file: str | None) -> PortalAddress:
    """Raises: Problem, for an address that tokens must not be sent to."""
    parts = urlsplit(url.rstrip("/"))
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Problem(f"{url} is not an address; give the portal's, like https://portal.example.com.", USAGE)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Problem("Tokens are sent over https only; give the portal's https address.", USAGE)
    if ca_file and not Path(ca_file).is_file():
        raise Problem(f"There is no file {ca_file}; give the certificate authority's as PEM.", USAGE)
    return PortalAddress(url.rstrip("/"), str(Path(ca_file).resolve()) if ca_file else None)


def _verify(ca_file: str | None) -> Any:
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


# --- what is kept ----------------------------------------------------------------------------------------------------


def folder() -> Path:
    given = os.environ.get("TOKENSWITCH_HOME")
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(given) if given else Path(base) / "tokenswitch"


def save(name: str, text: str) -> None:
    """Written whole or not at all, readable by its user alone."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, path = tempfile.mkstemp(dir=folder())  # made with mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(path).replace(folder() / name)


def load(name: str) -> dict[str, Any]:
    try:
        content = json.loads((folder() / name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def forget() -> bool:
    """Signs out here. False: nobody was signed in."""
    there = (folder() / "tokens.json").exists()
    (folder() / "tokens.json").unlink(missing_ok=True)
    return there


# --- signing in ------------------------------------------------------------------------------------------------------


class Login:
    """MSAL for one portal, by what the portal says of its sign-in (`GET /api/v1/sign-in`), and `person`: who signed in
    there last. The cache may hold other people, and those of other portals."""

    def __init__(self, where: PortalAddress, sign_in: Mapping[str, Any]) -> None:
        self._cache = msal.SerializableTokenCache()
        self._cache.deserialize(json.dumps(load("tokens.json")))
        self._scopes = [str(scope) for scope in sign_in["scopes"]]
        self._person = str(sign_in.get("person", ""))
        session = requests.Session()
        session.trust_env = urlsplit(str(sign_in["authority"])).hostname not in LOOPBACK
        session.verify = where.ca_file or True
        try:
            self._app = msal.PublicClientApplication(
                str(sign_in["client_id"]),
                authority=str(sign_in["authority"]),
                token_cache=self._cache,
                timeout=10,
                instance_discovery=False,
                http_client=_Timed(session),
            )
        except (OSError, ValueError) as error:  # it asks for the authority's endpoints
            raise _unreached(error) from None

    def by_browser(self, show: Callable[[str], None] | None, port: int | None = None) -> str:
        """Who signed in. `show` gets the address instead of a browser. Raises: Problem."""
        more = {"auth_uri_callback": show} if show else {}
        try:
            answer = self._app.acquire_token_interactive(
                self._scopes, prompt="select_account", timeout=SIGN_IN_SECONDS, port=port, **more
            )
        except (msal.BrowserInteractionTimeoutError, OSError) as error:
            sentence = f"Nobody signed in within {SIGN_IN_SECONDS // 60} minutes, or no port could be opened ({error})"
            raise Problem(f"{sentence}; run `tokenswitch login` again.", NOT_SIGNED_IN) from None
        return str(self._taken(answer).get("id_token_claims", {}).get("preferred_username", ""))

    def silently(self) -> str:
        """An access token, renewed if need be. Raises: Problem."""
        accounts = self._app.get_accounts(username=self._person) if self._person else []
        try:
            answer = self._app.acquire_token_silent_with_error(self._scopes, accounts[0]) if accounts else None
        except OSError as error:
            raise _unreached(error) from None
        return str(self._taken(answer)["access_token"])

    def _taken(self, answer: Mapping[str, Any] | None) -> Mapping[str, Any]:
        if self._cache.has_state_changed:
            save("tokens.json", self._cache.serialize())
        if answer and "access_token" in answer:
            return answer
        reason = str((answer or {}).get("error_description", "")).partition("\n")[0]
        raise Problem(f"You are not signed in: run `tokenswitch login`. {reason}".strip(), NOT_SIGNED_IN)


def _unreached(error: Exception) -> Problem:
    return Problem(f"Microsoft's sign-in cannot be reached ({type(error).__name__}); try again later.", AWAY)


class _Timed:
    """MSAL's HTTP client with a timeout on every call."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session

    def post(self, url: str, **more: Any) -> requests.Response:
        return self._session.post(url, **({"timeout": (5, 15)} | more))

    def get(self, url: str, **more: Any) -> requests.Response:
        return self._session.get(url, **({"timeout": (5, 15)} | more))

    def close(self) -> None:
        self._session.close()


def demand_known(where: PortalAddress, sign_in: Mapping[str, Any], moved: bool) -> None:
    """A portal that wants the tokens of one known under another address may be somebody else's. Raises: Problem."""
    if moved or urlsplit(where.url).hostname in LOOPBACK:
        return
    for url, known in load("sign-in.json").items():
        same = all(known.get(name) == sign_in[name] for name in ("client_id", "scopes"))
        if same and url != where.url:
            sentence = (
                f"{where.url} asks for the tokens of {url}. If that portal has moved, say --moved; else do not sign in."
            )
            raise Problem(sentence, USAGE)


def sign_in_of(where: PortalAddress) -> Mapping[str, Any]:
    """How one signs in there. Raises: Problem."""
    try:
        with where.client() as client:
            answer = client.get("/api/v1/sign-in")
            body: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Problem(f"{where.url} does not answer as a portal does: {error}", AWAY) from None
    if answer.status_code != 200:
        raise Problem(str(body.get("detail", "This portal has no sign-in for the command line.")), NOT_SIGNED_IN, body)
    return body

"""What has been given out: device codes, authorization codes, refresh tokens, unfinished sign-ins."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field
from typing import Generic, TypeVar

from tokenswitch_dev.simulator.directory.store import Store

CODE_LIFE_SECONDS = 600.0
REFRESH_LIFE_SECONDS = 90 * 86400.0
PAGE_LIFE_SECONDS = 3600.0
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(kw_only=True)
class DeviceCode:
    """Of a sign-in on another device. Times are simulated seconds; `polled`: when it was asked for last."""

    key: str
    user_code: str
    client_id: str
    authority: str
    scopes: list[str]
    expires: float
    status: str = "pending"
    tid: str = ""
    oid: str = ""
    polled: float = 0.0


@dataclass(kw_only=True)
class AuthCode:
    """Of the authorization endpoint; good once, until `expires`. `challenge`: of PKCE."""

    key: str
    client_id: str
    redirect_uri: str
    tid: str
    oid: str
    scopes: list[str]
    expires: float
    nonce: str = ""
    challenge: str = ""
    used: bool = False


@dataclass(kw_only=True)
class RefreshToken:
    """`origin`: how the sign-in came about (device_code, auth_code); `signed_in`: when the person last did."""

    key: str
    client_id: str
    tid: str
    oid: str
    scopes: list[str]
    issued: float
    origin: str
    signed_in: float


@dataclass(kw_only=True)
class SignIn:
    """A person in the middle of Microsoft's pages."""

    key: str
    kind: str
    client_id: str
    authority: str
    scopes: list[str]
    expires: float
    step: str = "account"
    user_code: str = ""
    login: str = ""
    number: int = 0
    request: dict[str, str] = field(default_factory=dict)
    note: str = ""
    refused: str = ""
    values: dict[str, str] = field(default_factory=dict)


Item = TypeVar("Item", DeviceCode, AuthCode, RefreshToken, SignIn)


class Collection(Generic[Item]):
    """One kind of the above: all in memory, each change written through."""

    def __init__(self, store: Store, kind: str, make: type[Item]) -> None:
        self._store, self._kind = store, kind
        self.items: dict[str, Item] = {key: make(**value) for key, value in store.load(kind).items()}

    def get(self, key: str) -> Item | None:
        return self.items.get(key)

    def put(self, item: Item) -> Item:
        self.items[item.key] = item
        self._store.put(self._kind, item.key, asdict(item))
        return item

    def drop(self, key: str) -> None:
        if self.items.pop(key, None):
            self._store.delete(self._kind, key)


class Grants:
    def __init__(self, store: Store) -> None:
        self.devices = Collection(store, "device", DeviceCode)
        self.codes = Collection(store, "code", AuthCode)
        self.refresh = Collection(store, "refresh", RefreshToken)
        self.signins = Collection(store, "signin", SignIn)
        self._user_codes = {code.user_code: code.key for code in self.devices.items.values()}

    def new_device(self, client_id: str, authority: str, scopes: list[str], expires: float) -> DeviceCode:
        code = DeviceCode(
            key=_opaque("BAQABIQEAAAD"),
            user_code=_user_code(),
            client_id=client_id,
            authority=authority,
            scopes=scopes,
            expires=expires,
        )
        self._user_codes[code.user_code] = code.key
        return self.devices.put(code)

    def by_user_code(self, typed: str) -> DeviceCode | None:
        key = self._user_codes.get(typed.strip().upper().replace("-", ""))
        return self.devices.get(key) if key else None

    def sweep(self, now: float) -> None:
        """Forgets what is of no use, a day late: an old code is still told apart from a wrong one."""
        for code in [c for c in self.devices.items.values() if c.expires < now - 86400]:
            self._user_codes.pop(code.user_code, None)
            self.devices.drop(code.key)
        for auth in [c for c in self.codes.items.values() if c.expires < now - 86400]:
            self.codes.drop(auth.key)
        for token in [t for t in self.refresh.items.values() if t.issued < now - 2 * REFRESH_LIFE_SECONDS]:
            self.refresh.drop(token.key)
        for page in [s for s in self.signins.items.values() if s.expires < now]:
            self.signins.drop(page.key)


def _opaque(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(64)


def opaque_code() -> str:
    return _opaque("1.AAAA")


def opaque_refresh() -> str:
    return _opaque("1.AXAA")


def opaque_page() -> str:
    return secrets.token_urlsafe(24)


def _user_code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(9))

"""What Microsoft publishes of a tenant: its GUID, its endpoints, its signing keys (OpenID Connect Discovery 1.0).

Only hosts that are Microsoft's are believed, in the configuration as well: a token goes where it says.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from auth_svc.microsoft.errors import EntraRefused, EntraUnavailable, read_error
from auth_svc.microsoft.http_client import HttpClient, HttpResponse
from shared.contracts.guids import GUID
from shared.identity.token_verifier import PublishedKey, published_keys

T = TypeVar("T")
PERSONAL_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
MAX_AGE_SECONDS = 24 * 3600.0
REFETCH_SECONDS = 30.0
"""An unknown key has all keys fetched again, at most as often as that."""
MAX_CONFIGURATIONS, MAX_KEY_SETS = 2048, 512
"""Of so many tenants."""
CONFIGURATION_PATH = "/v2.0/.well-known/openid-configuration"
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_ENDPOINTS = ("token_endpoint", "jwks_uri", "device_authorization_endpoint")

PAGE_HOSTS = frozenset(
    {
        "microsoft.com",
        "www.microsoft.com",
        "aka.ms",
        "login.microsoft.com",
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "microsoft.us",
        "login.partner.microsoftonline.cn",
        "microsoft.cn",
        "login.microsoftonline.de",
        "login.windows.net",
    }
)


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which hosts are believed to be Microsoft's."""

    endpoints: frozenset[str]
    """Those that programs talk to."""
    simulated: bool = False
    """Then every host is."""

    def is_endpoint(self, url: object) -> bool:
        parts = urlsplit(url if isinstance(url, str) else "")
        return parts.scheme == "https" and bool(parts.netloc) and (self.simulated or parts.netloc in self.endpoints)

    def is_page(self, url: object) -> bool:
        """May a person be sent there?"""
        parts = urlsplit(url if isinstance(url, str) else "")
        if self.simulated:
            return parts.scheme in ("https", "http") and bool(parts.netloc)
        return parts.scheme == "https" and parts.netloc in PAGE_HOSTS


@dataclass(slots=True)
class TenantCache(Generic[T]):
    """The newest values, by tenant, with the time they came; the least recently used go first."""

    size: int
    _items: OrderedDict[str, tuple[float, T]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str) -> tuple[float, T] | None:
        with self._lock:
            if name in self._items:
                self._items.move_to_end(name)
            return self._items.get(name)

    def put(self, name: str, at: float, value: T) -> None:
        with self._lock:
            self._items[name] = (at, value)
            self._items.move_to_end(name)
            if len(self._items) > self.size:
                self._items.popitem(last=False)


class Discovery:
    """Blocking: called from worker threads. `ticks`: seconds, monotonic."""

    def __init__(
        self, http: HttpClient, authority: str, hosts: Hosts, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._http, self._authority, self.hosts, self._ticks = http, authority, hosts, ticks
        self._configurations: TenantCache[Mapping[str, Any]] = TenantCache(MAX_CONFIGURATIONS)
        self._keys: TenantCache[Mapping[str, PublishedKey]] = TenantCache(MAX_KEY_SETS)

    def resolve(self, asked: str) -> str:
        """The GUID of a tenant, by domain or GUID. Raises: EntraRefused(tenant_unknown), EntraUnavailable."""
        name = asked.strip().lower()
        if not (GUID.fullmatch(name) or _DOMAIN.fullmatch(name)) or name == PERSONAL_TENANT:
            raise EntraRefused("tenant_unknown")
        issuer = urlsplit(str(self._fetched(name).get("issuer", "")))
        tenant = issuer.path.strip("/").split("/")[0].lower()
        if not GUID.fullmatch(tenant):
            raise EntraUnavailable("unreachable")
        if tenant == PERSONAL_TENANT:
            raise EntraRefused("tenant_unknown")
        return tenant

    def configuration(self, tenant: str) -> Mapping[str, Any]:
        """The endpoints of a tenant. Raises: EntraRefused, EntraUnavailable."""
        if not GUID.fullmatch(tenant):
            raise EntraRefused("tenant_unknown")
        kept = self._configurations.get(tenant)
        if kept and self._ticks() - kept[0] < MAX_AGE_SECONDS:
            return kept[1]
        configuration = self._fetched(tenant)
        if not all(self.hosts.is_endpoint(configuration.get(name)) for name in _ENDPOINTS if configuration.get(name)):
            raise EntraUnavailable("foreign_answer")
        self._configurations.put(tenant, self._ticks(), configuration)
        return configuration

    def probe(self) -> None:
        """Raises: EntraUnavailable."""
        self._http.get(f"{self._authority}/organizations{CONFIGURATION_PATH}")

    def issuer(self, tenant: str) -> str:
        return str(self.configuration(tenant).get("issuer", ""))

    def key(self, tenant: str, kid: str) -> PublishedKey | None:
        """A signing key; an unknown one has all fetched again, at most every 30 seconds. Raises:
        EntraUnavailable."""
        kept = self._keys.get(tenant)
        age = self._ticks() - kept[0] if kept else MAX_AGE_SECONDS
        if kept and ((kid in kept[1] and age < MAX_AGE_SECONDS) or (kid not in kept[1] and age < REFETCH_SECONDS)):
            return kept[1].get(kid)
        response = self._http.get(str(self.configuration(tenant).get("jwks_uri", "")))
        if response.status_code != 200:
            raise EntraUnavailable("unreachable")
        keys = published_keys(response.json())
        self._keys.put(tenant, self._ticks(), keys)
        return keys.get(kid)

    def _fetched(self, segment: str) -> Mapping[str, Any]:
        response = self._http.get(f"{self._authority}/{segment}{CONFIGURATION_PATH}")
        if response.status_code == 200:
            return response.json()
        refusal = read_error(response.json())
        if isinstance(refusal, EntraUnavailable):
            raise refusal
        # Microsoft says 90002 here; whatever else makes this address a bad request means the same to us.
        raise EntraRefused("tenant_unknown", refusal.details)


class ConfiguredHttpClient:
    """MSAL's http_client of one call: the configuration is the one that was checked, the rest goes out."""

    def __init__(self, http: HttpClient, configuration: Mapping[str, Any]) -> None:
        self._http, self._configuration = http, configuration

    def get(self, url: str, **what: Any) -> HttpResponse:
        if url.split("?")[0].endswith(CONFIGURATION_PATH):
            return HttpResponse(200, json.dumps(dict(self._configuration)), {})
        return self._http.get(url, **what)

    def post(self, url: str, **what: Any) -> HttpResponse:
        return self._http.post(url, **what)

    def close(self) -> None:
        """The connections are shared; they stay."""

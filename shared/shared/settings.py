"""Settings from the environment; a wrong one ends the program with one sentence that names it, never its value."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.kafka import Cluster
from shared.secret import Secret
from shared.web_address import Network, trusted_networks

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_BROKER = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")
_DATABASE = re.compile(r"[A-Za-z0-9_-]{1,38}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,150}")


class Misconfigured(SystemExit):
    """Ends the program with one sentence on standard error that says which setting is wrong and what to do."""


def server_url(text: str) -> str:
    """An http(s) address without user, query and fragment; given back without the slash at its end."""
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not a web address; give one like https://portal.example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold neither user name nor query; give only scheme, host, port and path")
    return text.rstrip("/")


def public_url(text: str) -> str:
    """What people's browsers open: https, except on this machine."""
    url = server_url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
        raise ValueError("must begin with https://, since people enter secrets there")
    if parts.path:
        raise ValueError("must have no path; give a host of its own, like https://invite.example.com")
    return url


def issuer_url(text: str) -> str:
    """Whose word counts for who somebody is: over https, except on this machine."""
    url = server_url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOCAL_HOSTS:
        raise ValueError("must begin with https://, since keys and sign-ins come from there")
    return url


def secret_url(*schemes: str) -> Callable[[SecretStr], SecretStr]:
    """Validates an address that may hold a password: `Annotated[SecretStr, AfterValidator(secret_url("smtp"))]`."""

    def check(value: SecretStr) -> SecretStr:
        parts = _split(value.get_secret_value())
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError(f"is not an address; give one like {schemes[0]}://host:port")
        return value

    return check


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not an address: its host or port cannot be read") from None
    return parts


def _matches(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not all(pattern.fullmatch(part.strip()) for part in text.split(",")):
            raise ValueError(what)
        return text

    return check


def _proxies(text: str) -> str:
    trusted_networks(text)
    return text


def read_secret(path: Path) -> Secret[str]:
    """The secret in a file: its one line. Raises: ValueError with what is wrong, never with the content."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"names a file that cannot be read ({path}: {_why(error)})") from None
    if not text or "\n" in text:
        raise ValueError(f"names a file that must hold the secret as its only line ({path})")
    return Secret(text)


def _why(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "it is not text"


def _secret_file(path: Path) -> Path:
    read_secret(path)
    return path


def _readable_file(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"names a file that cannot be read ({path}: {_why(error)})") from None
    return path


ServerUrl = Annotated[str, AfterValidator(server_url)]
IssuerUrl = Annotated[str, AfterValidator(issuer_url)]
PublicUrl = Annotated[str, AfterValidator(public_url)]
SecretFile = Annotated[Path, AfterValidator(_secret_file)]
CaFile = Annotated[Path, AfterValidator(_readable_file)]


class CommonSettings(BaseSettings):
    """What every service is told. Names are the environment's in upper case; an empty one counts as not given."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True, populate_by_name=True
    )

    kafka_bootstrap: Annotated[str, AfterValidator(_matches(_BROKER, "is not a list of brokers like host:9092"))]
    mongo_url: Annotated[SecretStr, AfterValidator(secret_url("mongodb", "mongodb+srv"))]
    mongo_database: Annotated[
        str, AfterValidator(_matches(_DATABASE, "is not a database name: up to 38 letters, digits, - and _"))
    ] = "tokenswitch"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)]
    portal_url: PublicUrl
    invite_url: PublicUrl
    trusted_proxies: Annotated[str, AfterValidator(_proxies)] = ""
    topic: Annotated[str, AfterValidator(_matches(_TOPIC, "is not a topic name"))] = "tokenswitch.events"
    topic_partitions: Annotated[int, Field(ge=1, le=10_000)] = 12
    topic_replication: Annotated[int, Field(ge=-1, le=100)] = -1

    @property
    def proxies(self) -> tuple[Network, ...]:
        return trusted_networks(self.trusted_proxies)

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.kafka_bootstrap, self.topic, self.topic_partitions, self.topic_replication)


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S]) -> S:
    """The settings from the environment. Raises: Misconfigured, which ends the program with one sentence."""
    try:
        return settings()
    except ValidationError as error:
        raise Misconfigured(sentence(error)) from None


def sentence(error: ValidationError) -> str:
    """One sentence on the first wrong setting; the other wrong ones by name."""
    errors = error.errors(include_input=False, include_url=False, include_context=False)
    first, *others = [(str(e["loc"][0]).upper() if e["loc"] else "The settings", e) for e in errors]
    name, wrong = first
    more = [other for other, _ in others if other != name]
    also = f" (also look at {', '.join(dict.fromkeys(more))})" if more else ""
    if wrong["type"] == "missing":
        return f"{name} is not set; set it in the environment{also}."
    message = wrong["msg"].removeprefix("Value error, ").removeprefix(f"{name}: ")
    message = message if wrong["type"] == "value_error" else f"is wrong: {message[:1].lower()}{message[1:]}"
    return f"{name} {message}{also}."

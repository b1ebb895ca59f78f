"""What settings may look like: addresses, files, one-line secrets; each check says what to give instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

from shared.crypto.secret import Secret
from shared.http.client_address import LOOPBACK, trusted_networks


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
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("must begin with https://, since people enter secrets there")
    if parts.path:
        raise ValueError("must have no path; give a host of its own, like https://invite.example.com")
    return url


def issuer_url(text: str) -> str:
    """Whose word counts for who somebody is: over https, except on this machine."""
    url = server_url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
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


def matches(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not all(pattern.fullmatch(part.strip()) for part in text.split(",")):
            raise ValueError(what)
        return text

    return check


def networks(text: str) -> str:
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

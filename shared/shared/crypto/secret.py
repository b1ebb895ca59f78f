"""A value that cannot be shown by accident: no repr, str, format, JSON, pickle or copy gives it away."""

from __future__ import annotations

import hmac
from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T", str, bytes)


class Secret(Generic[T]):
    """Holds a secret; only `reveal()` gives it, so that every place that uses one is found by searching for it."""

    __slots__ = ("__value",)

    def __init__(self, value: T) -> None:
        self.__value: T = value

    def reveal(self) -> T:
        return self.__value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(_bytes(self.__value), _bytes(other.__value))

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            "a Secret is neither pickled nor copied; seal it with shared.crypto.vault or shared.crypto.sealed_box"
        )


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value

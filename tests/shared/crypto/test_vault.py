"""Sealing at rest: only the right record opens, changed by no bit, under any key that is still kept."""

from __future__ import annotations

import copy
import json
import pickle
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto.secret import Secret
from shared.crypto.vault import KeyRing, Vault, VaultError

OLD = KeyRing(current="k1", keys={"k1": Secret(b"1" * 32)})
BOTH = KeyRing(current="k2", keys={"k1": Secret(b"1" * 32), "k2": Secret(b"2" * 32)})
NEW = KeyRing(current="k2", keys={"k2": Secret(b"2" * 32)})
CONTEXT = "access/contoso/grant/7"
_BYTES = ("wn", "wk", "n", "ct")


@given(st.binary(max_size=200), st.text(max_size=30))
def test_what_was_sealed_opens_with_its_context(plain: bytes, context: str) -> None:
    vault = Vault(OLD)
    assert vault.open(vault.seal(plain, context), context).reveal() == plain


@given(st.text(max_size=30), st.text(max_size=30))
def test_it_does_not_open_in_another_record(context: str, other: str) -> None:
    vault = Vault(OLD)
    if context != other:
        with pytest.raises(VaultError):
            vault.open(vault.seal(b"token", context), other)


@given(st.sampled_from(_BYTES), st.integers(0, 10_000), st.integers(1, 255))
def test_a_change_of_any_byte_is_refused(part: str, at: int, flip: int) -> None:
    vault = Vault(OLD)
    envelope = vault.seal(b"a token to keep", CONTEXT)
    changed = bytearray(envelope[part])
    changed[at % len(changed)] ^= flip
    with pytest.raises(VaultError):
        vault.open(envelope | {part: bytes(changed)}, CONTEXT)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"v": "1"},
        {"alg": "A128GCM"},
        {"alg": None},
        {"kid": "k9"},
        {"kid": None},
        {"n": b""},
        {"wk": b""},
        {"ct": b""},
        {"ct": "text"},
        {"more": 1},
    ],
)
def test_what_is_not_known_is_refused(change: dict[str, Any]) -> None:
    vault = Vault(OLD)
    with pytest.raises(VaultError):
        vault.open(vault.seal(b"x", CONTEXT) | change, CONTEXT)


@pytest.mark.parametrize("envelope", [{}, {"v": 1, "alg": "A256GCM", "kid": "k1"}])
def test_half_an_envelope_is_refused(envelope: dict[str, Any]) -> None:
    with pytest.raises(VaultError):
        Vault(OLD).open(envelope, CONTEXT)


def test_parts_of_two_envelopes_do_not_go_together() -> None:
    vault = Vault(OLD)
    one, two = vault.seal(b"one", CONTEXT), vault.seal(b"two", CONTEXT)
    with pytest.raises(VaultError):
        vault.open(one | {"n": two["n"], "ct": two["ct"]}, CONTEXT)


def test_keys_rotate_without_downtime() -> None:
    old = Vault(OLD).seal(b"kept", CONTEXT)
    vault = Vault(BOTH)
    assert vault.open(old, CONTEXT).reveal() == b"kept"
    assert vault.needs_rewrap(old)
    new = vault.rewrap(old, CONTEXT)
    assert not vault.needs_rewrap(new)
    assert new["ct"] == old["ct"]  # only the record's key is wrapped anew
    assert Vault(NEW).open(new, CONTEXT).reveal() == b"kept"
    with pytest.raises(VaultError, match="k1"):
        Vault(NEW).open(old, CONTEXT)
    with pytest.raises(VaultError):
        vault.rewrap(old, "access/fabrikam/grant/7")


def test_two_envelopes_of_the_same_are_not_alike() -> None:
    vault = Vault(OLD)
    one, two = vault.seal(b"same", CONTEXT), vault.seal(b"same", CONTEXT)
    assert all(one[part] != two[part] for part in _BYTES)


def test_an_envelope_holds_plain_values_only() -> None:
    kinds = {name: type(value) for name, value in Vault(OLD).seal(b"x", CONTEXT).items()}
    assert kinds == {"v": int, "alg": str, "kid": str, "wn": bytes, "wk": bytes, "n": bytes, "ct": bytes}


def test_a_ring_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    key = urlsafe_b64encode(b"k" * 32).rstrip(b"=").decode()
    path.write_text(json.dumps({"current": "a", "keys": {"a": key, "b": key}}))
    ring = KeyRing.from_file(path)
    assert ring.current == "a" and set(ring.keys) == {"a", "b"}
    assert key not in repr(ring) and "kkkk" not in repr(ring)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"current": "a"}',
        '{"current": "a", "keys": {"a": "short"}}',
        '{"current": "a", "keys": {}}',
        '{"current": "z", "keys": {"a": "' + "A" * 43 + '"}}',
        '{"current": "a b", "keys": {"a b": "' + "A" * 43 + '"}}',
        '{"current": ["a"], "keys": {"a": "' + "A" * 43 + '"}}',
    ],
)
def test_a_wrong_ring_is_told_without_its_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ring.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="names a") as told:
        KeyRing.from_file(path)
    assert "AAAA" not in str(told.value)


def test_each_purpose_has_its_own_key() -> None:
    assert OLD.derive("k1", "link") != OLD.derive("k1", "cursor")
    assert OLD.derive("k1", "link") == BOTH.derive("k1", "link")
    assert OLD.derive("k9", "link") is None


@dataclass(frozen=True)
class Holder:
    token: Secret[str]


def test_a_secret_cannot_be_shown_by_accident() -> None:
    secret = Secret("s3cret-value")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>30}", f"{secret!r}", repr([secret]), ascii(secret)]
    shown += [repr(Holder(secret)), repr({"token": secret}), json.dumps({"t": secret}, default=str)]
    assert not any("s3cret" in text for text in shown)
    assert secret.reveal() == "s3cret-value"


@pytest.mark.parametrize("leak", [json.dumps, pickle.dumps, copy.copy, copy.deepcopy, vars, list, len, hash, bytes])
def test_a_secret_is_not_taken_apart(leak: Any) -> None:
    with pytest.raises(TypeError) as told:
        leak(Secret("s3cret-value"))
    assert "s3cret" not in str(told.value)


def test_a_state_that_holds_a_secret_cannot_be_stored() -> None:
    with pytest.raises(TypeError):
        asdict(Holder(Secret("s3cret-value")))


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert not Secret("")

"""Sealed for one service: only it opens, only for the context it was sealed for, only in time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey

from shared.crypto.sealed_box import LEEWAY, LIFETIME, Opener, Sealer, SealError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY, OLD_KEY, OTHER = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("auth-2", "auth-1", "other"))
PUBLIC = ECKey.import_key(KEY.as_dict(private=False))
SEALER = Sealer({"auth": PUBLIC})
OPENER = Opener({"auth-2": KEY, "auth-1": OLD_KEY})
CONTEXT: dict[str, Any] = {"customer": "contoso", "event": "SignInReturned", "attempt": 2}


def sealed(**more: Any) -> str:
    return SEALER.seal("auth", {"code": "0.AXk"}, **({**CONTEXT, "now": NOW} | more))


def test_the_reader_opens_it_and_gets_secrets() -> None:
    opened = OPENER.open(sealed(), **CONTEXT, now=NOW)
    assert opened["code"].reveal() == "0.AXk"
    assert "0.AXk" not in repr(opened)


@pytest.mark.parametrize(
    "wrong", [{"customer": "fabrikam"}, {"event": "AuthenticationStarted"}, {"attempt": 3}, {"attempt": None}]
)
def test_it_does_not_open_elsewhere(wrong: dict[str, Any]) -> None:
    with pytest.raises(SealError, match="another"):
        OPENER.open(sealed(), **(CONTEXT | wrong), now=NOW)


def test_it_expires_but_for_stored_credentials() -> None:
    late = NOW + LIFETIME + LEEWAY
    assert OPENER.open(sealed(), **CONTEXT, now=late)
    with pytest.raises(SealError, match="expired"):
        OPENER.open(sealed(), **CONTEXT, now=late + timedelta(seconds=1))
    assert OPENER.open(sealed(lifetime=None), **CONTEXT, now=NOW + timedelta(days=4000))


def test_another_service_does_not_open_it() -> None:
    with pytest.raises(SealError):
        Opener({"other": OTHER}).open(sealed(), **CONTEXT, now=NOW)
    same_name = ECKey.import_key(OTHER.as_dict(private=True) | {"kid": "auth-2"})
    with pytest.raises(SealError):
        Opener({"auth-2": same_name}).open(sealed(), **CONTEXT, now=NOW)


def test_what_was_sealed_for_an_old_key_still_opens() -> None:
    before = Sealer({"auth": ECKey.import_key(OLD_KEY.as_dict(private=False))})
    token = before.seal("auth", {"code": "x"}, **CONTEXT, now=NOW)
    assert OPENER.open(token, **CONTEXT, now=NOW)["code"].reveal() == "x"


@given(st.integers(0, 100_000), st.sampled_from("ABCxyz019_-."))
def test_a_change_of_any_character_is_refused(at: int, to: str) -> None:
    token = sealed()
    place = at % len(token)
    if token[place] == to:
        return
    with pytest.raises(SealError):
        OPENER.open(token[:place] + to + token[place + 1 :], **CONTEXT, now=NOW)


@given(st.text(max_size=300))
def test_whatever_comes_is_an_error_of_sealing(token: str) -> None:
    with pytest.raises(SealError):
        OPENER.open(token, **CONTEXT, now=NOW)


def other_algorithms() -> list[str]:
    body = json.dumps({"context": ["contoso", "SignInReturned", 2], "exp": None, "value": {"code": "forged"}})
    shared = OctKey.import_key(json.dumps(PUBLIC.as_dict(private=False), sort_keys=True)[:32].encode())
    made: list[tuple[dict[str, Any], OctKey | ECKey]] = [
        ({"alg": "dir", "enc": "A256GCM", "kid": "auth-2"}, shared),
        ({"alg": "A256KW", "enc": "A256GCM", "kid": "auth-2"}, shared),
        ({"alg": "ECDH-ES", "enc": "A256GCM", "kid": "auth-2"}, PUBLIC),
        ({"alg": "ECDH-ES+A128KW", "enc": "A256GCM", "kid": "auth-2"}, PUBLIC),
        ({"alg": "ECDH-ES+A256KW", "enc": "A128GCM", "kid": "auth-2"}, PUBLIC),
        ({"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": "auth-2", "zip": "DEF"}, PUBLIC),
        ({"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}, PUBLIC),
    ]
    every = [name for header, _ in made for name in (header["alg"], header["enc"])] + ["DEF"]
    return [jwe.encrypt_compact(header, body, key, algorithms=every) for header, key in made]


@pytest.mark.parametrize("token", other_algorithms())
def test_no_other_algorithm_is_accepted(token: str) -> None:
    with pytest.raises(SealError, match="not sealed in a way"):
        OPENER.open(token, **CONTEXT, now=NOW)


@pytest.mark.parametrize("body", ["[]", "1", "{}", '{"context": ["contoso", "SignInReturned", 2]}', "x"])
def test_a_strange_content_is_an_error_of_sealing(body: str) -> None:
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": "auth-2"}
    token = jwe.encrypt_compact(header, body, PUBLIC, algorithms=["ECDH-ES+A256KW", "A256GCM"])
    with pytest.raises(SealError):
        OPENER.open(token, **CONTEXT, now=NOW)


def test_files_are_read_and_the_first_public_key_seals(tmp_path: Path) -> None:
    private, public = tmp_path / "private.json", tmp_path / "public.json"
    private.write_text(json.dumps({"keys": [KEY.as_dict(private=True), OLD_KEY.as_dict(private=True)]}))
    public.write_text(json.dumps({"auth": {"keys": [key.as_dict(private=False) for key in (KEY, OLD_KEY)]}}))
    token = Sealer.from_file(public).seal("auth", {"a": "b"}, **CONTEXT, now=NOW)
    assert Opener.from_file(private).open(token, **CONTEXT, now=NOW)["a"].reveal() == "b"
    with pytest.raises(SealError, match="no key of invite"):
        Sealer.from_file(public).seal("invite", {"a": "b"}, **CONTEXT, now=NOW)


def test_wrong_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"auth": {"keys": [KEY.as_dict(private=True)]}}))
    with pytest.raises(ValueError, match="holds a private key"):
        Sealer.from_file(path)
    path.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    with pytest.raises(ValueError, match="without the private keys"):
        Opener.from_file(path)
    for content in ("", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}'):
        path.write_text(content)
        with pytest.raises(ValueError, match="names a file"):
            Opener.from_file(path)

"""Keys are rotated: all that was sealed comes under the new key, bound to where it was, and no key goes too early."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from auth_svc.credential_store import PURPOSE, CredentialStore, PendingFlow
from auth_svc.domain.model import Access, Attempt, Grant, Registration
from auth_svc.microsoft.errors import EntraRefused
from shared.admin.cli import Admin
from shared.admin.keys import KeyFile, Keys
from shared.contracts.events import Account
from shared.crypto.sealed_box import Opener, Sealer
from shared.crypto.secret import Secret
from shared.crypto.signed_tokens import Signer
from shared.crypto.vault import KeyRing, Vault
from shared.domain.rules import Change, Refused, utc_now
from shared.store.mongo import Mongo
from shared.store.store import Store
from tests.auth_svc.auth_kit import CLIENT, OID, TENANT, open_store, redeemed, write_keys
from tests.shared.kit.faults import Crash, Fuse, faulty

NOW = utc_now()
LATER = timedelta(hours=2)


@dataclass
class Keeper:
    """auth-svc's keys in files, its documents, and a time of day."""

    home: Path
    store: Store[Access]
    now: datetime = NOW

    def file(self, name: str) -> Path:
        return self.home / f"{name}_KEYS_FILE"

    @property
    def credential_store(self) -> CredentialStore:
        """As a replica has it that was started now."""
        ring = replace(KeyRing.from_file(self.file("VAULT")), clock=lambda: self.now)
        opener, sealer = Opener.from_file(self.file("SEAL")), Sealer.from_file(self.file("SEAL_PUBLIC"))
        return CredentialStore(vault=Vault(ring), opener=opener, sealer=sealer, signer=Signer(ring, PURPOSE))

    def keys(self, store: Store[Access] | None = None) -> Keys:
        files = (
            KeyFile(kind="vault", path=self.file("VAULT")),
            KeyFile(kind="seal", path=self.file("SEAL"), public=self.file("SEAL_PUBLIC"), reader="auth"),
        )
        resealing = {"access": self.credential_store.rewrap}
        return Keys(files, {"access": store or self.store}, resealing, lambda: self.now)

    def rotate(self, kind: Any = "vault", grace: timedelta = timedelta(hours=1)) -> str:
        return str(self.keys().rotate(kind, None, None, grace)["key"])

    async def documents(self, kid: str) -> int:
        return int(next(one["documents"] for one in await self.keys().status() if one["key"] == kid))

    async def customer(self, id: str) -> None:
        credential_store, attempt = (
            self.credential_store,
            Attempt(switch=2, number=1, method="device_code", state="redeemed", started_at=self.now, tenant_id=TENANT),
        )
        kept = replace(
            attempt,
            flow=credential_store.seal_flow(id, attempt, PendingFlow(Secret("{}"), 5, 1)),
            redeemed=credential_store.seal_redemption(id, attempt, redeemed(), self.now),
        )
        account, far = Account("admin@contoso.example", OID, "Avery"), self.now + timedelta(days=1)
        one, two = (
            Grant(
                id=n,
                switch=1,
                account=account,
                tenant_id=TENANT,
                method="device_code",
                roles=(),
                scopes=(),
                cache=credential_store.seal_token_cache(id, n, Secret(f"{id}/{n}")),
                claimed_at=far,
                expires_at=far,
                refresh_at=far,
            )
            for n in ("g1", "g2")
        )
        registration = Registration(
            client_id=CLIENT, revision=1, vault=credential_store.seal_secret(id, Secret(f"{id}/secret"))
        )
        state = Access(
            id=id,
            attempt=kept,
            grant=one,
            proposed=two,
            registration=registration,
            proposed_registration=replace(registration, revision=2),
        )
        await self.store.apply(id, lambda found, at: Change(state))

    async def state(self, id: str) -> Access:
        found = await self.store.get(id)
        assert found
        return found.state


@pytest.fixture
async def here(mongo_url: str, mongo_database: str, tmp_path: Path) -> AsyncIterator[Keeper]:
    write_keys(tmp_path)
    mongo = Mongo(mongo_url, f"{mongo_database}_auth")
    store = open_store(mongo)
    await store.prepare()
    yield Keeper(tmp_path, store)
    await mongo.drop()
    mongo.close()


async def opens_all(here: Keeper, id: str) -> None:
    """Everything that the customer's document holds opens, at its place."""
    state, credential_store = await here.state(id), here.credential_store
    attempt, grant, proposed = state.attempt, state.grant, state.proposed
    assert attempt and grant and proposed and state.registration and state.proposed_registration
    assert credential_store.open_flow(id, attempt).interval == 5
    assert credential_store.open_redemption(id, attempt)[0].client_id == CLIENT
    assert credential_store.open_token_cache(id, "g1", grant.cache).reveal() == f"{id}/g1"
    assert credential_store.open_token_cache(id, "g2", proposed.cache).reveal() == f"{id}/g2"
    for registration in (state.registration, state.proposed_registration):
        assert credential_store.open_secret(id, registration.vault).reveal() == f"{id}/secret"


async def test_a_new_key_seals_only_after_the_grace_and_what_replicas_sealed_opens_everywhere(here: Keeper) -> None:
    old = here.credential_store
    new = here.rotate()
    during = here.credential_store.seal_token_cache("c1", "g1", Secret("x"))
    assert during["kid"] == "k1"
    assert old.open_token_cache("c1", "g1", during).reveal() == "x"
    here.now += LATER
    after = here.credential_store.seal_token_cache("c1", "g1", Secret("x"))
    assert after["kid"] == new
    assert (
        here.credential_store.open_token_cache("c1", "g1", during).reveal()
        == here.credential_store.open_token_cache("c1", "g1", after).reveal()
        == "x"
    )


async def test_all_comes_under_the_new_key_bound_to_where_it_was_and_the_old_one_can_go(here: Keeper) -> None:
    for id in ("c1", "c2", "c3"):
        await here.customer(id)
    new = here.rotate()
    here.now += LATER + timedelta(hours=1)
    assert (await here.documents("k1"), await here.documents(new)) == (3, 0)
    assert await here.keys().reseal() == 3
    assert (await here.documents("k1"), await here.documents(new)) == (0, 3)
    assert await here.keys().reseal() == 0
    await here.keys().retire("vault", "k1", None, None)
    for id in ("c1", "c2", "c3"):
        await opens_all(here, id)
    grant = (await here.state("c1")).grant
    assert grant
    with pytest.raises(EntraRefused):
        here.credential_store.open_token_cache("c2", "g1", grant.cache)


async def test_cut_off_anywhere_it_is_called_again_and_nothing_is_lost(here: Keeper) -> None:
    for id in ("c1", "c2"):
        await here.customer(id)
    here.rotate()
    here.now += LATER
    at, crashed = 0, True
    while crashed:
        at += 1
        fuse = Fuse(at)
        broken = Store(faulty(here.store.collection, fuse), Access, "auth/access", deadlines=here.store.deadlines)
        try:
            await here.keys(broken).reseal()
            crashed = False
        except Crash:
            for id in ("c1", "c2"):
                await opens_all(here, id)
    assert at > 8
    assert await here.documents("k1") == 0


async def test_a_key_stays_while_a_document_or_a_sign_in_needs_it(here: Keeper) -> None:
    await here.customer("c1")
    new = here.rotate()
    before = here.file("VAULT").read_text()
    for kid, later, why in (
        (new, timedelta(0), "has not begun"),
        ("k1", timedelta(0), "only a key that another one followed"),
        ("k1", LATER - timedelta(minutes=30), "sign-ins that are under way"),
        ("k1", LATER, "1 documents still hold"),
        ("nobody", LATER, "no key"),
    ):
        here.now = here.now + later
        with pytest.raises(Refused, match=why):
            await here.keys().retire("vault", kid, None, None)
    assert here.file("VAULT").read_text() == before


async def test_what_was_saved_meanwhile_is_what_is_resealed(here: Keeper) -> None:
    """A refresh that saves a newer token between the read and the write of the resealing loses nothing."""
    await here.customer("c1")
    here.rotate()
    here.now += LATER
    rule, late = here.credential_store.rewrap, here.credential_store
    read = await here.state("c1")
    assert read.grant
    fresh = replace(read.grant, rev=1, cache=late.seal_token_cache("c1", "g1", Secret("newer")))
    await here.store.apply("c1", lambda found, at: Change(replace(read, grant=fresh)))
    await here.store.apply("c1", rule)
    found = (await here.state("c1")).grant
    assert (
        found and found.rev == 1 and here.credential_store.open_token_cache("c1", "g1", found.cache).reveal() == "newer"
    )


async def test_pairs_open_what_was_sealed_before_and_after_and_stay_as_long_as_the_topic_keeps(here: Keeper) -> None:
    context: dict[str, Any] = {"customer": "c1", "event": "Registration", "attempt": None, "now": here.now}
    before = Sealer.from_file(here.file("SEAL_PUBLIC")).seal("auth", {"client_secret": "s"}, **context, lifetime=None)
    new = here.rotate("seal")
    after = Sealer.from_file(here.file("SEAL_PUBLIC")).seal("auth", {"client_secret": "s"}, **context, lifetime=None)
    assert json.loads(base64.urlsafe_b64decode(after.split(".")[0] + "=="))["kid"] == new
    for token in (before, after):
        assert here.credential_store.open_registration_secret("c1", token, here.now).reveal() == "s"
    here.now += timedelta(days=30)
    with pytest.raises(Refused, match="events on the topic"):
        await here.keys().retire("seal", "a1", None, None)
    here.now += timedelta(days=2)
    await here.store.apply(
        "c1",
        lambda found, at: Change(Access(id="c1", registration=Registration(client_id=CLIENT, revision=1, jwe=before))),
    )
    with pytest.raises(Refused, match="1 documents"):
        await here.keys().retire("seal", "a1", None, None)
    await here.store.apply("c1", lambda found, at: Change(Access(id="c1")))
    await here.keys().retire("seal", "a1", None, None)
    assert here.credential_store.open_registration_secret("c1", after, here.now).reveal() == "s"
    with pytest.raises(EntraRefused):
        here.credential_store.open_registration_secret("c1", before, here.now)


async def test_a_part_that_waits_in_an_outbox_is_counted(here: Keeper) -> None:
    sealer = Sealer({"auth": ECKey.generate_key("P-256", {"kid": "waits"}, private=True)})
    token = sealer.seal("auth", {"a": "b"}, customer="c", event="E", attempt=None, now=NOW)
    await here.customer("c1")
    change = {"$push": {"outbox": {"id": "1", "body": json.dumps({"code": token})}}}
    await here.store.collection.update_many({"_id": "c1"}, change)
    assert (await here.keys()._counted())["seal", "waits"] == 1


async def test_files_are_for_their_owner_and_the_place_that_cannot_be_written_is_named(here: Keeper) -> None:
    here.rotate()
    assert here.file("VAULT").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="another place with --out"):
        here.keys().rotate("vault", here.home / "no" / "such", None, timedelta(0))


def test_the_command_exits_as_scripts_expect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without servers: a key is made, one that is needed stays, and a wrong call is told so."""
    write_keys(tmp_path)
    files = (KeyFile(kind="vault", path=tmp_path / "VAULT_KEYS_FILE"),)
    letters: Any = None

    async def close() -> None:
        return None

    def call(*arguments: str) -> int:
        admin = Admin(dead_letters=letters, keys=Keys(files, {}, {}), stores={}, indexes=())
        return admin.main("auth-svc", arguments, close)

    out = tmp_path / "new.json"
    assert call("keys", "rotate", "vault", "--grace", "0", "--out", str(out)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["file"]) == ("vault", str(out))
    secret = json.loads(out.read_text())["keys"][told["key"]]
    assert secret not in json.dumps(told)
    assert call("keys", "retire", "vault", "k1") == 1
    assert "must stay" in capsys.readouterr().err
    assert call("keys", "rotate", "link") == 1
    assert "no keys of the kind link" in capsys.readouterr().err
    assert call("keys", "status", "--json") == 0
    assert [one["role"] for one in json.loads(capsys.readouterr().out)] == ["seals"]
    assert call("reindex", "--store", "nothing") == 1
    with pytest.raises(SystemExit) as stopped:
        call("keys", "burn")
    assert stopped.value.code == 2

"""Links and cursors: derived and signed, so that only what we wrote is believed, whatever somebody sends."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto.invitation_links import Link, Links
from shared.crypto.secret import Secret
from shared.crypto.vault import KeyRing
from shared.domain.rules import Refused
from shared.http.pagination import Cursors, Value

OLD = KeyRing(current="k1", keys={"k1": Secret(b"1" * 32)})
BOTH = KeyRing(current="k2", keys={"k1": Secret(b"1" * 32), "k2": Secret(b"2" * 32)})
BASE = "https://invite.example.com"
LINKS = Links(OLD, BASE)


def token_of(links: Links, invitation: str = "contoso/3", generation: int = 1) -> str:
    return links.address(invitation, generation).reveal().removeprefix(f"{BASE}/i/")


@given(st.text(min_size=1, max_size=150), st.integers(0, 2**32 - 1))
def test_a_link_says_which_invitation_and_generation(invitation: str, generation: int) -> None:
    assert LINKS.read(token_of(LINKS, invitation, generation)) == Link(invitation, generation)


def test_every_service_with_the_ring_derives_the_same_link() -> None:
    assert token_of(LINKS) == token_of(Links(OLD, BASE))
    assert token_of(LINKS) != token_of(LINKS, generation=2) != token_of(LINKS, "contoso/4", 2)


def test_an_address_is_not_shown_by_accident() -> None:
    address = LINKS.address("contoso/3", 1)
    assert token_of(LINKS) not in f"{address} {address!r}"


@given(st.integers(0, 10_000), st.characters())
def test_a_change_of_any_character_is_refused(at: int, to: str) -> None:
    token = token_of(LINKS)
    place = at % len(token)
    changed = token[:place] + to + token[place + 1 :]
    assert changed == token or LINKS.read(changed) is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_change_of_any_byte_is_refused(at: int, flip: int) -> None:
    raw = bytearray(urlsafe_b64decode(token_of(LINKS) + "=="))
    raw[at % len(raw)] ^= flip
    assert LINKS.read(urlsafe_b64encode(raw).rstrip(b"=").decode()) is None


@given(st.one_of(st.text(max_size=400), st.binary(max_size=200).map(lambda raw: urlsafe_b64encode(raw).decode())))
def test_whatever_comes_is_answered_the_same(token: str) -> None:
    assert LINKS.read(token) is None


@pytest.mark.parametrize("token", ["", "A", "=" * 100, "A" * 10_000, "\ud800", "é" * 50, "\0", "../..", "AQ" * 30])
def test_hand_made_nonsense_is_answered_the_same(token: str) -> None:
    assert LINKS.read(token) is None


def test_one_link_has_one_spelling() -> None:
    token = token_of(LINKS, "contoso/31")
    others = [token + "=", token + "==", token + "\n", " " + token, token + "/"]
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others += [token[:-1] + end for end in last if end != token[-1]]
    assert not [other for other in others if LINKS.read(other)]


def test_a_link_of_an_old_key_is_read_until_the_key_is_gone() -> None:
    old = token_of(LINKS)
    assert Links(BOTH, BASE).read(old) == Link("contoso/3", 1)
    assert token_of(Links(BOTH, BASE)) != old
    assert Links(KeyRing(current="k2", keys={"k2": Secret(b"2" * 32)}), BASE).read(old) is None


def test_a_link_of_another_ring_with_the_same_key_id_is_refused() -> None:
    assert Links(KeyRing(current="k1", keys={"k1": Secret(b"x" * 32)}), BASE).read(token_of(LINKS)) is None


VALUES = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.integers(-(2**53), 2**53),
        st.booleans(),
        st.none(),
        st.datetimes(timezones=st.just(UTC)),
    ),
    max_size=4,
)


@given(VALUES)
def test_a_cursor_gives_its_values_back(values: list[Value]) -> None:
    cursors = Cursors(OLD)
    assert cursors.read("customers", cursors.write("customers", values)) == tuple(values)


@given(st.integers(0, 10_000), st.characters())
def test_a_changed_cursor_is_400(at: int, to: str) -> None:
    cursors = Cursors(OLD)
    cursor = cursors.write("customers", ["contoso", datetime(2026, 3, 1, tzinfo=UTC)])
    place = at % len(cursor)
    changed = cursor[:place] + to + cursor[place + 1 :]
    if changed != cursor:
        with pytest.raises(Refused) as refused:
            cursors.read("customers", changed)
        assert (refused.value.status, refused.value.field) == (400, "cursor")


def test_a_cursor_of_another_list_is_400() -> None:
    cursors = Cursors(OLD)
    with pytest.raises(Refused):
        cursors.read("audit", cursors.write("customers", ["contoso"]))


def test_a_link_is_no_cursor_and_a_cursor_no_link() -> None:
    assert LINKS.read(Cursors(OLD).write("customers", ["contoso"])) is None
    with pytest.raises(Refused):
        Cursors(OLD).read("customers", token_of(LINKS))

"""What customers are searched, filtered and sorted by: fields derived from the state at every write, and their indexes.

A sort key is one unique string, `<sort value> TAB <id>`, behind its filter (`failed TAB ...`): a page is then one range
of one index, whatever the collection's size. A removed customer has no keys but its lot, so no list finds it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import combinations, product
from typing import Any

from config_svc.domain.model import Customer, Switch
from shared.store.operations import Index

SEP = "\t"
TOP = "\U0010ffff"
"""Behind every key of the same beginning."""
HEADS = (2, 4, 8)
"""Lengths of the beginnings that are indexed: few, since each is an index entry that every write may touch."""
MAX_WORDS = 24
_APART = re.compile(r"[^\w]+")
_GUID = re.compile(r"[0-9a-f]{8}-")
ATTENTION = {"failed": "0", "checking": "2", "unknown": "3", "successful": "4"}
EXPIRES_SOON = "1"

GROUPS = ("invited", "pending", "state")
TIMES = ("created", "expires")
NEAR, FAR = "near", "far"
EVERY = {NEAR: 16, FAR: 4096}
"""Milestones: the keys of one customer in so many, in indexes of their own, say where a range may end."""
ORDERS = ("name", "attention", *TIMES)
LOTS = 1024
"""Customers are counted by lots: see customer_counts."""
MANY = ("heads", "filter_keys")
"""Fields with many values, each of which shares an index with the name."""

INDEXES = (
    Index(keys=(("index.lot", 1),)),
    Index(keys=(("written", 1),)),
    *(Index(keys=((f"index.{key}", 1),)) for key in ("name", "attention")),
    *(Index(keys=((f"index.{group}_{time}", 1),), sparse=True) for group in GROUPS for time in TIMES),
    *(Index(keys=((f"index.{many}", 1), ("index.name", 1))) for many in MANY),
    *(Index(keys=((f"index.{level}_{order}", 1),), sparse=True) for level in EVERY for order in ORDERS),
    *(Index(keys=((f"index.{at}_{many}", 1), (f"index.{at}_name", 1)), sparse=True) for at in EVERY for many in MANY),
)


def derived(customer: Customer) -> Mapping[str, Any]:
    lot = {"lot": zlib.crc32(customer.id.encode()) % LOTS}
    if customer.removed:
        return lot
    switch = customer.switch if customer.switch and customer.switch.invited else None
    orders = {"name": f"{fold(customer.name)}{SEP}{customer.id}", "attention": _attention(customer)}
    times = _times(customer.id, switch) if switch else {}
    found = words(customer)
    many = {"heads": heads(found), "filter_keys": filter_keys(customer)}
    groups = _groups(switch, times) if switch else {}
    milestones = _milestones(customer.id, {**orders, **times, **many})
    return {**lot, **orders, **groups, **milestones, "words": found, **many}


def _times(id: str, switch: Switch) -> dict[str, str]:
    return {
        "created": f"{stamp(switch.requested_at)}{SEP}{id}",
        "expires": f"{stamp(switch.expires_at)}{SEP}{id}",
    }


def _groups(switch: Switch, times: Mapping[str, str]) -> dict[str, str]:
    """The orders of Pending Invitations: of all, of those that still run, and of each state."""
    prefixes = {"invited": "", "state": f"{switch.state}{SEP}"} | ({"pending": ""} if switch.live else {})
    return {f"{group}_{time}": prefix + key for group, prefix in prefixes.items() for time, key in times.items()}


def _milestones(id: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """By a hash that scatters: checksums of ids that follow each other are alike."""
    number = int.from_bytes(hashlib.blake2s(id.encode(), digest_size=4).digest())
    levels = [level for level, every in EVERY.items() if number % every == 0]
    return {f"{level}_{name}": key for level in levels for name, key in keys.items()}


def filter_key(**wanted: str) -> str:
    """One value to look for: what is filtered by, together."""
    return "+".join(f"{name}:{wanted[name]}" for name in sorted(wanted))


def filter_keys(customer: Customer) -> list[str]:
    """Every filter of a list that finds this customer, alone and together with others."""
    switch = customer.switch
    switches = [switch.state if switch else "none", *(["running"] if customer.running else [])]
    said: dict[str, list[str]] = {"method": [customer.method], "status": [customer.status], "switch": switches}
    found = []
    for names in (names for size in (1, 2, 3) for names in combinations(sorted(said), size)):
        found += [
            filter_key(**dict(zip(names, values, strict=True))) for values in product(*(said[name] for name in names))
        ]
    if customer.grant and customer.grant.lost:
        found.append(filter_key(lost="yes"))
    if switch and switch.bulk:
        found += [in_bulk(switch.bulk), in_bulk(switch.bulk, switch.state)]
    if switch and switch.invited:
        found += [filter_key(invited=value) for value in ("yes", switch.state, *(["pending"] if switch.live else []))]
    return found


def in_bulk(bulk: str, state: str | None = None) -> str:
    """The customers whose switch this bulk switch asked for."""
    return filter_key(bulk=bulk, switch=state) if state else filter_key(bulk=bulk)


def _attention(customer: Customer) -> str:
    """Problems first, the oldest of them first; a secret that expires is one, ahead of time."""
    rank = ATTENTION[customer.status]
    since = stamp(customer.since or customer.checked_at or customer.registered_at)
    if customer.status != "failed" and customer.secret_warned is not None and customer.method == "app_registration":
        rank, since = EXPIRES_SOON, customer.secret_expires_on or since
    return f"{rank}{SEP}{since}{SEP}{customer.id}"


def stamp(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds") if at else ""


def fold(text: str) -> str:
    """As people look for it: case and accents do not count, and sort beside the plain letter."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def words(customer: Customer) -> list[str]:
    """The words that find this customer."""
    invitee = customer.switch.invitee if customer.switch else None
    people = (invitee.email, invitee.name) if invitee else ()
    account = customer.grant.account.upn if customer.grant else None
    reference = customer.switch.reference if customer.switch else None
    texts = (customer.id, customer.name, customer.tenant, customer.reference, *people, account, reference)
    return list(dict.fromkeys([*_words(filter(None, texts)), *([customer.tenant_id] if customer.tenant_id else ())]))


def _words(texts: Iterable[str]) -> list[str]:
    """Texts parted by blanks, and the parts of each (`contoso` of contoso.example)."""
    found: dict[str, None] = {}
    for token in (token for text in texts for token in fold(text).split()):
        found.update(dict.fromkeys([token, *filter(None, _APART.split(token))]))
    return list(found)[:MAX_WORDS]


def heads(found: Iterable[str]) -> list[str]:
    """The beginnings of all words: a search is then one equality, and the words decide."""
    return sorted({word[:length] for word in found for length in HEADS if len(word) >= length})


def sought(query: str) -> tuple[str, tuple[str, ...]]:
    """A search: the beginning that goes by the index, the most telling one, and what else must begin a word.

    Nothing for a search without a word of two letters.
    """
    tokens = tuple(dict.fromkeys(fold(query).split()[:8]))
    head = max((_head(part) for token in tokens for part in _parts(token)), key=_telling, default="")
    exact = len(tokens) == 1 and tokens[0] == head
    return (head, () if exact else tokens) if head else ("", ())


def _parts(token: str) -> list[str]:
    """A word and what it is made of; a tenant id is one word."""
    return [token] if _GUID.match(token) else [token, *_APART.split(token)]


def _head(part: str) -> str:
    """The longest beginning of it that is indexed."""
    return part[: max((length for length in HEADS if length <= len(part)), default=0)]


def _telling(head: str) -> tuple[int, int]:
    """Numbers tell more than words that many customers share."""
    return sum(letter.isdigit() for letter in head), len(head)

"""What customers are searched, filtered and sorted by: fields derived from the state at every write, and their indexes.

A sort key is one unique string, `<sort value> TAB <id>`, so a cursor's place is one value. A removed customer has none,
so no list finds it.
"""

from __future__ import annotations

import re
import unicodedata
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
COUNTED = ("state.status", "state.method", "state.switch.state", "state.grant.lost")
"""What customers are counted by, behind `index.attention`: a count reads that index alone."""

INDEXES = (
    Index(keys=(("index.name", 1),)),
    Index(keys=(("index.filter_keys", 1), ("index.name", 1))),
    Index(keys=(("index.heads", 1), ("index.name", 1))),
    Index(keys=(("state.status", 1), ("index.attention", 1))),
    Index(keys=tuple((name, 1) for name in ("index.attention", *COUNTED))),
    *(Index(keys=((f"index.{group}_{time}", 1),), sparse=True) for group in GROUPS for time in TIMES),
)


def derived(customer: Customer) -> Mapping[str, Any]:
    if customer.removed:
        return {}
    switch = customer.switch if customer.switch and customer.switch.invited else None
    found = words(customer)
    return {
        "name": f"{fold(customer.name)}{SEP}{customer.id}",
        "attention": _attention(customer),
        **(_groups(switch, _times(customer.id, switch)) if switch else {}),
        "words": found,
        "heads": heads(found),
        "filter_keys": filter_keys(customer),
    }


def _times(id: str, switch: Switch) -> dict[str, str]:
    return {
        "created": f"{stamp(switch.requested_at)}{SEP}{id}",
        "expires": f"{stamp(switch.expires_at)}{SEP}{id}",
    }


def _groups(switch: Switch, times: Mapping[str, str]) -> dict[str, str]:
    """The orders of Pending Invitations: of all, of those that still run, and of each state."""
    prefixes = {"invited": "", "state": f"{switch.state}{SEP}"} | ({"pending": ""} if switch.live else {})
    return {f"{group}_{time}": prefix + key for group, prefix in prefixes.items() for time, key in times.items()}


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
    if switch and switch.bulk:
        found.append(in_bulk(switch.bulk))
    if switch and switch.invited:
        found += [filter_key(invited=value) for value in ("yes", switch.state, *(["pending"] if switch.live else []))]
    return found


def in_bulk(bulk: str) -> str:
    """The customers whose switch this bulk switch asked for."""
    return filter_key(bulk=bulk)


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

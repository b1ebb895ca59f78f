"""What customers are searched, filtered and sorted by: fields derived from the state at every write, and their indexes.

A sort key is one unique string, `<sort value> TAB <id>`, behind its filter (`failed TAB ...`): a page is then one range
of one index, whatever the collection's size. A removed customer has no keys, so no list finds it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from config_svc.domain.model import Customer, Switch
from shared.mongo import Index

SEP = "\t"
TOP = "\U0010ffff"
"""Behind every key of the same beginning."""
HEADS = (2, 4, 8)
"""Lengths of the beginnings that are indexed: few, since each is an index entry that every write may touch."""
MAX_WORDS = 24
_APART = re.compile(r"[^\w]+")
ATTENTION = {"failed": "0", "checking": "2", "unknown": "3", "successful": "4"}
EXPIRES_SOON = "1"

INDEXES = (
    *(Index(((f"index.{key}", 1),)) for key in ("name", "status", "method", "switch", "attention")),
    *(Index(((f"index.{key}", 1),), sparse=True) for key in ("running", "created", "pending", "expires", "lost")),
    Index((("index.heads", 1), ("index.name", 1))),
)


def derived(customer: Customer) -> Mapping[str, Any]:
    if customer.removed:
        return {}
    name = f"{fold(customer.name)}{SEP}{customer.id}"
    switch = customer.switch
    keys: dict[str, Any] = {
        "name": name,
        "status": f"{customer.status}{SEP}{name}",
        "method": f"{customer.method}{SEP}{name}",
        "switch": f"{switch.state if switch else 'none'}{SEP}{name}",
        "attention": _attention(customer),
        "words": (found := words(customer)),
        "heads": heads(found),
    }
    if customer.running:
        keys["running"] = name
    if customer.grant and customer.grant.lost:
        keys["lost"] = name
    return keys | (_invitation(customer.id, switch) if switch and switch.invited else {})


def _invitation(id: str, switch: Switch) -> dict[str, Any]:
    created = f"{stamp(switch.requested_at)}{SEP}{id}"
    keys = {"created": created, "expires": f"{stamp(switch.expires_at)}{SEP}{id}"}
    return keys | ({"pending": created} if switch.live else {})


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


def sought(query: str) -> dict[str, Any]:
    """The filter of a search: all its words, in any order; the most telling one goes by the index.

    Empty for a search without a word of two letters.
    """
    tokens = sorted(dict.fromkeys(fold(query).split()[:8]), key=_telling, reverse=True)
    if not tokens or len(tokens[0]) < HEADS[0]:
        return {}
    length = max(length for length in HEADS if length <= len(tokens[0]))
    exact = len(tokens) == 1 and len(tokens[0]) == length
    rest = [] if exact else [re.compile("^" + re.escape(token)) for token in tokens]
    return {"index.heads": tokens[0][:length]} | ({"index.words": {"$all": rest}} if rest else {})


def _telling(token: str) -> tuple[bool, int]:
    """Numbers tell more than words that many customers share."""
    return len(token) >= HEADS[0] and any(letter.isdigit() for letter in token), len(token)

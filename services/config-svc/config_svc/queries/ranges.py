"""Which range of which index serves which list. What no index serves is looked at in the documents read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config_svc.queries.index import ATTENTION, EXPIRES_SOON, SEP, TOP, filter_key, fold, sought
from shared.store.operations import Document, Filter, Sort

SHOWN = ("version", "state", "unsent")
ALONE = {"all": "invited", "pending": "pending"}
FEW = 1000
"""A search that finds so few is put into any order in memory; what is found more often is met soon in any order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Rows in the order of `index.<key>`, which begins with `prefix`. `only`: an equality that shares the order's
    index. `words`, `filter_keys`, `name`: what is looked at in a document. `group`: the part of the prefix that the
    order's milestones (`stones`) do not have. `few`: the same rows by another index, if they are few
    (which reads the order's key `also`)."""

    key: str
    prefix: str = ""
    descending: bool = False
    only: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    filter_keys: tuple[str, ...] = ()
    name: str = ""
    stones: str = "name"
    group: str = ""
    few: Query | None = None
    also: str = ""

    @property
    def scope(self) -> str:
        return repr((self.key, self.prefix, self.descending, self.only, self.words, self.filter_keys, self.name))

    @property
    def looks(self) -> bool:
        """Whether a document of the range may not fit."""
        return bool(self.words or self.filter_keys or self.name)

    def where(self, bounds: Mapping[str, str]) -> Filter:
        return {**{f"index.{name}": value for name, value in self.only.items()}, f"index.{self.key}": dict(bounds)}

    @property
    def whole(self) -> Filter:
        return self.where({"$gt": self.prefix, "$lt": self.prefix + TOP})

    def sort(self, backwards: bool = False) -> Sort:
        return ((f"index.{self.key}", -1 if self.descending != backwards else 1),)

    @property
    def sifts(self) -> bool:
        """Many rows are looked at for each that is shown. (Those that begin like the word mostly fit.)"""
        return self.looks and not self.only

    @property
    def sparse(self) -> bool:
        """The order's milestones are those of a longer list, which this one is a part of."""
        return self.key.startswith((ALONE["pending"], "state"))

    @property
    def fields(self) -> tuple[str, ...]:
        """What is read of a row: all that is shown, or, where many are looked at for each that is shown, its keys."""
        looked_at = {"words": self.words, "filter_keys": self.filter_keys, "name": self.name}
        keys = dict.fromkeys(
            (self.key, *([self.also] if self.also else []), *(key for key in looked_at if looked_at[key]))
        )
        bare = self.also or self.sifts
        return (*(() if bare else SHOWN), *(f"index.{key}" for key in keys))

    def fits(self, document: Document) -> bool:
        index = document["index"]
        return (
            all(any(word.startswith(wanted) for word in index["words"]) for wanted in self.words)
            and (not self.filter_keys or set(self.filter_keys) <= set(index["filter_keys"]))
            and (not self.name or index["name"].startswith(self.name))
        )


def customers(
    q: str | None = None, method: str | None = None, status: str | None = None, switch: str | None = None
) -> Query:
    """By name. A search goes by its words' beginnings, else all filters together by one index."""
    said = {"method": method, "status": status, "switch": switch}
    wanted = tuple(filter_key(**{name: value}) for name, value in said.items() if value)
    head, words = sought(q or "")
    if head:
        return Query(key="name", only={"heads": head}, words=words, filter_keys=wanted)
    letter = fold((q or "").strip())  # one letter: names that begin with it
    together = {"filter_keys": filter_key(**{name: value for name, value in said.items() if value})} if wanted else {}
    return Query(key="name", prefix=letter, only=together)


def invitations(state: str = "all", q: str | None = None, sort: str = "-created") -> Query:
    """Switches with an invitation; `pending` are those that still run. Each state has an order of its own."""
    order, descending = sort.removeprefix("-"), sort.startswith("-")
    head, words = sought(q or "")
    letter = "" if head else fold((q or "").strip())
    asked = filter_key(invited="yes" if state == "all" else state)
    if order == "name":
        if head:
            return Query(key="name", descending=descending, only={"heads": head}, words=words, filter_keys=(asked,))
        return Query(key="name", prefix=letter, descending=descending, only={"filter_keys": asked})
    group = "" if state in ALONE else state + SEP
    key = f"{ALONE.get(state, 'state')}_{order}"
    few = Query(key="name", only={"heads": head}, words=words, filter_keys=(asked,), also=key) if head else None
    return Query(
        key=key,
        prefix=group,
        descending=descending,
        words=_all_words(q) if head else (),
        name=letter,
        stones=order,
        group=group,
        few=few,
    )


def health(status: str | None = None, q: str | None = None) -> Query:
    """Every customer's authentication status, problems first."""
    rank = EXPIRES_SOON if status == "expiring" else ATTENTION[status] if status else ""
    prefix, (head, words) = rank + SEP if rank else "", sought(q or "")
    letter = "" if head else fold((q or "").strip())
    few = Query(key="name", only={"heads": head}, words=words, also="attention") if head else None
    return Query(
        key="attention", prefix=prefix, words=_all_words(q) if head else (), name=letter, stones="attention", few=few
    )


def _all_words(q: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fold(q or "").split()[:8]))

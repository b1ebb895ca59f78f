"""What a refusal of MongoDB means: final, since it lies in what is written, or to be waited for.

Codes: https://www.mongodb.com/docs/manual/reference/error-codes/ and the server's own `error_codes.yml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

DUPLICATE_KEY = 11000
FINAL_CODES = frozenset(
    {
        2,  # BadValue; also what an insert of more than 16 MB is answered with
        9,  # FailedToParse
        14,  # TypeMismatch
        15,  # Overflow
        16,  # InvalidLength
        22,  # InvalidBSON
        28,  # PathNotViable
        40,  # ConflictingUpdateOperators
        52,  # DollarPrefixedFieldName
        53,  # InvalidIdField
        54,  # NotSingleValueField
        55,  # InvalidDBRef
        56,  # EmptyFieldName
        57,  # DottedFieldName
        66,  # ImmutableField
        10334,  # BSONObjectTooLarge
        DUPLICATE_KEY,
        17280,  # KeyTooLong
        17419,  # the document would be too large after the update
        17420,  # the document to upsert is too large
    }
)
"""Another try would be answered alike. Every other code is waited for, also one that nobody has heard of: what is given
up wrongly is lost, what is waited for wrongly is seen by whoever runs the service."""

NOT_LINEARIZABLE_CODES = frozenset(
    {
        2,  # BadValue
        9,  # FailedToParse
        72,  # InvalidOptions
        115,  # CommandNotSupported
        123,  # NotAReplicaSet
        238,  # NotImplemented
    }
)
"""How a server says that it knows no linearizable reads; it has one copy of the data then, or no elections."""

WAIT_LABELS = ("RetryableWriteError", "TransientTransactionError")
"""What a server says when a try may well succeed, whatever the code."""

REASONS: Mapping[int, str] = {
    13: "it refuses for want of a right; MONGO_USERNAME must be able to read and write this service's database",
    18: "it does not accept our login; check the settings MONGO_...",
    121: "a validator of the collection refuses a document; remove the validator",
    371: "writing is blocked there (setUserWriteBlockMode, or its disk is full)",
}
"""What the people who run the service should know, where the code tells it."""

_UNBUILDABLE: Mapping[int, str] = {
    67: "the server does not take one of them; a collection has 64 at most: drop what nobody needs",
    85: "one is there with other options; drop it, and it is built as it must be",
    86: "one of that name is there with other keys; drop it",
}
_SAME_VALUES = "two documents have the same value in {fields}, which must be unique; change one of them"

_INDEX = re.compile(r"\bindex: (\S+)")


def is_final(code: int | None, labels: Mapping[str, Any] | None = None) -> bool:
    """`labels`: the answer that may carry `errorLabels`."""
    return code in FINAL_CODES and not says_wait(labels)


def says_wait(labels: Mapping[str, Any] | None) -> bool:
    return any(label in (labels or {}).get("errorLabels", ()) for label in WAIT_LABELS)


def is_duplicate_id(error: Mapping[str, Any]) -> bool:
    """Somebody created the document meanwhile. One in another unique index stays a refusal.

    `keyPattern` tells the index; where a server leaves it out, the message does ("... index: _id_ dup key: ...").
    """
    if error.get("code") != DUPLICATE_KEY:
        return False
    if pattern := error.get("keyPattern"):
        return set(pattern) == {"_id"}
    index = _INDEX.search(str(error.get("errmsg", "")))
    return index is None or index[1].rpartition("$")[2] == "_id_"


def reason(code: int | None, name: str) -> str:
    """Why it is waited for, without anything that was written."""
    return REASONS.get(code or 0) or f"it refused with error {code} ({name})"


def why_unbuildable(code: int | None, details: Mapping[str, Any]) -> str | None:
    """Why indexes cannot be built, and what to do about it; None for what is no matter of the indexes."""
    if code == DUPLICATE_KEY:
        return _SAME_VALUES.format(fields=", ".join(details.get("keyPattern", ())) or "the field of an index")
    advice = _UNBUILDABLE.get(code or 0)
    return f"{advice} (it says: {details.get('errmsg', '')})" if advice else None

"""Lines of a plain text: of a width that every mail program shows, broken where a reader of the language would."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

MAX_COLUMNS = 76
"""Below the 78 characters of a line of a mail (RFC 5322, 2.1.1)."""
_BLANKS = re.compile(r"\n{3,}")
_HANG = re.compile(r" *(\d+\. |- )?")
_WORDS = re.compile(r"[^ ]+")
_NOT_FIRST = frozenset("、。，．・：；？！）」』】〉》〕］｝ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々〜…”’")
_NOT_LAST = frozenset("（「『【〈《〔［｛“‘")


def wrap(text: str) -> str:
    """The text in lines of `MAX_COLUMNS` at most; addresses of pages stay whole."""
    lines = (line for long in text.splitlines() for line in _broken(long.rstrip()))
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip() + "\n"


def columns(text: str) -> int:
    """How wide a text is: letters of East Asia take two columns."""
    return sum(2 if _is_wide(letter) else 1 for letter in text)


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def _broken(line: str) -> Iterator[str]:
    if columns(line) <= MAX_COLUMNS:
        yield line
        return
    hang = _HANG.match(line)
    indent = " " * (hang.end() if hang else 0)
    now = line[: len(indent)]
    for gap, piece in _pieces(line[len(indent) :]):
        begun = len(now) > len(indent)
        if begun and columns(now + gap + piece) > MAX_COLUMNS:
            yield now
            now, begun = indent, False
        now += gap + piece if begun else piece
    yield now


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """What is never broken, with the blank before it. Between wide letters a line may end without a blank."""
    for word in _WORDS.findall(line):
        gap, piece = " ", word[0]
        for before, letter in pairwise(word):
            if _may_break(before, letter):
                yield gap, piece
                gap, piece = "", ""
            piece += letter
        yield gap, piece


def _may_break(before: str, letter: str) -> bool:
    either_wide = _is_wide(before) or _is_wide(letter)
    return either_wide and letter not in _NOT_FIRST and before not in _NOT_LAST

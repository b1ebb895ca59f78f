"""The provider's logo: read and checked at start, so that what is shown on every page is a picture and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from xml.parsers import expat

from pydantic import AfterValidator

MAX_BYTES = 32 * 1024
MAX_SIDE_PIXELS = 2000
_PNG = b"\x89PNG\r\n\x1a\n"
_ACTIVE = frozenset(
    {"script", "foreignobject", "iframe", "object", "embed", "handler", "listener", "a", "animate", "set"}
)
_REFERENCES = frozenset({"href", "src"})
_OUTSIDE = re.compile(r"@import|url\(\s*['\"]?\s*(?!#|['\"]?#)", re.I)


def media_type(body: bytes) -> str:
    """`image/png` or `image/svg+xml`. Raises: ValueError, if it is neither or does more than be a picture."""
    if len(body) > MAX_BYTES:
        raise ValueError(f"names a file of {len(body)} bytes; a logo may have {MAX_BYTES} at most")
    if body.startswith(_PNG):
        return _png(body)
    _check_svg(body)
    return "image/svg+xml"


def _png(body: bytes) -> str:
    width, height = (int.from_bytes(body[at : at + 4], "big") for at in (16, 20))
    if body[12:16] != b"IHDR" or not (0 < width <= MAX_SIDE_PIXELS and 0 < height <= MAX_SIDE_PIXELS):
        raise ValueError(f"names a PNG that is damaged or larger than {MAX_SIDE_PIXELS} by {MAX_SIDE_PIXELS} dots")
    return "image/png"


def _refuse(wrong: str) -> None:
    raise ValueError(f"names a file that {wrong}; give a plain SVG or a PNG")


def _check_svg(body: bytes) -> None:
    """Raises: ValueError. Parsing stops at the first thing that does not belong into a picture."""
    names: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        names.append(_local(name))
        if names[0] != "svg" or names[-1] in _ACTIVE:
            _refuse(f"holds <{names[-1]}>")
        for attribute, value in attributes.items():
            _check_attribute(_local(attribute), value)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.CharacterDataHandler = start, _check_text
    parser.StartDoctypeDeclHandler = lambda *_: _refuse("declares a document type")
    parser.ProcessingInstructionHandler = lambda *_: _refuse("holds a processing instruction")
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        _refuse("is neither an SVG nor a PNG")


def _check_attribute(name: str, value: str) -> None:
    if name.startswith("on"):
        _refuse(f"holds a script ({name})")
    if name in _REFERENCES and not value.startswith(("#", "data:image/png;")):
        _refuse("refers to something outside of itself")
    _check_text(value)


def _check_text(text: str) -> None:
    if _OUTSIDE.search(text):
        _refuse("fetches something from elsewhere")


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _logo_file(path: Path) -> Path:
    try:
        media_type(path.read_bytes())
    except OSError as error:
        raise ValueError(f"names a file that cannot be read ({path}: {error.strerror})") from None
    return path


LogoFile = Annotated[Path, AfterValidator(_logo_file)]


def monogram(name: str) -> str:
    """One or two letters that stand for a name where there is no logo."""
    words = [word for word in re.split(r"[\s\-_/&.,]+", name) if word[:1].isalnum()]
    first = [word[0] for word in words[:2]]
    wide = bool(first) and ord(first[0]) >= 0x2E80
    return "".join(first[:1] if wide else first).upper()

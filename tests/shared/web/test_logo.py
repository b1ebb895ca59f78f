"""The provider's logo: what is taken as a picture, what is refused by name, and how it is served."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from shared.web.logo import MAX_BYTES, media_type, monogram
from shared.web.pages import Pages
from tests.shared.kit.protected import protect

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">{}</svg>'


def png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def test_a_plain_svg_and_a_png_are_pictures() -> None:
    inner = '<style>.a{fill:url(#g)}</style><path class="a" d="M0 0h9"/><use xlink:href="#x"/>'
    assert media_type(SVG.format(inner).encode()) == "image/svg+xml"
    assert media_type(b'<?xml version="1.0"?>' + SVG.format("").encode()) == "image/svg+xml"
    assert media_type(png(64, 64)) == "image/png"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (SVG.format("<script>alert(1)</script>").encode(), "holds <script>"),
        (SVG.format("<svg:script xmlns:svg='http://www.w3.org/2000/svg'/>").encode(), "holds <script>"),
        (SVG.format("<foreignObject/>").encode(), "holds <foreignobject>"),
        (SVG.format('<path onload="alert(1)"/>').encode(), "holds a script (onload)"),
        (SVG.format('<image href="https://evil.example/x"/>').encode(), "outside of itself"),
        (SVG.format('<use xlink:href="data:image/svg+xml,x"/>').encode(), "outside of itself"),
        (SVG.format('<path style="fill:url(//evil.example/x)"/>').encode(), "from elsewhere"),
        (SVG.format("<style>@import 'https://evil.example'</style>").encode(), "from elsewhere"),
        (b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + SVG.format("&a;").encode(), "document type"),
        (b'<?xml-stylesheet href="x.css"?>' + SVG.format("").encode(), "processing instruction"),
        (b"<html></html>", "holds <html>"),
        (b"GIF89a", "neither an SVG nor a PNG"),
        (b"", "neither an SVG nor a PNG"),
        (png(64, 5000), "larger than 2000"),
        (b" " * (MAX_BYTES + 1), f"{MAX_BYTES} at most"),
    ],
)
def test_what_is_more_than_a_picture_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match="names a") as caught:
        media_type(body)
    assert why in str(caught.value)


def test_it_is_served_as_an_image_that_can_do_nothing(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text(SVG.format(""))
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "one.html").write_text('{% extends "wizard.html" %}')
    pages = Pages(tmp_path, "test", logo=logo, defaults={"brand": "<b>Northstar</b> & Sons"})

    async def page(request: Request) -> Response:
        return pages.render(request, "one.html")

    app = Starlette()
    app.add_route("/", page)
    pages.install(app)
    client = TestClient(protect(app, None), base_url="http://localhost")
    html = client.get("/").text
    address = html.split('<img class="mark mark-logo" src="')[1].split('"')[0]
    answer = client.get(address)
    assert answer.content == logo.read_bytes() and "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<b>Northstar" not in html


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Northstar Communications", "NC"),
        ("contoso", "C"),
        ("A. Datum & Co", "AD"),
        ("日本電信サービス", "日"),
        ("<script>", ""),
        ("", ""),
        ("élan vital group", "ÉV"),
    ],
)
def test_without_a_logo_letters_stand_for_the_name(name: str, letters: str) -> None:
    assert monogram(name) == letters

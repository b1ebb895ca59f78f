"""Pages: escaping, strictness, language, static files, components, size."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from shared.http.problems import ErrorHandlers
from shared.i18n.catalogs import SHARED
from shared.i18n.marks import LANGUAGES
from shared.web.error_texts import ERRORS
from shared.web.pages import COMPILED, NavGroup, NavItem, Pages, environment

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GALLERY = Path(__file__).parent / "gallery"
EVIL = "\"><script>alert(1)</script>'{{7*7}}"
STEPS = [{"label": EVIL, "state": "current"}, {"label": "Done", "state": "todo"}]
NAV = (NavGroup((NavItem(label="Customers", url="/", key="customers", icon="customers", count=3),), "Configuration"),)


def browser(pages: Pages, template: str = "gallery.html", **context: Any) -> TestClient:
    async def page(request: Request) -> Response:
        known: dict[str, Any] = {
            "now": NOW,
            "hours": lambda n: timedelta(hours=n),
            "name": EVIL,
            "steps": STEPS,
            "nav": NAV,
        }
        return pages.render(request, template, **(known | context))

    async def gone(request: Request) -> Response:
        raise HTTPException(404)

    app = Starlette(routes=[Route("/", page, methods=["GET", "POST"]), Route("/gone", gone)])
    app.add_exception_handler(HTTPException, ErrorHandlers(pages.error).http)
    pages.install(app)
    return TestClient(app)


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., TestClient]:
    def make(source: str, **context: Any) -> TestClient:
        (tmp_path / "templates").mkdir(exist_ok=True)
        (tmp_path / "templates" / "one.html").write_text(source)
        return browser(Pages(tmp_path, "test", clock=lambda: NOW), "one.html", **context)

    return make


class Markup(HTMLParser):
    """The tags and attributes of a page as a browser would take them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("template", ["gallery.html", "step.html"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_no_component_lets_script_or_style_through(template: str, language: str) -> None:
    html = browser(Pages(GALLERY, "test"), template).get(f"/?lang={language}").text
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "{{7*7}}" in html.replace("&#39;", "'")
    for tag, attributes in Markup(html).tags:
        assert tag != "style" and "style" not in attributes
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert tag != "script" or (attributes["src"] or "").startswith("/static/")


@pytest.mark.parametrize("template", ["gallery.html", "step.html"])
def test_ids_are_unique_and_references_lead_somewhere(template: str) -> None:
    tags = Markup(browser(Pages(GALLERY, "test"), template).get("/").text).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = ("for", "aria-labelledby", "aria-describedby")
    wanted = {part for _, found in tags for name in named for part in (found.get(name) or "").split()}
    wanted |= {found["href"][1:] for _, found in tags if (found.get("href") or "").startswith("#")}  # type: ignore[index]
    assert wanted <= set(ids)


def test_a_page_is_under_150_kb_the_first_time() -> None:
    client = browser(Pages(GALLERY, "test"))
    html = client.get("/").text
    urls = set(re.findall(r'"(/static/[^"]+)"', html))
    assert len(urls) == 5
    sizes = [len(client.get(url, headers={"Accept-Encoding": "identity"}).content) for url in urls]
    assert len(html.encode()) + sum(sizes) < 150_000


def test_a_name_that_is_not_given_is_an_error_not_an_empty_place(page_of: Callable[..., TestClient]) -> None:
    with pytest.raises(UndefinedError, match="nobody"):
        page_of("{{ nobody }}").get("/")


def test_a_template_is_compiled_once_for_all_languages_and_anew_when_it_escapes_differently(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "one.html").write_text("{{ lang }} {{ name }}")
    kept = len(COMPILED)
    english, german = environment(tmp_path, "en"), environment(tmp_path, "de")
    assert english.get_template("one.html").render(name="&") == "en &amp;"
    assert german.get_template("one.html").render(name="&") == "de &amp;"
    assert len(COMPILED) == kept + 1
    assert german.overlay(autoescape=False).get_template("one.html").render(name="&") == "de &"
    assert len(COMPILED) == kept + 2


def test_a_static_file_that_does_not_exist_is_an_error(page_of: Callable[..., TestClient]) -> None:
    with pytest.raises(LookupError, match=r"missing\.css"):
        page_of("{{ static('missing.css') }}").get("/")


def test_the_services_own_templates_and_files_go_before_the_shared_ones(tmp_path: Path) -> None:
    for folder, name in (("templates", "error.html"), ("static", "logo.svg")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("<svg>own {{ static('logo.svg') }}</svg>")
    client = browser(Pages(tmp_path, "test"), "error.html")
    url = client.get("/").text.removeprefix("<svg>own ").removesuffix("</svg>")
    assert client.get(url).text.startswith("<svg>own")


def test_static_files_are_kept_for_good_but_only_under_their_own_version() -> None:
    pages = Pages(GALLERY, "test")
    client = browser(pages)
    url = pages.static.url("app.css")
    body = (SHARED / "static" / "app.css").read_bytes()
    assert url == f"/static/app.css?v={hashlib.sha256(body).hexdigest()[:16]}"
    found = client.get(url)
    assert found.content == body
    assert (found.headers["content-type"], found.headers["content-encoding"]) == (
        "text/css; charset=utf-8",
        "gzip",
    )
    assert "immutable" in found.headers["cache-control"]
    assert client.get("/static/app.css?v=old").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["nothing.css", "../web.py", "..%2fweb.py", "vendor/README.md", ""])
def test_nothing_else_is_served(path: str) -> None:
    assert browser(Pages(GALLERY, "test")).get(f"/static/{path}").status_code == 404


def test_zipped_files_are_the_same_in_every_process() -> None:
    first, second = Pages(GALLERY, "test").static, Pages(GALLERY, "test").static
    zipped = first._assets["app.js"].zipped
    assert zipped and zipped == second._assets["app.js"].zipped
    assert gzip.decompress(zipped) == first._assets["app.js"].body


def test_vendored_scripts_are_those_that_were_recorded() -> None:
    vendor = SHARED / "static" / "vendor"
    recorded = dict(re.findall(r"^\| (\S+\.js) \|.*\| ([0-9a-f]{64}) \|$", (vendor / "README.md").read_text(), re.M))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in vendor.glob("*.js")}
    assert found == recorded and len(found) == 2


def test_the_reader_chooses_the_language_and_it_is_remembered(page_of: Callable[..., TestClient]) -> None:
    client = page_of('{{ _("Cancel") }} {{ lang }} {{ switch_to|map(attribute="url")|join(" ") }}')
    assert client.get("/", headers={"Accept-Language": "de-AT,en;q=0.5"}).text.startswith("Abbrechen de")
    switch = " ".join(f"?a=1&amp;lang={code}" for code in LANGUAGES)
    assert client.get("/?a=1").text == f"Cancel en {switch}"
    chosen = client.get("/?lang=de")
    assert (chosen.headers["content-language"], chosen.text[:9]) == ("de", "Abbrechen")
    assert client.get("/", headers={"Accept-Language": "en"}).text.startswith("Abbrechen")
    assert client.post("/").text == "Abbrechen de "  # the answer to a form has no address to switch to


def test_the_invitations_language_goes_before_the_browsers_and_after_the_readers(
    page_of: Callable[..., TestClient],
) -> None:
    client = page_of("{{ lang }}", language="de")
    assert client.get("/", headers={"Accept-Language": "en"}).text == "de"
    assert client.get("/?lang=en").text == "en"


def test_an_unknown_language_is_neither_taken_nor_remembered(page_of: Callable[..., TestClient]) -> None:
    answer = page_of("{{ lang }}").get("/?lang=../x")
    assert (answer.text, "set-cookie" in answer.headers) == ("en", False)


def test_an_error_page_says_what_to_do_in_the_readers_language() -> None:
    client = browser(Pages(GALLERY, "test"))
    page = client.get("/gone", headers={"Accept": "text/html", "Accept-Language": "de"})
    assert page.status_code == 404
    assert "Hier gibt es nichts" in page.text and "Prüfen Sie die Adresse" in page.text
    problem = client.get("/gone")
    assert (problem.status_code, problem.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("status", [*ERRORS, 418, 502])
def test_every_status_has_its_page(status: int) -> None:
    pages = Pages(GALLERY, "test")
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "server": ("h", 80),
    }
    page = pages.error(Request(scope), status, reference="abc")
    assert page.status_code == status and b"abc" in page.body


def test_a_state_without_a_name_is_shown_as_it_is(page_of: Callable[..., TestClient]) -> None:
    client = page_of('{% import "components.html" as c %}{{ c.status_pill(state) }}', state="<new>")
    assert "&lt;new&gt;" in client.get("/").text

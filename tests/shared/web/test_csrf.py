"""Cookies and the token that every form carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import Depends, FastAPI, Form
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from shared.web.csrf import cookie_name, csrf_token, require_csrf, set_cookie
from shared.web.pages import Pages

PAGE = '{% import "components.html" as c %}{{ c.form_open("/do", csrf("do")) }}</form>'


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[TestClient]:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(PAGE)
    pages = Pages(tmp_path, "config", "https://portal.example")
    app = FastAPI()
    pages.install(app)

    @app.get("/")
    async def page(request: Request) -> HTMLResponse:
        return pages.render(request, "page.html")

    @app.post("/do", dependencies=[Depends(require_csrf("do"))])
    async def do(name: str = Form("")) -> str:
        return f"done {name}"

    @app.post("/api/do", dependencies=[Depends(require_csrf("do"))])
    @app.post("/other", dependencies=[Depends(require_csrf("other"))])
    async def other() -> str:
        return "done"

    with TestClient(app, "https://portal.example") as client:
        yield client


def token_of(answer: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert found
    return found[1]


def test_a_form_from_our_page_passes_and_its_fields_arrive(browser: TestClient) -> None:
    answer = browser.post("/do", data={"csrf": token_of(browser.get("/")), "name": "Ada"})
    assert (answer.status_code, answer.json()) == (200, "done Ada")


def test_the_token_may_come_in_a_header(browser: TestClient) -> None:
    assert browser.post("/do", headers={"X-CSRF-Token": token_of(browser.get("/"))}).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", "ümlaut", csrf_token("another cookie", "do")])
def test_a_missing_or_wrong_token_is_refused_with_what_to_do(browser: TestClient, token: str) -> None:
    browser.get("/")
    page = browser.post("/do", data={"csrf": token}, headers={"Accept": "text/html", "Accept-Language": "de"})
    assert page.status_code == 403
    assert "laden Sie die Seite neu" in page.text
    problem = browser.post("/do", data={"csrf": token})
    assert problem.headers["content-type"] == "application/problem+json"
    assert (problem.json()["code"], "reload the page" in problem.json()["detail"]) == ("csrf", True)


def test_below_api_a_browser_gets_no_page_either(browser: TestClient) -> None:
    refused = browser.post("/api/do", headers={"Accept": "text/html"})
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")


def test_a_token_is_of_no_use_to_another_form_or_another_browser(browser: TestClient) -> None:
    token = token_of(browser.get("/"))
    assert browser.post("/other", data={"csrf": token}).status_code == 403
    browser.cookies.clear()
    assert browser.post("/do", data={"csrf": token}).status_code == 403
    browser.get("/")
    assert browser.post("/do", data={"csrf": token}).status_code == 403


def test_a_file_in_place_of_the_token_is_refused(browser: TestClient) -> None:
    browser.get("/")
    assert browser.post("/do", files={"csrf": b"x"}).status_code == 403


def test_a_page_from_before_the_session_still_works_in_the_session(browser: TestClient) -> None:
    before = token_of(browser.get("/"))
    browser.cookies.set("__Host-ts-config", "session", domain="portal.example", path="/")
    within = token_of(browser.get("/"))
    assert before != within
    assert browser.post("/do", data={"csrf": before}).status_code == 200
    assert browser.post("/do", data={"csrf": within}).status_code == 200


def test_a_token_needs_a_cookie() -> None:
    with pytest.raises(ValueError, match="needs the value"):
        csrf_token("", "do")


def test_the_forms_cookie_cannot_be_read_by_script(browser: TestClient) -> None:
    cookie = browser.get("/").headers["set-cookie"]
    assert cookie.startswith("__Host-ts-config-form=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "set-cookie" not in browser.get("/").headers


def test_cookie_names_differ_by_service_and_are_bound_to_the_host_under_https() -> None:
    assert cookie_name("config", True) == "__Host-ts-config"
    assert cookie_name("invite", False) == "ts-invite"


def test_set_cookie() -> None:
    response = Response()
    set_cookie(response, "ts-invite", "v", secure=False, max_age=60)
    parts = set(response.headers["set-cookie"].split("; "))
    assert {"ts-invite=v", "HttpOnly", "Max-Age=60", "Path=/", "SameSite=lax"} == parts

"""The command line by itself: its calls, its exit codes, what it prints, what it keeps."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msal
import pytest
import requests
from typer.testing import CliRunner, Result

from tokenswitch_cli import bulk, client, output, session, watch
from tokenswitch_cli.app import app
from tokenswitch_cli.errors import AWAY, CONFLICT, FAILED, NOT_FOUND, NOT_SIGNED_IN, USAGE, Problem

PORTAL = "http://127.0.0.1:1"
OK = 0
Answer = Callable[[httpx.Request], httpx.Response]
ROW = {
    "id": "c1",
    "name": "Contoso\x1b[31m",
    "tenant": "contoso.example",
    "method": "token",
    "status": "failed",
    "status_at": None,
    "status_reason": None,
    "switch": None,
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TOKENSWITCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TOKENSWITCH_TOKEN", "a-token")
    monkeypatch.setattr(client, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(watch, "WAIT_SECONDS", 0.0)
    yield tmp_path / "home"


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Request]]:
    """A portal that answers by `portal.answer`; the requests that it got."""
    seen = Portal()
    monkeypatch.setattr(
        session.PortalAddress,
        "client",
        lambda place: httpx.Client(base_url=place.url, transport=httpx.MockTransport(seen.take)),
    )
    yield seen


class Portal(list[httpx.Request]):
    answer: Answer = staticmethod(lambda request: httpx.Response(200, json={"items": [], "next": None}))

    def take(self, request: httpx.Request) -> httpx.Response:
        self.append(request)
        return self.answer(request)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--url", PORTAL, *arguments])


def answers(*given: httpx.Response | Exception) -> Answer:
    rest = list(given)

    def answer(request: httpx.Request) -> httpx.Response:
        found = rest.pop(0) if len(rest) > 1 else rest[0]
        if isinstance(found, Exception):
            raise found
        return found

    return answer


def refused(status: int, code: str, detail: str = "Do this.") -> httpx.Response:
    return httpx.Response(status, json={"status": status, "code": code, "detail": detail})


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, NOT_SIGNED_IN),
        (403, NOT_SIGNED_IN),
        (404, NOT_FOUND),
        (409, CONFLICT),
        (412, CONFLICT),
        (422, USAGE),
        (429, AWAY),
        (500, AWAY),
        (418, FAILED),
    ],
)
def test_each_kind_of_refusal_has_its_exit_code_and_one_sentence(portal: Any, status: int, code: int) -> None:
    portal.answer = answers(refused(status, "x"))
    found = run("customers", "show", "c1")
    assert found.exit_code == code and len(found.stderr.strip().splitlines()) == 1 and not found.stdout
    as_json = run("customers", "show", "c1", "--json")
    assert as_json.exit_code == code and json.loads(as_json.stdout)["code"] == "x"


def test_while_the_portal_is_away_the_same_command_is_sent_again_under_the_same_key(portal: Any) -> None:
    away = httpx.ConnectError("refused")
    busy = httpx.Response(503, json={}, headers={"Retry-After": "0"})
    portal.answer = answers(away, busy, httpx.Response(202, json={"switch": 3}))
    found = run("switch", "c1", "--email", "a@x.example")
    assert found.exit_code == OK and "Switch 3" in found.stderr
    assert len(portal) == 3 and len({request.headers["idempotency-key"] for request in portal}) == 1
    portal.answer = answers(away)
    assert run("customers", "list").exit_code == AWAY


def test_rows_of_all_pages_come_and_nothing_in_them_steers_the_terminal(portal: Any) -> None:
    page = {"items": [ROW], "next": "more"}
    portal.answer = answers(httpx.Response(200, json=page), httpx.Response(200, json=page | {"next": None}))
    found = run("customers", "list", "--limit", "0")
    lines = found.stdout.splitlines()
    assert lines[0].split("\t")[:2] == ["ID", "NAME"] and len(lines) == 3 and "\x1b" not in found.stdout
    assert portal[1].url.params["cursor"] == "more"
    assert run("status").exit_code == FAILED


def test_a_file_is_one_bulk_switch_however_often_it_is_sent(portal: Any, tmp_path: Path) -> None:
    file = tmp_path / "sw.csv"
    file.write_text("customer,admin_email\nc1,a@x.example\n")
    ended = {"id": "b", "name": "sw", "state": "ended", "counts": {"all": 1, "problem": 0, "waiting": 0, "refused": 0}}
    keys = []
    for pace in ("60", "60", "30"):
        portal.answer = answers(httpx.Response(202, json={"bulk": "b"}), httpx.Response(200, json=ended))
        del portal[:]
        assert run("switch", "--file", str(file), "--pace", pace).exit_code == OK
        assert portal[0].headers["content-type"].startswith("text/csv") and portal[0].content == file.read_bytes()
        keys.append(portal[0].headers["idempotency-key"])
    assert keys[0] == keys[1] != keys[2]


def test_every_problem_of_a_file_is_told_by_line(portal: Any, tmp_path: Path) -> None:
    file = tmp_path / "sw.csv"
    file.write_text("customer,admin_email\nc1,x\n")
    problems = [{"line": 2, "customer": "c1", "code": "invalid", "detail": "Enter an address."}]
    portal.answer = answers(
        httpx.Response(422, json={"code": "bulk_problems", "detail": "1 row.", "problems": problems})
    )
    found = run("switch", "--file", str(file))
    assert found.exit_code == USAGE and "line 2: c1: Enter an address." in found.stderr
    assert run("switch").exit_code == run("switch", "c1", "--file", str(file)).exit_code == USAGE


def test_an_import_is_checked_before_anything_is_sent(portal: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("id,name,tenant\nc1,One,one.example\nc1,Two,two.example\nc3,,three.example\n")
    found = run("customers", "import", str(file))
    assert found.exit_code == USAGE and not portal
    assert "line 3: c1 stands in an earlier line" in found.stderr and "line 4: name is missing" in found.stderr
    file.write_text("id;name;tenant;client_id\nc1;One;one.example;\nc2;Two;two.example;app\n")
    portal.answer = answers(httpx.Response(201, json={}), refused(422, "invalid", "No GUID."))
    found = run("customers", "import", str(file))
    assert found.exit_code == FAILED and "1 of 2" in found.stderr and "No GUID." in found.stdout
    assert json.loads(portal[0].content) == {"name": "One", "tenant": "one.example"}


def test_events_go_on_where_they_were_and_none_comes_twice(portal: Any) -> None:
    def event(number: int) -> str:
        return f'id: 0:{number}\ndata: {{"type": "E{number}", "time": "t", "data": {{"customer": "c1"}}}}\n\n'

    end = 'id: 0:2\nevent: end\ndata: {"reason": "go on"}\n\n'
    reset = 'id: 0:8\nevent: reset\ndata: {"reason": "the log is shorter"}\n\n'
    portal.answer = answers(
        httpx.Response(200, text=": hello\n\n" + event(1) + event(2) + end),
        httpx.ReadError("cut"),
        httpx.Response(502, text="<html>a proxy's page</html>"),
        httpx.Response(200, text=": still here\nid: 0:5\n\n"),
        httpx.Response(200, text=reset),
        httpx.Response(200, text=event(9)),
    )
    found = run("watch", "--count", "3", "--json")
    assert [json.loads(line)["type"] for line in found.stdout.splitlines()] == ["E1", "E2", "E9"]
    asked = [request.headers.get("last-event-id") for request in portal]
    assert asked == [None, "0:2", "0:2", "0:2", "0:5", "0:8"] and "the log is shorter" in found.stderr
    portal.answer = answers(refused(403, "role_missing"))
    assert run("watch").exit_code == NOT_SIGNED_IN


def test_tokens_are_sent_over_https_only_and_kept_for_their_user_alone(home: Path) -> None:
    for url in ("http://portal.example.com", "ftp://x", "portal"):
        with pytest.raises(Problem) as problem:
            session.portal_address(url, None)
        assert problem.value.code == USAGE
    assert session.portal_address("http://localhost:8000/", None).url == "http://localhost:8000"
    session.save("tokens.json", '{"a": 1}')
    assert session.load("tokens.json") == {"a": 1}
    assert stat.S_IMODE((home / "tokens.json").stat().st_mode) == 0o600 and stat.S_IMODE(home.stat().st_mode) == 0o700
    assert session.forget() and not session.forget() and session.load("tokens.json") == {}


def test_who_is_not_signed_in_is_told_what_to_run(portal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKENSWITCH_TOKEN")
    found = run("customers", "list")
    assert found.exit_code == NOT_SIGNED_IN and "tokenswitch login" in found.stderr and not portal
    portal.answer = answers(refused(404, "no_sign_in", "Set CLI_CLIENT_ID."))
    found = CliRunner().invoke(app, ["login", "--url", PORTAL])
    assert found.exit_code == NOT_SIGNED_IN and "CLI_CLIENT_ID" in found.stderr


def test_what_is_no_text_becomes_a_word() -> None:
    assert [output.clean(value) for value in (None, True, "a\nb\x9b", 3)] == ["-", "yes", "a b ", "3"]


def test_a_token_is_renewed_while_a_command_runs_for_hours(
    portal: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TOKENSWITCH_TOKEN")
    monkeypatch.setattr(bulk, "POLL_SECONDS", 0.0)
    session.save("sign-in.json", json.dumps({PORTAL: {"client_id": "c", "authority": "https://a", "scopes": []}}))
    tokens = iter(["first", "second", "third"])
    monkeypatch.setattr(client, "Login", lambda *_: SimpleNamespace(silently=lambda: next(tokens)))
    running = {"name": "n", "state": "running", "counts": {"all": 1, "problem": 0, "waiting": 1, "refused": 0}}
    portal.answer = answers(
        httpx.Response(202, json={"bulk": "b1"}),
        httpx.Response(200, json=running),
        httpx.Response(200, json=running | {"state": "ended"}),
    )
    file = tmp_path / "customers.csv"
    file.write_text("customer,admin_email\nc1,a@b.example\n")
    assert run("switch", "--file", str(file)).exit_code == 0
    assert [request.headers["Authorization"] for request in portal] == ["Bearer first", "Bearer second", "Bearer third"]


def test_who_signed_in_last_at_a_portal_is_who_one_is_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = "https://login.example.com/11111111-1111-1111-1111-111111111111"
    says = {"authorization_endpoint": f"{authority}/a", "token_endpoint": f"{authority}/t", "issuer": authority}
    answer = SimpleNamespace(status_code=200, headers={}, text=json.dumps(says))
    monkeypatch.setattr(session._Timed, "get", lambda *_, **__: answer)
    cache = msal.SerializableTokenCache()
    for person in ("avery", "blake"):
        claims = {"preferred_username": f"{person}@p.example", "aud": "c", "iss": authority, "sub": person, "iat": 1}
        cache.add(
            {
                "client_id": "c",
                "scope": ["s"],
                "token_endpoint": f"{authority}/oauth2/v2.0/token",
                "grant_type": "any",
                "response": {
                    "access_token": f"of {person}",
                    "expires_in": 3600,
                    "token_type": "Bearer",
                    "client_info": part({"uid": person, "utid": "t"}),
                    "id_token_claims": claims,
                    "id_token": f"{part({})}.{part(claims)}.x",
                },
            }
        )
    session.save("tokens.json", cache.serialize())
    told = {"client_id": "c", "authority": authority, "scopes": ["s"]}
    for person in ("blake", "avery"):
        login = session.Login(session.portal_address(PORTAL, None), {**told, "person": f"{person}@p.example"})
        assert login.silently() == f"of {person}"
    with pytest.raises(Problem, match="tokenswitch login"):
        session.Login(session.portal_address(PORTAL, None), {**told, "person": "casey@p.example"}).silently()


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(("typed", "asked"), [("a/../b", "a%2F..%2Fb"), ("a?x=1", "a%3Fx%3D1"), ("c1", "c1")])
def test_what_is_typed_as_an_id_stays_one_part_of_the_path(portal: Any, typed: str, asked: str) -> None:
    portal.answer = answers(refused(404, "unknown"))
    run("customers", "show", typed)
    assert portal[0].url.raw_path.decode() == f"/api/v1/customers/{asked}"


def test_cells_of_an_import_may_have_line_breaks(portal: Any, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text('id,name,tenant\nc1,"Contoso\nLtd",contoso.example\nc2,Adatum,adatum.example\n')
    portal.answer = answers(httpx.Response(200, json={}))
    assert run("customers", "import", str(file)).exit_code == 0
    assert [json.loads(request.content)["name"] for request in portal] == ["Contoso\nLtd", "Adatum"]


def test_an_import_that_the_portal_breaks_off_says_how_far_it_came(portal: Any, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("id,name,tenant\nc1,A,a.example\nc2,B,b.example\n")
    portal.answer = answers(httpx.Response(200, json={}), refused(500, "away"))
    result = run("customers", "import", str(file))
    assert (result.exit_code, "1 of 2 lines were sent" in result.stderr) == (AWAY, True)


@pytest.mark.parametrize(
    ("arguments", "strange"),
    [
        ("c1 --email a@b.example --check", "--check"),
        ("c1 --first 0", "--first"),
        ("c1 --no-follow", "--no-follow"),
        ("--file f.csv --language de", "--language"),
        ("--file f.csv --renew", "--renew"),
        ("--file f.csv --to token", "--to"),
    ],
)
def test_an_option_that_would_not_count_is_refused(portal: Any, arguments: str, strange: str) -> None:
    found = run("switch", *arguments.split())
    assert (found.exit_code, found.stderr.startswith(f"{strange} "), portal[:]) == (USAGE, True, [])


def test_an_import_leaves_what_its_file_does_not_name(portal: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    portal.answer = answers(httpx.Response(200, json={}))
    for heading, row, reference in (("", "", "left"), (",reference", ",R-1", "R-1"), (",reference", ",", None)):
        file.write_text(f"id,name,tenant{heading}\nc1,One,one.example{row}\n")
        del portal[:]
        assert run("customers", "import", str(file)).exit_code == OK
        assert json.loads(portal[0].content).get("reference", "left") == reference
    file.write_text("id,name,tenant,client_id,client_secret\nc1,One,one.example,,s3cret\n")
    found = run("customers", "import", str(file))
    assert (found.exit_code, "line 2: a client_secret needs" in found.stderr) == (USAGE, True)
    file.write_text("id,name,name,tenant\nc1,One,Two,one.example\n")
    found = run("customers", "import", str(file))
    assert (found.exit_code, "twice: name" in found.stderr) == (USAGE, True)
    file.write_text("id,name,tenant\nc1,One,one.example\n")
    assert json.loads(run("customers", "import", str(file), "--check", "--json").stdout) == {"rows": 1, "problems": []}


def test_a_cancel_whose_answer_was_lost_is_done(portal: Any) -> None:
    portal.answer = answers(httpx.ReadError("cut"), refused(409, "switch_ended"))
    assert run("cancel", "c1", "--switch", "2").exit_code == OK
    portal.answer = answers(refused(409, "switch_ended"))
    assert run("cancel", "c1", "--switch", "2").exit_code == CONFLICT


def test_one_that_is_refused_does_not_keep_the_others_from_being_validated(portal: Any) -> None:
    good = {"status": "successful", "status_reason": None}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=good)
        return (
            refused(404, "unknown", "No such customer.") if "c2" in request.url.path else httpx.Response(202, json={})
        )

    portal.answer = answer
    found = run("validate", "c1", "c2", "c3", "--json")
    shown = [(row["id"], row["status"], row["reason"]) for row in json.loads(found.stdout)]
    assert shown == [("c1", "successful", None), ("c2", "refused", "No such customer."), ("c3", "successful", None)]
    assert (found.exit_code, run("validate", "c2").exit_code) == (FAILED, NOT_FOUND)


def test_the_last_bulk_switch_is_the_last_that_has_begun(portal: Any) -> None:
    items = [{"id": "d", "state": "draft"}, {"id": "b", "state": "running"}]
    portal.answer = answers(httpx.Response(200, json={"items": items}), httpx.Response(202, json={"bulk": "b"}))
    assert run("bulk", "pause").exit_code == OK
    assert portal[1].url.path == "/api/v1/bulk-switches/b/pause"


def test_a_failed_customer_behind_the_rows_that_are_shown_counts(portal: Any) -> None:
    rows = [ROW | {"status": "successful"}]
    portal.answer = answers(
        httpx.Response(200, json={"items": rows, "next": "more"}), httpx.Response(200, json={"items": [ROW]})
    )
    assert run("status", "--state", "all", "--limit", "1").exit_code == FAILED


def test_while_microsoft_is_away_one_is_told_to_try_again(portal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise requests.ConnectionError("no route")

    monkeypatch.delenv("TOKENSWITCH_TOKEN")
    monkeypatch.setattr(session._Timed, "get", away)
    told = {"client_id": "c", "authority": "https://login.example.com/t", "scopes": ["s"], "person": "a"}
    session.save("sign-in.json", json.dumps({PORTAL: told}))
    found = run("customers", "list")
    assert (found.exit_code, "try again later" in found.stderr, portal[:]) == (AWAY, True, [])


@pytest.mark.parametrize("after", ["Wed, 21 Oct 2026 07:28:00 GMT", "0", ""])
def test_a_proxy_that_says_away_in_its_own_way_is_waited_for(portal: Any, after: str) -> None:
    page = httpx.Response(503, text="<html>", headers={"Retry-After": after})
    portal.answer = answers(page, httpx.Response(504), httpx.Response(200, json={"items": [], "next": None}))
    assert (run("customers", "list").exit_code, len(portal)) == (OK, 3)


def test_who_reads_only_the_beginning_ends_it_quietly(home: Path) -> None:
    code = "import sys; from tokenswitch_cli.common import ends; ends(lambda: [print('x' * 80) for _ in range(9999)])()"
    environment = {"PATH": os.environ["PATH"]}
    script = f'{sys.executable} -c "{code}" | head -1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert "BrokenPipe" not in done.stderr and "Exception ignored" not in done.stderr


def test_a_file_without_a_heading_does_not_show_its_secrets(portal: Any, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("c1,One,one.example,app,s3cr3t-value\n")
    found = run("customers", "import", str(file), "--json")
    assert found.exit_code == USAGE and "s3cr3t" not in found.output + found.stderr and "missing: id" in found.stderr


def test_a_portal_that_asks_for_anothers_tokens_is_refused(portal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"client_id": "c", "authority": "https://login.example.com/t", "scopes": ["api://x/.default"]}
    session.save("sign-in.json", json.dumps({"https://portal.example.com": told}))
    portal.answer = answers(httpx.Response(200, json=told))
    monkeypatch.setattr(session, "Login", lambda *_: SimpleNamespace(by_browser=lambda *_: "a@p.example"))
    evil = ["login", "--url", "https://portal-example.com"]
    found = CliRunner().invoke(app, evil)
    assert (found.exit_code, "asks for the tokens of https://portal.example.com" in found.stderr) == (USAGE, True)
    found = CliRunner().invoke(app, [*evil, "--moved"])
    assert found.exit_code == OK and "https://portal-example.com will get tokens for api://x/.default" in found.stderr


def test_json_at_a_terminal_holds_no_command_to_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.as_json({"name": "a\x9b31m\u202e"})
    assert capsys.readouterr().out.isascii()

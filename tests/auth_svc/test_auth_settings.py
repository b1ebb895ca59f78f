"""Settings of auth-svc: only Microsoft's own hosts, unless it is told that Microsoft is simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auth_svc.main import build, graph_resource
from auth_svc.microsoft.discovery import Hosts
from auth_svc.settings import AUTHORITY_HOSTS, AuthSettings
from shared.service.settings import Misconfigured, load
from tests.auth_svc.auth_kit import write_keys
from tokenswitch_dev.simulator import demo


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    good = {
        "KAFKA_BOOTSTRAP": "localhost:1",
        "MONGO_URL": "mongodb://localhost:1",
        "PORT": "0",
        "PORTAL_URL": "http://localhost:8000",
        "INVITE_URL": "http://localhost:8001",
        "ENTRA_CLIENT_ID": demo.SIGNIN_CLIENT_ID,
        "ENTRA_DEVICE_CLIENT_ID": demo.DEVICE_CLIENT_ID,
        "OPERATOR_ISSUER": "https://login.example/x/v2.0",
        "API_AUDIENCE": "api://tokenswitch",
    }
    for name, value in (good | write_keys(tmp_path)).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_what_is_taken_by_default(environment: pytest.MonkeyPatch) -> None:
    settings = load(AuthSettings)
    assert settings.entra_authority == "https://login.microsoftonline.com"
    assert settings.graph_url == "https://graph.microsoft.com"
    assert (settings.scopes, settings.entra_poll_seconds, settings.readers) == (("User.Read",), 5, {})
    assert settings.redirect_uri == "http://localhost:8001/signin/return"
    assert build(settings).name == "auth"


WRONG: list[tuple[dict[str, str], str]] = [
    ({"ENTRA_AUTHORITY": "https://login.evil.example"}, "ENTRA_AUTHORITY"),
    ({"ENTRA_AUTHORITY": "http://login.microsoftonline.com"}, "ENTRA_AUTHORITY"),
    ({"ENTRA_AUTHORITY": "https://login.microsoftonline.com:8443"}, "ENTRA_AUTHORITY"),
    ({"ENTRA_AUTHORITY": "https://login.microsoftonline.com/common"}, "ENTRA_AUTHORITY"),
    ({"ENTRA_AUTHORITY": "https://login.microsoftonline.com.evil.example"}, "ENTRA_AUTHORITY"),
    ({"ENTRA_AUTHORITY": "http://localhost:8443", "ENTRA_SIMULATED": "1"}, "ENTRA_AUTHORITY"),
    ({"GRAPH_URL": "https://localhost:8443"}, "GRAPH_URL"),
    ({"ENTRA_CA_FILE": "/dev/null"}, "ENTRA_CA_FILE"),
    ({"ENTRA_POLL_SECONDS": "1"}, "ENTRA_POLL_SECONDS"),
    ({"ENTRA_CLIENT_ID": "my app"}, "ENTRA_CLIENT_ID"),
    ({"ENTRA_CLIENT_SECRET_FILE": "/does/not/exist"}, "ENTRA_CLIENT_SECRET_FILE"),
    ({"OPERATOR_ISSUER": "http://login.example/x/v2.0"}, "OPERATOR_ISSUER"),
    ({"GRAPH_SCOPES": "User.Read openid"}, "GRAPH_SCOPES"),
    ({"GRAPH_SCOPES": "a b&c"}, "GRAPH_SCOPES"),
    ({"TOKEN_READERS": "c1"}, "TOKEN_READERS"),
    ({"TOKEN_READERS": '{"x": "c1"}'}, "TOKEN_READERS"),
    ({"VAULT_KEYS_FILE": "/does/not/exist"}, "VAULT_KEYS_FILE"),
]


@pytest.mark.parametrize(("given", "named"), WRONG)
def test_a_wrong_one_is_named_in_one_sentence(
    environment: pytest.MonkeyPatch, given: dict[str, str], named: str
) -> None:
    for name, value in given.items():
        environment.setenv(name, value)
    with pytest.raises(Misconfigured) as caught:
        load(AuthSettings)
    assert str(caught.value).startswith(named)
    assert str(caught.value).count("\n") == 0


def test_a_simulator_is_taken_when_it_is_said_to_be_one(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    simulated = {
        "ENTRA_SIMULATED": "true",
        "ENTRA_AUTHORITY": "https://localhost:8443",
        "GRAPH_URL": "https://localhost:8443",
        "ENTRA_CA_FILE": str(tmp_path / "ca.pem"),
        "ENTRA_POLL_SECONDS": "0.2",
        "TOKEN_READERS": '{"ABC": ["c1", "c2"], "d": ["*"]}',
    }
    for name, value in simulated.items():
        environment.setenv(name, value)
    settings = load(AuthSettings)
    assert settings.entra_poll_seconds == 0.2
    assert settings.readers == {"abc": frozenset({"c1", "c2"}), "d": frozenset({"*"})}
    assert graph_resource(settings) == "https://graph.microsoft.com"


@pytest.mark.parametrize(
    ("url", "simulated", "allowed"),
    [
        ("https://microsoft.com/devicelogin", False, True),
        ("https://www.microsoft.com/devicelogin", False, True),
        ("https://login.microsoft.com/device", False, True),
        ("http://microsoft.com/devicelogin", False, False),
        ("https://microsoft.com.evil.example/devicelogin", False, False),
        ("https://microsoft.com@evil.example/", False, False),
        ("javascript:alert(1)", False, False),
        ("javascript:alert(1)", True, False),
        ("http://localhost:8444/devicelogin", True, True),
        (None, True, False),
    ],
)
def test_where_people_may_be_sent(url: Any, simulated: bool, allowed: bool) -> None:
    assert Hosts(AUTHORITY_HOSTS, simulated).is_page(url) is allowed


@pytest.mark.parametrize(
    ("url", "simulated", "allowed"),
    [
        ("https://login.microsoftonline.com/x/oauth2/v2.0/token", False, True),
        ("https://localhost:8443/x", False, False),
        ("https://localhost:8443/x", True, True),
        ("http://localhost:8443/x", True, False),
    ],
)
def test_where_tokens_may_be_sent(url: str, simulated: bool, allowed: bool) -> None:
    assert Hosts(AUTHORITY_HOSTS, simulated).is_endpoint(url) is allowed

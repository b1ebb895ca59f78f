"""Killed with -9 and started again, the simulator goes on: codes, sign-ins, tokens and keys are kept."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import requests

from tokenswitch_dev.simulator import demo
from tokenswitch_dev.stack.process import free_port

DOMAIN = "contoso.example"


class Process:
    """The simulator as a process of its own, on the same ports at every start."""

    def __init__(self, state: Path) -> None:
        self.state, self.port, self.pages = state, free_port(), free_port()
        self.authority = f"https://localhost:{self.port}"

    @contextmanager
    def run(self) -> Iterator[requests.Session]:
        command = [sys.executable, "-m", "tokenswitch_dev.simulator", "--state", str(self.state)]
        ports = ["--port", str(self.port), "--pages-port", str(self.pages)]
        secrets = ["--secrets-dir", str(self.state / "secrets")]
        process = subprocess.Popen([*command, *ports, *secrets], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout
            assert "simulated Entra ID" in process.stdout.readline()
            with requests.Session() as session:
                session.trust_env, session.verify = False, str(self.state / "ca.pem")
                self._await(session)
                yield session
        finally:
            process.kill()
            process.wait(10)
            if process.stdout:
                process.stdout.close()

    def _await(self, session: requests.Session) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                session.get(f"{self.authority}/_sim/clock", timeout=2)
                return
            except requests.ConnectionError:
                time.sleep(0.05)
        raise AssertionError("the simulator does not answer")

    def post(self, session: requests.Session, path: str, form: dict[str, str]) -> dict[str, Any]:
        return dict(session.post(f"{self.authority}/{DOMAIN}/oauth2/v2.0/{path}", form, timeout=10).json())

    def poll(self, session: requests.Session, device_code: str) -> dict[str, Any]:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device_code}
        return self.post(session, "token", form | {"client_id": demo.DEVICE_CLIENT_ID})


def test_killed_in_the_middle_of_a_sign_in(tmp_path: Path) -> None:
    process = Process(tmp_path)
    pages = f"http://localhost:{process.pages}"
    asked = {"client_id": demo.DEVICE_CLIENT_ID, "scope": "User.Read openid offline_access"}
    with process.run() as session, httpx.Client(trust_env=False, follow_redirects=True) as person:
        code = process.post(session, "devicecode", asked)
        approved = process.post(session, "devicecode", asked)
        wish = {"user_code": approved["user_code"], "account": "admin@contoso.example"}
        session.post(f"{process.authority}/_sim/approve", json=wish, timeout=10)
        session.post(f"{process.authority}/_sim/clock", json={"advance": 60}, timeout=10)
        keys = session.get(f"{process.authority}/{DOMAIN}/discovery/v2.0/keys", timeout=10).json()
        page = person.post(f"{pages}/devicelogin", data={"otc": code["user_code"]})
        page = person.post(page.url, data={"step": "account", "loginfmt": "teams@contoso.example"})
    with process.run() as session, httpx.Client(trust_env=False, follow_redirects=True) as person:
        assert session.get(f"{process.authority}/{DOMAIN}/discovery/v2.0/keys", timeout=10).json() == keys
        token = process.poll(session, approved["device_code"])
        assert "access_token" in token
        assert process.poll(session, code["device_code"])["error"] == "authorization_pending"
        page = person.post(page.url, data={"step": "password", "passwd": demo.PASSWORD})
        shown = re.search(r'id="number">(\d\d)<', page.text)
        assert shown
        page = person.post(page.url, data={"step": "approve", "answer": "approve", "number": shown[1]})
    with process.run() as session, httpx.Client(trust_env=False, follow_redirects=True) as person:
        page = person.post(page.url, data={"step": "confirm", "answer": "continue"})
        page = person.post(page.url, data={"step": "consent", "answer": "accept"})
        assert "You may now close this window" in page.text
        assert "access_token" in process.poll(session, code["device_code"])
        assert process.poll(session, approved["device_code"])["error"] == "expired_token"
        form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
        again = process.post(session, "token", form | {"client_id": demo.DEVICE_CLIENT_ID})
        assert "access_token" in again
        graph = {"Authorization": f"Bearer {token['access_token']}"}
        assert session.get(f"{process.authority}/v1.0/me", headers=graph, timeout=10).status_code == 200
    assert (tmp_path / "secrets" / "entra-client-secret").read_text().strip() == demo.SIGNIN_SECRET
    assert (tmp_path / "ca-key.pem").stat().st_mode & 0o077 == 0

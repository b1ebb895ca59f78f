"""python -m tokenswitch_dev.runner.token ROLE: prints a bearer token for the API, got by client credentials."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import requests

from tokenswitch_dev.simulator.demo import API_AUDIENCE, GATEWAY_APPS, PROVIDER_TENANT

TIMEOUT_SECONDS = (10, 20)


class NoToken(Exception):
    """The sign-in service gave none; the message says what to do."""


def bearer_token(
    role: str, authority: str, ca_file: Path | None, *, audience: str = API_AUDIENCE, tenant: str = PROVIDER_TENANT
) -> str:
    """Of the gateway that has this role. Raises: NoToken."""
    app = GATEWAY_APPS[role]
    form = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "client_secret": app.secret,
        "scope": f"{audience}/.default",
    }
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(ca_file) if ca_file else True
        return _asked(session, f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token", form)


def _asked(session: requests.Session, address: str, form: dict[str, str]) -> str:
    try:
        answer = session.post(address, data=form, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        body = answer.json()
    except (requests.RequestException, OSError, ValueError) as wrong:
        raise NoToken(f"{address} does not answer; is the system running (make run)? {wrong}") from wrong
    if "access_token" not in body:
        raise NoToken(str(body.get("error_description", body)))
    return str(body["access_token"])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tokenswitch_dev.runner.token", description=__doc__)
    parser.add_argument("role", choices=sorted(GATEWAY_APPS))
    parser.add_argument("--authority", default="https://localhost:8443")
    parser.add_argument("--tenant", default=PROVIDER_TENANT)
    parser.add_argument("--audience", default=API_AUDIENCE)
    parser.add_argument("--ca-file", type=Path, default=Path(".run/entra/ca.pem"))
    asked = parser.parse_args(arguments)
    try:
        print(bearer_token(asked.role, asked.authority, asked.ca_file, audience=asked.audience, tenant=asked.tenant))
    except NoToken as wrong:
        print(f"No token: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

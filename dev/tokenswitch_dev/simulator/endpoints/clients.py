"""Is the caller the application it says it is: public clients send no secret, confidential ones must."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import unquote

from tokenswitch_dev.simulator.directory.directory import App
from tokenswitch_dev.simulator.wire.calls import Call
from tokenswitch_dev.simulator.wire.errors import Refusal, refuse


def credentials(call: Call, form: dict[str, str]) -> tuple[str, str]:
    """(client id, secret), from the form or from HTTP Basic."""
    scheme, _, coded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(coded).decode().partition(":")
    except ValueError:
        return form.get("client_id", ""), ""
    return unquote(name), unquote(secret)


def check_client(app: App, form: dict[str, str], secret: str, now: float) -> Refusal | None:
    presented = secret or form.get("client_assertion", "")
    if app.public:
        return refuse("700025") if presented else None
    if not presented:
        return refuse("7000218")
    if not secret:
        return refuse("700027")  # No certificate is registered with any simulated app.
    return _check_secret(app, secret, now)


def _check_secret(app: App, secret: str, now: float) -> Refusal | None:
    match = next((s for s in app.secrets if hmac.compare_digest(s.value.encode(), secret.encode())), None)
    if match is None:
        return refuse("7000215", client=app.client_id)
    if match.expires is not None and match.expires <= now:
        return refuse("7000222", client=app.client_id)
    return None

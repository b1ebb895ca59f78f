"""A switch by the client that openapi-python-client makes of the OpenAPI document: ask, read, send again, cancel."""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import TypeVar

from tokenswitch_client import AuthenticatedClient
from tokenswitch_client.api.customers import get_customer, put_customer
from tokenswitch_client.api.switch import delete_switch, list_invitations, post_resend, post_switch
from tokenswitch_client.models import CustomerBody, CustomerView, Problem, ResendBody, SwitchBody

T = TypeVar("T")


def answered(answer: T | Problem | None) -> T:
    if answer is None or isinstance(answer, Problem):
        raise SystemExit(f"refused: {answer}")
    return answer


def key() -> str:
    return uuid.uuid4().hex


def main(base_url: str, token: str, id: str) -> dict[str, object]:
    client = AuthenticatedClient(base_url=base_url, token=token)

    def read() -> CustomerView:
        return answered(get_customer.sync(id, client=client))

    body = CustomerBody(name="Contoso GmbH", tenant="contoso.example")
    registered = answered(put_customer.sync(id, client=client, body=body))
    until = time.monotonic() + 60
    while read().tenant_state != "pinned":
        assert time.monotonic() < until, "the tenant is not found"
        time.sleep(0.1)
    wanted = SwitchBody(to="token", admin_email="admin@contoso.example", locale="de", methods=["sign_in"])
    asked = answered(post_switch.sync(id, client=client, body=wanted, idempotency_key=key()))
    running = read().switch
    again = ResendBody(switch=asked.switch, admin_email="it@contoso.example")
    resent = answered(post_resend.sync(id, client=client, body=again, idempotency_key=key()))
    page = answered(list_invitations.sync(client=client, state="pending"))
    cancelled = answered(delete_switch.sync(id, client=client, switch=resent.switch))
    stale = delete_switch.sync(id, client=client, switch=1)
    ended = read().switch
    return {
        "edition": registered.edition,
        "asked": asked.switch,
        "running": running.state if running else None,
        "invitee": running.invitee.email if running and running.invitee else None,
        "resent": resent.switch,
        "pending": [row.invitation_email for row in page.items],
        "cancelled": cancelled.switch,
        "state": ended.state if ended else None,
        "refused": stale.code if isinstance(stale, Problem) else None,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))

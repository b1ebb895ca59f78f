"""A person's way through the pages, done at once: the same steps and rules, for tests without a browser."""

from __future__ import annotations

import html
import re
from typing import Any

from tokenswitch_dev.simulator.demo import PASSWORD
from tokenswitch_dev.simulator.directory.grants import SignIn
from tokenswitch_dev.simulator.endpoints.authorize import start_authorize
from tokenswitch_dev.simulator.endpoints.signin import decline_device, start_device
from tokenswitch_dev.simulator.pages.steps import submit
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer, Call
from tokenswitch_dev.simulator.wire.errors import Refusal

MOST_STEPS = 6


def approve(sim: Simulator, user_code: str, account: str, consent: bool) -> dict[str, Any]:
    return _walk(sim, start_device(sim, user_code), account, consent)


def decline(sim: Simulator, user_code: str) -> dict[str, Any]:
    return {"outcome": "declined" if decline_device(sim, user_code) else "unknown_code"}


def authorize(sim: Simulator, asked: Call, account: str, consent: bool) -> dict[str, Any]:
    return _walk(sim, start_authorize(sim, asked), account, consent)


def _walk(sim: Simulator, page: SignIn | Refusal, account: str, consent: bool) -> dict[str, Any]:
    if isinstance(page, Refusal):
        return _refused(page)
    for _ in range(MOST_STEPS):
        left = submit(sim, page, _typed(page, account, consent))
        if left:
            return _left(left)
        if page.step not in STILL:
            break
    return _refused(Refusal(page.refused, tuple(page.values.items()))) if page.refused else {"outcome": "approved"}


STILL = ("account", "password", "approve", "confirm", "consent")


def _typed(page: SignIn, account: str, consent: bool) -> dict[str, str]:
    if page.step == "password" and page.login != account.lower():
        return {"step": "restart"}
    forms = {
        "account": {"loginfmt": account},
        "password": {"passwd": PASSWORD},
        "approve": {"answer": "approve", "number": str(page.number)},
        "confirm": {"answer": "continue"},
        "consent": {"answer": "accept" if consent else "cancel"},
    }
    return {"step": page.step} | forms[page.step]


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {"outcome": "refused", "code": refusal.code, "error": refusal.row.error, "text": refusal.text}


def _left(answered: Answer) -> dict[str, Any]:
    """The way back to the application: an address, or the form that Microsoft's page would post."""
    if "location" in answered.headers:
        target = answered.headers["location"]
        return {"outcome": "declined" if "error=" in target else "approved", "redirect": target}
    text = answered.body.decode()
    action = re.search(r'action="([^"]*)"', text)
    if action is None:
        return {"outcome": "broken", "status": answered.status}
    fields = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', text)
    form = {html.unescape(name): html.unescape(value) for name, value in fields}
    outcome = "declined" if "error" in form else "approved"
    return {"outcome": outcome, "redirect": html.unescape(action[1]), "form": form}

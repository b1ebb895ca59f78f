"""The steps of Microsoft's pages: what each form does, and which page comes next."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from tokenswitch_dev.simulator.demo import PASSWORD
from tokenswitch_dev.simulator.directory.grants import SignIn
from tokenswitch_dev.simulator.endpoints.authorize import reply_code, reply_declined
from tokenswitch_dev.simulator.endpoints.scopes import consent, may_consent, missing_consent
from tokenswitch_dev.simulator.endpoints.signin import Who, approve_device, decline_device, forbidden, identify
from tokenswitch_dev.simulator.simulator import Simulator
from tokenswitch_dev.simulator.wire.calls import Answer
from tokenswitch_dev.simulator.wire.error_table import row
from tokenswitch_dev.simulator.wire.errors import Refusal, new_trace, refuse
from tokenswitch_dev.simulator.wire.faults import fault_answer

# A step gives the answer that leaves the pages (back to the application), or None: show the page's step.
Step = Callable[[Simulator, SignIn, dict[str, str]], Answer | None]


def submit(sim: Simulator, page: SignIn, form: dict[str, str]) -> Answer | None:
    """One form sent. A form of another step than the page's (the Back button) changes nothing."""
    page.note = ""
    if form.get("step") == "restart":
        page.step, page.login, page.refused = "account", "", ""
        left = None
    elif form.get("step") == page.step and page.step in STEPS:
        left = STEPS[page.step](sim, page, form)
    else:
        return None
    if left is None:
        sim.grants.signins.put(page)
    return left


def _account(sim: Simulator, page: SignIn, form: dict[str, str]) -> Answer | None:
    page.login = form.get("loginfmt", "").strip().lower()
    if "@" not in page.login:
        page.note = "Enter a valid email address, phone number, or Skype name."
        return None
    page.step = "password"
    return None


def _password(sim: Simulator, page: SignIn, form: dict[str, str]) -> Answer | None:
    if form.get("passwd") != PASSWORD:
        page.note = "Your account or password is incorrect. If you don't remember your password, reset it now."
        return None
    who = _who(sim, page)
    if isinstance(who, Refusal):
        return _refused(page, who)
    page.step, page.number = "approve", 10 + secrets.randbelow(90)
    return None


def _approve(sim: Simulator, page: SignIn, form: dict[str, str]) -> Answer | None:
    if form.get("answer") != "approve" or form.get("number", "").strip() != str(page.number):
        denied = form.get("answer") == "deny"
        page.note = "The request was denied." if denied else "That was not the number shown here."
        page.note += " We sent another request to your Authenticator app."
        page.number = 10 + secrets.randbelow(90)
        return None
    who = _who(sim, page)
    if isinstance(who, Refusal):
        return _refused(page, who)
    return _policies(sim, page, who)


def _policies(sim: Simulator, page: SignIn, who: Who) -> Answer | None:
    fault = sim.faults.hit("browser", who.tenant, who.account.login)
    error = row(fault.code) if fault else None
    if fault and error is None:
        return fault_answer(fault, new_trace(), sim.authority)
    refusal = Refusal(error.code) if error else forbidden(sim, page.kind, who)
    if refusal:
        return _refused(page, refusal)
    if page.kind == "device":
        page.step = "confirm"
        return None
    return _consent_or_finish(sim, page, who)


def _confirm(sim: Simulator, page: SignIn, form: dict[str, str]) -> Answer | None:
    if form.get("answer") != "continue":
        decline_device(sim, page.user_code)
        page.step = "declined"
        return None
    who = _who(sim, page)
    return _refused(page, who) if isinstance(who, Refusal) else _consent_or_finish(sim, page, who)


def _consent_or_finish(sim: Simulator, page: SignIn, who: Who) -> Answer | None:
    missing = missing_consent(who.tenant, page.client_id, who.account, page.scopes)
    if not missing and page.request.get("prompt") != "consent":
        return _finish(sim, page, who)
    if not may_consent(who.tenant, who.account, missing):
        return _refused(page, refuse("90094", tenant=who.tenant.name))
    page.step = "consent"
    return None


def _consent(sim: Simulator, page: SignIn, form: dict[str, str]) -> Answer | None:
    who = _who(sim, page)
    if isinstance(who, Refusal):
        return _refused(page, who)
    if form.get("answer") != "accept":
        return reply_declined(sim, page) if page.kind == "authorize" else _refused(page, refuse("65004"))
    missing = missing_consent(who.tenant, page.client_id, who.account, page.scopes)
    if not may_consent(who.tenant, who.account, missing):
        return _refused(page, refuse("90094", tenant=who.tenant.name))
    consent(who.tenant, page.client_id, who.account, missing, bool(form.get("for_all")))
    sim.directory.save(who.tenant)
    return _finish(sim, page, who)


def _finish(sim: Simulator, page: SignIn, who: Who) -> Answer | None:
    if page.kind == "authorize":
        return reply_code(sim, page, who)
    refusal = approve_device(sim, page, who)
    if refusal:
        return _refused(page, refusal)
    page.step = "done"
    return None


def _who(sim: Simulator, page: SignIn) -> Who | Refusal:
    return identify(sim, page.client_id, page.authority, page.login)


def _refused(page: SignIn, refusal: Refusal) -> Answer | None:
    """Shown to the person only: whoever polls goes on hearing that the authorization is pending."""
    page.step, page.refused, page.values = "refused", refusal.code, dict(refusal.values)
    return None


STEPS: dict[str, Step] = {
    "account": _account,
    "password": _password,
    "approve": _approve,
    "confirm": _confirm,
    "consent": _consent,
}

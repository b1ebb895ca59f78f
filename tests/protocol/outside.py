"""Everybody outside the services, as moves that a test may draw: operator, invitee, Microsoft, mail server, crashes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from auth_svc.domain import attempts, keep_alive
from auth_svc.domain import customers as access_rules
from auth_svc.domain.model import Attempt
from config_svc.domain import customers, settings, switches
from config_svc.domain.customers import CustomerInput, RegistrationInput
from config_svc.domain.model import SwitchTerms
from config_svc.domain.settings import Settings, Terms, Values
from invite_svc.domain import attempts as sign_ins
from invite_svc.domain import invitations
from invite_svc.domain.attempts import Start
from notify_svc.domain import sending
from shared.contracts.events import Account, Actor, Person
from tests.protocol.world import World

CUSTOMER, TENANT = "c1", "11111111-1111-1111-1111-111111111111"
OPERATOR = Actor(id="op", name="Olga", email="olga@provider.example")
ANNA, BERT = Person("anna@contoso.example", "Anna"), Person("bert@contoso.example", "Bert")
ACCOUNT = Account("anna@contoso.example", "oid-1", "Anna")
LIFE = timedelta(days=7)
Move = Callable[[World], Any]


USUAL = Terms(life=LIFE, remind_after=timedelta(days=3), accepted_roles=("role",))


def _ask(to: Any, invitee: Person | None, renew: bool = False) -> Move:
    """With the settings that stand in the store at this moment."""

    def move(world: World) -> Any:
        terms = settings.in_force(world.state("config/settings", settings.ID) or Settings(), USUAL)
        asked = SwitchTerms(
            to=to,
            inviter=OPERATOR,
            life_seconds=int(terms.life.total_seconds()),
            accepted_roles=terms.accepted_roles,
            invitee=invitee,
            renew=renew,
            remind_after_seconds=int(terms.remind_after.total_seconds()) if terms.remind_after else None,
            texts_version=terms.texts_version,
        )
        return world.apply("config/customers", CUSTOMER, lambda state, now: switches.request(state, asked, now))

    return move


def save_settings(world: World) -> Any:
    def rule(state: Settings | None, now: Any) -> Any:
        edition = state.edition if state else 0
        values = Values(life_days=edition % 5 + 4, sender=f"sender-{edition}@provider.example")
        return settings.put(state, values, expected=edition, usual=USUAL, by=OPERATOR, now=now)

    return world.apply("config/settings", settings.ID, rule)


def _config(rule: Any) -> Move:
    return lambda world: world.apply("config/customers", CUSTOMER, rule)


def _number(state: Any) -> int:
    return state.switch.number if state and state.switch else 0


def put(secret: str | None = "sealed", tenant: str = "contoso.example") -> Move:
    registration = RegistrationInput(client_id="app-1", secret_change="set", secret=secret) if secret else None
    data = CustomerInput(name="Contoso", tenant=tenant, registration=registration, keep_registration=secret is None)
    return _config(lambda state, now: customers.put(state, CUSTOMER, data, OPERATOR, now))


OPERATOR_MOVES: dict[str, Move] = {
    "put": put(),
    "change tenant": put(None, "fabrikam.example"),
    "settings": save_settings,
    "to token": _ask("token", ANNA),
    "renew": _ask("token", ANNA, True),
    "back": _ask("app_registration", None),
    "back by invitation": _ask("app_registration", ANNA),
    "resend": _config(lambda s, now: switches.resend(s, _number(s), None, OPERATOR, now)),
    "readdress": _config(lambda s, now: switches.resend(s, _number(s), BERT, OPERATOR, now)),
    "cancel": _config(lambda s, now: switches.cancel(s, _number(s), OPERATOR, now)),
    "validate": _config(lambda s, now: customers.request_validation(s, f"r-{now.timestamp()}", OPERATOR, now)),
}
REMOVE = _config(lambda s, now: customers.remove(s, CUSTOMER, OPERATOR, now))


# --- the invitee --------------------------------------------------------------------------------------------------


def _invitation(rule: Callable[[Any, Any], Any]) -> Move:
    """The newest invitation of the customer, whatever its state."""

    def move(world: World) -> Any:
        known = [id for (place, id), kept in world.documents.items() if place == "invite/invitations" and kept.state]
        ids = sorted(known, key=lambda id: int(id.rpartition("/")[2]))
        return world.apply("invite/invitations", ids[-1], rule) if ids else False

    return move


def _start(method: Any) -> Move:
    def rule(state: Any, now: Any) -> Any:
        seal = "sealed" if method == "app_registration" else None
        attempt = state.attempts + 1 if state else 0
        chosen = Start(method=method, login_hint="anna@contoso.example", credentials=seal, attempt=attempt)
        return sign_ins.start(state, state.session if state and state.session else "s1", chosen, now)

    return _invitation(rule)


def _open(session: str) -> Move:
    return _invitation(lambda s, now: invitations.open_link(s, s.generation if s else 1, session, None, True, now))


INVITEE_MOVES: dict[str, Move] = {
    "open": _open("s1"),
    "continue elsewhere": _open("s2"),
    "device code": _start("device_code"),
    "sign in": _start("sign_in"),
    "app registration": _start("app_registration"),
    "return": _invitation(
        lambda s, now: sign_ins.take_answer(s, s.session or "", s.attempt.number if s.attempt else 0, "sealed", now)
    ),
    "give up": _invitation(lambda s, now: sign_ins.give_up(s, s.session or "", "other way", now)),
    "ask again": _invitation(invitations.ask_again),
}


# --- auth-svc's due work, with any answer of Microsoft ----------------------------------------------------------------


def _attempt(good: bool) -> Move:
    def move(world: World) -> Any:
        access = world.state("auth/access", CUSTOMER)
        attempt = access.attempt if access else None
        if attempt is None or not attempt.open:
            return False
        return world.apply("auth/access", CUSTOMER, _outcome(attempt, good, world))

    return move


def _outcome(attempt: Attempt, good: bool, world: World) -> Any:
    place, later = attempt.place, world.now + timedelta(minutes=15)
    if not good or (attempt.state == "sign_in_ready" and attempt.next is not None and attempt.next <= world.now):
        return lambda s, now: attempts.fail(s, place, attempts.Refusal(reason="declined"), now)
    world.runs += 1
    grant, run = f"grant-{place[0]}-{place[1]}-{world.runs}", {"sealed": world.runs}
    proof = attempts.Proof(account=ACCOUNT, tenant_id=TENANT, roles=("role",), scopes=("User.Read",), cache=run)
    steps: dict[tuple[str, str], Any] = {
        ("device_code", "started"): lambda s, now: attempts.issue_code(
            s, place, flow=run, code="jwe", uri="uri", expires=later, now=now
        ),
        ("device_code", "code_issued"): lambda s, now: attempts.keep_redemption(s, place, run, now),
        ("sign_in", "started"): lambda s, now: attempts.offer_sign_in(
            s, place, flow=run, url="jwe", expires=later, now=now
        ),
        ("sign_in", "returned"): lambda s, now: attempts.mark_redeeming(s, place, now),
        ("sign_in", "redeeming"): lambda s, now: attempts.keep_redemption(s, place, run, now),
        ("app_registration", "started"): lambda s, now: attempts.propose_registration(
            s, place, "app-1" if attempt.stored else "app-2", None if attempt.stored else run, now
        ),
    }
    claim = lambda s, now: attempts.propose_grant(s, place, grant, proof, now)  # noqa: E731
    return claim if attempt.state == "redeemed" else steps.get((attempt.method, attempt.state), lambda s, now: None)


def _keep(good: bool) -> Move:
    def move(world: World) -> Any:
        access = world.state("auth/access", CUSTOMER)
        due = keep_alive.due_times(access) if access else {}
        names = [name for name, at in due.items() if at <= world.now]
        return world.apply("auth/access", CUSTOMER, _kept(access, names[0], good)) if names else False

    return move


def _kept(access: Any, name: str, good: bool) -> Any:
    refusal = attempts.Refusal(reason="revoked")
    grant, revision = access.grant.id if access.grant else "", access.registration and access.registration.revision
    tenant = TENANT if access.tenant == "contoso.example" else "22222222-2222-2222-2222-222222222222"
    rules: dict[str, Any] = {
        "reseal": lambda s, now: keep_alive.keep_secret(s, revision, {"v": 1}, now),
        "resolve": lambda s, now: access_rules.keep_tenant_id(s, access.tenant, tenant, now),
        "validate": lambda s, now: keep_alive.answer_validation(s, access.validation, None if good else refusal, now),
        "refresh": (lambda s, now: keep_alive.renew_grant(s, grant, access.grant.rev, {"v": 2}, now))
        if good
        else (lambda s, now: keep_alive.lose_grant(s, grant, refusal, now)),
        "prove": (lambda s, now: keep_alive.confirm_registration(s, revision, now))
        if good
        else (lambda s, now: keep_alive.lose_registration(s, revision, refusal, now)),
    }
    return rules[name]


def _mail(good: bool) -> Move:
    def move(world: World) -> Any:
        owed = [
            (id, owed_mail.kind, owed_mail.serial)
            for (place, id), kept in world.documents.items()
            if place == "notify/outgoing_mails" and kept.state is not None
            for owed_mail in kept.state.mails
            if owed_mail.state == "queued" and owed_mail.next and owed_mail.next <= world.now
        ]
        return world.apply("notify/outgoing_mails", owed[0][0], _mailed(world, good, *owed[0])) if owed else False

    return move


def _mailed(world: World, good: bool, id: str, kind: Any, serial: int) -> Any:
    outgoing = world.state("notify/outgoing_mails", id)
    wanted, owed_mail = outgoing.texts_version, outgoing.mail(kind)
    texts, patient = world.state("notify/texts", str(wanted)), sending.may_await_texts(owed_mail, world.now)
    if wanted and texts is None and patient:
        return lambda s, now: sending.await_texts(s, kind, serial, now)
    world.written.append((wanted, texts.version if texts else None, not patient))
    if good:
        return lambda s, now: sending.mark_sent(s, kind, serial, now)
    return lambda s, now: sending.try_later(s, kind, serial, "busy", now)


def _deadline(place: str, rule: Any) -> Move:
    def move(world: World) -> Any:
        moved = [world.apply(place, id, rule) for at, id in list(world.documents) if at == place]
        return any(moved)

    return move


SERVICE_MOVES: dict[str, Move] = {
    "microsoft: go on": _attempt(True),
    "microsoft: refuse": _attempt(False),
    "keep: fine": _keep(True),
    "keep: refused": _keep(False),
    "mail: taken": _mail(True),
    "mail: busy": _mail(False),
    "config deadline": _deadline("config/customers", switches.on_deadline),
    "invite deadline": _deadline("invite/invitations", invitations.remind_or_expire),
}

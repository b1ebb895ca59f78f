"""The service as a whole: on the topic, its deadlines, and what it says when it is set up wrongly."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from invite_svc.domain.model import Invitation
from invite_svc.jobs import deadlines
from invite_svc.settings import InviteSettings
from shared.contracts import cloudevents
from shared.domain.rules import utc_now
from shared.jobs.worker import Worker
from shared.messaging.kafka import Cluster, Producer
from shared.service.settings import Misconfigured, load
from tests.invite_svc.invite_kit import CUSTOMER, ID, Wizard, requested
from tests.shared.kit.core import eventually


def job(wizard: Wizard) -> Worker[Invitation]:
    return Worker(store=wizard.store, job=deadlines.DEADLINES, execute=deadlines.on_deadline)


async def test_due_work_reminds_and_then_proposes_the_expiry(wizard: Wizard) -> None:
    due = job(wizard)
    assert await due.once() == 0
    wizard.later(days=3)
    assert await due.once() == 1
    await due.settled()
    assert (await wizard.said())[-1] == "InvitationReminded"
    wizard.later(days=4)
    assert await due.once() == 1
    await due.settled()
    assert (await wizard.said())[-1] == "InvitationExpired"
    wizard.later(days=30)
    assert await due.once() == 0


async def test_a_running_sign_in_puts_the_expiry_off(wizard: Wizard) -> None:
    browser, due = await wizard.begun(), job(wizard)
    wizard.later(days=7, minutes=-1)
    await browser.send("/w/sign-in")
    wizard.later(minutes=2)
    assert await due.once() == 0
    wizard.later(minutes=15)
    assert await due.once() == 1
    await due.settled()
    assert (await wizard.said())[-1] == "InvitationExpired"


async def test_a_switch_asked_for_on_the_topic_becomes_an_invitation_that_can_be_opened(
    tmp_path: Path, kafka_bootstrap: str, mongo_url: str, mongo_database: str, topic: str
) -> None:
    wizard = Wizard(
        tmp_path, mongo_url, mongo_database, kafka_bootstrap=kafka_bootstrap, topic=topic, topic_partitions=2
    )
    wizard.now = utc_now()
    cluster = Cluster(bootstrap=kafka_bootstrap, topic=topic, partitions=2)
    asked = requested(expires_at=wizard.now + timedelta(days=7), remind_at=None)
    async with wizard.app.router.lifespan_context(wizard.app):

        async def ready() -> bool:
            return wizard.service.health.ready

        await eventually(ready)
        sender, id = Producer(cluster, "test"), "config/customers/contoso/2/0"
        head = cloudevents.headers_of(id, "SwitchRequested", wizard.now, CUSTOMER, None)
        await sender.send(topic, CUSTOMER.encode(), cloudevents.encode(asked).encode(), head)
        browser = wizard.browser()

        async def invited() -> bool:
            return "Contoso Ltd" in (await browser.open(wizard.link())).text

        async def all_sent() -> bool:
            return await wizard.said() == []

        await eventually(invited)
        await browser.send("/start")
        assert "How do you want to sign in?" in browser.page.text
        await eventually(all_sent)
        await sender.close()
    await wizard.mongo.drop()
    wizard.mongo.close()


async def test_the_lists_of_a_document_stay_bounded(wizard: Wizard) -> None:
    browser = await wizard.begun()
    for _ in range(60):
        await browser.open("/w/ways")
        await browser.send("/w/sign-in", False)
    assert (await wizard.invitation(ID)).attempts == 50
    assert browser.page.status_code == 429 and "Too many attempts" in browser.page.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROVIDER_NAME", "a\x07b"),
        ("LINK_KEYS_FILE", "/nowhere"),
        ("SEAL_KEYS_FILE", "/nowhere"),
        ("PROVIDER_LOGO_FILE", "/nowhere"),
        ("PROVIDER_LOGO_FILE", __file__),
        ("ENTRA_CLIENT_ID", "x"),
        ("STARTS_PER_ADDRESS", "0"),
        ("INVITE_URL", "http://invite.example.com"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str) -> None:
    right = Wizard(tmp_path, "mongodb://127.0.0.1:1", "x").settings
    for field, given in right.model_dump().items():
        if field != "mongo_url" and given is not None:
            monkeypatch.setenv(field.upper(), str(given))
    monkeypatch.setenv("MONGO_URL", "mongodb://127.0.0.1:1")
    assert load(InviteSettings).provider_name == right.provider_name
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as caught:
        load(InviteSettings)
    assert str(caught.value.code).startswith(name)

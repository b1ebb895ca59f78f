"""Settings that somebody saves reach the mails of the next switch, through all services."""

from __future__ import annotations

from tests.e2e.e2e_kit import Api, World


async def test_the_providers_own_words_reach_the_invitee_and_stay_those_of_the_switch(world: World) -> None:
    """In a language that no other test invites in, since all share the settings."""
    admin = Api(world.system.base("config"), world.system.token("admin"))
    now = await admin.done("GET", "/api/v1/settings")
    own = {"subject": "{provider} a besoin de {customer}", "body": "Bonjour {invitee},\n\nrépondez avant le {until}."}

    async def save(edition: int, text: dict[str, str]) -> int:
        headers = dict(admin.http.headers) | {"If-Match": f'"{edition}"'}
        answer = await admin.http.put("/api/v1/settings", json={"texts": {"fr": text}}, headers=headers)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["edition"])

    edition = await save(now["edition"], own)
    customer = await world.customer()
    to = customer.user("admin")
    number = await world.request(customer, locale="fr")
    mail = await world.mail(to, "a besoin de")
    assert "Bonjour Avery Admin," in mail["Text"] and "répondez avant le" in mail["Text"]
    assert "Nous ne vous enverrons jamais de code" in " ".join(mail["Text"].split())
    assert (await world.document("notify", "outgoing_mails", f"{customer.id}/{number}"))["texts_version"] == edition
    await save(edition, {})
    await world.api.done("POST", f"{customer.path}/switch/resend", {"switch": number})
    assert "répondez avant le" in (await world.mail(to, "^Nouveau lien.*a besoin de"))["Text"]
    await admin.http.aclose()

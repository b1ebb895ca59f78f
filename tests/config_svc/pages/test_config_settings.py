"""Settings by API and page: checked before they are saved, never overwritten, taken by the next switch anywhere."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from config_svc.pages.drafts import Draft
from mails.texts import Text
from shared.domain.rules import Refused
from shared.http.middleware import FRAMED
from shared.i18n.catalogs import language_name
from shared.i18n.marks import LANGUAGES
from tests.config_svc.config_kit import ADMIN, GLOBAL_ADMIN, Config

BODY = {
    "invitation_life_days": 14,
    "remind_after_days": 5,
    "accepted_roles": [GLOBAL_ADMIN],
    "sender_name": "Northstar",
    "sender_address": "hello@northstar.example",
    "texts": {"de": {"subject": "{provider} für {customer}", "body": "Guten Tag {invitee},\n\nbis {until}."}},
}


async def save(config: Config, body: Any = BODY, edition: int = 0, role: str = "admin") -> Any:
    return await config.gateway(role).put("/settings", body, **{"If-Match": f'"{edition}"'})


# --- API ------------------------------------------------------------------------------------------------------------


async def test_until_somebody_saves_all_is_as_the_environment_says(config: Config) -> None:
    answer = await config.gateway("viewer").get("/settings")
    found = answer.json()
    assert (answer.status_code, answer.headers["ETag"], found["edition"]) == (200, '"0"', 0)
    assert found["in_force"]["invitation_life_seconds"] == 7 * 86400 and found["texts"] == {}
    assert [role["name"] for role in found["in_force"]["accepted_roles"]] == [
        "Global Administrator",
        "Teams Administrator",
    ]
    assert set(found["standard_texts"]) == set(LANGUAGES) and "{customer}" in found["standard_texts"]["ja"]["subject"]


async def test_an_administrator_replaces_them_and_everybody_is_told_who(config: Config) -> None:
    answer = await save(config)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')
    assert {name: answer.json()[name] for name in BODY} == BODY
    assert await config.relays() == ["SettingsChanged"]
    audit = (await config.gateway("operator").get("/audit", params={"action": "SettingsChanged"})).json()["items"]
    assert len(audit) == 1 and audit[0]["actor"]["name"] == "Gateway admin"
    assert audit[0]["summary"] == (
        "Settings changed: life of an invitation, reminder, accepted roles, sender, texts of the invitation (Deutsch)"
    )
    assert (await config.gateway("viewer").get("/settings")).json()["changed_by"] == "Gateway admin"


@pytest.mark.parametrize("role", ["operator", "viewer"])
async def test_nobody_else_may(config: Config, role: str) -> None:
    answer = await save(config, role=role)
    assert answer.status_code == 403 and (await config.service._stores["settings"].get("settings")) is None


async def test_two_administrators_do_not_overwrite_each_other(config: Config) -> None:
    assert (await save(config)).status_code == 200
    answer = await save(config, {"invitation_life_days": 3}, edition=0)
    assert answer.status_code == 412 and answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["field"]) == ("settings_changed", "If-Match")
    without = await config.gateway("admin").put("/settings", BODY)
    assert (without.status_code, without.json()["code"]) == (428, "if_match_missing")
    for tag in ("*", '"x"', 'W/"1"', "1"):
        assert (await config.gateway("admin").put("/settings", BODY, **{"If-Match": tag})).status_code == 412
    assert (await config.gateway("viewer").get("/settings")).json()["invitation_life_days"] == 14


WRONG: list[tuple[Any, str, str]] = [
    (
        {"texts": {"de": {"body": "Guten Tag\n\n {custmer}"}}},
        "texts.de.body",
        "Line 3, column 2: there is no placeholder {custmer}. Allowed are: {customer}, ",
    ),
    ({"texts": {"de": {"body": "{customer.name}"}}}, "texts.de.body", "Allowed are: {customer}, {tenant}, {provider}"),
    ({"texts": {"en": {"subject": "see {link}"}}}, "texts.en.subject", "there is no placeholder {link}"),
    ({"texts": {"en": {"subject": "two\nlines"}}}, "texts.en.subject", "line breaks"),
    ({"texts": {"en": {"subject": "see https://evil.example"}}}, "texts.en.subject", "Leave out web"),
    ({"texts": {"en": {"body": "{{ config }}"}}}, "texts.en.body", "braces are for placeholders only"),
    ({"texts": {"en": {"body": "x" * 2001}}}, "texts.en.body", "This has 2001 characters; 2000 are allowed."),
    ({"texts": {"xx": {"body": "x"}}}, "texts.xx.[key]", "Choose one of the languages"),
    ({"texts": {"en": {"html": "x"}}}, "texts.en.html", "There is no such field"),
    ({"invitation_life_days": 0}, "invitation_life_days", "from 1 to 90"),
    ({"invitation_life_days": True}, "invitation_life_days", "from 1 to 90"),
    ({"invitation_life_days": "9" * 5000}, "invitation_life_days", "from 1 to 90"),
    ({"remind_after_days": 1.5}, "remind_after_days", "from 0 to 89"),
    ({"remind_after_days": 14}, "remind_after_days", "before the invitation ends"),
    ({"accepted_roles": []}, "accepted_roles", "at least one role"),
    ({"accepted_roles": ["Global Administrator"]}, "accepted_roles", "template id"),
    ({"sender_address": "nobody"}, "sender_address", "Enter an address"),
    ({"sender_address": "jürgen@northstar.example"}, "sender_address", "plain letters"),
    ({"sender_name": "Us\r\nBcc: x"}, "sender_name", "line breaks"),
]


async def test_what_cannot_be_used_is_not_saved(config: Config) -> None:
    gateway = config.gateway("admin")
    for changed, field, said in WRONG:
        answer = await gateway.put("/settings", BODY | changed, **{"If-Match": '"0"'})
        found = answer.json()
        assert (answer.status_code, found["field"]) == (422, field) and said in found["detail"], found
    assert (await config.gateway("viewer").get("/settings")).json()["edition"] == 0


async def test_the_standard_text_saved_unchanged_stays_the_standard_text(config: Config) -> None:
    standard = (await config.gateway("viewer").get("/settings")).json()["standard_texts"]
    answer = await save(config, {"texts": standard, "invitation_life_days": 9})
    assert answer.status_code == 200 and answer.json()["texts"] == {}


async def test_it_is_documented_like_the_others(config: Config) -> None:
    found = (await config.gateway().http.get("/openapi.json")).json()["paths"]["/api/v1/settings"]
    assert set(found) == {"get", "put"} and {"200", "403", "412", "422", "428"} <= set(found["put"]["responses"])


# --- a switch -------------------------------------------------------------------------------------------------------


async def test_a_new_switch_takes_what_was_saved_at_another_replica_and_keeps_it(
    config: Config, tmp_path: Path, mongo_url: str, config_database: str
) -> None:
    await config.registered()
    (tmp_path / "b").mkdir()
    other = Config(tmp_path / "b", mongo_url, config_database)
    assert (await save(other)).status_code == 200
    await config.gateway().post("/customers/contoso/switch", {"to": "token", "admin_email": ADMIN})
    assert '"texts_version":1' in await config.bodies()
    switch = (await config.customer()).switch
    assert switch and (switch.life_seconds, switch.remind_after_seconds) == (14 * 86400, 5 * 86400)
    assert (switch.accepted_roles, switch.texts_version) == ((GLOBAL_ADMIN,), 1)
    await save(other, {"invitation_life_days": 30}, edition=1)
    body = {"switch": 1, "admin_email": "other@contoso.example"}
    answer = await config.gateway().post("/customers/contoso/switch/resend", body)
    assert answer.json() == {"switch": 2}
    again = (await config.customer()).switch
    assert again and (again.life_seconds, again.texts_version) == (14 * 86400, 1)
    other.service.mongo.close()


# --- the page -------------------------------------------------------------------------------------------------------


async def test_the_page_has_all_languages_of_mails_and_saves_one_text(config: Config) -> None:
    browser = await config.browser("admin")
    await browser.open("/settings?text=ja")
    for language in LANGUAGES:
        assert language_name(language) in browser.text
    assert "Invitations in this language have the standard text." in browser.text
    answer = await browser.send("/settings/texts/ja", subject="{customer}", body="{invitee} 様\r\n\r\n{until}")
    assert answer.headers["location"] == "/settings?text=ja&done=settings"
    assert "The settings are saved." in browser.text and "own text" in browser.text
    assert "Back to the standard text" in browser.text
    found = (await config.gateway("viewer").get("/settings")).json()
    assert found["texts"] == {"ja": {"subject": "{customer}", "body": "{invitee} 様\n\n{until}"}}
    where, hidden = browser.form("/settings/texts/ja")
    await browser.http.post(f"{where}/standard", data=hidden)
    assert (await config.gateway("viewer").get("/settings")).json()["texts"] == {}


async def test_a_text_with_an_unknown_placeholder_comes_back_with_where_it_stands(config: Config) -> None:
    browser = await config.browser("admin", "de")
    await browser.open("/settings?text=de")
    answer = await browser.send("/settings/texts/de", subject="Für {kunde}", body="Guten Tag")
    assert answer.status_code == 422
    assert "Zeile 1, Spalte 5" in browser.text and "{kunde}" in browser.text and "{customer}, {tenant}" in browser.text
    assert 'value="Für {kunde}"' in answer.text
    assert (await config.gateway("viewer").get("/settings")).json()["edition"] == 0


async def test_life_reminder_roles_and_sender_are_saved_beside_the_texts(config: Config) -> None:
    await save(config)
    browser = await config.browser("admin")
    await browser.open("/settings")
    await browser.send(
        "/settings?text=en",
        sender_name="",
        sender_address="",
        invitation_life_days="",
        remind_after_days="0",
        accepted_roles=[GLOBAL_ADMIN],
    )
    found = (await config.gateway("viewer").get("/settings")).json()
    assert (found["invitation_life_days"], found["remind_after_days"], found["sender_address"]) == (None, 0, "")
    assert found["texts"] == BODY["texts"] and found["accepted_roles"] == [GLOBAL_ADMIN]


ENTERED: list[tuple[dict[str, Any], str]] = [
    ({"invitation_life_days": "a week"}, "Enter a whole number of days from 1 to 90."),
    ({"accepted_roles": []}, "Choose at least one role"),
    ({"sender_address": "x"}, "Enter an address like"),
    ({"remind_after_days": "9"}, "The reminder would come when the invitation has ended."),
]


async def test_wrong_values_come_back_with_a_sentence(config: Config) -> None:
    browser = await config.browser("admin")
    for entered, said in ENTERED:
        await browser.open("/settings")
        answer = await browser.send("/settings?text=en", **({"accepted_roles": [GLOBAL_ADMIN]} | entered))
        assert answer.status_code == 422 and said in browser.text, said
    assert (await config.gateway("viewer").get("/settings")).json()["edition"] == 0


async def test_the_second_of_two_administrators_sees_both_values_and_may_save_again(config: Config) -> None:
    first, second = await config.browser("admin"), await config.browser("admin")
    await first.open("/settings?text=en")
    await second.open("/settings?text=en")
    await first.send("/settings/texts/en", subject="First", body="Hello")
    answer = await second.send("/settings/texts/en", subject="Second", body="Hi")
    assert answer.status_code == 412 and "Somebody changed the settings meanwhile" in second.text
    assert 'value="Second"' in answer.text and "In force now: First" in second.text
    await second.send("/settings/texts/en", subject="Second", body="Hi")
    found = (await config.gateway("viewer").get("/settings")).json()
    assert found["texts"]["en"] == {"subject": "Second", "body": "Hi"} and found["edition"] == 2


async def test_others_read_but_find_nothing_to_save(config: Config) -> None:
    await save(config)
    await config.relays()
    operator, viewer = await config.browser("operator"), await config.browser("viewer")
    for browser in (operator, viewer):
        await browser.open("/settings?text=de")
        assert "Only administrators can change settings." in browser.text and "2 weeks" in browser.text
        assert "<textarea" not in browser.page.text and "Guten Tag Avery Admin" in browser.text
    assert "Last changes" in operator.text and "Last changes" not in viewer.text
    _, hidden = viewer.form("/settings/texts/de/preview")
    refused = await viewer.http.post("/settings/texts/de", data=hidden | {"subject": "x", "body": "y"})
    assert refused.status_code == 403


# --- the preview ----------------------------------------------------------------------------------------------------


async def test_a_preview_needs_no_script_and_saves_nothing(config: Config) -> None:
    browser = await config.browser("admin")
    await browser.open("/settings?text=fr")
    where, hidden = browser.form("/settings/texts/fr")
    written = {"subject": "Pour {customer}", "body": "Bonjour {invitee},\n\n{nobody} <b>gras</b>", "kind": "reminder"}
    browser.page = await browser.http.post(f"{where}/preview", data=hidden | written)
    assert "Rappel : Pour Contoso" in browser.text and "there is no placeholder {nobody}" in browser.text
    frame = re.search(r'<iframe[^>]* sandbox src="([^"]+)"', browser.page.text)
    assert frame
    mail = await browser.open(unescape(frame[1]))
    assert "Bonjour Avery Admin" in mail.text and "&lt;b&gt;gras&lt;/b&gt;" in mail.text and "Northstar" in mail.text
    assert {name: mail.headers[name] for name in FRAMED} == FRAMED
    assert "script" not in mail.headers["Content-Security-Policy"] and '<base target="_blank">' in mail.text
    assert (await config.gateway("viewer").get("/settings")).json()["edition"] == 0


async def test_while_somebody_types_only_the_preview_is_answered(config: Config) -> None:
    browser = await config.browser("operator")
    await browser.open("/settings?text=en")
    where, hidden = browser.form("/settings/texts/en/preview")
    answer = await browser.http.post(where, data=hidden | {"body": "Own {customer}"}, headers={"HX-Request": "true"})
    assert answer.text.lstrip().startswith('<div id="mail-preview"') and "<html" not in answer.text
    assert "Own Contoso" in unescape(answer.text)


async def test_every_other_page_stays_as_strict_as_before(config: Config) -> None:
    browser = await config.browser("viewer")
    page = await browser.open("/settings")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY" and "unsafe-inline" not in page.headers["Content-Security-Policy"]


def test_a_draft_travels_whole_and_nothing_else_is_taken_for_one() -> None:
    draft = Draft("reminder", Text("件名 {customer}", "本文\n" * 300))
    assert Draft.unpack(draft.pack()) == draft
    for wrong in ("", "x", "A" * 30_000, draft.pack()[:-9], draft.pack()[3:]):
        with pytest.raises(Refused):
            Draft.unpack(wrong)

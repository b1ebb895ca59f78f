"""The five languages of the wizard: complete, chosen rightly, switched on every page without losing the place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import invite_svc
import mails
from shared.contracts.events import SwitchCompleted
from shared.i18n.catalogs import SHARED, catalog_path, gaps, language_name
from shared.i18n.marks import LANGUAGES
from tests.invite_svc.invite_kit import ADMIN, CUSTOMER, Wizard, claimed, requested

PACKAGE = Path(invite_svc.__file__).parent
MAILS = Path(mails.__file__).parent
OTHERS = [language for language in LANGUAGES if language != "en"]
WORDS = {  # Microsoft's own terms, and the buttons, as the pages must have them
    "de": ("Mit Microsoft anmelden", "Unternehmensanwendungen", "Globaler Administrator", "Sicherheitsstandards"),
    "fr": (
        "Se connecter avec Microsoft",
        "Applications d’entreprise",
        "Administrateur général",
        "paramètres de sécurité par défaut",
    ),
    "es": (
        "Iniciar sesión con Microsoft",
        "Aplicaciones empresariales",
        "Administrador global",
        "valores predeterminados de seguridad",
    ),
    "ja": ("Microsoft でサインイン", "エンタープライズ アプリケーション", "グローバル管理者", "セキュリティの既定値群"),
}
FAMILIAR = {
    "de": r"\b(du|dein\w*|dir|dich)\b",
    "fr": r"\b(tu|ton|ta|tes|toi)\b",
    "es": r"\b(tú|tu|tus|ti|te|tienes)\b",
    "ja": r"(だよ|してね|しろ。)",
}


def strings(package: Path, language: str) -> list[tuple[str, str]]:
    with catalog_path(package, language).open("rb") as file:
        catalog = read_po(file, locale=language)
    return [(_forms(message.id)[0], said) for message in catalog if message.id for said in _forms(message.string)]


def _forms(text: str | Sequence[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


@pytest.mark.parametrize("language", OTHERS)
def test_every_catalog_is_complete_formal_and_keeps_the_markup(language: str) -> None:
    assert list(gaps(PACKAGE, language)) == []
    for source, said in (string for package in (PACKAGE, SHARED, MAILS) for string in strings(package, language)):
        assert sorted(re.findall(r"<[^>]*>", source)) == sorted(re.findall(r"<[^>]*>", said)), source
        assert not re.search(FAMILIAR[language], said, re.I), said
        if language == "fr":
            assert not re.search(r" [:;?!»]|« ", said), f"a line may break there: {said}"


@pytest.mark.parametrize("language", OTHERS)
async def test_the_whole_way_is_in_the_invitations_language(wizard: Wizard, language: str) -> None:
    await wizard.hears(requested(switch=3, locale=language))
    browser = wizard.browser()
    pages = [await browser.open(wizard.link(id="contoso/3"), headers={"Accept-Language": "en"})]
    await browser.send("/start")
    pages.append(browser.page)
    for path in ("/w/device", "/w/app", "/w/ways", "/guidance"):
        pages.append(await browser.open(path))
    await browser.open("/w")
    await browser.send("/w/sign-in")
    pages.append(browser.page)
    await wizard.hears(replace(claimed(), switch=3))
    await wizard.hears(
        SwitchCompleted(
            customer=CUSTOMER,
            switch=3,
            to="token",
            method="sign_in",
            invited=True,
            grant="g",
            revision=None,
            account=ADMIN,
            in_force="token",
        )
    )
    pages.append(await browser.open("/w"))
    assert {page.headers["content-language"] for page in pages} == {language}
    everything = "\n".join(page.text for page in pages)
    assert all(word in everything for word in WORDS[language])
    for english in ("Sign in with", "Global Administrator", "Enterprise app", "security defaults", "You may", "Your "):
        assert english not in everything
    pages.append(await browser.open("/signin/return?code=c", headers={"Accept-Language": "en"}))
    assert pages[-1].status_code == 400 and pages[-1].headers["content-language"] == language
    for page in pages:
        assert all(f">{language_name(code)}</" in page.text for code in LANGUAGES)


async def test_the_browsers_language_counts_where_no_invitation_says_one(wizard: Wizard) -> None:
    for wish, language in (("ja-JP", "ja"), ("es-419,en;q=0.5", "es"), ("fr-CH", "fr"), ("pt-BR", "en")):
        for path in ("/", "/i/wrong", "/guidance", "/w"):
            page = await wizard.browser().open(path, headers={"Accept-Language": wish})
            assert page.headers["content-language"] == language


async def test_the_answer_to_a_form_has_the_language_switch_too_and_it_leads_to_the_page(wizard: Wizard) -> None:
    browser = await wizard.begun()
    await browser.open("/w/device")
    wrong = await browser.send("/w/device", user_name="nobody")
    assert wrong.status_code == 422 and 'href="/w/device?lang=ja"' in wrong.text
    assert "デバイス コードを使う" in (await browser.open("/w/device?lang=ja")).text
    forged = await browser.http.post("/w/device", data={"csrf": "forged"})
    assert forged.status_code == 403 and 'href="/w/device?lang=fr"' in forged.text
    assert "ページをもう一度開く" in forged.text
    link = wizard.link()
    refused = await browser.http.post(f"{link}/start", data={"csrf": "forged"})
    assert refused.status_code == 403 and f'href="{link}?lang=de"' in refused.text


async def test_the_choice_on_the_page_goes_on_in_the_live_part(wizard: Wizard) -> None:
    browser = await wizard.begun()
    assert "Comment souhaitez-vous" in (await browser.open("/w?lang=fr")).text
    assert "Comment souhaitez-vous" in (await browser.live()).text

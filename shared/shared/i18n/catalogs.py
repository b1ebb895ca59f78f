"""Languages: which one a reader gets, the .po catalogs, and `python -m shared.i18n.catalogs extract|check`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from babel.support import Translations

from shared.i18n.marks import LANGUAGES, PORTAL_LANGUAGES, SOURCE_LANGUAGE

OWN_LANGUAGES: Mapping[str, Sequence[str]] = {"config_svc": PORTAL_LANGUAGES}
"""The packages that do not speak all languages."""
DOMAIN = "messages"
SHARED = Path(__file__).parents[1]

_METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
_OPTIONS = {"**/templates/**": {"newstyle_gettext": "true", "trimmed": "true"}}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2), "N_": None}


def language_name(language: str) -> str:
    """The language's name in itself, as a language switch shows it."""
    name = Locale.parse(language).get_display_name(language) or language
    return name[:1].upper() + name[1:]


def choose_language(
    languages: Sequence[str],
    *,
    chosen: Iterable[str | None] = (),
    invited: str | None = None,
    accept_language: str = "",
) -> str:
    """What the reader chose on the page, else the invitation's language, else the browser's, else English."""
    wishes = [*chosen, invited, *_accepted(accept_language)]
    negotiated = (negotiate_locale([wish.replace("-", "_")], languages) for wish in wishes if wish)
    return next((language for language in negotiated if language), languages[0])


def _accepted(header: str) -> list[str]:
    wishes = [_weighed(part) for part in header[:500].split(",")]
    wanted = sorted((wish for wish in wishes if wish[0] > 0), key=lambda wish: -wish[0])
    return [tag for _, tag in wanted]


def _weighed(part: str) -> tuple[float, str]:
    tag, _, weight = part.strip().partition(";")
    try:
        return float(weight.strip().removeprefix("q=") or 1), tag.strip()
    except ValueError:
        return 0.0, tag


def catalog_path(package: Path, language: str) -> Path:
    return package / "locale" / language / f"{DOMAIN}.po"


@lru_cache(maxsize=64)
def translations(language: str, package: Path = SHARED) -> Translations:
    """The shared catalog with the package's own over it, compiled in memory from the .po files."""
    merged = Translations(fp=_compiled(catalog_path(SHARED, language), language))
    if package != SHARED:
        merged.merge(Translations(fp=_compiled(catalog_path(package, language), language)))
    return merged


def _compiled(path: Path, language: str) -> BytesIO:
    catalog = _read(path, language) if path.exists() else Catalog(locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return compiled


def _read(path: Path, language: str) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def extracted(package: Path) -> Catalog:
    """Every text in a package's Python files and templates; a service's without those that shared has."""
    known = set() if package == SHARED else {message.id for message in extracted(SHARED)}
    catalog = Catalog(domain=DOMAIN, project="Tokenswitch", version="1", charset="utf-8")
    texts = extract_from_dir(str(package), _METHODS, _OPTIONS, _KEYWORDS, comment_tags=("NOTE:",))
    for filename, _, message, comments, context in texts:
        if message not in known:
            catalog.add(message, locations=[(filename, 0)], auto_comments=comments, context=context)
    return catalog


def update(package: Path, language: str) -> None:
    """Bring one .po up to date; new texts come in empty, texts no longer used go out."""
    path, template = catalog_path(package, language), extracted(package)
    if not len(template):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog = _read(path, language) if path.exists() else Catalog(locale=language, domain=DOMAIN)
    created = catalog.creation_date
    catalog.update(template, no_fuzzy_matching=True)
    catalog.creation_date = created  # else every run would change every file
    catalog.header_comment = f"# Tokenswitch: {language_name(language)}"
    catalog.project, catalog.version, catalog.fuzzy = "Tokenswitch", "1", False
    catalog.last_translator = catalog.language_team = catalog.msgid_bugs_address = "Tokenswitch"
    catalog.revision_date = created
    with path.open("wb") as file:
        write_po(file, catalog, ignore_obsolete=True, sort_output=True, include_lineno=False, width=110)


def gaps(package: Path, language: str) -> Iterator[str]:
    """What is not translated, fuzzy or no longer used in one catalog; nothing if it is complete."""
    path = catalog_path(package, language)
    catalog = _read(path, language) if path.exists() else Catalog(locale=language)
    wanted = {_key(message.id) for message in extracted(package) if message.id}
    have = {_key(message.id): message for message in catalog if message.id}
    yield from (f"{path}: not in the catalog: {text!r}" for text in sorted(wanted - have.keys()))
    yield from (f"{path}: no longer used: {text!r}" for text in sorted(have.keys() - wanted))
    for text, message in have.items():
        strings = [message.string] if isinstance(message.string, str) else list(message.string or [""])
        if message.fuzzy or not all(strings):
            yield f"{path}: not translated: {text!r}"
        yield from (f"{path}: {error}: {text!r}" for error in message.check(catalog))


def _key(message_id: object) -> str:
    return message_id if isinstance(message_id, str) else str(next(iter(message_id)))  # type: ignore[call-overload]


def packages(root: Path) -> list[Path]:
    """Shared, the mails and every service package below the project's root."""
    services = sorted(path.parent for path in (root / "services").glob("*/*/__init__.py"))
    return [SHARED, SHARED.parent / "mails", *services]


def languages_of(package: Path) -> set[str]:
    """Those a package must have, and those it has besides; all but the one that texts are written in."""
    there = {path.parent.name for path in (package / "locale").glob(f"*/{DOMAIN}.po")}
    return {*OWN_LANGUAGES.get(package.name, LANGUAGES), *there} - {SOURCE_LANGUAGE}


def main(arguments: Sequence[str]) -> int:
    """`extract` updates all catalogs; `check` prints what is missing and then fails."""
    verb = arguments[0] if arguments else "help"
    pairs = [(package, language) for package in packages(Path.cwd()) for language in sorted(languages_of(package))]
    if verb == "extract":
        for package, language in pairs:
            update(package, language)
        return 0
    if verb == "check":
        missing = [gap for package, language in pairs for gap in gaps(package, language)]
        print("\n".join(missing) or "All catalogs are complete.")
        return 1 if missing else 0
    print("Use: python -m shared.i18n.catalogs extract | check", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Pages: Jinja2 in the reader's language, with static files, forms' tokens and error pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from gettext import NullTranslations
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import BytecodeCache, ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, pass_eval_context
from jinja2.bccache import Bucket
from jinja2.nodes import EvalContext
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from shared.domain.rules import Clock, utc_now
from shared.http.middleware import is_https
from shared.http.problems import problem, wants_page
from shared.http.static_files import PREFIX, Static
from shared.i18n.catalogs import SHARED, choose_language, language_name, translations
from shared.i18n.marks import LANGUAGES
from shared.web.csrf import (
    CSRF_AGAIN,
    CSRF_DETAIL,
    CSRF_FIELD,
    CSRF_TITLE,
    CSRF_TODO,
    Csrf,
    CsrfRefused,
    cookie_name,
    form_cookie_name,
    set_cookie,
)
from shared.web.error_texts import error_texts
from shared.web.formats import Formats
from shared.web.logo import media_type, monogram

MAX_CACHED_TEXTS = 2048
LANGUAGE_COOKIE_SECONDS = 365 * 24 * 3600
DEFAULTS: Mapping[str, Any] = {
    "brand": "Tokenswitch",
    "logo": None,
    "nav": (),
    "active": "",
    "flash": (),
    "user": None,
    "steps": (),
}


@dataclass(frozen=True, kw_only=True)
class NavItem:
    """One entry of the portal's navigation; the label is marked with N_ and translated on the page."""

    label: str
    url: str
    key: str
    icon: str = ""
    count: int | None = None


@dataclass(frozen=True)
class NavGroup:
    items: Sequence[NavItem]
    label: str = ""


def package_folder(package: str | Path) -> Path:
    """The folder of a package by its name, or the folder itself."""
    if isinstance(package, Path):
        return package
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"there is no package {package!r}")
    return Path(spec.submodule_search_locations[0])


class _Compiled(BytecodeCache):
    """Templates are compiled once a process: the code is the same in every language, and costs more than a page."""

    def __init__(self) -> None:
        self._codes: dict[tuple[object, ...], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get(self._key(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[self._key(bucket)] = bucket.code

    def __len__(self) -> int:
        return len(self._codes)

    def _key(self, bucket: Bucket) -> tuple[object, ...]:
        return bucket.key, bucket.checksum, bucket.environment.autoescape


COMPILED = _Compiled()


def environment(package: Path, language: str, clock: Clock = utc_now) -> Environment:
    """One language's templates: the package's own before the shared ones; always escaped, strict."""
    loaders = [FileSystemLoader(folder / "templates") for folder in (package, SHARED)]
    templates = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=COMPILED,
    )
    catalog = translations(language, package)
    templates.install_gettext_translations(catalog, newstyle=True)  # type: ignore[attr-defined]
    templates.globals["gettext"] = templates.globals["_"] = _texts(catalog)
    templates.filters.update(Formats(language, clock).filters(), monogram=monogram)
    templates.globals.update(lang=language, csrf_field=CSRF_FIELD)
    return templates


def _texts(catalog: NullTranslations) -> Callable[..., str]:
    """What the extension's own gettext gives, each text looked up once: a third of a page's time went there."""

    @lru_cache(maxsize=MAX_CACHED_TEXTS)
    def text_of(message: str, escaped: bool) -> tuple[str, str | None]:
        text = Markup(catalog.gettext(message)) if escaped else catalog.gettext(message)
        return text, None if "%(" in text else text % {}

    @pass_eval_context
    def gettext(context: EvalContext, message: str, /, **values: Any) -> str:
        text, plain = text_of(message, bool(context.autoescape))
        return plain if plain is not None and not values else text % values

    return gettext


class Pages:
    """The pages of one service."""

    def __init__(
        self,
        package: str | Path,
        service: str,
        public_url: str = "http://localhost",
        *,
        languages: Sequence[str] = LANGUAGES,
        clock: Clock = utc_now,
        defaults: Mapping[str, Any] | None = None,
        logo: Path | None = None,
        place: Callable[[Request], str | None] = lambda request: None,
    ) -> None:
        """`place`: the path of the page that a form was sent from, where it has one."""
        folder = self._folder = package_folder(package)
        self.languages = tuple(languages)
        self._place = place
        self.secure = is_https(public_url)
        self.cookie = cookie_name(service, self.secure)
        self.language_cookie = f"{self.cookie}-lang"
        self.static = Static([folder / "static", SHARED / "static"])
        self._defaults = {**DEFAULTS, "logo": self._logo(logo), **(defaults or {})}
        self._environments = {language: environment(folder, language, clock) for language in languages}
        for templates in self._environments.values():
            templates.globals["static"] = self.static.url

    def _logo(self, path: Path | None) -> str | None:
        body = path.read_bytes() if path else b""
        return self.static.add("provider-logo", body, media_type(body)) if body else None

    def install(self, app: Starlette) -> None:
        """Serve /static, check forms and answer refused ones; other errors are handled as the service says."""
        app.state.pages = self
        app.router.routes.append(Route(PREFIX + "{path:path}", self.static.serve, name="static"))
        app.add_exception_handler(CsrfRefused, self.csrf_refused)

    def language(self, request: Request, invited: str | None = None) -> str:
        chosen = (request.query_params.get("lang"), request.cookies.get(self.language_cookie))
        accept = request.headers.get("accept-language", "")
        return choose_language(self.languages, chosen=chosen, invited=invited, accept_language=accept)

    def gettext(self, language: str) -> Callable[[str], str]:
        """For texts that are made in Python, such as a form's errors."""
        return translations(language, self._folder).gettext

    def render(
        self,
        request: Request,
        name: str,
        /,
        *,
        status: int = 200,
        language: str | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """A page. `language` is the invitation's: the reader's own choice on the page goes before it."""
        lang = self.language(request, language)
        csrf = Csrf(request, self.cookie)
        known = {
            **self._defaults,
            "request": request,
            "csrf": csrf,
            "switch_to": self._switch_to(request, lang),
        }
        html = self._environments[lang].get_template(name).render(known | context)
        response = HTMLResponse(html, status, headers={"Content-Language": lang})
        if csrf.minted:
            set_cookie(response, form_cookie_name(self.cookie), csrf.minted, self.secure)
        if request.query_params.get("lang") == lang:
            set_cookie(response, self.language_cookie, lang, self.secure, LANGUAGE_COOKIE_SECONDS)
        return response

    def _switch_to(self, request: Request, lang: str) -> list[dict[str, Any]]:
        """The language switch: this page in each language; for the answer to a form, the page it has its place at.

        Relative, without the path: one like `//evil.example/` would lead there.
        """
        form = request.method not in ("GET", "HEAD")
        place = self._place(request) if form else ""
        if place is None or len(self.languages) < 2:
            return []
        address = (URL("/") if form else request.url).include_query_params
        return [
            {
                "code": code,
                "name": language_name(code),
                "current": code == lang,
                "url": f"{place}?{address(lang=code).query}",
            }
            for code in self.languages
        ]

    def error(
        self, request: Request, status: int, title: str = "", detail: str = "", todo: str = "", **context: Any
    ) -> HTMLResponse:
        """An error page; what is not given comes from the table of errors. Texts come in translated."""
        say = self.gettext(self.language(request, context.get("language")))
        texts = error_texts(status)
        given = {
            "title": title or say(texts[0]),
            "detail": detail or say(texts[1]),
            "todo": todo or say(texts[2]),
        }
        known = {"reference": None, "action_url": None, "action_label": None}
        return self.render(request, "error.html", status=status, **(known | given | context))

    async def csrf_refused(self, request: Request, error: Exception) -> Response:
        if not wants_page(request):
            return problem(403, "csrf", f"{CSRF_DETAIL} {CSRF_TODO}")
        say = self.gettext(self.language(request))
        place = self._place(request)
        return self.error(
            request,
            403,
            say(CSRF_TITLE),
            say(CSRF_DETAIL),
            say(CSRF_TODO),
            action_url=place,
            action_label=say(CSRF_AGAIN),
        )

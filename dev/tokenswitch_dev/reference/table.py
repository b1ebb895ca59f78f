"""The page of all settings: read from the classes, so that it cannot say something else than the services do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tokenswitch_dev.services import SERVICES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "settings.md"
CLASSES: Mapping[str, type[BaseModel]] = {
    service.name: getattr(import_module(f"{service.module}.settings"), f"{service.key.title()}Settings")
    for service in SERVICES
}
PLAIN: Mapping[str, tuple[str, str]] = {
    "OTEL_SERVICE_NAME": ("the service's own", "Its name in traces."),
    "OTEL_TRACES_EXPORTER": ("none", "`otlp` or `console`; with it, or with an endpoint, traces are on."),
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "",
        "Where traces are sent; the other `OTEL_...` variables hold as well, see [telemetry](telemetry.md).",
    ),
    "OTEL_SDK_DISABLED": ("false", "`true`: no traces, whatever else is set."),
    "LOG_LEVEL": ("INFO", "From which level on lines are written."),
    "LOG_FORMAT": ("json (text at a terminal)", "`json`: one JSON object a line. `text`: for people."),
}
"""Read from the environment itself, by every service: name -> default, meaning."""
ALL = ", ".join(CLASSES)
SECRET_FILES = frozenset({"LINK_KEYS_FILE", "SEAL_KEYS_FILE", "VAULT_KEYS_FILE", "KAFKA_KEY_FILE", "MONGO_CERT_FILE"})
INTRODUCTION = """# Settings

<!-- Written by `make settings` from the settings classes. What a setting means stands there,
     under it, as a docstring. -->

Every service is told by environment variables alone. An empty one counts as not given. A wrong one ends the program at
start with one sentence that names it and never shows its value. **needed** has no default. Secret: *file* is a file
that only the service may read; *may hold one* is an address that may carry a login; all others may be seen by anybody.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    default: str
    takes: str
    meaning: str
    secret: str


def page() -> str:
    own, everybody = _rows()
    parts = [INTRODUCTION, _section("Every service", [*everybody, *_plain()])]
    parts += [_section(title, rows) for title, rows in sorted(own.items(), key=_order)]
    return "\n".join(parts)


def _order(section: tuple[str, list[Row]]) -> tuple[int, list[int]]:
    """What several services share first; each time in the order of the services."""
    services = section[0].split(", ")
    return -len(services), [list(CLASSES).index(service) for service in services]


def _rows() -> tuple[dict[str, list[Row]], list[Row]]:
    """By the services that have them, and those of all."""
    having: dict[str, list[str]] = {}
    rows: dict[tuple[str, str], Row] = {}
    for service, settings in CLASSES.items():
        for name, field in settings.model_fields.items():
            having.setdefault(name, []).append(service)
            rows[service, name] = _row(name.upper(), field)
    groups: dict[str, list[Row]] = {ALL: []}
    for name, services in having.items():
        alike = len({rows[service, name] for service in services}) == 1
        for title in [", ".join(services)] if alike else services:
            groups.setdefault(title, []).append(rows[title.split(", ")[0], name])
    everybody = groups.pop(ALL)
    return groups, everybody


def _row(name: str, field: FieldInfo) -> Row:
    default = "**needed**" if field.is_required() else _said(field.default)
    meaning = (field.description or "").replace("\n", " ")
    return Row(name=name, default=default, takes=_takes(field), meaning=meaning, secret=_secret(name, field.annotation))


def _plain() -> Iterable[Row]:
    return (
        Row(name=name, default=_said(default), takes="text", meaning=meaning, secret="")
        for name, (default, meaning) in PLAIN.items()
    )


def _said(value: Any) -> str:
    if value in (None, ""):
        return ""
    if isinstance(value, timedelta):
        return f"`{value.days}d`" if value.days else f"`{value.seconds}s`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _takes(field: FieldInfo) -> str:
    kind = _kinds(field.annotation)
    low = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    high = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
    if low is None:
        return kind
    return f"{kind}, {low} to {high}" if high is not None else f"{kind}, {low} or more"


_NAMES: Mapping[Any, str] = {
    int: "number",
    float: "number",
    bool: "true or false",
    timedelta: "duration",
    Path: "file",
    str: "text",
    SecretStr: "text",
}


def _kinds(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " ".join(f"`{choice}`" for choice in get_args(annotation))
    if annotation in _NAMES:
        return _NAMES[annotation]
    return next((_kinds(part) for part in get_args(annotation) if part is not type(None)), "text")


def _secret(name: str, annotation: Any) -> str:
    if name in SECRET_FILES or name.endswith(("_PASSWORD_FILE", "_SECRET_FILE")):
        return "file"
    return "may hold one" if annotation is SecretStr or SecretStr in get_args(annotation) else ""


def _section(title: str, rows: Iterable[Row]) -> str:
    head = f"## {title}\n\n| setting | default | takes | what it means | secret |\n|---|---|---|---|---|\n"
    lines = (f"| `{r.name}` | {r.default} | {_cell(r.takes)} | {_cell(r.meaning)} | {r.secret} |\n" for r in rows)
    return head + "".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

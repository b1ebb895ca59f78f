"""Logs (one JSON object a line; readable text on a terminal) with the trace they belong to, and a last redaction."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

from pydantic import ValidationError

from shared.observability.tracing import current_trace

EXTRAS = ("customer", "event", "switch", "attempt", "lane", "status", "reference", "part")
"""What a log call may add: `log.info("...", extra={"customer": id})`. Ids and states only, never payloads."""

QUIET = {
    "msal": logging.WARNING,
    "urllib3": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "aiokafka": logging.CRITICAL,  # whether Kafka is away is said by the health of the service, once
    "pymongo": logging.WARNING,
    "asyncio": logging.WARNING,
    "multipart": logging.WARNING,
    "python_multipart": logging.WARNING,
    "uvicorn": logging.WARNING,
}
_LINK = re.compile(r"/i/[A-Za-z0-9_\-%.~]+")
_QUERY = re.compile(r"(?<=[A-Za-z0-9/])\?[A-Za-z0-9_.~%-]+=[^\s\"'<>]*")
_BEARER = re.compile(r"\b(eyJ[A-Za-z0-9_-]{8,})(\.[A-Za-z0-9_-]*){2,4}")
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")


def redact(text: str) -> str:
    """Takes invitation links, query strings, tokens and passwords in addresses out: the last net, not the first."""
    text = _LINK.sub("/i/***", text)
    text = _QUERY.sub("?***", text)
    return _USERINFO.sub("***@", _BEARER.sub("***", text))


def explain(error: BaseException) -> str:
    """A traceback without the values that a validation error would print."""
    lines: list[str] = []
    for each in _chain(error):
        lines += ["Traceback (most recent call last):\n", *traceback.format_tb(each.__traceback__)]
        lines.append(f"{type(each).__name__}: {_message(each)}\n")
    return redact("".join(lines)).rstrip()


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what it came from, the first cause first."""
    chain = [error]
    while (cause := _cause(chain[0])) is not None and not any(cause is known for known in chain):
        chain.insert(0, cause)
    return chain


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _message(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        places = error.errors(include_input=False, include_url=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, place['loc']))}: {place['type']}" for place in places[:5])
    return str(error)[:500]


class _Formatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def formatException(self, ei: Any) -> str:
        return explain(ei[1]) if ei[1] is not None else ""


def _one_line(text: str) -> str:
    """So that nothing that was sent to us begins a line of its own, or moves a terminal's cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


class JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        line |= {name: value for name in EXTRAS if (value := getattr(record, name, None)) is not None}
        if trace := current_trace():
            line["trace"] = trace.split("-")[1]
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(_Formatter):
    """For people: time, service, level if it is not info, message, ids."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        ids = " ".join(f"{name}={value}" for name in EXTRAS if (value := getattr(record, name, None)) is not None)
        message = redact(f"{record.getMessage()}{f'  [{ids}]' if ids else ''}")
        text = f"{clock} {self._service:<11} {level}{_one_line(message)}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def configure(service: str, stream: TextIO | None = None) -> None:
    """Sets the process's logs up: LOG_FORMAT=text or json (default: text on a terminal), LOG_LEVEL (default INFO)."""
    out = stream or sys.stderr
    chosen = os.environ.get("LOG_FORMAT") or ("text" if out.isatty() else "json")
    handler = logging.StreamHandler(out)
    handler.setFormatter(TextFormatter(service) if chosen == "text" else JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = logging.getLevelName(os.environ.get("LOG_LEVEL", "INFO").upper())
    root.setLevel(level if isinstance(level, int) else logging.INFO)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, root.level))

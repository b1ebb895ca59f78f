"""What survives kill -9: one SQLite table of JSON values, written through; polls write nothing."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any


class Store:
    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # The operating system keeps what a killed process has written; only a power cut could lose it.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("CREATE TABLE IF NOT EXISTS kept (kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key))")

    def load(self, kind: str) -> dict[str, Any]:
        rows = self._db.execute("SELECT key, value FROM kept WHERE kind = ?", (kind,))
        return {key: json.loads(value) for key, value in rows}

    def put(self, kind: str, key: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (kind, key, json.dumps(value)))

    def delete(self, kind: str, key: str) -> None:
        self._db.execute("DELETE FROM kept WHERE kind = ? AND key = ?", (kind, key))

    def close(self) -> None:
        self._db.close()

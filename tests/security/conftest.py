"""The wizard and the portal as their own tests have them: each on a database of its own."""

from __future__ import annotations

from tests.config_svc.conftest import config, config_database, config_keys, prepared
from tests.invite_svc.conftest import wizard

__all__ = ["config", "config_database", "config_keys", "prepared", "wizard"]

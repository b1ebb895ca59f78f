"""The wizard and the portal as their own tests have them: each on a database of its own."""

from __future__ import annotations

from tests.config_svc.conftest import config
from tests.invite_svc.conftest import wizard

__all__ = ["config", "wizard"]

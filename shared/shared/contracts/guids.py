"""What an id of Microsoft's looks like: tenants, applications, accounts."""

from __future__ import annotations

import re

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""In either case; `fullmatch` it."""

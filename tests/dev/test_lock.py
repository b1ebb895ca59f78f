"""What a package declares is in the lock of whoever runs it; `make lock` writes them."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tokenswitch_dev.services import SERVICES

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = runpy.run_path(str(ROOT / "dev" / "lock.py"))["requirements"]
LOCKS = {service.name: ("shared", f"services/{service.name}") for service in SERVICES} | {"dev": ("cli", "dev")}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_declared_dependency_is_locked(lock: str) -> None:
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / f"{lock}.txt").read_text(), re.M))
    declared = {canonicalize_name(Requirement(need).name) for part in LOCKS[lock] for need in REQUIREMENTS(part)}
    assert declared <= locked, "run `make lock`"

"""An image is made of wheels: each holds every file of its package, templates, static files and catalogs too."""

from __future__ import annotations

import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

from tokenswitch_dev.services import SERVICES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["shared", *(f"services/{service.name}" for service in SERVICES), "cli", "dev"]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_every_file(package: str, tmp_path: Path) -> None:
    folder = ROOT / package
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    (wheel,) = WheelBuilder(str(folder)).build(directory=str(tmp_path))
    held = set(ZipFile(wheel).namelist())
    for name in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        files = [path for path in (folder / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert {str(path.relative_to(folder)) for path in files} <= held


def test_shared_holds_what_services_show() -> None:
    """What the test above compares with is really there."""
    shared = ROOT / "shared"
    for pattern in (
        "shared/templates/*.html",
        "shared/static/vendor/*.js",
        "shared/locale/*/*.po",
        "mails/templates/*/*",
    ):
        assert any(shared.glob(pattern)), pattern

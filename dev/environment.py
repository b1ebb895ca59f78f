"""Makes .venv from the lock; quick when nothing changed. Runs on a bare Python, before any package."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "dev.txt"
OLDEST = (3, 11)


def main() -> None:
    if sys.version_info < OLDEST:
        sys.exit(
            f"Tokenswitch needs Python 3.11 or newer; this is {sys.version.split()[0]}. "
            "Install one and name it: make PYTHON=python3.12"
        )
    stamp = VENV / "stamp"
    wanted = fingerprint()
    if stamp.exists() and stamp.read_text() == wanted and python().exists():
        return
    make_venv()
    count = len(re.findall(r"^[\w.-]+==", LOCK.read_text(), re.M))
    step(f"installing {count} packages (a few minutes the first time)")
    pip("install", "--require-hashes", "-r", str(LOCK))
    step("installing Tokenswitch itself")
    editable = [part for package in packages() for part in ("-e", str(ROOT / package))]
    pip("install", "--no-deps", "--no-build-isolation", "--no-index", *editable)
    stamp.write_text(wanted)


def packages() -> list[str]:
    from tokenswitch_dev.services import SERVICES  # an older Python could not read it

    return ["shared", *(f"services/{service.name}" for service in SERVICES), "cli", "dev"]


def fingerprint() -> str:
    files = [LOCK, *(ROOT / package / "pyproject.toml" for package in packages())]
    digest = hashlib.sha256(str(ROOT).encode())
    for path in files:
        digest.update(path.read_bytes())
    return f"{sys.version_info[:2]} {digest.hexdigest()}"


def python() -> Path:
    return VENV / "bin" / "python"


def make_venv() -> None:
    if python().exists():
        return
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        sys.exit("This Python lacks venv with pip: install it (Debian and Ubuntu: apt-get install python3-venv).")
    step(f"making {VENV}")
    venv.create(VENV, with_pip=True)


def step(what: str) -> None:
    print(f"Python environment: {what} ...", flush=True)


def pip(*arguments: str) -> None:
    """Says nothing unless it fails, then all that pip said."""
    done = subprocess.run(
        [str(python()), "-m", "pip", "--disable-pip-version-check", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        print(done.stdout, flush=True)
        sys.exit("The installation failed; the reason is above. Once solved, run the same command again.")


if __name__ == "__main__":
    main()

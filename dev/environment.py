"""Makes .venv from the lock; quick when nothing changed. Runs on a bare Python, before any package."""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "dev.txt"
PACKAGES = (
    "shared",
    "services/config-svc",
    "services/invite-svc",
    "services/auth-svc",
    "services/notify-svc",
    "cli",
    "dev",
)
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
    print("Installing what requirements/dev.txt names (a few minutes the first time) ...", flush=True)
    pip("install", "--require-hashes", "-r", str(LOCK), "--progress-bar", "on")
    editable = [part for package in PACKAGES for part in ("-e", str(ROOT / package))]
    pip("install", "--no-deps", "--no-build-isolation", "--no-index", *editable)
    stamp.write_text(wanted)


def fingerprint() -> str:
    files = [LOCK, *(ROOT / package / "pyproject.toml" for package in PACKAGES)]
    seen = hashlib.sha256(str(ROOT).encode())
    for path in files:
        seen.update(path.read_bytes())
    return f"{sys.version_info[:2]} {seen.hexdigest()}"


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
    print(f"Making {VENV} ...", flush=True)
    venv.create(VENV, with_pip=True)


def pip(*arguments: str) -> None:
    done = subprocess.run([str(python()), "-m", "pip", "--disable-pip-version-check", *arguments])
    if done.returncode != 0:
        sys.exit("The installation failed; the reason is above. Once solved, run the same command again.")


if __name__ == "__main__":
    main()

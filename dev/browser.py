"""Sees to a Chromium for the browser tests: installed on Debian as root, elsewhere one sentence says how."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = (
    "The browser tests need Chromium and none is installed: install one "
    "(Debian: sudo apt-get install chromium; macOS: brew install --cask chromium) and run make test again."
)


def found() -> str | None:
    """CHROMIUM names another one."""
    named = os.environ.get("CHROMIUM", "")
    return next((path for name in (named, *NAMES) if name and (path := shutil.which(name))), None)


def main() -> None:
    if found():
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.exit(HOW)
    print("Installing Chromium for the browser tests ...", flush=True)
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", "chromium"]):
        subprocess.run(
            command,
            check=False,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )
    if not found():
        sys.exit(HOW)


if __name__ == "__main__":
    main()

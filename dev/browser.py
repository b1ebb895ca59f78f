"""Sees to a Chromium for the browser tests: installed on Debian as root, elsewhere one sentence says how."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tokenswitch_dev.walkthrough.browser import NoChromium, chromium

PACKAGES = ("chromium-headless-shell", "chromium")
"""Debian's names: the browser without windows is quicker; older releases have only the whole one."""


def main() -> None:
    try:
        chromium()
    except NoChromium as missing:
        if shutil.which("apt-get") is None or os.geteuid() != 0:
            sys.exit(str(missing))
        install()


def install() -> None:
    print("Installing Chromium for the browser tests ...", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=subprocess.DEVNULL, env=quiet)
    for package in PACKAGES:
        install = ["apt-get", "install", "-qq", "-y", package]
        if subprocess.run(install, check=False, stdout=subprocess.DEVNULL, env=quiet).returncode == 0:
            break
    try:
        chromium()
    except NoChromium as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()

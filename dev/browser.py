"""Sees to a Chromium for the browser tests: installed on Debian as root, elsewhere one sentence says how."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tokenswitch_dev.walkthrough.browser import NoChromium, chromium


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
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", "chromium"]):
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=quiet)
    try:
        chromium()
    except NoChromium as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()

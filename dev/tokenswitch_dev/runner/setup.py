"""python -m tokenswitch_dev.runner.setup HOME: keys for a system in containers, each service's in a folder of its own.

HOME/config, HOME/invite, ...: what that service is handed, nothing else. HOME/all: where all are made and kept, with
the simulator's secrets and certificate authority. What is there already stays.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tokenswitch_dev.runner.keys import make_keys
from tokenswitch_dev.services import SERVICES
from tokenswitch_dev.simulator.__main__ import write_secrets
from tokenswitch_dev.simulator.tls import certificate_authority


def hand_out(home: Path) -> None:
    kept = home / "all"
    make_keys(kept)
    write_secrets(kept)
    certificate_authority(kept)
    for service in SERVICES:
        folder = home / service.key
        folder.mkdir(exist_ok=True)
        for name in service.keys:
            fresh = folder / f"{name}.new"
            shutil.copyfile(kept / name, fresh)
            fresh.chmod(0o400)
            fresh.replace(folder / name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Use: python -m tokenswitch_dev.runner.setup HOME")
    hand_out(Path(sys.argv[1]))
    print(f"The keys of each service are in {sys.argv[1]}.")

"""`make bench`, or `python -m bench PART ...`: figures and ratios of one run. No test: nothing is asserted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from bench import consuming, hanging, http, mailing, pages, polling, relaying, resting, switching, writing
from bench.servers import Servers, servers
from tokenswitch_dev.stack.process import StartFailed

PARTS: dict[str, Callable[[Servers], Coroutine[Any, Any, None]]] = {
    "consuming": consuming.run,
    "relaying": relaying.run,
    "mailing": mailing.run,
    "http": http.run,
    "hanging": hanging.run,
    "polling": polling.run,
    "resting": resting.run,
    "pages": pages.run,
    "writing": writing.run,
    "switching": switching.run,
}


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        sys.exit(f"there is no part {', '.join(unknown)}; choose among {', '.join(PARTS)}")
    try:
        with servers() as running:
            for name in chosen:
                asyncio.run(PARTS[name](running))
    except StartFailed as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main()

"""python -m notify_svc"""

from __future__ import annotations

from notify_svc.main import build
from notify_svc.settings import NotifySettings
from shared.service.settings import load

if __name__ == "__main__":
    build(load(NotifySettings)).main()

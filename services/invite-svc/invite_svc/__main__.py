"""python -m invite_svc"""

from __future__ import annotations

from invite_svc.main import build
from invite_svc.settings import InviteSettings
from shared.service.settings import load

if __name__ == "__main__":
    build(load(InviteSettings)).main()

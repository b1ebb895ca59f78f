"""What one simulator is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    state: Path
    port: int = 8443
    pages_port: int = 8444
    clock_scale: float = 1.0
    interval: int = 5
    device_lifetime: int = 900
    slow_down: bool = False
    api_audience: str = "api://tokenswitch"
    portal_redirects: tuple[str, ...] = ()
    signin_redirects: tuple[str, ...] = ()
    secrets_dir: Path | None = None
    host: str = "127.0.0.1"
    authority_url: str = ""
    pages_url: str = ""

    @property
    def authority(self) -> str:
        """The machines' address, as in https://login.microsoftonline.com."""
        return self.authority_url or f"https://localhost:{self.port}"

    @property
    def pages(self) -> str:
        """The people's address: plain http, so that no browser has to trust our certificate authority."""
        return self.pages_url or f"http://localhost:{self.pages_port}"

"""What one simulator is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    state: Path
    """The folder in which the directory, the keys and the certificate authority outlive a run."""
    port: int = 8443
    """https, for machines; 0 takes a free one."""
    pages_port: int = 8444
    """http, for people; 0 takes a free one."""
    clock_scale: float = 1.0
    """Simulated seconds in a real one: lifetimes pass so much quicker."""
    interval: int = 5
    """Seconds between two polls of a device code, as clients are told."""
    device_lifetime: int = 900
    """Seconds that a device code can be entered."""
    slow_down: bool = False
    """Whether a client that polls too often is told so."""
    api_audience: str = "api://tokenswitch"
    portal_redirects: tuple[str, ...] = ()
    """Redirect addresses of the portal's application, beside the one of `make run`."""
    signin_redirects: tuple[str, ...] = ()
    """Redirect addresses of the sign-in application, beside the one of `make run`."""
    secrets_dir: Path | None = None
    """Where client secrets are written for the services."""
    host: str = "127.0.0.1"
    authority_url: str = ""
    """How others reach the https port; empty: https://localhost."""
    pages_url: str = ""
    """How browsers reach the http port; empty: http://localhost."""

    @property
    def authority(self) -> str:
        """The machines' address, as in https://login.microsoftonline.com."""
        return self.authority_url or f"https://localhost:{self.port}"

    @property
    def pages(self) -> str:
        """The people's address: plain http, so that no browser has to trust our certificate authority."""
        return self.pages_url or f"http://localhost:{self.pages_port}"

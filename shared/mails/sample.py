"""An invitation to nobody: what a mail is shown with before there is anything to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Sample:
    """The facts of an invitation that nobody gets."""

    provider: str
    invite_url: str
    """Where invitations are opened; the sample's own address leads nowhere."""

    def facts(self, until: datetime, inviter: str) -> Mapping[str, Any]:
        """Whatever a template of an invitation asks for."""
        return {
            "provider": self.provider,
            "customer": "Contoso",
            "tenant": "contoso.example",
            "to": "token",
            "renew": False,
            "only_app": False,
            "inviter": inviter,
            "inviter_email": "",
            "invitee": "Avery Admin",
            "invitee_email": "avery.admin@contoso.example",
            "until": until,
            "link": f"{self.invite_url}/i/example",
            "host": urlsplit(self.invite_url).netloc,
        }

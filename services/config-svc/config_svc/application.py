"""What the service can do, as one value: its commands and its queries. API and pages are two faces of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from config_svc.commands.bulk_operations import BulkCommands
from config_svc.commands.customers import CustomerCommands
from config_svc.commands.settings import SettingsCommands
from config_svc.queries.customer_counts import CustomerCounter
from config_svc.queries.history import History
from config_svc.queries.lists import Lists
from config_svc.queries.statistics import Statistics
from config_svc.schemas.session import SignIn
from config_svc.stream.streams import Streams
from shared.domain.rules import Clock, Refused


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What the command line signs in with; no client id where none was made."""

    issuer: str
    audience: str
    client_id: str | None

    @property
    def sign_in(self) -> SignIn:
        """Raises: Refused (404)."""
        if not self.client_id:
            raise Refused(
                "no_sign_in",
                "This portal has no sign-in for the command line: its operator sets CLI_CLIENT_ID. "
                "A token may be given in TOKENSWITCH_TOKEN.",
                status=404,
            )
        authority = self.issuer.rstrip("/").removesuffix("/v2.0")
        return SignIn(authority=authority, client_id=self.client_id, scopes=(f"{self.audience}/.default",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Commands and queries as API and pages use them."""

    customers: CustomerCommands
    settings: SettingsCommands
    lists: Lists
    history: History
    streams: Streams
    clock: Clock
    bulk_operations: BulkCommands
    customer_counter: CustomerCounter
    statistics: Statistics
    command_line: CommandLine


async def _provided(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


App = Annotated[Application, Depends(_provided)]
"""For the routes of API and pages."""

"""What commands of a switch are answered with: which switch, which request, which link."""

from __future__ import annotations

from config_svc.schemas.views import View


class ValidationAccepted(View):
    """`request`: AuthenticationValidated names it, and the customer's `validation`."""

    request: str


class SwitchAccepted(View):
    """`switch`: the number of the switch that it is about."""

    switch: int


class InvitationLink(View):
    """The invitation's address: whoever has it counts as the invitee."""

    switch: int
    generation: int
    link: str

"""Microsoft Entra's directory roles by their template id, as people know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.i18n.marks import N_

NAMES: Mapping[str, str] = {
    "62e90394-69f5-4237-9190-012177145e10": N_("Global Administrator"),
    "69091246-20e8-4a56-aa4d-066075b2a7a8": N_("Teams Administrator"),
    "e8611ab8-c189-46e8-94e1-60213ab1f814": N_("Privileged Role Administrator"),
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": N_("Application Administrator"),
    "158c047a-c907-4556-b7ef-446551a6b5f7": N_("Cloud Application Administrator"),
    "baf37b3a-610e-45da-9e62-d9d1e5e8914b": N_("Teams Communications Administrator"),
    "aa38014f-0993-46e9-9b45-30501a20909d": N_("Teams Telephony Administrator"),
    "3d762c5a-1b6c-493f-843e-55a3b42923d4": N_("Teams Devices Administrator"),
    "75941009-915a-4869-abe7-691bff18279e": N_("Skype for Business Administrator"),
    "29232cdf-9323-42fd-ade2-1d097af3e4de": N_("Exchange Administrator"),
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451": N_("Global Reader"),
}


def role_name(role: str) -> str:
    """Microsoft's English name of a role, for the catalogs to translate; an id that is not known is shown as it is."""
    return NAMES.get(role.lower(), role)


def role_names(roles: Iterable[str]) -> list[str]:
    return [role_name(role) for role in roles]

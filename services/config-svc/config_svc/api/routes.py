"""All routes of the API, composed."""

from __future__ import annotations

from fastapi import APIRouter

from config_svc.api import bulk_operations, customers, history, invitations, session, settings, switches
from config_svc.schemas.views import API

router = APIRouter(prefix=API, generate_unique_id_function=lambda route: route.name)
for part in (customers, switches, bulk_operations, invitations, history, settings, session):
    router.include_router(part.router)

"""All routes of the API, composed."""

from __future__ import annotations

from fastapi import APIRouter

from config_svc.api import bulks, customers, overviews, session, settings, switches
from config_svc.api.common import Parts
from config_svc.views import API


def router(parts: Parts) -> APIRouter:
    routes = APIRouter(prefix=API)
    for part in (customers, switches, bulks, overviews, settings, session):
        routes.include_router(part.router(parts))
    return routes

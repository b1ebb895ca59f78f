"""All routes of the API, composed."""

from __future__ import annotations

from fastapi import APIRouter

from config_svc.api import bulk_operations, customers, overviews, session, settings, switches
from config_svc.application import Application
from config_svc.schemas.views import API


def router(application: Application) -> APIRouter:
    routes = APIRouter(prefix=API)
    for part in (customers, switches, bulk_operations, overviews, settings, session):
        routes.include_router(part.router(application))
    return routes

"""
The HTTP API below ``/api/v1``: translates requests into operations and their outcomes into JSON.

Decides nothing and knows no other surface. What it offers stands once, in ``registry.ROUTES``.
"""

from __future__ import annotations

from flask import Flask

from incidents.api import (  # noqa: F401 - they register
    access_routes,
    catalog_routes,
    clock_routes,
    drill_routes,
    incident_routes,
    notice_routes,
    record_routes,
    review_routes,
    work_routes,
)
from incidents.api.mount import answer_unrouted, blueprint
from incidents.api.registry import ROUTES
from incidents.service import Service


def mount_api(app: Flask, service: Service) -> None:
    """Put the API's routes on the app, and its errors on its paths alone."""
    app.register_blueprint(blueprint(ROUTES, service))
    answer_unrouted(app)

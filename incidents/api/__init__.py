"""
The HTTP API below ``/api/v1``: translates requests into operations and their outcomes into JSON.
"""

from __future__ import annotations

from flask import Flask

from incidents.service import Service


def mount_api(app: Flask, service: Service) -> None:
    """Put the API's routes on the app."""

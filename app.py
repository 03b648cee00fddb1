"""
``create_app()``: build the service and mount its edges; nothing else.

``flask --app app run`` serves the API and the pages without streams; ``andon serve`` puts the ASGI front before it.
"""

from __future__ import annotations

import os

from flask import Flask

from incidents.api import mount_api
from incidents.service import Service
from incidents.settings import Settings, read_settings
from incidents.slack import mount_slack
from incidents.web import mount_pages


def create_app(settings: Settings | None = None, *, service: Service | None = None) -> Flask:
    """
    The Flask app over an opened service (opened here where none is given).

    Raises:
        Invalid: A setting is wrong.
        LedgerUnavailable: The ledger can't be opened.
    """
    made = service or Service.open(settings or read_settings(os.environ))
    app = Flask("andon", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 9 << 20  # the largest body that any route takes; each route has its own limit
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["andon"] = made
    mount_api(app, made)
    mount_pages(app, made)
    mount_slack(app, made)
    return app

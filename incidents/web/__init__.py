"""
The pages: sign-in, board, incident timeline and links to it, declaring,
points, capabilities, models, playbooks, runbooks.

They ask ``service.operations`` and translate the answers into HTML; they decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from flask import Flask

from incidents.service import Service
from incidents.web.frame import attach, links_of, may_enter, pages, web_of
from incidents.web.session import SignInLinks
from incidents.web.trouble import give_faces
from incidents.web.words import add_words

# Imported for the routes that they add to ``pages``.
from incidents.web import (  # isort: skip # noqa: F401
    board,
    clock_pages,
    declaring,
    drilling,
    incident_list,
    incident_pages,
    insight_pages,
    linking,
    notice_pages,
    procedures,
    restoring,
    review_pages,
    sharing,
    signing_in,
    things,
    working_forms,
)

__all__ = ["SignInLinks", "mount_pages", "page_reader", "sign_in_link"]


def mount_pages(app: Flask, service: Service) -> None:
    """Put the pages' routes on the app."""
    attach(app, service)
    add_words(app)
    app.register_blueprint(pages)
    give_faces(app)


def page_reader(app: Flask) -> Callable[[dict[str, str]], bool]:
    """Whether the headers of a request (lower-case names) belong to somebody who may see pages."""
    sessions = web_of(app).sessions

    def reads(headers: dict[str, str]) -> bool:
        found = sessions.visitor(headers)
        return found is not None and may_enter(found)

    return reads


def sign_in_link(of: Service | Flask, token_id: str, base: str = "") -> str:
    """
    A link that signs its reader in as that token, once, within ten minutes.

    Args:
        of: The service that serves the pages, or the app that does.
        base: Where the service is reached, if that is not what the settings say (a port chosen by the system).
    """
    service = web_of(of).service if isinstance(of, Flask) else of
    return f"{base or service.settings.url}/login?{urlencode({'link': links_of(service).make(token_id)})}"

"""
The edge over a service: its API, its token, and what runs beside the engine.
"""

from __future__ import annotations

from incidents.service import Service
from incidents.slack.edge import Edge
from incidents.slack.web_api import SlackApi


def build(service: Service) -> Edge:
    """Everything put together; nothing runs yet."""
    settings = service.settings.slack
    api = SlackApi(settings.api_url, lambda: settings.bot_token) if settings.speaks else None
    edge = Edge(service, api)
    service.beside.append(edge)
    return edge

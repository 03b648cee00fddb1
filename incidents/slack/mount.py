"""
The edge over a service: its API, its token, and what runs beside the engine.
"""

from __future__ import annotations

from collections.abc import Callable

from incidents.clock import Clock
from incidents.service import Service
from incidents.settings import Settings
from incidents.slack.edge import Edge
from incidents.slack.web_api import SlackApi


def build(service: Service) -> Edge:
    """Everything put together; nothing runs before the service is started."""
    settings = service.settings.slack
    edge = Edge(service, api_of(service.settings, service.clock))
    service.beside.append(edge)
    if settings.app_token:
        from incidents.slack.socket_mode import SocketMode

        socket = SocketMode(edge, settings.app_token, settings.api_url)
        service.beside.append(socket)
        service.remarks.append(socket.remark)
    return edge


def api_of(settings: Settings, clock: Clock) -> SlackApi | None:
    """None where there is no token to call with."""
    return SlackApi(settings.slack.api_url, _token(settings, clock)) if settings.slack.speaks else None


def _token(settings: Settings, clock: Clock) -> Callable[[], str]:
    slack = settings.slack
    if not slack.rotates:
        return lambda: slack.bot_token
    from incidents.slack.rotation import RotatingToken

    return RotatingToken(slack, settings.key_path.with_suffix(".slack"), clock)

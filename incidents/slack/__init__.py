"""
The Slack edge: slash command, buttons, forms and events in; answers, messages and channels out.

It translates between Slack and the operations that every surface uses, and knows no other edge. slack_sdk is only
imported where Slack is connected: it costs a start 0.1 s.
"""

from __future__ import annotations

from flask import Flask

from incidents.service import Service


def mount_slack(app: Flask, service: Service) -> None:
    """Put the routes on the app; where Slack is connected, let its own work run beside the engine."""
    from incidents.slack.routes import blueprint

    if not (service.settings.slack.hears or service.settings.slack.speaks):
        app.register_blueprint(blueprint(None))
        return
    from incidents.slack.mount import build

    app.register_blueprint(blueprint(build(service)))

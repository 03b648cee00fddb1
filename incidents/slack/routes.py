"""
``POST /slack/commands``, ``/slack/interactions``, ``/slack/events``: the raw body in, JSON out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from flask import Blueprint, Response, abort, jsonify, request

from incidents.errors import AndonError, Unavailable
from incidents.problems import MEDIA_TYPE, problem
from incidents.slack.edge import Edge
from incidents.slack.signature import NotSlack

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")
BODY_LIMIT = 1 << 20
NOT_CONNECTED = "Slack is not connected: set ANDON_SLACK_SIGNING_SECRET (see the README, 'Connect Slack')"


def blueprint(edge: Edge | None) -> Blueprint:
    """The three routes; where Slack is not connected they say so."""
    found = Blueprint("slack", __name__)

    def take(handle: Callable[[Edge], Callable[[Mapping[str, str], bytes], Json]]) -> Response:
        if edge is None:
            return _problem(404, NOT_CONNECTED, "not-connected")
        if (request.content_length or 0) > BODY_LIMIT:
            abort(413)
        body = request.get_data(cache=True)  # before anything reads the form: the signature is over these bytes
        return jsonify(handle(edge)(dict(request.headers), body))

    @found.post("/slack/commands")
    def commands() -> Response:
        if request.content_length and request.content_length < 500 and b"ssl_check=1" in request.get_data(cache=True):
            return Response("", 200)  # Slack looks at the certificate; nothing is asked
        return take(lambda e: e.command)

    @found.post("/slack/interactions")
    def interactions() -> Response:
        answer = take(lambda e: e.interaction)
        return Response("", 200) if answer.get_json(silent=True) == {} else answer  # an empty body closes a form

    @found.post("/slack/events")
    def events() -> Response:
        return take(lambda e: e.event)

    @found.errorhandler(AndonError)
    def refused(error: AndonError) -> Response:
        if isinstance(error, NotSlack):
            return _problem(401, "this is no request of Slack's", error.code)  # why stands in the log, not here
        if isinstance(error, Unavailable):
            log.warning("slack_not_answered", path=request.path, error=str(error))
        return _problem(error.status, str(error), error.code)

    @found.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        from werkzeug.exceptions import HTTPException

        if isinstance(error, HTTPException):
            return _problem(error.code or 500, error.description or "", "refused")
        log.error("slack_failed", path=request.path, error=repr(error), exc_info=error)
        return _problem(500, "Andon could not do this; the service's log has the details", "broken")

    return found


def _problem(status: int, detail: str, code: str) -> Response:
    answer = jsonify(problem(status, detail, code=code))
    answer.status_code, answer.mimetype = status, MEDIA_TYPE
    answer.headers["Cache-Control"] = "no-store"
    return answer

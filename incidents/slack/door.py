"""
Who is let in: verified, written down, of our workspace. What is refused is counted, logged and, where it was signed
right, kept as a line of the ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import structlog

from incidents.errors import Unavailable
from incidents.metrics import SLACK_REFUSED
from incidents.service import Service
from incidents.slack.deliveries import Deliveries, Delivery
from incidents.slack.payloads import text
from incidents.slack.people import check_team
from incidents.slack.signature import NotSlack, Verifier

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")

AUDIT_EVERY_S = 10.0  # a line in the ledger at most so often per reason: it is evidence, not a place to be flooded


class Door:
    def __init__(self, service: Service, deliveries: Deliveries) -> None:
        self._service, self._deliveries = service, deliveries
        secret = service.settings.slack.signing_secret
        self._verifier = Verifier(secret, service.clock) if secret else None
        self._audited: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def verified(self, route: str, headers: Mapping[str, str], body: bytes) -> str:
        if self._verifier is None:
            raise Unavailable("Slack is not connected: ANDON_SLACK_SIGNING_SECRET is not set")
        try:
            return self._verifier.check(headers, body)
        except NotSlack as refused:
            self._refused(route, refused)
            raise

    def written(self, route: str, body: bytes, signature: str) -> Delivery:
        try:
            return self._deliveries.take(route, body, signature)
        except NotSlack as refused:
            self._refused(route, refused)
            raise

    def check_team(self, route: str, *teams: str) -> None:
        try:
            check_team(self._service, *teams)
        except NotSlack as refused:
            self._refused(route, refused)
            raise

    def check_teams(self, route: str, payload: Json) -> None:
        self.check_team(route, text(payload, "team", "id"), text(payload, "user", "team_id"))

    def _refused(self, route: str, refused: NotSlack) -> None:
        """Counted and logged; in the ledger only what had a right signature, and not more often than it is read."""
        SLACK_REFUSED.labels(refused.reason).inc()
        log.warning("slack_refused", route=route, reason=refused.reason)
        if refused.reason not in ("replayed", "wrong-team"):
            return
        now = self._service.clock.boot()
        with self._lock:
            at, more = self._audited.get(refused.reason, (float("-inf"), 0))
            if now - at < AUDIT_EVERY_S:
                self._audited[refused.reason] = (at, more + 1)
                return
            self._audited[refused.reason] = (now, 0)
        try:
            self._service.operations.record_refused_delivery(refused.reason, route, more)
        except Unavailable as error:
            log.warning("slack_refusal_not_written", error=str(error))

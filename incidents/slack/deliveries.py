"""
What Slack delivers, written down before anything is done: the same delivery is answered once, also after a restart.

A delivery is its body: Slack sends the same one again, with a new signature, when an answer came late. The ledger keeps
when it came first and with which signature. What a person means by typing the same again is told by ``meant``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

import structlog

from incidents.clock import parse_rfc3339, rfc3339
from incidents.decisions import Asker, Decided
from incidents.desk import Desk
from incidents.errors import Unavailable
from incidents.events import SYSTEM
from incidents.ledger import Answer, AnswerKey
from incidents.slack.signature import NotSlack

log = structlog.get_logger("andon.slack")

OWNER = "slack"
SECONDS_SAME = 10  # typed again within this time (up to twice it), it is the same wish


@dataclass(frozen=True, slots=True)
class Delivery:
    """``first_at``: when this body came for the first time. ``again``: it had come before."""

    route: str
    digest: str
    first_at: datetime
    again: bool


class Deliveries:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def take(self, route: str, body: bytes, signature: str) -> Delivery:
        """
        Write a verified delivery down; where the ledger can't, go on without, so that a kill is still tried.

        Raises:
            NotSlack: This very signature came before (found in the ledger).
        """
        digest = hashlib.sha256(body).hexdigest()
        now = self._desk.clock.now()
        said = json.dumps({"at": rfc3339(now), "signature": signature})
        try:
            outcome = self._desk.submit(
                lambda state, now: Decided([]),
                actor=SYSTEM,
                key=AnswerKey(owner=OWNER, route=route, key=digest, body=digest),
                answer=lambda state, decided, events: Answer(200, said, digest),
            )
        except Unavailable as error:
            log.warning("slack_delivery_not_written", route=route, error=str(error))
            return Delivery(route, digest, now, again=False)
        first = json.loads(outcome.answer.json) if outcome.answer is not None else {"at": rfc3339(now)}
        if outcome.replayed and first["signature"] == signature:
            raise NotSlack("replayed")
        return Delivery(route, digest, parse_rfc3339(first["at"]), again=outcome.replayed)

    def meant(self, delivery: Delivery, asker: Asker, wish: str) -> AnswerKey:
        """
        The key of what somebody wants done: the same for every sending of a delivery, and for typing it again soon.

        Args:
            wish: What they typed and where, or the form that they sent.
        """
        digest = hashlib.sha256(wish.encode("utf-8", "surrogatepass")).hexdigest()
        bucket = int(delivery.first_at.timestamp()) // SECONDS_SAME
        keys = [
            AnswerKey(owner=asker.actor.person or OWNER, route="slack", key=f"{digest[:32]}-{b}", body=digest)
            for b in (bucket, bucket - 1)
        ]
        try:
            known = [key for key in keys if self._desk.ledger.answer(key) is not None]
        except Unavailable:
            known = []  # the desk will say so, and stop the grants where it was a kill
        return (known or keys)[0]

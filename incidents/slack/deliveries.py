"""
What Slack delivers, written down before anything is done: the same delivery is answered once, also after a restart.

A delivery is its body: Slack sends the same one again, with a new signature, when an answer came late. The ledger keeps
when it came first and with which signature. What a person means by typing the same again is told by ``meant``.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from incidents.clock import parse_rfc3339, rfc3339
from incidents.decisions import Asker
from incidents.desk import Desk
from incidents.errors import Unavailable
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


@dataclass(slots=True)
class _Waiting:
    """A delivery on its way into the ledger; ``kept`` is set by whoever writes it."""

    key: AnswerKey
    answer: Answer
    kept: Answer | None = None
    error: Unavailable | None = None

    @property
    def is_done(self) -> bool:
        return self.kept is not None or self.error is not None


class Deliveries:
    """Safe for threads: those that wait for the disk are written together."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._waiting: list[_Waiting] = []

    def take(self, route: str, body: bytes, signature: str) -> Delivery:
        """
        Write a verified delivery down; where the ledger can't, go on without, so that a kill is still tried.

        Raises:
            NotSlack: This very signature came before (found in the ledger).
        """
        digest = hashlib.sha256(body).hexdigest()
        now = self._desk.clock.now()
        said = json.dumps({"at": rfc3339(now), "signature": signature, "taken": secrets.token_hex(8)})
        mine = _Waiting(AnswerKey(owner=OWNER, route=route, key=digest, body=digest), Answer(200, said))
        self._write(mine)
        if mine.kept is None:
            log.warning("slack_delivery_not_written", route=route, error=str(mine.error))
            return Delivery(route, digest, now, again=False)
        first = json.loads(mine.kept.json)
        if mine.kept.json == said:
            return Delivery(route, digest, now, again=False)
        if first["signature"] == signature:
            raise NotSlack("replayed")
        return Delivery(route, digest, parse_rfc3339(first["at"]), again=True)

    def _write(self, mine: _Waiting) -> None:
        """Durable when it returns. Whoever gets the lock writes everything that waits by then."""
        with self._lock:
            self._waiting.append(mine)
        with self._writing:
            if mine.is_done:
                return
            with self._lock:
                batch, self._waiting = self._waiting, []
            try:
                kept = self._desk.ledger.keep_answers([(w.key, w.answer) for w in batch], now=self._desk.clock.now())
            except Unavailable as error:
                for waiting in batch:
                    waiting.error = error
                return
            for waiting, answer in zip(batch, kept, strict=True):
                waiting.kept = answer

    def meant(
        self, delivery: Delivery, asker: Asker, wish: str, stands: Callable[[Mapping[str, Any]], bool]
    ) -> AnswerKey:
        """
        The key of what somebody wants done: the same for every sending of a delivery, and for typing it again soon.

        Args:
            wish: What they typed and where, or the form that they sent.
            stands: Whether what that answer tells of still is so. Where it was turned back since (somebody refused the
                restore), typing it again is a new wish; another sending of the same delivery never is.
        """
        digest = hashlib.sha256(wish.encode("utf-8", "surrogatepass")).hexdigest()
        bucket = int(delivery.first_at.timestamp()) // SECONDS_SAME
        wished = (f"{digest[:32]}-{b}" for b in (bucket, bucket - 1))
        fresh = first = AnswerKey(owner=asker.actor.person or OWNER, route="slack", key=next(wished), body=digest)
        try:
            fresh, found = self._newest(first)
            if found is None:
                _, found = self._newest(replace(first, key=next(wished)))
            if found is not None and (delivery.again or stands(json.loads(found[1].json))):
                return found[0]
        except Unavailable:
            return first  # the desk will say so, and stop the grants where it was a kill
        return fresh

    def _newest(self, first: AnswerKey) -> tuple[AnswerKey, tuple[AnswerKey, Answer] | None]:
        """Of a key and those for doing it anew: the first that has no answer, and the one before it with its answer."""
        key, number = first, 0
        before: tuple[AnswerKey, Answer] | None = None
        while (answer := self._desk.ledger.answer(key)) is not None:
            before, number = (key, answer), number + 1
            key = replace(first, key=f"{first.key}-{number}")
        return key, before

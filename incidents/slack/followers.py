"""
Whoever declared from Slack hears when it is contained, wherever they typed: by the ``response_url`` of their command.

In memory alone: what is lost at a restart stands in the incident's message all the same.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.decisions import Asker
from incidents.desk import Commit
from incidents.events import SYSTEM
from incidents.roles import Right
from incidents.service import Service
from incidents.slack import answers
from incidents.slack.incident_message import containment
from incidents.slack.quick import Quick
from incidents.slack.reader import Reader
from incidents.slack.rehearsed import marked

LIFE = timedelta(minutes=29)  # Slack takes posts for half an hour
MOST = 200
READER = Asker(actor=SYSTEM, rights=frozenset({Right.READ}))


@dataclass(frozen=True, slots=True)
class _Waiting:
    incident: str
    response_url: str
    until: datetime


class Followers:
    def __init__(self, service: Service, quick: Quick) -> None:
        self._service, self._quick = service, quick
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        service.desk.on_commit(self._committed)

    def follow(self, incident: str, response_url: str) -> None:
        made = _Waiting(incident, response_url, self._service.clock.now() + LIFE)
        with self._lock:
            self._waiting = [*self._waiting[-MOST:], made]

    def _committed(self, commit: Commit) -> None:
        """Under the desk's lock: only put aside what is to be told."""
        for event in commit.events:
            if event.kind == "incident:life:contained" and event.incident:
                for waiting in self._take(event.incident):
                    self._quick.run("contained", lambda w=waiting: self._tell(w))  # type: ignore[misc]

    def _take(self, incident: str) -> list[_Waiting]:
        now = self._service.clock.now()
        with self._lock:
            found = [w for w in self._waiting if w.incident == incident and w.until > now]
            self._waiting = [w for w in self._waiting if w.incident != incident and w.until > now]
        return found

    def _tell(self, waiting: _Waiting) -> None:
        settings = self._service.settings
        reader = Reader(now=self._service.clock.now(), url=settings.url, root=settings.slack.command)
        c = self._service.operations.containment(READER, waiting.incident)
        words = f":white_check_mark: {reader.link(waiting.incident)}  {containment(c, reader)}"
        self._quick.reply(waiting.response_url, marked(answers.said(words, reader)))

"""
One line or press while it is worked on: who, where, when, and what every verb needs of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from incidents.decisions import Asker
from incidents.errors import Unknown
from incidents.ledger import AnswerKey
from incidents.operations import Operations, Reply
from incidents.service import Service
from incidents.slack import answers
from incidents.slack.asked import Asked
from incidents.slack.blocks import Message
from incidents.slack.deliveries import Deliveries
from incidents.slack.place import Place
from incidents.slack.quick import Quick
from incidents.slack.reader import Reader
from incidents.slack.typed import read

Json = dict[str, Any]


class NoIncident(Exception):
    """The line is about an incident, and neither it nor the channel says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    ``line``: what was typed, or in words what was pressed; the same line soon again is the same wish.

    ``follow(incident, response_url)``: somebody waits to hear that it is contained.
    """

    service: Service
    deliveries: Deliveries
    quick: Quick
    follow: Callable[[str, str], None]
    asker: Asker
    place: Place
    line: str
    reader: Reader

    @property
    def operations(self) -> Operations:
        return self.service.operations

    @property
    def person(self) -> str:
        return self.asker.actor.person or ""

    def incident(self, wanted: Asked) -> str:
        """
        The incident that a line is about: as named, the named channel's, or this channel's own.

        Raises:
            NoIncident: Nothing says which.
            Unknown: The named channel is none's.
        """
        if wanted.incident.startswith("#"):
            found = self.operations.incident_at(self.asker, wanted.incident[1:])
            if not found:
                raise Unknown("that channel is no incident's", code="unknown-incident")
            return found
        if wanted.incident:
            return wanted.incident
        if found := self.here:
            return found
        raise NoIncident

    @property
    def here(self) -> str:
        """The incident whose channel or thread this is; empty in any other."""
        return self.operations.incident_at(self.asker, self.place.channel, self.place.thread)

    @property
    def key(self) -> AnswerKey:
        """The same for every sending of this delivery, and for the same wish within seconds."""
        return self.key_while(lambda body: True)

    def key_while(self, stands: Callable[[Mapping[str, Any]], bool]) -> AnswerKey:
        """The same wish only while what its first answer tells of ``stands``: nobody turned it back meanwhile."""
        words = " ".join(read(self.line).text.split())
        return self.deliveries.meant(self.place.delivery, self.asker, f"{self.place.channel}\0{words}", stands)

    def once(self, reply: Reply, message: Message) -> Message:
        """Marks what was wished again; the same delivery, sent again, gets the same answer."""
        if reply.replayed and not self.place.delivery.again:
            return answers.again(message)
        return message

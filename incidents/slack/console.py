"""
The slash command: who asks, for what, done by the operations that every surface uses, answered at once.

Decides nothing about rights or incidents. Never silence: whatever is wrong comes back as a sentence with a way out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog

from incidents.account_links import Wanted
from incidents.chat import ACCOUNT, is_account
from incidents.decisions import Asker
from incidents.errors import AndonError, Forbidden
from incidents.roles import Right
from incidents.service import Service
from incidents.slack import (
    answers,
    asked,
    clock_verbs,
    declaring_verbs,
    drilling_verbs,
    reading_verbs,
    restoring_verbs,
    working_verbs,
)
from incidents.slack.asked import Asked, Known, WrongUsage
from incidents.slack.blocks import Message, plain_words
from incidents.slack.deliveries import Deliveries, Delivery
from incidents.slack.grammar import parse
from incidents.slack.people import asker_of
from incidents.slack.place import Place
from incidents.slack.quick import Quick
from incidents.slack.reader import Reader
from incidents.slack.things import Things
from incidents.slack.turn import NoIncident, Turn

Json = dict[str, Any]
log = structlog.get_logger("andon.slack")

VERBS: dict[type[Asked], Callable[[Turn, Any], Message]] = {
    asked.Help: reading_verbs.help_,
    asked.ListThem: reading_verbs.list_,
    asked.Show: reading_verbs.show,
    asked.Check: reading_verbs.check,
    asked.Postmortem: reading_verbs.postmortem,
    asked.Clocks: clock_verbs.clocks,
    asked.RecordFact: clock_verbs.fact,
    asked.Submit: clock_verbs.submit,
    asked.Link: reading_verbs.link,
    asked.Declare: declaring_verbs.declare,
    asked.Kill: declaring_verbs.kill,
    asked.DrillReal: drilling_verbs.real,
    asked.DrillEnd: drilling_verbs.end,
    asked.DrillPart: drilling_verbs.take_part,
    asked.Validate: declaring_verbs.validate,
    asked.Note: working_verbs.note,
    asked.Update: working_verbs.update,
    asked.Acknowledge: working_verbs.acknowledge,
    asked.SetStatus: working_verbs.status,
    asked.Take: working_verbs.take,
    asked.Assign: working_verbs.assign,
    asked.CloseTask: working_verbs.task,
    asked.Restore: restoring_verbs.restore,
    asked.Approve: restoring_verbs.approve,
    asked.Refuse: restoring_verbs.refuse,
    asked.Stop: restoring_verbs.stop,
}


class Console:
    """``follow(incident, response_url)``: told of everybody who waits to hear that it is contained."""

    def __init__(
        self, service: Service, deliveries: Deliveries, quick: Quick, follow: Callable[[str, str], None]
    ) -> None:
        self.service, self.deliveries, self.quick, self._follow = service, deliveries, quick, follow

    def answer(self, place: Place, line: str) -> Message:
        """What the person reads. Never raises a refusal."""
        asker = asker_of(self.service, place.user)
        if asker is None:
            return self.stranger(place, line)
        return self.run(self.turn(place, asker, line))

    def turn(self, place: Place, asker: Asker, line: str) -> Turn:
        return Turn(
            service=self.service,
            deliveries=self.deliveries,
            quick=self.quick,
            follow=self._follow,
            asker=asker,
            place=place,
            line=line,
            reader=self.reader(asker),
        )

    def run(self, turn: Turn) -> Message:
        """Understand a line and do it."""
        began = time.monotonic()
        verb, outcome, about = "", "done", ""
        try:
            wanted = parse(turn.line, self._known)
            about = "" if wanted.incident.startswith("#") else wanted.incident
            verb = type(wanted).__name__
            return VERBS[type(wanted)](turn, wanted)
        except WrongUsage as error:
            outcome = error.code
            return answers.wrong_usage(error, turn.reader)
        except NoIncident:
            outcome = "which-incident"
            rows = turn.operations.open_incidents(turn.asker, 10)["open"]
            return answers.which_incident(turn.line, rows, turn.reader, turn.line.split()[0].lower())
        except AndonError as error:
            outcome = error.code
            return refusal(turn, error, about)
        finally:
            ms = round((time.monotonic() - began) * 1000, 1)
            log.info("slack_command", verb=verb, person=turn.person, outcome=outcome, ms=ms)

    def stranger(self, place: Place, line: str) -> Message:
        """Somebody whose account is nobody's: a link, and nothing of what there is."""
        wanted = "" if line.split()[:1] == ["link"] else line
        url = self.service.account_links.make(place.user, place.team, place.channel, wanted)
        log.info("slack_stranger", user=place.user)
        return answers.stranger(url, wanted, self.reader(None))

    def after_linking(self, asker: Asker, wanted: Wanted) -> str:
        """What was typed before the person said who they are, done now; in plain words for the page."""
        delivery = Delivery("/link", wanted.nonce, self.service.clock.now(), again=False)
        place = Place(team=wanted.team, user=wanted.user, channel=wanted.channel, delivery=delivery)
        found = asker_of(self.service, wanted.user) or asker
        return plain_words(self.run(self.turn(place, found, wanted.line)).text) if wanted.line else ""

    def reader(self, asker: Asker | None) -> Reader:
        """What texts need to know of the moment and the people; a stranger's tell nothing."""
        told = asker is not None and asker.may(Right.READ)
        with self.service.desk.read() as state:
            names = {p.id: p.name for p in state.catalog.people.values() if p.name} if told else {}
            accounts = {
                t.person: t.id.removeprefix(ACCOUNT)
                for t in state.tokens.values()
                if told and is_account(t.id) and t.person and not t.revoked
            }
        settings = self.service.settings
        return Reader(
            now=self.service.clock.now(),
            url=settings.url,
            root=settings.slack.command,
            names=names,
            accounts=accounts,
        )

    @property
    def _known(self) -> Known:
        """What words can stand for."""
        playbooks = {book.id: tuple(book.parameters) for book in self.service.playbooks}
        return Known(playbooks, Things(self.service.desk))


def refusal(turn: Turn, error: AndonError, incident: str = "") -> Message:
    """Why nothing was done, and who or what helps."""
    needed = error.needed if isinstance(error, Forbidden) else ""
    able = turn.operations.able(turn.asker, Right(needed)) if needed else []
    return answers.refused(error, turn.reader, able=able, incident=incident or turn.here or "ID")

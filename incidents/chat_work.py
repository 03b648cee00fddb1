"""
What is done about Slack once for every surface: accounts, captured messages, where an incident is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from incidents.decisions import Asker, Decided, chat
from incidents.decisions.chat import Said
from incidents.decisions.sight import sees
from incidents.events import SYSTEM, Actor, Event
from incidents.ledger import AnswerKey
from incidents.operating import Json, Operating, Reply
from incidents.roles import Right, Role, rights_of
from incidents.state import State


class ChatWork(Operating):
    # --- accounts ---

    def link_account(self, asker: Asker, user: str, key: AnswerKey | None = None) -> Reply:
        """Make a Slack account the asker's own; the key makes a one-time link work once."""

        def answered(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
            return 200, {"person": decided.subject, "user": user, "already": decided.joined}

        return self._do(asker, lambda state, now: chat.link_account(state, user, asker), answered, key)

    def able(self, asker: Asker, right: Right) -> list[str]:
        """Ids of the people who have a right, for saying who can do what the asker can't."""
        if not asker.may(Right.READ):
            return []
        with self.desk.read() as state:
            people = state.catalog.people.values()
            return sorted(p.id for p in people if right in rights_of(Role(r) for r in p.roles))

    # --- where an incident is at home ---

    def incident_at(self, asker: Asker, channel: str, thread: str = "") -> str:
        """The incident of a channel or thread, if the asker may know of it; else empty."""
        with self.desk.read() as state:
            found = state.chat.incident_at(channel, thread)
            return found if found and sees(state, asker, found) else ""

    def record_team(self, team: str, bot: str, url: str) -> None:
        self.desk.submit(lambda state, now: chat.record_team(state, team, bot, url), actor=SYSTEM)

    def record_post(self, id: str, channel: str, ts: str) -> None:
        self.desk.submit(lambda state, now: chat.record_post(state, id, channel, ts), actor=SYSTEM, about=id)

    def record_room(self, id: str, channel: str, name: str) -> None:
        self.desk.submit(lambda state, now: chat.record_room(state, id, channel, name), actor=SYSTEM, about=id)

    def record_refused_delivery(self, because: str, route: str, more: int) -> None:
        self.desk.submit(lambda state, now: chat.refused_delivery(because, route, more), actor=SYSTEM)

    # --- captured messages ---

    def capture(self, asker: Asker, id: str, said: Said, how: str) -> Reply:
        """Put a Slack message on the timeline, once."""
        known = self._id(asker, id)

        def answered(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
            return (201 if events else 200), {"incident": known, "already": decided.joined}

        return self._do(
            asker,
            lambda state, now: chat.capture(state, known, said, how, asker, now),
            answered,
            None,
            about=known,
        )

    def follow_edit(self, channel: str, ts: str, edited_ts: str, text: str, person: str | None) -> None:
        """Whoever edits a captured message in Slack edits what others see; the timeline keeps both."""

        def decide(state: State, now: datetime) -> Decided:
            return chat.edited(state, channel, ts, edited_ts, text, now)

        self.desk.submit(decide, actor=_in_slack(person), about=self._captured_at(channel, ts))

    def follow_deletion(self, channel: str, ts: str, person: str | None) -> None:
        about = self._captured_at(channel, ts)
        self.desk.submit(lambda state, now: chat.deleted(state, channel, ts), actor=_in_slack(person), about=about)

    def _captured_at(self, channel: str, ts: str) -> str:
        with self.desk.read() as state:
            known = state.chat.captured.get(f"{channel}:{ts}")
            return known.incident if known is not None else ""


def _in_slack(person: str | None) -> Actor:
    return Actor(person=person, token=None, via="slack")

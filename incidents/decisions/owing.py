"""
How something comes to be owed: numbered, addressed by reference, put into its lane, given its time.

Collects the drafts of one append. A message that replaces one not yet sent supersedes it in the same append; the same
reader is told the same thing once. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions.effects import superseded
from incidents.events import Actor, Draft
from incidents.outbox import Lane
from incidents.recipients import CHANNELS, About, Readers, of_role
from incidents.state import State

LIFE = timedelta(hours=1)  # of a message about how things stand: later it would be wrong
NOTICE_LIFE = timedelta(hours=24)
WEBHOOK_LIFE = timedelta(hours=24)
APPROVAL_LIFE = timedelta(hours=24)
APPROVALS = {"partner": 2, "partners": 2, "authority": 2}  # whoever is outside is told by two people, never by one


class Owing:
    """The drafts of what one change owes, beside the state as it was before the change."""

    def __init__(self, state: State, actor: Actor, now: datetime, behind: Iterable[Draft] = ()) -> None:
        """``behind``: what the same append has before these drafts; its effects are numbered already."""
        self.state, self.actor, self.now = state, actor, now
        self.drafts: list[Draft] = []
        self._made = sum(isinstance(draft.fact, ev.MessageOwed | ev.OrderOwed) for draft in behind)
        self._topics: set[str] = set()
        self._told: set[tuple[str, str, str]] = set()

    def tell(
        self,
        to: str,
        template: str,
        on: About,
        topic: str,
        *,
        words: str = "",
        channels: Sequence[str] = (),
        life: timedelta = LIFE,
        **more: Any,
    ) -> str | None:
        """
        A message, or for ``webhook:`` an order, to one reader; its id, or None where they are told that already.

        ``topic`` is made the reader's own.
        """
        once = (to, template, on.incident or on.table)
        if on.kind == "test" or once in self._told:
            return None
        self._told.add(once)
        kind = to.partition(":")[0]
        by = list(channels or CHANNELS.get(kind, ()))
        if kind == "webhook":
            return self.order(to, on, topic, template=template, channels=by, lane=on.lane, life=WEBHOOK_LIFE, **more)
        id = self._take(topic := f"{topic}/{to}")
        fact = ev.MessageOwed(
            id=id,
            to=to,
            channels=by,
            template=template,
            lane=on.lane,
            table=on.table,
            topic=topic,
            not_before=rfc3339(self.now),
            deadline=rfc3339(self.now + life),
            **more,
        )
        self.drafts.append(Draft(fact, incident=on.incident or None, text={"words": words} if words else {}))
        return id

    def order(
        self,
        to: str,
        on: About,
        topic: str,
        *,
        template: str = "",
        channels: Sequence[str],
        lane: Lane,
        life: timedelta | None = None,
        **more: Any,
    ) -> str:
        """Something that a machine does; without ``life`` it is told until it confirms."""
        id = self._take(topic := f"{topic}/{to}")
        fact = ev.OrderOwed(
            id=id,
            to=to,
            channels=list(channels),
            template=template,
            lane=lane,
            table=on.table,
            topic=topic,
            not_before=rfc3339(self.now),
            deadline=rfc3339(self.now + life) if life is not None else None,
            **more,
        )
        self.drafts.append(Draft(fact, incident=on.incident or None))
        return id

    def tell_people(
        self, readers: Readers, template: str, on: About, topic: str, *, role: str, words: str = "", **more: Any
    ) -> list[str]:
        """
        Each of them. Nobody at all: the message is owed to the role, and becomes a dead letter that people see.

        ``role`` is for whom it is meant; where somebody else is told they read that.
        """
        said = f"Nobody is {readers.instead}, so this goes to you. {words}".strip() if readers.instead else words
        people = [f"person:{person}" for person in readers.people]
        found = [self.tell(to, template, on, topic, words=said, **more) for to in people or [f"role:{role}"]]
        return [id for id in found if id is not None]

    def tell_role(self, role: str, template: str, on: About, topic: str, *, words: str = "", **more: Any) -> list[str]:
        """Whoever has a role now."""
        return self.tell_people(of_role(self.state, on, role), template, on, topic, role=role, words=words, **more)

    def notice(
        self, on: About, *, to: str, template: str, approval: str, asks: bool = True, **more: Any
    ) -> ev.NoticeOwed:
        """A notice that people write and approve before anything leaves; whoever may approve is told."""
        known = len(on.known.drafts) if on.known is not None else 0
        number = known + sum(isinstance(draft.fact, ev.NoticeOwed) for draft in self.drafts) + 1
        fact = ev.NoticeOwed(
            notice=f"{on.incident}-N{number}",
            to=to,
            template=template,
            approval=approval,
            approvals=APPROVALS.get(to.partition(":")[0], 1),
            **more,
        )
        self.drafts.append(Draft(fact, incident=on.incident))
        if asks:
            self.ask_for_approval(on, [fact])
        return fact

    def ask_for_approval(self, on: About, facts: Sequence[ev.NoticeOwed]) -> None:
        """Tell whoever may approve notices that these wait for them; all of one role in one message."""
        for role in dict.fromkeys(fact.approval for fact in facts):
            mine = [fact for fact in facts if fact.approval == role]
            words = "\n".join(_wanted(fact) for fact in mine)
            topic = f"{on.incident}/approval/{mine[0].notice}"
            self.tell_role(role, "approval-wanted", on, topic, words=words, life=APPROVAL_LIFE)

    def supersede(self, topics: Iterable[str], because: str) -> None:
        """What is owed about these topics is not wanted any more."""
        for topic in topics:
            effect = self.state.outbox.owed.get(self.state.outbox.topics.get(topic, ""))
            if effect is not None and topic not in self._topics:
                self.drafts.append(superseded(effect, because))

    def _take(self, topic: str) -> str:
        """The next id; whatever is owed about the topic is replaced by it."""
        id = self.state.outbox.next_id(self._made)
        self._made += 1
        self.supersede([topic], f"replaced by {id}")
        self._topics.add(topic)
        return id


def _wanted(fact: ev.NoticeOwed) -> str:
    people = "one person" if fact.approvals == 1 else f"{fact.approvals} people"
    return f"The notice {fact.notice} to {fact.to} waits for the approval of {people}, {fact.approval} among them."

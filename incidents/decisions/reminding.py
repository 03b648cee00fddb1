"""
Reminders that are due become messages, each reader's gathered into one.

What was missed while nobody ran is settled once: a reader gets one message whatever the number, and the log one line.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.clock_calls import Heard, prompts
from incidents.decisions import Decided
from incidents.decisions.owing import Owing
from incidents.escalation import Reminder, pending
from incidents.events import SYSTEM, Draft
from incidents.outbox import Lane
from incidents.recipients import About, Readers, about, of_role
from incidents.spans import span
from incidents.state import State
from playbooks.rhythm import Pace

LATE = timedelta(minutes=5)  # later than that, nobody was there at its time
LIFE = timedelta(hours=1)

Due = tuple[str, str]  # incident, key


@dataclass(slots=True)
class _ForOne:
    """What one reader is told: of which incident, and what."""

    to: str
    told: list[tuple[About, Reminder, str]] = field(default_factory=list)


def remind(
    state: State, due: Iterable[Due], heard: Iterable[Heard], pace: Pace, now: datetime, *, first: bool = False
) -> Decided:
    """
    Tell whoever is meant by each of ``due`` that is still to be told, and of the clocks that were ``heard``.

    Args:
        first: The first after a start: what is late by now fell due while nobody ran.
    """
    clocks = [(about(state.incidents[id]), prompt) for id, prompt in prompts(state, heard, now)]
    reached = [(on, prompt) for on, prompt in clocks if on.kind != "test"]
    reached += _reached(state, due, pace, now)
    drafts = tell(state, reached, now)
    if first and (line := _caught_up(state, [reminder.at for _, reminder in reached], now)) is not None:
        drafts.append(Draft(line))
    return Decided(drafts)


def tell(state: State, reached: Sequence[tuple[About, Reminder]], now: datetime) -> list[Draft]:
    """What owes these reminders to whoever is meant, each reader's gathered into one message."""
    owing = Owing(state, SYSTEM, now)
    apart: dict[Due, tuple[datetime, list[str]]] = {}
    for one in _by_reader(state, reached):
        _tell(owing, one, now, apart)
    for (incident, key), (due_at, messages) in apart.items():
        fact = ev.ReminderTold(key=key, due_at=rfc3339(due_at), messages=messages)
        owing.drafts.append(Draft(fact, incident=incident))
    return owing.drafts


def _reached(state: State, due: Iterable[Due], pace: Pace, now: datetime) -> Iterable[tuple[About, Reminder]]:
    wanted: dict[str, list[str]] = {}
    for incident, key in due:
        wanted.setdefault(incident, []).append(key)
    for id, keys in wanted.items():
        known = state.incidents.get(id)
        found = pending(state, known, pace) if known is not None else {}
        for key in dict.fromkeys(keys):
            reminder = found.get(key)
            if known is not None and reminder is not None and reminder.at <= now:
                yield about(known), reminder


def _by_reader(state: State, reached: Iterable[tuple[About, Reminder]]) -> list[_ForOne]:
    """Each person once, real and rehearsed apart; places are told one thing at a time."""
    found: dict[tuple[str, ...], _ForOne] = {}
    called: dict[str, list[str]] = {}
    for on, reminder in reached:
        readers = _readers(state, on, reminder, called.setdefault(on.incident, []))
        instead = f"Nobody is {readers.instead}, so this goes to you. " if readers.instead else ""
        for to in readers.people or (reminder.whom,):
            alone = () if to.startswith("person:") else (on.incident, reminder.key)
            one = found.setdefault((on.table, to, *alone), _ForOne(to))
            one.told.append((on, reminder, instead))
    return list(found.values())


def _readers(state: State, on: About, reminder: Reminder, called: list[str]) -> Readers:
    """Readers by reference. ``called`` has whom this incident has called in the same turn; they are not the next."""
    kind, _, role = reminder.whom.partition(":")
    if kind != "role":
        return Readers((reminder.whom,))
    readers = of_role(state, on, role, but=called if reminder.template == "escalation" else ())
    called.extend(readers.people)
    return Readers(tuple(f"person:{person}" for person in readers.people), readers.instead)


def _tell(owing: Owing, one: _ForOne, now: datetime, apart: dict[Due, tuple[datetime, list[str]]]) -> None:
    """
    Owe one reader what is due.

    Args:
        apart: Gets what the message itself can't say: reminders of a message that is not of one incident alone.
    """
    on, reminder, before = one.told[0]
    topic = f"reminder/{on.incident}/{reminder.key}"
    channels = next((r.channels for _, r, _ in one.told if r.channels), ())
    incidents = sorted({o.incident for o, _, _ in one.told})
    alone = len(incidents) == 1 and not one.to.startswith("webhook:")
    if len(one.told) == 1:
        words, template = f"{before}{reminder.words}{_since(reminder, now)}", reminder.template
    else:
        words, template = "\n".join(f"- {b}{r.words}{_since(r, now)}" for _, r, b in one.told), "reminders"
        urgent = next((o for o, _, _ in one.told if o.lane is Lane.SEV1), on)
        on = replace(on, incident=on.incident if alone else "", severity=urgent.severity)
    more: dict[str, Any] = {"reminds": dict(_reminds(one))} if alone else {}
    if len(incidents) > 1:
        more["about"] = incidents
    id = owing.tell(one.to, template, on, topic, words=words, channels=channels, life=LIFE, **more)
    for o, r, _ in one.told:
        for key, at in _keys(r) if not alone or id is None else ():
            apart.setdefault((o.incident, key), (at, []))[1].extend([id] if id is not None else [])


def _reminds(one: _ForOne) -> Iterator[tuple[str, str]]:
    for _, reminder, _ in one.told:
        yield from ((key, rfc3339(at)) for key, at in _keys(reminder))


def _keys(reminder: Reminder) -> tuple[tuple[str, datetime], ...]:
    """Everything that counts as told with it, each with when it was due."""
    return ((reminder.key, reminder.at), *reminder.also)


def _since(reminder: Reminder, now: datetime) -> str:
    late = now - reminder.at
    if late <= LATE or reminder.says_when:
        return ""
    return f" (since {span(late.total_seconds())})"


def _caught_up(state: State, due: list[datetime], now: datetime) -> ev.OutageCaughtUp | None:
    """The one line about everything that fell due while nobody ran; None where nothing did."""
    reminders = [at for at in due if now - at > LATE]
    messages = [e.deadline for e in state.outbox.owed.values() if e.deadline is not None and now - e.deadline > LATE]
    if not reminders and not messages:
        return None
    return ev.OutageCaughtUp(
        since=rfc3339(min([*reminders, *messages])),
        until=rfc3339(now),
        reminders=len(reminders),
        messages=len(messages),
    )

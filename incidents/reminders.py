"""
At which moments a clock wants to be spoken of: before it is due, when it is due, and after. Pure.

Moments are counted from what the log holds, so they are the same after a restart; a deadline that moves gets keys of
its own, so it is reminded of anew. Who is told, through what, and whether they were, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from incidents.clock import rfc3339
from incidents.docket import Duty
from playbooks.rhythm import Deadlines, Prompts

USUAL = Deadlines().prompts()
CLOSE = timedelta(minutes=10)  # two moments nearer than this are one


class Reminder(NamedTuple):
    """``key`` is stable: ``80%@2026-11-26T14:02:07.000Z``; where ``ask:<condition>:`` stands first, it asks."""

    key: str
    moment: datetime


def reminders(duty: Duty, now: datetime, prompts: Prompts = USUAL) -> list[Reminder]:
    """
    Every moment of a duty, past ones and those that lie ahead, the first one first.

    Empty for what is settled, stayed now, or only projected. Overdue, it goes on daily, but not for ever.
    """
    if duty.settled or duty.is_stayed(now):
        return []
    found = [_reminder(*made) for made in (*_for_the_deadline(duty, prompts), *_for_answers(duty, prompts))]
    return sorted(found, key=lambda reminder: (reminder.moment, reminder.key))


def next_moment(duty: Duty, after: datetime, prompts: Prompts = USUAL) -> datetime | None:
    """When it next has to be looked at, ``after`` included: a reminder, its strict moment, or the end of a stay."""
    if duty.settled:
        return None
    if duty.is_stayed(after):
        return duty.stayed_until
    # Both come in order, so the first that lies ahead is enough: this is asked of every clock at a start.
    rows = (_for_the_deadline(duty, prompts), _for_answers(duty, prompts))
    first = (next((m for _, m, _ in row if m >= after), None) for row in rows)
    return min((moment for moment in first if moment is not None), default=None)


def passed(duty: Duty, since: datetime, now: datetime, prompts: Prompts = USUAL) -> list[Reminder]:
    """Those whose moment came at or after ``since`` and before ``now``, the first one first."""
    if duty.settled or duty.is_stayed(now):
        return []
    every = (_for_the_deadline(duty, prompts), _for_answers(duty, prompts))
    rows = (takewhile(lambda made: made[1] < now, row) for row in every)
    found = [_reminder(*made) for row in rows for made in row if made[1] >= since]
    return sorted(found, key=lambda reminder: (reminder.moment, reminder.key))


def stage(key: str) -> str:
    """What a key is about, without its deadline: ``50%``, ``due``, ``1h-after``, ``day-2``, ``ask:death:80%``."""
    return key.rpartition("@")[0]


_Made = tuple[str, datetime, datetime]  # its stage, its moment, the deadline


def _for_the_deadline(duty: Duty, prompts: Prompts) -> Iterator[_Made]:
    """In order of their moments."""
    if duty.due is None or duty.projected:
        return
    kind = f"ask:{duty.asks[0]}:" if duty.asks else ""
    yield from _before(kind, duty.starts, duty.due, prompts)
    yield f"{kind}due", duty.due, duty.due
    if duty.asks:
        return
    for name, wait in prompts.after:
        yield name, duty.due + wait, duty.due


def _for_answers(duty: Duty, prompts: Prompts) -> Iterator[_Made]:
    """An unanswered question that would make it due sooner is asked while there is still time."""
    found = [
        m for condition, due in duty.sooner.items() for m in _before(f"ask:{condition}:", duty.starts, due, prompts)
    ]
    yield from sorted(found, key=lambda made: made[1])


def _before(kind: str, starts: datetime | None, due: datetime, prompts: Prompts) -> Iterator[_Made]:
    moments = [(name, starts + (due - starts) * part) for name, part in prompts.parts if starts is not None]
    moments += [(name, due - lead) for name, lead in prompts.leads]
    earlier = starts
    for name, moment in sorted(moments, key=lambda pair: pair[1]):
        if earlier is not None and moment - earlier < CLOSE:
            continue
        earlier = moment
        yield f"{kind}{name}", moment, due


def _reminder(name: str, moment: datetime, due: datetime) -> Reminder:
    return Reminder(f"{name}@{rfc3339(due)}", moment)

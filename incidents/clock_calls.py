"""
What people hear when a clock wants to be spoken of: who, and in which words. Pure.

Several moments of one clock that come together (after an outage) are told as the newest of them; all count as told.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from incidents.clock import parse_rfc3339
from incidents.clock_views import row
from incidents.docket import Duty
from incidents.escalation import Reminder as Prompt
from incidents.life import Incident
from incidents.reminders import Reminder, stage
from incidents.spans import span
from incidents.state import State

Heard = tuple[str, str, Reminder]  # incident, clock, which moment of it


def prompts(state: State, heard: Iterable[Heard], now: datetime) -> list[tuple[str, Prompt]]:
    """By incident: what is to be told of its clocks; nothing for what was told already or is settled by now."""
    by_clock: dict[tuple[str, str], list[Reminder]] = {}
    for incident, clock, reminder in heard:
        known = state.incidents.get(incident)
        if known is not None and f"{clock}/{reminder.key}" not in known.reminded:
            by_clock.setdefault((incident, clock), []).append(reminder)
    found = []
    for (incident, clock), reminders in by_clock.items():
        duty = state.incidents[incident].docket.duties.get(clock)
        if duty is not None and not duty.settled:
            found.append((incident, _prompt(state, state.incidents[incident], duty, reminders, now)))
    return found


def _prompt(state: State, incident: Incident, duty: Duty, reminders: list[Reminder], now: datetime) -> Prompt:
    newest = max(reminders, key=lambda reminder: (reminder.moment, reminder.key))
    shown = row(state, incident, duty, now)
    return Prompt(
        key=f"{duty.id}/{newest.key}",
        at=newest.moment,
        whom=f"role:{shown['owner_role']}",
        words=_words(shown, stage(newest.key), now),
        says_when=True,
        also=tuple((f"{duty.id}/{r.key}", r.moment) for r in reminders if r is not newest),
    )


def _words(shown: dict[str, Any], about: str, now: datetime) -> str:
    what = f"{shown['title']} ({shown['recipient'] or 'its recipient'}; {shown['regime_title']})"
    if about.startswith("ask:"):
        condition = about.split(":")[1]
        asks = {q["condition"]: q["question"] for q in (*shown["asks"], *shown["sooner"])}
        return f"A question decides when {what} is due: {asks.get(condition, condition)}"
    if shown["due"] is None:
        return f"{what} waits"
    due = parse_rfc3339(shown["due"])
    left = due - now
    at = f"{due:%Y-%m-%d %H:%M} UTC"
    if left > timedelta():
        return f"{what} is due at {at}, in {span(left.total_seconds())}"
    return f"{what} was due at {at}, {span(-left.total_seconds())} ago, and nothing was submitted"

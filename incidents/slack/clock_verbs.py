"""
Duties with deadlines in Slack: what is due, the facts that clocks run from, and that something was sent.
"""

from __future__ import annotations

from typing import Any

from incidents.clock import parse_rfc3339
from incidents.decisions.clockfacts import AnchorFact
from incidents.errors import Invalid
from incidents.slack import asked, plan_answers
from incidents.slack.blocks import Message
from incidents.slack.incident_message import is_open
from incidents.slack.moments import typed_moment
from incidents.slack.turn import NoIncident, Turn

Json = dict[str, Any]


def clocks(turn: Turn, wanted: asked.Clocks) -> Message:
    """Of one incident; outside any, or for ``all``, of everything that is open."""
    if not wanted.everything:
        try:
            return plan_answers.clocks(turn.operations.incident(turn.asker, turn.incident(wanted)), turn.reader)
        except NoIncident:
            pass
    rows = turn.operations.open_incidents(turn.asker, 10)["open"]
    return plan_answers.all_clocks([turn.operations.incident(turn.asker, row["id"]) for row in rows], turn.reader)


def fact(turn: Turn, wanted: asked.RecordFact) -> Message:
    at = typed_moment(wanted.at, turn.reader.now)
    told = AnchorFact(anchor=wanted.anchor, at=parse_rfc3339(at or ""), evidence=wanted.evidence)
    reply = turn.operations.tell_fact(turn.asker, turn.incident(wanted), told, turn.key)
    return turn.once(reply, plan_answers.fact_told(wanted.anchor, reply.body, turn.reader))


def submit(turn: Turn, wanted: asked.Submit) -> Message:
    at = typed_moment(wanted.at, turn.reader.now)
    if "." in wanted.clock and wanted.clock.upper().startswith(("INC-", "DRILL-", "TEST-")):
        incident, _, rest = wanted.clock.partition(".")
        clock = f"{incident.upper()}.{rest}"
    else:
        known = turn.operations.incident(turn.asker, turn.incident(wanted))["clocks"]
        found = _meant(wanted.clock.lower(), known)
        if len(found) != 1:
            return plan_answers.which_clock(turn.line, found or [c for c in known if is_open(c)], turn.reader)
        clock = found[0]["clock"]
    reply = turn.operations.submit_clock(turn.asker, clock, wanted.receipt, at=at, key=turn.key)
    if not reply.body["clocks"]:
        raise Invalid(f"{clock} was not changed")
    return turn.once(reply, plan_answers.submitted(reply.body["clocks"][0], turn.reader))


def _meant(word: str, clocks: list[Json]) -> list[Json]:
    """Open clocks that a word names: by id, regime or name; of several of one regime, those that have a date."""
    fits = [c for c in clocks if is_open(c) and word in (plan_answers.short_id(c), c["regime"], c["name"])]
    dated = [c for c in fits if c.get("due")]
    return dated if len(dated) == 1 else fits

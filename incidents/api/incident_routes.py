"""
Routes about incidents: declare, kill, preview, read, note, validate.
"""

from __future__ import annotations

from typing import Any

from incidents.api.forms import Declaration, Kill, NoteText, Nothing
from incidents.api.queries import CURSOR, SEQ_CURSOR, Query, limit
from incidents.api.registry import Answered, Call, Said, page, route, told
from incidents.decisions.incident import SEVERITIES, Kind
from incidents.errors import Unknown
from incidents.finding import MOST_WORDS
from incidents.life import STATUSES
from incidents.roles import Right

EXAMPLE = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme", "model": "orion-2"}}
SECTION = "Incidents"


@route(
    "POST",
    "/api/v1/incidents",
    section=SECTION,
    right=Right.RESPOND,
    form=Declaration,
    example=EXAMPLE,
    answers={
        201: Answered("Declared; its holds are durable", "Declared"),
        200: Answered("The same is declared already and stands: joined to it", "Joined"),
    },
)
def declare(call: Call) -> Said:
    """
    Declare an incident: the playbook's holds are placed in one write.

    Answers when the containment is durable. The same playbook, parameters and kind while that incident's holds all
    stand joins it (200, `joined: true`, `first_by`); `separate: true` makes a new one. 503 means that it could not be
    recorded: grants stop until it can be.
    """
    reply = call.operations.declare(call.asker, _said(call), call.key)
    return told(reply, f"/api/v1/incidents/{reply.body.get('id')}")


@route(
    "POST",
    "/api/v1/kills",
    section=SECTION,
    right=Right.RESPOND,
    form=Kill,
    example={"what": "partner", "name": "acme", "reason": "key seen on a public site"},
    answers={
        201: Answered("Declared with the playbook `break-glass`; its holds are durable", "Declared"),
        200: Answered("The same is off already: joined to that incident", "Joined"),
    },
)
def kill(call: Call) -> Said:
    """
    Pull the cord on one partner, capability or model.

    Needs a reason and nothing else. A capability is a flag (`orion-2:tool-use`) or a name (`tool-use`: on every model).
    """
    form = call.form(Kill)
    reply = call.operations.kill(call.asker, form.what, form.name, form.reason, call.key)
    return told(reply, f"/api/v1/incidents/{reply.body.get('id')}")


@route(
    "POST",
    "/api/v1/previews",
    section=SECTION,
    right=Right.READ,
    form=Declaration,
    example=EXAMPLE,
    keyed=False,
    answers={200: Answered("The blast radius", "Preview")},
)
def preview(call: Call) -> Said:
    """
    What a declaration would do; changes nothing.

    Takes the body of a declaration and answers flags, partners and models before and after, live usage, who would be
    told, the clocks proposed and how soon it would be contained.
    """
    return Said(200, call.operations.preview(call.asker, _said(call)))


def _said(call: Call) -> dict[str, Any]:
    return call.form(Declaration).model_dump()


@route(
    "GET",
    "/api/v1/incidents",
    section=SECTION,
    right=Right.READ,
    queries=(
        Query(name="status", about="Only those in this status", choices=STATUSES),
        Query(name="kind", about="Only those of this kind", choices=tuple(Kind)),
        Query(name="severity", about="Only those of this severity", choices=SEVERITIES),
        Query(
            name="q",
            about="Words that must all be found, each from its beginning, without case and accents: in title, summary,"
            " notes, updates, reasons and reviews, and in id, playbook, parameters and what was held; at most"
            f" {MOST_WORDS}",
        ),
        limit(),
        CURSOR,
    ),
    answers={200: Answered("Incidents, newest first", "IncidentPage")},
)
def incidents(call: Call) -> Said:
    """
    List incidents, newest first, or find some by their words.

    With `q` each has `hits`: the lines in which the words were found, with `marks`, the places of what matched in
    `snippet` (from, up to; counted in characters).
    """
    asked = call.query
    found = call.operations.incidents(
        call.asker,
        status=asked["status"],
        kind=asked["kind"],
        severity=asked["severity"],
        search=asked["q"],
        limit=asked["limit"],
        cursor=asked["cursor"],
    )
    return Said(200, found)


@route(
    "GET",
    "/api/v1/insights",
    section=SECTION,
    right=Right.READ,
    queries=(
        Query(name="kind", about="Real incidents or drills, never both in one figure", choices=("real", "drill")),
        Query(name="playbook", about="Only those by this playbook"),
    ),
    answers={200: Answered("Figures of the last twelve months", "Insights")},
)
def insights(call: Call) -> Said:
    """
    How fast things went: until contained, confirmed, told and given back, by month and by playbook.

    Median, nine of ten, and the worst, in seconds from the declaration. Also overdue follow-ups, and when each playbook
    was last drilled.
    """
    asked = call.query
    return Said(200, call.operations.insights(call.asker, kind=asked["kind"] or "real", playbook=asked["playbook"]))


@route(
    "GET",
    "/api/v1/incidents/{id}",
    section=SECTION,
    right=Right.READ,
    answers={200: Answered("The incident", "Incident")},
)
def incident(call: Call) -> Said:
    """
    One incident: what it holds, how far its containment is, who does what, what comes next.

    `evidence` is what stood where just before the kill; `life` says what still keeps each next step from being taken.
    """
    return Said(200, call.operations.incident(call.asker, call.path["id"]))


@route(
    "GET",
    "/api/v1/incidents/{id}/timeline",
    section=SECTION,
    right=Right.READ,
    queries=(limit(default=200, high=1000), SEQ_CURSOR),
    answers={200: Answered("Rows in the order in which they were recorded", "TimelinePage")},
)
def timeline(call: Call) -> Said:
    """
    An incident's timeline, as it was recorded.

    `at` is when it happened, `recorded_at` when it was written down; `digest` is the event's in the chain.
    """
    size = call.query["limit"]
    rows = call.operations.timeline(call.asker, call.path["id"], after=call.query["cursor"], limit=size + 1)
    return Said(200, page([row.wire() for row in rows], size, lambda row: row["seq"]))


@route(
    "GET",
    "/api/v1/incidents/{id}/containment",
    section=SECTION,
    right=Right.READ,
    answers={200: Answered("Which enforcement points have confirmed", "Containment")},
)
def containment(call: Call) -> Said:
    """
    Is it contained, and who proves it.

    `contained` when every point is confirmed or lapsed and none still serves; it is at `contained_by` at the latest.
    """
    return Said(200, call.operations.containment(call.asker, call.path["id"]))


@route(
    "POST",
    "/api/v1/incidents/{id}/notes",
    section=SECTION,
    right=Right.RESPOND,
    form=NoteText,
    example={"text": "Spoke with the partner's security contact; they rotate the key now."},
    answers={201: Answered("Written down", "NoteWritten")},
)
def note(call: Call) -> Said:
    """
    Write a note on the timeline.

    `at` is when it happened, if that was earlier. What looks like one of our tokens is masked before it is stored.
    """
    form = call.form(NoteText)
    reply = call.operations.note(call.asker, call.path["id"], form.text, form.at, call.key, restricted=form.restricted)
    here = f"/api/v1/incidents/{reply.body['incident']}/timeline?cursor={int(reply.body['seq']) - 1}&limit=1"
    return told(reply, here)


@route(
    "POST",
    "/api/v1/incidents/{id}/actions/{n}/validation",
    section=SECTION,
    right=Right.RESPOND,
    form=Nothing,
    answers={200: Answered("Its holds are placed", "Validated")},
)
def validate(call: Call) -> Said:
    """Give the word for an action that waits for a person."""
    number = call.path["n"]
    if not (number.isascii() and number.isdigit() and len(number) <= 6):
        raise Unknown(f"no action '{number[:40]}': actions are numbered from 1", code="unknown-action")
    return told(call.operations.validate(call.asker, call.path["id"], int(number), call.key))

"""
Routes about drills: start, end, call real, take part; lists, reports, and what drills prove for the release pipeline.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from incidents.api.forms import Form, Summary, Title
from incidents.api.queries import CURSOR, Query, limit
from incidents.api.registry import Answered, Call, Said, route, told
from incidents.api.work_forms import Why
from incidents.decisions.drills import FASTEST, PARTS
from incidents.drill_report import markdown
from incidents.drill_runs import Mode
from incidents.drill_work import EVIDENCE_DAYS
from incidents.roles import Right

SECTION = "Drills"
HERE = "/api/v1/drills/{id}"
MARKDOWN = "text/markdown; charset=utf-8"


class DrillStart(Form):
    """
    What is rehearsed, and how: ``tabletop``, ``dry-run``, ``shadow`` (if you don't say) or ``live``.

    ``lasts``: until it ends by itself, 1 minute to 8 hours; 30 minutes where it is left out, a tabletop an hour.
    ``compress``: its clocks run so many times as fast as real ones.
    """

    playbook: str
    parameters: dict[str, str] = Field(default_factory=dict)
    mode: Annotated[str, Field(json_schema_extra={"enum": [*Mode]})] = Mode.SHADOW.value
    lasts: Annotated[str, Field(examples=["30m"])] = ""
    announced: bool = True
    compress: Annotated[int, Field(ge=1, le=FASTEST)] = 1
    title: Title | None = None
    summary: Summary | None = None


class DrillEnd(Form):
    """``finished`` (it was gone through) or ``aborted``, which takes a reason."""

    how: Annotated[str, Field(json_schema_extra={"enum": ["finished", "aborted"]})] = "finished"
    reason: Why = ""


class DrillReal(Form):
    """What the real incident is; playbook and parameters are the drill's where nothing else is said."""

    playbook: str = ""
    parameters: dict[str, str] = Field(default_factory=dict)
    title: Title | None = None
    summary: Summary | None = None
    severity: Annotated[str, Field(json_schema_extra={"enum": ["sev1", "sev2", "sev3", "sev4"]})] | None = None


class DrillPerson(Form):
    """``join`` as ``part``, or ``leave``: oneself, or ``person``."""

    act: Annotated[str, Field(json_schema_extra={"enum": ["join", "leave"]})] = "join"
    person: str = ""
    part: Annotated[str, Field(json_schema_extra={"enum": [*PARTS]})] = "participant"


@route(
    "GET",
    "/api/v1/drills",
    section=SECTION,
    right=Right.READ,
    queries=(limit(), CURSOR),
    answers={200: Answered("Drills, newest first, and what is due", "DrillPage")},
)
def drills(call: Call) -> Said:
    """
    List drills with their scores, newest first.

    `playbooks` says when each was last rehearsed to the end and which are overdue; `coming` is the schedule.
    """
    return Said(200, call.operations.drills(call.asker, limit=call.query["limit"], cursor=call.query["cursor"]))


@route(
    "POST",
    "/api/v1/drills",
    section=SECTION,
    right=Right.RESPOND,
    form=DrillStart,
    example={"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}, "mode": "shadow"},
    answers={201: Answered("It runs; ends by itself", "Declared")},
)
def start_drill(call: Call) -> Said:
    """
    Start a drill.

    Refused while a real sev1 or sev2 is open. `live` takes the role commander and a plan that touches partners marked
    `ghost` alone.
    """
    reply = call.operations.start_drill(call.asker, call.form(DrillStart).model_dump(), call.key)
    return told(reply, f"/api/v1/incidents/{reply.body.get('id')}")


@route(
    "POST",
    f"{HERE}/end",
    section=SECTION,
    right=Right.RESPOND,
    form=DrillEnd,
    example={"how": "finished"},
    answers={200: Answered("It is over, what it held is lifted", "DrillEnded")},
)
def end_drill(call: Call) -> Said:
    """
    End a drill.

    Lifts what it held in the same write, and says whether the live table is as it was (`equal`). `left` are live holds
    that bind somebody who is no ghost partner any more: they take a restore by two people.
    """
    form = call.form(DrillEnd)
    return told(call.operations.end_drill(call.asker, call.path["id"], form.how, form.reason, call.key))


@route(
    "POST",
    f"{HERE}/real",
    section=SECTION,
    right=Right.RESPOND,
    form=DrillReal,
    example={"summary": "their key is really out"},
    answers={
        201: Answered("Declared, the drill is aborted", "Declared"),
        200: Answered("The same real incident stands: joined to it, the drill is aborted", "Joined"),
    },
)
def call_real(call: Call) -> Said:
    """
    Call it real: abort the drill and declare a new, linked, real incident, in one write.

    The drill itself never becomes real.
    """
    reply = call.operations.call_real(call.asker, call.path["id"], call.form(DrillReal).model_dump(), call.key)
    return told(reply, f"/api/v1/incidents/{reply.body.get('id')}")


@route(
    "POST",
    f"{HERE}/people",
    section=SECTION,
    right=Right.RESPOND,
    form=DrillPerson,
    example={"act": "join", "part": "facilitator"},
    answers={200: Answered("Recorded, or it was so already", "Worked")},
)
def drill_people(call: Call) -> Said:
    """Take part in a drill, or no longer. Comments are notes on its timeline."""
    form = call.form(DrillPerson)
    reply = call.operations.drill_people(
        call.asker, call.path["id"], form.act, person=form.person, part=form.part, key=call.key
    )
    return told(reply)


@route(
    "GET",
    f"{HERE}/report",
    section=SECTION,
    right=Right.READ,
    queries=(Query(name="format", about="`md`: the same as Markdown", choices=("json", "md"), default="json"),),
    answers={200: Answered("Score, measures, waterfall, trend", "DrillReport")},
)
def drill_report(call: Call) -> Said:
    """
    How a drill went: its times beside the target, the drill before and the best.

    `next` is what is still to come while it runs, for whoever runs it.
    """
    found = call.operations.drill_report(call.asker, call.path["id"])
    return Said(200, markdown(found), media=MARKDOWN) if call.query["format"] == "md" else Said(200, found)


@route(
    "GET",
    "/api/v1/drills/evidence",
    section=SECTION,
    right=Right.READ,
    queries=(Query(name="days", about="How old it may be", low=1, high=3650, default=EVIDENCE_DAYS),),
    answers={200: Answered("Per gateway, and whether all are", "DrillEvidence")},
)
def drill_evidence(call: Call) -> Said:
    """
    Was the kill switch exercised through every registered gateway lately?

    `ok` only if each has confirmed a shadow or live drill within the days and since it was registered; `until` says
    how long that holds without another drill.
    """
    return Said(200, call.operations.drill_evidence(call.asker, call.query["days"]))

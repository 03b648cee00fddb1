"""
Routes about clocks: what is due, the facts it runs from, what became of it, the register behind it.
"""

from __future__ import annotations

from incidents.api.clock_forms import ClockDecision, Fact, Submission, TakeRegime
from incidents.api.queries import CURSOR, Query, limit
from incidents.api.registry import Answered, Call, Said, page, route, told
from incidents.calendar_links import sealed
from incidents.clock_operations import LIST_STATES
from incidents.decisions.clockfacts import AnchorFact
from incidents.decisions.incident import Kind
from incidents.errors import FieldError, Forbidden, Invalid
from incidents.filing_document import html
from incidents.operating import moment
from incidents.roles import Right

SECTION = "Clocks"
MOVED = {
    201: Answered("Recorded; the clocks that it touched as they stand now, and what must be shouted", "ClocksMoved"),
    200: Answered("It was so already", "ClocksMoved"),
}


@route(
    "GET",
    "/api/v1/clocks",
    section=SECTION,
    right=Right.READ,
    queries=(
        Query(name="state", about="Only those in this state; without it, those that are open", choices=LIST_STATES),
        Query(name="incident", about="Only those of this incident, also when it is over"),
        Query(name="kind", about="Only those of incidents of this kind", choices=tuple(Kind)),
        Query(name="owner", about="Only those that this person has to see to"),
        limit(),
        CURSOR,
    ),
    answers={200: Answered("Clocks by strict due moment, those without one last", "ClockPage")},
)
def clocks(call: Call) -> Said:
    """
    Deadlines across incidents, the next one first.

    `due` is the strict moment: nothing rolled over; `latest` is what the regime's rule would still allow. Clocks of
    incidents that are over are left out, unless `incident` names one. Drills and tests are marked `simulated`.
    """
    asked = call.query
    found = call.operations.clocks(
        call.asker,
        state=asked["state"],
        incident=asked["incident"],
        kind=asked["kind"],
        owner=asked["owner"],
        limit=asked["limit"],
        cursor=asked["cursor"],
    )
    return Said(200, found)


@route(
    "GET",
    "/api/v1/clocks/{id}",
    section=SECTION,
    right=Right.READ,
    answers={200: Answered("The clock with its content, history and words", "ClockWhole")},
)
def clock(call: Call) -> Said:
    """One clock: what it asks for, how its deadline came about and moved, what was said."""
    return Said(200, call.operations.clock(call.asker, call.path["id"]))


@route(
    "GET",
    "/api/v1/clocks/{id}/pack",
    section=SECTION,
    right=Right.READ,
    queries=(
        Query(name="format", about="How it is written; json where it is left out", choices=("json", "md", "html")),
    ),
    answers={200: Answered("The filing pack", "FilingPack")},
)
def clock_pack(call: Call) -> Said:
    """
    The filing pack of one clock: what the notice has to say as far as it is known, the evidence, the log's digest.

    What nobody has recorded is said to be unknown, with the reason. `md` and `html` are documents for filing by hand.
    """
    found = call.operations.pack(call.asker, call.path["id"])
    written = call.query["format"] or "json"
    headers = {"Content-Disposition": f'attachment; filename="{found["clock"]}.{written}"'} if written != "json" else {}
    match written:
        case "md":
            return Said(200, found["markdown"], headers, media="text/markdown; charset=utf-8")
        case "html":
            return Said(200, html(found), headers, media="text/html; charset=utf-8")
    return Said(200, found)


@route(
    "POST",
    "/api/v1/clocks/{id}/submission",
    section=SECTION,
    right=Right.COMMAND,
    form=Submission,
    example={"receipt": "receipt 2026-118-4411 of the authority's portal"},
    answers=MOVED,
)
def submit_clock(call: Call) -> Said:
    """
    Record that a person has sent or filed it. This sends nothing.

    Takes a token that belongs to a person. What runs from this submission gets its deadline.
    """
    form = call.form(Submission)
    reply = call.operations.submit_clock(
        call.asker, call.path["id"], form.receipt, at=form.at, late_because=form.late_because, key=call.key
    )
    return told(reply, f"/api/v1/clocks/{call.path['id']}")


@route(
    "POST",
    "/api/v1/clocks/{id}/notice",
    section=SECTION,
    right=Right.RESPOND,
    answers={201: Answered("Drafted within a second", "ClockNotice")},
)
def draft_notice(call: Call) -> Said:
    """
    Have the notice to its authority drafted for a clock that has none: it is not sure to be owed yet, or was refused.

    A duty that runs has its notice without asking. Takes a token that belongs to a person. This sends nothing.
    """
    reply = call.operations.draft_notice(call.asker, call.path["id"], call.key)
    return told(reply, f"/api/v1/notices/{reply.body['id']}")


@route(
    "POST",
    "/api/v1/clocks/{id}/decision",
    section=SECTION,
    right=Right.COMMAND,
    form=ClockDecision,
    example={"decision": "not-reportable", "reason": "no data of people were in reach of the key"},
    answers={200: Answered("Recorded", "ClocksMoved")},
)
def decide_clock(call: Call) -> Said:
    """
    Decide what becomes of a clock: `not-reportable`, `stayed` by an order, or `open` again.

    Without the deadline's name (`INC-2026-0001.gdpr-art33`) it concerns every open clock of that regime. Takes a token
    that belongs to a person.
    """
    form = call.form(ClockDecision)
    reply = call.operations.decide_clock(
        call.asker, call.path["id"], form.decision, form.reason, until=form.until, key=call.key
    )
    return told(reply)


@route(
    "POST",
    "/api/v1/incidents/{id}/facts",
    section=SECTION,
    right=Right.RESPOND,
    form=Fact,
    example={"anchor": "awareness", "at": "2026-11-23T13:40:00Z", "evidence": "mail of the partner's security desk"},
    answers=MOVED,
)
def tell_fact(call: Call) -> Said:
    """
    Tell a fact that clocks run from: when something happened, or whether a condition holds.

    Several times for one anchor stand beside each other; the earliest counts until somebody with the right to command
    chooses one. Deadlines are computed anew; `shout` says which came earlier or are past already.
    """
    form = call.form(Fact)
    if (form.anchor is None) == (form.condition is None):
        message = "tell either when something happened (anchor, at) or whether a condition holds (condition, holds)"
        raise Invalid(message, errors=[FieldError("anchor", message)])
    if form.condition is not None:
        if form.holds is None:
            raise Invalid.at("holds", "say whether the condition holds: true or false")
        reply = call.operations.answer_condition(
            call.asker, call.path["id"], form.condition, form.holds, form.evidence, call.key
        )
        return told(reply, f"/api/v1/clocks?incident={call.path['id']}")
    at = moment(form.at)
    if form.anchor is None or at is None:
        raise Invalid.at("at", "say when, with its zone, like 2026-11-23T14:02:07Z")
    fact = AnchorFact(
        anchor=form.anchor,
        at=at,
        zone=form.zone,
        evidence=form.evidence,
        choose=form.choose,
        withdraw=form.withdraw,
    )
    reply = call.operations.tell_fact(call.asker, call.path["id"], fact, call.key)
    return told(reply, f"/api/v1/clocks?incident={call.path['id']}")


@route(
    "GET",
    "/api/v1/incidents/{id}/clocks",
    section=SECTION,
    right=Right.READ,
    answers={200: Answered("Clocks, the facts that they run from, what is left out and why", "IncidentClocks")},
)
def incident_clocks(call: Call) -> Said:
    """Everything about the clocks of one incident."""
    return Said(200, call.operations.incident_clocks(call.asker, call.path["id"]))


@route(
    "POST",
    "/api/v1/incidents/{id}/clocks",
    section=SECTION,
    right=Right.RESPOND,
    form=TakeRegime,
    example={"regime": "uk-gdpr-art33"},
    answers=MOVED,
)
def take_regime(call: Call) -> Said:
    """
    Take up a regime that the playbook did not name.

    Refused for a bill, for what does not apply yet, and for what is switched off: the answer says why.
    """
    reply = call.operations.take_regime(call.asker, call.path["id"], call.form(TakeRegime).regime, call.key)
    return told(reply, f"/api/v1/clocks?incident={call.path['id']}")


@route(
    "GET",
    "/api/v1/regimes",
    section=SECTION,
    right=Right.READ,
    queries=(limit(default=200), CURSOR),
    answers={200: Answered("Regimes by id", "RegimePage")},
)
def regimes(call: Call) -> Said:
    """
    The register: who owes what to whom, and whether it counts.

    `enabled` false is never shown as an obligation; `because` says why. `stale` has not been reviewed for too long.
    """
    rows = [row for row in call.operations.regimes(call.asker) if row["id"] > call.query["cursor"]]
    return Said(200, page(rows, call.query["limit"], lambda row: row["id"]))


@route(
    "GET",
    "/api/v1/regimes/{id}",
    section=SECTION,
    right=Right.READ,
    answers={200: Answered("The regime, with its file as values", "Regime")},
)
def regime(call: Call) -> Said:
    """One regime of the register."""
    return Said(200, call.operations.regime(call.asker, call.path["id"]))


@route(
    "GET",
    "/api/v1/calendar",
    section=SECTION,
    right=Right.READ,
    queries=(Query(name="mine", about="Only what the person has to see to", switch=True, default=False),),
    answers={200: Answered("The address of the feed", "CalendarLink")},
)
def calendar(call: Call) -> Said:
    """
    The address of your calendar feed (iCalendar) of deadlines and scheduled drills.

    It is signed for the token that asks and needs no other; revoking that token ends it. It names incidents, regimes
    and recipients, never titles or summaries.
    """
    if call.asker.token is None or call.asker.actor.person is None:
        raise Forbidden("a calendar feed belongs to a person: ask with a token of theirs", code="person-needed")
    scope = "mine" if call.query["mine"] else "all"
    link = sealed(call.service.secret("calendar"), call.asker.token, scope)
    return Said(200, {"url": f"{call.service.settings.url}/calendar/{link}.ics", "scope": scope})

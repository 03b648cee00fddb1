"""
One incident: four answers, the picture, the list, what is owed, and the way back with its forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from incidents.clock import parse_rfc3339, rfc3339
from incidents.decisions.incident import NOTE_LIMIT, REASON_LIMIT
from incidents.errors import AndonError, Invalid
from incidents.operations import Reply
from incidents.picture import draw
from incidents.timeline import Row
from incidents.web.frame import answer_key, asker, pages, service, show
from incidents.web.words import plural

SHOWN_ROWS = 400
SAID = {
    "declared": "Declared. What this page says about containment is judged as gateways answer.",
    "joined": "This was declared already and still stands; you joined it.",
    "noted": "Noted.",
    "validated": "Validated: the action is in force.",
    "asked": "Asked. Another person has to approve the exact plan.",
    "approved": "Approved.",
    "lifted": "Approved: the holds are lifted.",
    "refused": "Refused: nothing was lifted.",
}
Json = dict[str, Any]


@pages.get("/incidents/<id>")
def incident(id: str) -> Response:
    return _incident(id)


def _incident(id: str, error: AndonError | None = None, form: str = "") -> Response:
    """The page; after a refusal with the error beside the form that was sent, and what was typed still in it."""
    desk = service().operations
    found = desk.incident(asker(), id)
    rows = desk.timeline(asker(), id, limit=100_000)
    now = service().clock.now()
    owed = _owed(found)
    typed = request.form if error is not None else {}
    return show(
        "incident.html",
        error.status if error is not None else 200,
        i=found,
        c=found["containment"],
        points=_points(found["containment"]["points"]),
        changes=desk.before_and_now(asker(), id),
        rows=sorted(rows, key=lambda row: (row.at, row.seq), reverse=True)[:SHOWN_ROWS],
        newest=rows[-1] if rows else None,
        older=max(0, len(rows) - SHOWN_ROWS),
        reasons=_reasons(rows),
        picture=draw(rows, now),
        names=desk.people_names(asker()),
        owed=[row for row in owed if row["due_at"] > rfc3339(now)],
        overdue=[row for row in owed if row["due_at"] <= rfc3339(now)],
        dark=_dark(found),
        asking=next((r for r in found["restores"] if r["state"] == "open"), None),
        standing=[h for h in found["holds"] if h["standing"]],
        waiting=[a for a in found["actions"] if a["state"] == "waiting"],
        said=SAID.get(request.args.get("said", "")),
        error=error,
        form=form,
        typed=typed,
        only=request.form.getlist("only") if error is not None else [],
        limits={"note": NOTE_LIMIT, "reason": REASON_LIMIT},
    )


def _points(rows: list[Json]) -> Json:
    """Those that are not confirmed on top and whole; the confirmed ones folded, the slowest first."""
    order = {"serving": 0, "refused": 1, "pending": 2, "lapsed": 3}
    confirmed = sorted((p for p in rows if p["state"] == "confirmed"), key=lambda p: -(p["ms"] or 0))
    others = sorted((p for p in rows if p["state"] != "confirmed"), key=lambda p: (order.get(p["state"], 9), p["name"]))
    return {
        "confirmed": confirmed,
        "others": others,
        "lapsed": [p for p in others if p["state"] == "lapsed"],
        "slowest": confirmed[0] if confirmed else None,
        "may_serve": [p for p in others if "may still serve" in p["because"]],
        "refused": [p for p in others if p["state"] in ("refused", "serving")],
    }


def _owed(found: Json) -> list[Json]:
    """Everything with a date, the first one first."""
    owed = [
        {"due_at": task["due_at"], "what": task["title"], "who": task["role"]}
        for task in found["tasks"]
        if task.get("due_at")
    ]
    review = found["postmortem"]
    if review.get("due_at"):
        owed.append({"due_at": review["due_at"], "what": "Review of the incident", "who": "commander"})
    return sorted(owed, key=lambda row: str(row["due_at"]))


def _dark(found: Json) -> str:
    """``1 partner, 2 capabilities``: whom and what the standing holds keep out."""
    standing = [hold["kind"] for hold in found["holds"] if hold["standing"]]
    counts = [
        (sum(kind in kinds for kind in standing), one, many)
        for kinds, one, many in (
            (("partner",), "partner", "partners"),
            (("flag", "capability"), "capability", "capabilities"),
            (("halt", "stage"), "model", "models"),
            (("cap",), "throttle", "throttles"),
        )
    ]
    return ", ".join(plural(n, one, many) for n, one, many in counts if n) or "Nobody"


def _reasons(rows: list[Row]) -> dict[str, str]:
    """What was said when a restore was asked for; the words live in the log, not in the request."""
    return {
        row.data["request"]: row.text.partition("Reason: ")[2]
        for row in rows
        if row.kind == "restore:request:asked" and "Reason: " in row.text
    }


# --- forms ----------------------------------------------------------------------------------------------------------


def _attempt(id: str, form: str, act: Callable[[], Reply], said: Callable[[Reply], str], part: str) -> Response:
    try:
        reply = act()
    except AndonError as error:
        return _incident(id, error, form)
    return redirect(f"/incidents/{id}?said={said(reply)}#{part}", 303)


@pages.post("/incidents/<id>/notes")
def add_note(id: str) -> Response:
    text, at = request.form.get("text", "").replace("\r\n", "\n"), request.form.get("at", "").strip()

    def act() -> Reply:
        key = answer_key({"id": id, "text": text, "at": at})
        return service().operations.note(asker(), id, text, _moment(at), key)

    return _attempt(id, "note", act, lambda reply: "noted", "what-happened")


def _moment(at: str) -> str | None:
    """``14:05`` means today, UTC; a date with a time may leave its zone out, which is UTC then."""
    if not at:
        return None
    today = service().clock.now().strftime("%Y-%m-%d")
    text = f"{today}T{at}" if at[2:3] == ":" else at
    for whole in (text, f"{text}Z"):
        try:
            parse_rfc3339(whole)
        except ValueError:
            continue
        return whole
    message = f"'{at[:60]}' is not a time; write 14:05 for today, or 2026-11-23 14:05 (UTC)"
    raise Invalid.at("at", message)


@pages.post("/incidents/<id>/actions/<int:number>/validation")
def validate_action(id: str, number: int) -> Response:
    def act() -> Reply:
        return service().operations.validate(asker(), id, number, answer_key({"id": id, "number": number}))

    return _attempt(id, f"validate-{number}", act, lambda reply: "validated", "actions")


@pages.post("/incidents/<id>/restores")
def ask_restore(id: str) -> Response:
    only = sorted({int(n) for n in request.form.getlist("only") if n.isascii() and n.isdigit() and len(n) < 6})
    reason = request.form.get("reason", "").replace("\r\n", "\n")

    def act() -> Reply:
        if not only:
            raise Invalid.at("only", "choose at least one thing to give back")
        key = answer_key({"id": id, "only": only, "reason": reason})
        return service().operations.ask_restore(asker(), id, only, reason, key)

    return _attempt(id, "ask", act, lambda reply: "asked", "way-back")


@pages.post("/restores/<request_id>/approval")
def approve_restore(request_id: str) -> Response:
    digest = request.form.get("plan_digest", "")

    def act() -> Reply:
        key = answer_key({"request": request_id, "plan_digest": digest})
        return service().operations.approve(asker(), request_id, digest, key)

    def said(reply: Reply) -> str:
        return "lifted" if reply.body.get("state") == "done" else "approved"

    return _attempt(_incident_of(request_id), "approve", act, said, "way-back")


@pages.post("/restores/<request_id>/refusal")
def refuse_restore(request_id: str) -> Response:
    reason = request.form.get("reason", "").replace("\r\n", "\n")

    def act() -> Reply:
        key = answer_key({"request": request_id, "reason": reason})
        return service().operations.refuse(asker(), request_id, reason, key)

    return _attempt(_incident_of(request_id), "refuse", act, lambda reply: "refused", "way-back")


def _incident_of(request_id: str) -> str:
    incident_id: str = service().operations.restore_request(asker(), request_id)["incident"]
    return incident_id

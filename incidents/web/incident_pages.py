"""
One incident: the answers on top, the picture, who could use what, the lines, and the forms that stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from incidents.clock import parse_rfc3339
from incidents.decisions.incident import NOTE_LIMIT, REASON_LIMIT
from incidents.errors import AndonError, Invalid
from incidents.operations import Reply
from incidents.reading import Reading
from incidents.share_links import share_link
from incidents.timeline import Row
from incidents.web import answers, lines
from incidents.web.frame import answer_key, asker, pages, service, show
from incidents.web.picture import draw
from incidents.web.scale import NARROW, WIDE

SAID = {
    "declared": "Declared. What this page says about containment is judged as gateways answer.",
    "joined": "This was declared already and still stands; you joined it.",
    "noted": "Noted.",
    "validated": "Validated: the action is in force.",
    "asked": "Asked. Another person has to approve the exact plan.",
    "approved": "Approved.",
    "lifted": "Approved: the holds are lifted.",
    "refused": "Refused: nothing was lifted.",
    "shared": "The link is made. Whoever has it sees this incident until it ends, without signing in.",
    "unshared": "Revoked: the link shows nothing any more.",
}
SHARE_LIVES = {"1h": "1 hour", "24h": "1 day", "7d": "7 days", "30d": "30 days"}
Json = dict[str, Any]


@pages.get("/incidents/<id>")
def incident(id: str) -> Response:
    return incident_page(id)


def incident_page(id: str, error: AndonError | None = None, form: str = "") -> Response:
    """The page; after a refusal with the error beside the form that was sent, and what was typed still in it."""
    found = service().operations.reading(asker(), id)
    whole = found.whole
    return show(
        "incident.html",
        error.status if error is not None else 200,
        **story(found),
        reasons=_reasons(found.rows),
        shares=[row | {"url": _address(whole["id"], row)} for row in whole["shares"] if row["state"] == "live"],
        share_lives=SHARE_LIVES,
        said=SAID.get(request.args.get("said", "")),
        error=error,
        form=form,
        typed=request.form if error is not None else {},
        only=request.form.getlist("only") if error is not None else [],
        limits={"note": NOTE_LIMIT, "reason": REASON_LIMIT},
    )


def story(found: Reading) -> Json:
    """What the page and the link that is handed out have in common."""
    now, whole = service().clock.now(), found.whole
    names = {id: row["name"] for id, row in found.people.items()}
    wish = lines.wanted(request.args)
    return {
        "i": whole,
        "c": whole["containment"],
        "names": names,
        "people": found.people,
        "severity": service().severities.all().get(whole["severity"]),
        "decider": answers.decider(whole, names),
        "sentence": answers.sentence(whole, names),
        "points": answers.points(whole["containment"]["points"]),
        "owed": answers.owed(whole, now),
        "who": answers.partners(found.exposure, now),
        "things": answers.things(found.exposure),
        "standing": [hold for hold in whole["holds"] if hold["standing"]],
        "waiting": [action for action in whole["actions"] if action["state"] == "waiting"],
        "asking": next((r for r in whole["restores"] if r["state"] == "open"), None),
        "models": answers.by_model(found.exposure, now),
        "exposure": found.exposure,
        "pictures": draw(found.rows, now, found.exposure["holds"], sheets=(WIDE, NARROW)),
        "wish": wish,
        "shown": lines.choose(found.rows, wish),
        "lanes": lines.LANES,
        "kinds": {name: words for name, (words, _) in lines.KINDS.items()},
        "newest": found.rows[-1] if found.rows else None,
    }


def _address(id: str, share: Json) -> str:
    return share_link(service(), id, share["id"], parse_rfc3339(share["expires_at"]))


def _reasons(rows: list[Row]) -> dict[str, str]:
    """What was said when a restore was asked for; the words live in the log, not in the request."""
    return {
        row.data["request"]: row.text.partition("Reason: ")[2]
        for row in rows
        if row.kind == "restore:request:asked" and "Reason: " in row.text
    }


# --- forms ----------------------------------------------------------------------------------------------------------


def attempt(id: str, form: str, act: Callable[[], Reply], said: Callable[[Reply], str], part: str) -> Response:
    """Do what a form asks for and go back to that part of the page, or show the page with what was typed."""
    try:
        reply = act()
    except AndonError as error:
        return incident_page(id, error, form)
    return redirect(f"/incidents/{id}?said={said(reply)}#{part}", 303)


@pages.post("/incidents/<id>/notes")
def add_note(id: str) -> Response:
    text, at = request.form.get("text", "").replace("\r\n", "\n"), request.form.get("at", "").strip()

    def act() -> Reply:
        key = answer_key({"id": id, "text": text, "at": at})
        return service().operations.note(asker(), id, text, _moment(at), key)

    return attempt(id, "note", act, lambda reply: "noted", "what-happened")


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

    return attempt(id, f"validate-{number}", act, lambda reply: "validated", "actions")


@pages.post("/incidents/<id>/restores")
def ask_restore(id: str) -> Response:
    only = sorted({int(n) for n in request.form.getlist("only") if n.isascii() and n.isdigit() and len(n) < 6})
    reason = request.form.get("reason", "").replace("\r\n", "\n")

    def act() -> Reply:
        if not only:
            raise Invalid.at("only", "choose at least one thing to give back")
        key = answer_key({"id": id, "only": only, "reason": reason})
        return service().operations.ask_restore(asker(), id, only, reason, key)

    return attempt(id, "ask", act, lambda reply: "asked", "way-back")


@pages.post("/restores/<request_id>/approval")
def approve_restore(request_id: str) -> Response:
    digest = request.form.get("plan_digest", "")

    def act() -> Reply:
        key = answer_key({"request": request_id, "plan_digest": digest})
        return service().operations.approve(asker(), request_id, digest, key)

    def said(reply: Reply) -> str:
        return "lifted" if reply.body.get("state") == "done" else "approved"

    return attempt(_incident_of(request_id), "approve", act, said, "way-back")


@pages.post("/restores/<request_id>/refusal")
def refuse_restore(request_id: str) -> Response:
    reason = request.form.get("reason", "").replace("\r\n", "\n")

    def act() -> Reply:
        key = answer_key({"request": request_id, "reason": reason})
        return service().operations.refuse(asker(), request_id, reason, key)

    return attempt(_incident_of(request_id), "refuse", act, lambda reply: "refused", "way-back")


def _incident_of(request_id: str) -> str:
    incident_id: str = service().operations.restore_request(asker(), request_id)["incident"]
    return incident_id

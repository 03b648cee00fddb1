"""
One incident: the answers on top, the picture, who could use what, the lines, and the forms that stand beside them.
The way back is ``way_back`` and ``restoring``, links to it ``sharing``, what people do to it ``working_forms``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from incidents.clock import parse_rfc3339
from incidents.decisions.incident import NOTE_LIMIT, REASON_LIMIT
from incidents.errors import AndonError
from incidents.operations import Reply
from incidents.picture import draw
from incidents.reading import Reading
from incidents.scale import NARROW, WIDE
from incidents.share_links import share_link
from incidents.timeline import Row
from incidents.web import answers, lines, way_back, working
from incidents.web.clock_card import clocks_card
from incidents.web.frame import answer_key, asker, pages, service, show
from incidents.web.notice_pages import notices_card

SAID = {
    "declared": "Declared. What this page says about containment is judged as gateways answer.",
    "joined": "This was declared already and still stands; you joined it.",
    "noted": "Noted.",
    "validated": "Validated: the action is in force.",
    "asked": "Asked. Another person has to approve the exact plan.",
    "approved": "Approved.",
    "lifted": "Approved: the holds are lifted.",
    "begun": "Approved: the first step is done, the rest follows by itself.",
    "stopped": "Stopped: no further step.",
    "taken-back": "Stopped: what was given back is held again; this page says which gateways have confirmed it.",
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
        card=clocks_card(id),
        back=way_back.values(whole, again=error is not None),
        w=working.values(found, asker(), form=form, error=error),
        reasons=_reasons(found.rows),
        shares=[row | {"url": _address(whole["id"], row)} for row in whole["shares"] if row["state"] == "live"],
        share_lives=SHARE_LIVES,
        links_end_early=service().links_end_early,
        said=SAID.get(request.args.get("said", "")),
        error=error,
        form=form,
        typed=request.form if error is not None else {},
        told=notices_card(whole["id"]),
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
        "cost": answers.cost(found.exposure),
        "standing": [hold for hold in whole["holds"] if hold["standing"]],
        "waiting": [action for action in whole["actions"] if action["state"] == "waiting"],
        "asking": any(r["state"] == "open" for r in whole["restores"]),
        "running": any(r["state"] == "running" for r in whole["restores"]),
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


def attempt(
    id: str, form: str, act: Callable[[], Reply], said: Callable[[Reply], str], part: str, line: int = 0
) -> Response:
    """
    Do what a form asks for and go back to the incident's page; a refusal shows the page with the form as it was.

    Args:
        line: A line of the timeline that has to be on the page afterwards.
    """
    try:
        reply = act()
    except AndonError as error:
        return incident_page(id, error, form)
    where = f"&line={line}" if line else ""
    return redirect(f"/incidents/{id}?said={said(reply)}{where}#{part}", 303)


@pages.post("/incidents/<id>/actions/<int:number>/validation")
def validate_action(id: str, number: int) -> Response:
    def act() -> Reply:
        return service().operations.validate(asker(), id, number, answer_key({"id": id, "number": number}))

    return attempt(id, f"validate-{number}", act, lambda reply: "validated", "actions")

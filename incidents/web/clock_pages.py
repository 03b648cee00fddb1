"""
Clocks: what is due across incidents, one incident's clocks with the facts that they run from, one clock, the register.

What an incident's own page shows of them is in ``clock_card``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Response as Made
from flask import abort, redirect, request
from werkzeug.wrappers import Response

from incidents.calendar_feed import feed
from incidents.calendar_links import SCOPES, opened, sealed
from incidents.clock import parse_rfc3339
from incidents.clock_operations import LIST_STATES
from incidents.credentials import Credential
from incidents.decisions.clockfacts import AnchorFact
from incidents.decisions.incident import REASON_LIMIT, Kind
from incidents.errors import AndonError, Invalid
from incidents.filing_document import html
from incidents.operations import Reply
from incidents.roles import Right
from incidents.typed_times import typed_moment
from incidents.web.clock_card import sorted_out
from incidents.web.frame import answer_key, asker, pages, service, show, visitor, web
from playbooks.anchors import ANCHORS

PAGE = 100
FEED_LIMIT = 1_000
SAID = {
    "told": "Recorded. The deadlines below are computed with it.",
    "already": "It was so already.",
    "taken": "Taken up.",
    "submitted": "Recorded as submitted. Andon has sent nothing.",
    "not-reportable": "Decided: not reportable.",
    "stayed": "Stayed.",
    "open": "It runs again.",
}
Json = dict[str, Any]


# --- across incidents -----------------------------------------------------------------------------------------------


@pages.get("/clocks")
def clocks() -> Response:
    asked = {name: request.args.get(name, "") for name in ("state", "kind", "owner")}
    wrong = asked["state"] not in ("", *LIST_STATES) or asked["kind"] not in ("", *Kind)
    if wrong:
        asked = dict.fromkeys(asked, "")
    operations = service().operations
    found = operations.clocks(asker(), **asked, limit=PAGE, cursor=request.args.get("cursor", ""))
    rows = found["items"]
    parts = sorted_out(rows)
    return show(
        "clocks.html",
        rows=rows,
        dated=[*parts["dated"], *parts["settled"]],
        waiting=parts["waiting"],
        asked=asked,
        states=LIST_STATES,
        kinds=tuple(Kind),
        owners=sorted({row["owner"] for row in rows if row["owner"]} | ({asked["owner"]} - {""})),
        names=operations.people_names(asker()),
        late=[row for row in rows if row["state"] == "late" and not row["simulated"] and not row["internal"]],
        ahead=[row for row in rows if row["state"] == "running" and row["due"] and not row["simulated"]],
        asking=[row for row in rows if row["asks"] or row["sooner"]],
        stale=operations.stale_regimes(asker()),
        next=found["next"],
        feeds=_feeds(),
    )


def _feeds() -> dict[str, str]:
    """The visitor's calendar addresses by scope; none for a token without a person."""
    who = visitor().credential
    if who.person is None:
        return {}
    secret = service().secret("calendar")
    return {s: f"{service().settings.url}/calendar/{sealed(secret, who.token, s)}.ics" for s in SCOPES}


@pages.get("/calendar/<link>.ics")
def calendar_feed(link: str) -> Response:
    """The feed behind a signed address; it shows what its token may read now, and nothing once that is revoked."""
    known = opened(service().secret("calendar"), link)
    credential = web().sessions.credential_of(known[0]) if known is not None else None
    if known is None or credential is None or not _reads(credential):
        abort(404)
    who = credential.asker("calendar")
    owner = credential.person or "" if known[1] == "mine" else ""
    found = service().operations.clocks(who, owner=owner, limit=FEED_LIMIT)
    made = feed(
        found["items"],
        service().operations.drill_calendar(who),
        url=service().settings.url,
        ledger=service().ledger.id,
        now=service().clock.now(),
    )
    return Made(made, 200, content_type="text/calendar; charset=utf-8")


def _reads(credential: Credential) -> bool:
    return Right.READ in credential.rights and credential.person is not None


# --- one incident ---------------------------------------------------------------------------------------------------


@pages.get("/incidents/<id>/clocks")
def incident_clocks(id: str) -> Response:
    return _incident_clocks(id)


def _incident_clocks(id: str, error: AndonError | None = None, form: str = "") -> Response:
    operations = service().operations
    found = operations.incident_clocks(asker(), id)
    return show(
        "incident_clocks.html",
        error.status if error is not None else 200,
        d=found,
        **sorted_out(found["clocks"]),
        facts=found["facts"],
        anchors=ANCHORS,
        names=operations.people_names(asker()),
        said=SAID.get(request.args.get("said", "")),
        error=error,
        form=form,
        typed=request.form if error is not None else {},
        limit=REASON_LIMIT,
    )


@pages.post("/incidents/<id>/facts")
def tell_fact(id: str) -> Response:
    values = {name: request.form.get(name, "").strip() for name in ("anchor", "at", "evidence", "act")}

    def act() -> Reply:
        fact = AnchorFact(
            anchor=values["anchor"],
            at=_when(values["at"]),
            evidence=values["evidence"],
            choose=values["act"] == "choose",
            withdraw=values["act"] == "withdraw",
        )
        return service().operations.tell_fact(asker(), id, fact, answer_key({"id": id} | values))

    return _attempt(id, "fact", act, "told", "facts")


@pages.post("/incidents/<id>/answers")
def answer_condition(id: str) -> Response:
    values = {name: request.form.get(name, "").strip() for name in ("condition", "holds", "evidence")}

    def act() -> Reply:
        if values["holds"] not in ("yes", "no"):
            raise Invalid.at("holds", "say yes or no")
        return service().operations.answer_condition(
            asker(),
            id,
            values["condition"],
            values["holds"] == "yes",
            values["evidence"],
            answer_key({"id": id} | values),
        )

    return _attempt(id, f"answer-{values['condition']}", act, "told", "questions")


@pages.post("/incidents/<id>/clocks")
def take_regime(id: str) -> Response:
    regime = request.form.get("regime", "")

    def act() -> Reply:
        return service().operations.take_regime(asker(), id, regime, answer_key({"id": id, "regime": regime}))

    return _attempt(id, "take", act, "taken", "clocks")


def _attempt(id: str, form: str, act: Callable[[], Reply], said: str, part: str) -> Response:
    try:
        reply = act()
    except AndonError as error:
        return _incident_clocks(id, error, form)
    word = "already" if reply.body.get("already") else said
    return redirect(f"/incidents/{id}/clocks?said={word}#{part}", 303)


def _when(at: str) -> datetime:
    """
    Raises:
        Invalid: Nothing that is a time.
    """
    written = _typed(at)
    if written is None:
        raise Invalid.at("at", "say when it happened: 14:05 for today, or 2026-11-23 14:05 (UTC)")
    return parse_rfc3339(written)


def _typed(at: str) -> str | None:
    return typed_moment(at, service().clock.now())


# --- one clock ------------------------------------------------------------------------------------------------------


@pages.get("/clocks/<id>")
def clock(id: str) -> Response:
    return _clock(id)


def _clock(id: str, error: AndonError | None = None, form: str = "") -> Response:
    operations = service().operations
    found = operations.clock(asker(), id)
    return show(
        "clock.html",
        error.status if error is not None else 200,
        c=found,
        items=operations.pack(asker(), found["clock"])["items"],
        names=operations.people_names(asker()),
        said=SAID.get(request.args.get("said", "")),
        error=error,
        form=form,
        typed=request.form if error is not None else {},
        limit=REASON_LIMIT,
    )


@pages.post("/clocks/<id>/submission")
def submit_clock(id: str) -> Response:
    values = {name: request.form.get(name, "").strip() for name in ("receipt", "at", "late_because")}

    def act() -> Reply:
        return service().operations.submit_clock(
            asker(),
            id,
            values["receipt"],
            at=_typed(values["at"]),
            late_because=values["late_because"],
            key=answer_key({"id": id} | values),
        )

    return _on_clock(id, "submit", act, "submitted")


@pages.post("/clocks/<id>/decision")
def decide_clock(id: str) -> Response:
    values = {name: request.form.get(name, "").strip() for name in ("decision", "reason", "until")}

    def act() -> Reply:
        return service().operations.decide_clock(
            asker(),
            id,
            values["decision"],
            values["reason"],
            until=_typed(values["until"]),
            key=answer_key({"id": id} | values),
        )

    return _on_clock(id, values["decision"], act, values["decision"])


@pages.post("/clocks/<id>/notice")
def draft_notice(id: str) -> Response:
    try:
        reply = service().operations.draft_notice(asker(), id, answer_key({"id": id}))
    except AndonError as error:
        return _clock(id, error, "notice")
    return redirect(f"/notices/{reply.body['id']}", 303)


def _on_clock(id: str, form: str, act: Callable[[], Reply], said: str) -> Response:
    try:
        act()
    except AndonError as error:
        return _clock(id, error, form)
    return redirect(f"/clocks/{id}?said={said}", 303)


@pages.get("/clocks/<id>/pack.<written>")
def clock_pack(id: str, written: str) -> Response:
    """The filing pack as a document to keep: Markdown or a page that stands alone."""
    if written not in ("md", "html"):
        abort(404)
    found = service().operations.pack(asker(), id)
    text = found["markdown"] if written == "md" else html(found)
    kind = "text/markdown" if written == "md" else "text/html"
    made = Made(text, 200, content_type=f"{kind}; charset=utf-8")
    made.headers["Content-Disposition"] = f'attachment; filename="{found["clock"]}.{written}"'
    return made


# --- the register ---------------------------------------------------------------------------------------------------


@pages.get("/regimes")
def regimes() -> Response:
    rows = service().operations.regimes(asker())
    return show(
        "regimes.html",
        on=[row for row in rows if row["enabled"]],
        off=[row for row in rows if not row["enabled"]],
        stale=[row for row in rows if row["stale"] and row["enabled"]],
        problems=[str(problem) for problem in service().register.problems],
    )


@pages.get("/regimes/<id>")
def regime(id: str) -> Response:
    return show("regime.html", r=service().operations.regime(asker(), id))

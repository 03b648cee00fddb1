"""
Drills: what runs, what is due, how they went; starting one, running it, and calling it real.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from incidents.decisions.drills import PARTS
from incidents.decisions.incident import NOTE_LIMIT, REASON_LIMIT
from incidents.drill_report import markdown, shortfalls, verdicts
from incidents.drill_runs import Mode
from incidents.errors import AndonError
from incidents.operations import Reply
from incidents.web.declaring import PARAMETER, fields_of, known_things, playbook_of
from incidents.web.frame import answer_key, asker, pages, service, show
from incidents.web.waterfall import draw

ON_A_PAGE = 30
SAID = {
    "started": "It runs. What this page says is judged as gateways and people answer.",
    "finished": "Over. What it held is lifted; the proof stands below.",
    "aborted": "Aborted. What it held is lifted; the proof stands below.",
    "joined": "You take part.",
    "left": "You take part no longer.",
    "noted": "Noted on its timeline.",
}
MODES = {
    "tabletop": "Tabletop: people and steps only, nothing is held",
    "dry-run": "Dry run: what would go dark is shown, nothing is held",
    "shadow": "Shadow: the real path on a table that decides nothing",
    "live": "Live: ghost partners are switched off for real",
}
Json = dict[str, Any]


@pages.get("/drills")
def drills() -> Response:
    found = service().operations.drills(asker(), limit=ON_A_PAGE, cursor=request.args.get("cursor", ""))
    return show(
        "drills.html",
        running=[row for row in found["items"] if row["running"]],
        past=[row for row in found["items"] if not row["running"]],
        older=found["next"],
        books=found["playbooks"],
        rehearsed={row["playbook"] for row in found["items"] if row["running"]},
        overdue=[row for row in found["playbooks"] if row["overdue"]],
        coming=found["coming"],
        problems=found["schedule_problems"],
        evidence=service().operations.drill_evidence(asker()),
        names=service().operations.people_names(asker()),
    )


@pages.get("/drills/start")
def drill_form() -> Response:
    if not request.args.get("playbook"):
        return redirect("/drills#playbooks", 303)
    return _form(request.args.get("playbook", ""), {"parameters": {}, "mode": Mode.SHADOW.value})


def _form(name: str, asked: Json, error: AndonError | None = None) -> Response:
    book = playbook_of(name)
    faults = {e.where.removeprefix("parameters."): e.message for e in (error.errors if error is not None else ())}
    return show(
        "drill_start.html",
        error.status if error is not None else 200,
        book=book,
        fields=fields_of(book),
        asked=asked,
        faults=faults,
        error=error,
        modes=MODES,
        known=known_things(),
    )


@pages.post("/drills")
def start_drill() -> Response:
    form = request.form
    book = playbook_of(form.get("playbook", ""))
    parameters = {name: form.get(PARAMETER + name, "").strip() for name in book.parameters}
    body: Json = {
        "playbook": book.id,
        "parameters": {name: value for name, value in parameters.items() if value},
        "mode": form.get("mode", ""),
        "lasts": form.get("lasts", "").strip(),
        "title": form.get("title", "").strip(),
        "announced": not form.get("unannounced"),
        "compress": form.get("compress", "").strip(),
    }
    try:
        reply = service().operations.start_drill(asker(), body, answer_key(body))
    except AndonError as error:
        return _form(book.id, body, error)
    return redirect(f"/drills/{reply.body['id']}?said=started", 303)


@pages.get("/drills/<id>")
def drill(id: str) -> Response:
    return _drill(id)


def _drill(id: str, error: AndonError | None = None) -> Response:
    found = service().operations.drill_report(asker(), id)
    return show(
        "drill.html",
        error.status if error is not None else 200,
        d=found,
        verdicts=verdicts(found),
        shortfalls=shortfalls,
        picture=draw(found["bars"]),
        modes=MODES,
        parts=PARTS,
        takes_part=any(row["person"] == asker().actor.person for row in found["people"]),
        said=SAID.get(request.args.get("said", "")),
        error=error,
        limits={"note": NOTE_LIMIT, "reason": REASON_LIMIT},
    )


@pages.get("/drills/<id>/report.md")
def drill_as_markdown(id: str) -> Response:
    found = service().operations.drill_report(asker(), id)
    headers = {"Content-Disposition": f'attachment; filename="{found["id"]}.md"'}
    return Response(markdown(found), headers=headers, content_type="text/markdown; charset=utf-8")


def _act(id: str, act: Callable[[], Reply], said: str) -> Response:
    try:
        act()
    except AndonError as error:
        return _drill(id, error)
    return redirect(f"/drills/{id}?said={said}", 303)


@pages.post("/drills/<id>/end")
def end_drill(id: str) -> Response:
    how, reason = request.form.get("how", "finished"), request.form.get("reason", "").strip()
    key = answer_key({"id": id, "how": how, "reason": reason})
    return _act(id, lambda: service().operations.end_drill(asker(), id, how, reason, key), how)


@pages.post("/drills/<id>/real")
def call_real(id: str) -> Response:
    body = {"summary": request.form.get("summary", "").strip()}
    try:
        reply = service().operations.call_real(asker(), id, body, answer_key({"id": id, **body}))
    except AndonError as error:
        return _drill(id, error)
    return redirect(f"/incidents/{reply.body['id']}?said={'joined' if reply.body['joined'] else 'declared'}", 303)


@pages.post("/drills/<id>/people")
def drill_people(id: str) -> Response:
    act, part = request.form.get("act", "join"), request.form.get("part", PARTS[0])
    key = answer_key({"id": id, "act": act, "part": part})
    said = "left" if act == "leave" else "joined"
    return _act(id, lambda: service().operations.drill_people(asker(), id, act, part=part, key=key), said)


@pages.post("/drills/<id>/notes")
def note_drill(id: str) -> Response:
    text = request.form.get("text", "").replace("\r\n", "\n")
    key = answer_key({"id": id, "text": text})
    return _act(id, lambda: service().operations.note(asker(), id, text, None, key), "noted")

"""
The review of an incident: facts, document, editor, who may do what with it, and the record to carry away.

Two people never write over each other: whoever saves second sees what changed meanwhile, and goes on with both texts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from flask import make_response, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from incidents.clock import parse_rfc3339
from incidents.decisions.incident import TITLE_LIMIT
from incidents.decisions.review import DOCUMENT_LIMIT
from incidents.decisions.tasks import NewTask
from incidents.errors import AndonError, Invalid, Outdated
from incidents.merging import Line, Merged, differences, merge
from incidents.operations import Reply
from incidents.web.frame import answer_key, asker, pages, service, show
from runbooks.render import render_document

Json = dict[str, Any]
SHOWN_NOTES = 200
SAID = {
    "saved": "Saved.",
    "already": "That is what stands there already; nothing was saved.",
    "owned": "The review has an owner.",
    "approved": "Approved. Another person publishes it.",
    "published": "Published.",
    "follow-up": "The follow-up is on the incident.",
}


@dataclass(frozen=True, slots=True)
class Writing:
    """
    What stands in the editor. ``merged``: it is the text of two people, and ``meanwhile`` what the other one changed.

    ``mine``: as it was typed, before both were brought together.
    """

    document: str
    base: int
    as_of: str
    merged: Merged | None = None
    meanwhile: tuple[Line, ...] = ()
    mine: str = ""
    newer: Json | None = None


@pages.get("/incidents/<id>/review")
def review(id: str) -> Response:
    return _review(id)


def _review(
    id: str, error: AndonError | None = None, form: str = "", writing: Writing | None = None, preview: bool = False
) -> Response:
    """The page; after a refusal with the error, and what was typed still in its form."""
    desk = service().operations
    found = desk.postmortem(asker(), id)
    known = str(found["incident"])
    names = desk.people_names(asker())
    begun = writing or Writing(found["document"] or "", found["base"], found["as_of"])
    shown = begun.document if preview else found["document"] or ""
    return show(
        "review.html",
        error.status if error is not None else 200,
        r=found,
        page=Markup(render_document(shown, below=2)),  # noqa: S704 - the renderer sanitises with a closed list
        published_page=_published(found),
        writing=begun,
        editing=writing is not None or bool(request.args.get("edit")),
        preview=preview,
        conflict=writing is not None and writing.newer is not None,
        answered=[q for q in found["questions"] if q["state"] == "answered"],
        open=[q for q in found["questions"] if q["state"] != "answered"],
        affected=_affected(found),
        told=_told(known, found),
        choices=_choices(found),
        between=_between(found),
        changes=_changes(known),
        names=names,
        inside=desk.may_read_restricted(asker(), known),
        said=SAID.get(request.args.get("said", "")),
        error=error,
        form=form,
        typed=request.form if error is not None else {},
        limits={"document": DOCUMENT_LIMIT, "title": TITLE_LIMIT},
    )


def _published(found: Json) -> Markup | None:
    """The published text, where a newer one is being written."""
    text = found["published_document"]
    return Markup(render_document(text, below=2, name="published")) if text else None  # noqa: S704 - sanitised


def _affected(found: Json) -> list[Json]:
    """One row for all flags of a partner that went and came back together."""
    rows: dict[tuple[object, ...], Json] = {}
    for window in found["facts"]["affected"]:
        key = tuple(window[name] for name in ("partner", "what", "since", "until", "then"))
        rows.setdefault(key, window | {"flags": []})["flags"].append(window["flag"])
    return list(rows.values())


def _choices(found: Json) -> list[Json]:
    """The moments that can be chosen: every one of its life, and the first notes."""
    notes = [m["key"] for m in found["facts"]["moments"] if m["key"].startswith("note-")]
    left_out = set(notes[SHOWN_NOTES:])
    return [m for m in found["facts"]["moments"] if m["key"] not in left_out]


def _told(id: str, found: Json) -> dict[int, str]:
    """The first words of each note, by its line: a time alone says nothing to anybody."""
    if not any(m["key"].startswith("note-") for m in found["facts"]["moments"]):
        return {}
    rows = service().operations.timeline(asker(), id, limit=100_000)
    return {row.seq: " ".join(row.text.split())[:48] for row in rows if row.kind == "incident:note:added"}


def _between(found: Json) -> Json | None:
    """The time between the two moments that somebody chose."""
    start, end = request.args.get("from", ""), request.args.get("to", "")
    chosen = {m["key"]: m for m in found["facts"]["moments"] if m["key"] in (start, end)}
    if start not in chosen or end not in chosen:
        return None
    length = parse_rfc3339(chosen[end]["at"]) - parse_rfc3339(chosen[start]["at"])
    return {"from": chosen[start], "to": chosen[end], "ms": round(length.total_seconds() * 1000)}


def _changes(id: str) -> Json | None:
    """What one version changed of the one it was written on."""
    asked = request.args.get("changes", "")
    if not (asked.isascii() and asked.isdigit() and 0 < len(asked) < 7):
        return None
    desk = service().operations
    version = desk.review_version(asker(), id, int(asked))
    before = desk.review_version(asker(), id, version["base"])["document"] if version["base"] else ""
    if version["document"] is None or before is None:
        return version | {"lines": None}
    return version | {"lines": differences(before, version["document"])}


# --- writing ----------------------------------------------------------------------------------------------------------


@pages.post("/incidents/<id>/review")
def save_review(id: str) -> Response:
    document = request.form.get("document", "").replace("\r\n", "\n").replace("\r", "\n")
    base, as_of = request.form.get("base", ""), request.form.get("as_of", "")
    if not (base.isascii() and base.isdigit() and len(base) < 10):
        return _review(id, Invalid("the form does not say which version it was written on"), "edit")
    typed = Writing(document, int(base), as_of)
    if request.form.get("step") == "preview":
        return _review(id, writing=typed, preview=True)
    try:
        reply = service().operations.save_review(asker(), id, document, int(base))
    except Outdated as error:
        return _review(id, error, "edit", _both(id, typed, error.more["newer"]))
    except AndonError as error:
        return _review(id, error, "edit", typed)
    said = "already" if reply.body.get("already") else "saved"
    return redirect(f"/incidents/{id}/review?said={said}#document", 303)


def _both(id: str, typed: Writing, newer: Json) -> Writing:
    """Both texts brought together, ready to be read once more and saved on top of the newer one."""
    theirs = newer["document"] or ""
    began = _began_with(id, typed)
    hers = f"version {newer['version']}, {newer['saved_by']}"
    merged = merge(began, typed.document, theirs, mine_is="yours", theirs_is=hers)
    meanwhile = differences(began if began is not None else typed.document, theirs)
    return Writing(merged.text, newer["version"], typed.as_of, merged, tuple(meanwhile), typed.document, newer)


def _began_with(id: str, typed: Writing) -> str | None:
    """The text that the editor held at first; None where nobody can know any more."""
    desk = service().operations
    try:
        if typed.base:
            text: str | None = desk.review_version(asker(), id, typed.base)["document"]
            return text
        return desk.review_draft(asker(), id, parse_rfc3339(typed.as_of))
    except (AndonError, ValueError):
        return None


# --- what else can be done --------------------------------------------------------------------------------------------


def _attempt(id: str, form: str, act: Callable[[], Reply], part: str) -> Response:
    try:
        act()
    except AndonError as error:
        return _review(id, error, form)
    return redirect(f"/incidents/{id}/review?said={form}#{part}", 303)


@pages.post("/incidents/<id>/review/owner")
def own_review(id: str) -> Response:
    person = request.form.get("person", "")
    key = answer_key({"id": id, "person": person})
    return _attempt(id, "owned", lambda: service().operations.review_owner(asker(), id, person, key), "standing")


@pages.post("/incidents/<id>/review/approval")
def approve_review(id: str) -> Response:
    version = _version()
    key = answer_key({"id": id, "version": version})
    return _attempt(id, "approved", lambda: service().operations.approve_review(asker(), id, version, key), "standing")


@pages.post("/incidents/<id>/review/publication")
def publish_review(id: str) -> Response:
    version = _version()
    key = answer_key({"id": id, "version": version})
    return _attempt(id, "published", lambda: service().operations.publish_review(asker(), id, version, key), "standing")


def _version() -> int:
    """0 where the form holds none, which no version is."""
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@pages.post("/incidents/<id>/review/follow-ups")
def add_follow_up(id: str) -> Response:
    title, owner, day = (request.form.get(name, "").strip() for name in ("title", "owner", "due"))
    key = answer_key({"id": id, "title": title, "owner": owner, "due": day})

    def act() -> Reply:
        new = NewTask(title=title, owner=owner, due_at=_end_of(day), follow_up=True)
        return service().operations.add_task(asker(), id, new, key)

    return _attempt(id, "follow-up", act, "follow-ups")


def _end_of(day: str) -> datetime | None:
    """The last second of a day, UTC."""
    if not day:
        return None
    try:
        date = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise Invalid.at("due", f"'{day[:40]}' is not a day; write it like 2026-12-31") from error
    return datetime.combine(date, time(23, 59, 59), UTC)


# --- the record -------------------------------------------------------------------------------------------------------


@pages.get("/incidents/<id>/export")
def export(id: str) -> Response:
    """A file to keep; never shown in place, because it brings its own style."""
    found = service().records.export(
        asker(), id, request.args.get("format", "html"), handed_out=bool(request.args.get("handed_out"))
    )
    made = make_response(found.text)
    made.headers["Content-Type"] = found.media
    made.headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return made

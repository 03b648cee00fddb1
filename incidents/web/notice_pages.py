"""
What goes out: one notice with its exact text, the messages that were given up, and the card on an incident's page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from incidents.decisions.incident import REASON_LIMIT
from incidents.decisions.notices import BODY_LIMIT, RECEIPT_LIMIT, SUBJECT_LIMIT
from incidents.errors import AndonError
from incidents.operations import Reply
from incidents.typed_times import typed_moment
from incidents.web.frame import answer_key, asker, pages, service, show

Json = dict[str, Any]
SAID = {
    "written": "Changed. Earlier approvals are void; this text has to be approved.",
    "approved": "Approved by you. Another person has to approve the same text.",
    "owed": "Approved. It is owed now and sent by itself.",
    "ready": "Approved. It is never sent by itself: file it, then record the receipt.",
    "refused": "It is not sent.",
    "receipt": "The receipt is recorded.",
    "retried": "Owed again; it is tried by all its channels.",
}
TONES = {
    "sent": "ok", "confirmed": "ok", "rehearsed": "drill", "filed by hand": "ok", "told by hand": "ok",
    "failed": "stop", "dead": "stop", "unknown": "stop", "superseded": "soft", "refused": "soft", "over": "soft",
    "not yet owed": "soft", "reminds": "soft",
}  # fmt: skip
WAYS_OUT = {"email": "set ANDON_SMTP_URL", "slack": "see what `andon doctor slack` says"}
_LACKED = re.compile(r"([\w-]+): not connected")
_INCIDENT = re.compile(r"[A-Z]+-\d{4}-\d+")


def notices_card(incident: str) -> Json:
    """The values of ``notices_card.html`` for an incident's page: pass them as ``told``."""
    found = service().operations.notices(asker(), incident)
    messages = found["messages"]
    return found | {
        "tones": TONES,
        "letters": [m for m in messages if m["retry"]],
        "under_way": [m for m in messages if m["state"] in ("owed", "being sent")],
        "settled": [m for m in messages if m["settled_at"] and not m["retry"]][::-1],
        "unconnected": _unconnected(messages),
        "waiting": [n for n in found["notices"] if n["waits"]],
    }


def _unconnected(messages: Iterable[Json]) -> list[str]:
    """Channels that some of these messages lacked, each with the way out."""
    found = {c for m in messages if m["retry"] for c in _LACKED.findall(m["because"] or "")}
    return [f"{channel}, {WAYS_OUT[channel]}" if channel in WAYS_OUT else channel for channel in sorted(found)]


# --- one notice -------------------------------------------------------------------------------------------------------


@pages.get("/notices/<id>")
def notice(id: str) -> Response:
    return _notice(id)


def _notice(id: str, error: AndonError | None = None, form: str = "") -> Response:
    return show(
        "notice.html",
        error.status if error is not None else 200,
        n=service().operations.notice(asker(), id),
        tones=TONES,
        names=service().operations.people_names(asker()),
        said=SAID.get(request.args.get("said", "")),
        error=error,
        form=form,
        typed=request.form if error is not None else {},
        limits={"subject": SUBJECT_LIMIT, "body": BODY_LIMIT, "reason": REASON_LIMIT, "receipt": RECEIPT_LIMIT},
    )


def _attempt(id: str, form: str, act: Callable[[], Reply], said: Callable[[Reply], str]) -> Response:
    try:
        reply = act()
    except AndonError as error:
        return _notice(id, error, form)
    return redirect(f"/notices/{id}?said={said(reply)}", 303)


@pages.post("/notices/<id>/text")
def write_notice(id: str) -> Response:
    subject = " ".join(_field("subject").split())
    body = _field("body")

    def act() -> Reply:
        key = answer_key({"id": id, "subject": subject, "body": body})
        return service().operations.write_notice(asker(), id, subject, body, key)

    return _attempt(id, "text", act, lambda reply: "written")


@pages.post("/notices/<id>/approval")
def approve_notice(id: str) -> Response:
    digest = _field("digest")

    def act() -> Reply:
        key = answer_key({"id": id, "digest": digest})
        return service().operations.approve_notice(asker(), id, digest, key)

    def said(reply: Reply) -> str:
        if reply.body["approvals_left"]:
            return "approved"
        return "ready" if service().operations.notice(asker(), id)["by_hand"] else "owed"

    return _attempt(id, "approve", act, said)


@pages.post("/notices/<id>/refusal")
def refuse_notice(id: str) -> Response:
    reason = _field("reason")

    def act() -> Reply:
        return service().operations.refuse_notice(asker(), id, reason, answer_key({"id": id, "reason": reason}))

    return _attempt(id, "refuse", act, lambda reply: "refused")


@pages.post("/notices/<id>/receipt")
def receipt_notice(id: str) -> Response:
    words, at, late = _field("receipt"), _field("at").strip(), _field("late_because")

    def act() -> Reply:
        key = answer_key({"id": id, "receipt": words, "at": at, "late_because": late})
        sent = typed_moment(at, service().clock.now())
        return service().operations.receipt_notice(asker(), id, words, sent, key, late_because=late)

    return _attempt(id, "receipt", act, lambda reply: "receipt")


def _field(name: str) -> str:
    return request.form.get(name, "").replace("\r\n", "\n")


# --- messages across incidents ----------------------------------------------------------------------------------------


@pages.get("/messages")
def messages() -> Response:
    return _messages()


def _messages(error: AndonError | None = None) -> Response:
    operations = service().operations
    dead = operations.messages(asker(), state="dead", limit=200)
    return show(
        "messages.html",
        error.status if error is not None else 200,
        dead=dead,
        unconnected=_unconnected(dead["items"]),
        owed=operations.messages(asker(), state="owed", limit=200),
        tones=TONES,
        said=SAID.get(request.args.get("said", "")),
        error=error,
    )


@pages.post("/messages/<id>/retry")
def retry_message(id: str) -> Response:
    try:
        service().operations.retry_message(asker(), id, answer_key({"id": id}))
    except AndonError as error:
        return _messages(error)
    back = request.form.get("incident", "")
    if _INCIDENT.fullmatch(back):
        return redirect(f"/incidents/{back}#told-h", 303)
    return redirect("/messages?said=retried", 303)

"""
The forms of the way back: ask, approve, refuse, stop.
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from incidents.errors import Invalid
from incidents.operations import Reply
from incidents.web.frame import answer_key, asker, pages, service
from incidents.web.incident_pages import attempt


@pages.post("/incidents/<id>/restores")
def ask_restore(id: str) -> Response:
    form = request.form
    only = sorted({int(n) for n in form.getlist("only") if n.isascii() and n.isdigit() and len(n) < 6})
    reason, canary = _reason(), form.get("canary", "") or None
    soak = form.get("soak", "") or None if canary else None  # without a script the select is always sent
    glass = form.get("break_glass") == "1"

    def act() -> Reply:
        if not only:
            raise Invalid.at("only", "choose at least one thing to give back")
        wish = {"id": id, "only": only, "reason": reason, "canary": canary, "soak": soak, "break_glass": glass}
        return service().operations.ask_restore(
            asker(), id, only, reason, answer_key(wish), canary=canary, soak=soak, break_glass=glass
        )

    return attempt(id, "glass" if glass else "ask", act, lambda reply: "asked", "way-back")


@pages.post("/restores/<request_id>/approval")
def approve_restore(request_id: str) -> Response:
    digest, checks = request.form.get("plan_digest", ""), request.form.getlist("checks")

    def act() -> Reply:
        key = answer_key({"request": request_id, "plan_digest": digest, "checks": checks})
        return service().operations.approve(asker(), request_id, digest, key, checks=checks)

    def said(reply: Reply) -> str:
        return {"done": "lifted", "running": "begun"}.get(str(reply.body.get("state")), "approved")

    return attempt(_incident_of(request_id), "approve", act, said, "way-back")


@pages.post("/restores/<request_id>/refusal")
def refuse_restore(request_id: str) -> Response:
    reason = _reason()

    def act() -> Reply:
        key = answer_key({"request": request_id, "reason": reason})
        return service().operations.refuse(asker(), request_id, reason, key)

    return attempt(_incident_of(request_id), "refuse", act, lambda reply: "refused", "way-back")


@pages.post("/restores/<request_id>/stop")
def stop_restore(request_id: str) -> Response:
    reason, keep = _reason(), request.form.get("keep") == "1"

    def act() -> Reply:
        key = answer_key({"request": request_id, "reason": reason, "keep": keep})
        return service().operations.stop_restore(asker(), request_id, reason, keep=keep, key=key)

    def said(reply: Reply) -> str:
        return "taken-back" if reply.body.get("taken_back") else "stopped"

    return attempt(_incident_of(request_id), "stop", act, said, "way-back")


def _reason() -> str:
    return request.form.get("reason", "").replace("\r\n", "\n")


def _incident_of(request_id: str) -> str:
    incident_id: str = service().operations.restore_request(asker(), request_id)["incident"]
    return incident_id

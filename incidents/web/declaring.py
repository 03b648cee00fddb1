"""
Pulling the cord: choose a playbook, see what it would do, declare. And the short way, for when there is no time.
"""

from __future__ import annotations

from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from incidents.decisions import needs
from incidents.decisions.incident import REASON_LIMIT, SEVERITIES, TITLE_LIMIT, Kind
from incidents.errors import AndonError, Invalid
from incidents.operations import BREAK_GLASS, KILL_KINDS
from incidents.roles import Right
from incidents.web.frame import answer_key, asker, pages, service, show
from playbooks.loader import UnknownPlaybook
from playbooks.schema import ParameterKind, Playbook

Json = dict[str, Any]
PARAMETER = "p:"


@pages.get("/declare")
def declare() -> Response:
    """Without ``?playbook=`` the list to choose from; with it the form."""
    name = request.args.get("playbook", "")
    if not name:
        listed = sorted(service().playbooks, key=lambda p: (p.id == BREAK_GLASS, p.title))
        return show("declare_choose.html", playbooks=listed)
    given = {key.removeprefix(PARAMETER): value for key, value in request.args.items() if key.startswith(PARAMETER)}
    return _form(playbook_of(name), {"parameters": given, "kind": request.args.get("kind", "")})


@pages.post("/declare")
def declare_or_preview() -> Response:
    """``step`` says which button was pressed: preview, declare, or edit (back to the form)."""
    needs(asker(), Right.RESPOND, "declaring an incident")
    book = playbook_of(request.form.get("playbook", ""))
    body = _asked(book)
    step = request.form.get("step")
    if step == "edit":
        return _form(book, body)
    try:
        if step == "declare":
            reply = service().operations.declare(asker(), body, answer_key(body))
            said = "joined" if reply.body["joined"] else "declared"
            return redirect(f"/incidents/{reply.body['id']}?said={said}", 303)
        preview = service().operations.preview(asker(), body)
    except AndonError as error:
        return _form(book, body, error)
    once = request.form.get("once") if step == "preview" else ""
    return show("declare_preview.html", book=book, asked=body, preview=preview, **({"once": once} if once else {}))


def playbook_of(name: str) -> Playbook:
    try:
        return service().playbooks.get(name)
    except UnknownPlaybook as error:
        raise Invalid(str(error), code="unknown-playbook") from error


def _asked(book: Playbook) -> Json:
    """The form as the body of a declaration; what was left empty is left out."""
    form = request.form
    parameters = {name: form.get(PARAMETER + name, "").strip() for name in book.parameters}
    body: Json = {"playbook": book.id, "parameters": {k: v for k, v in parameters.items() if v}}
    for name in ("title", "severity", "kind"):
        if value := form.get(name, "").strip():
            body[name] = value
    if summary := form.get("summary", "").replace("\r\n", "\n").strip():
        body["summary"] = summary
    if form.get("separate"):
        body["separate"] = True
    return body


def _form(book: Playbook, asked: Json, error: AndonError | None = None) -> Response:
    faults = {e.where.removeprefix("parameters."): e.message for e in (error.errors if error is not None else ())}
    return show(
        "declare_form.html",
        error.status if error is not None else 200,
        book=book,
        fields=fields_of(book),
        asked=asked,
        error=error,
        faults=faults,
        known=known_things(),
        severities=SEVERITIES,
        kinds=list(Kind),
        title_limit=TITLE_LIMIT,
    )


def fields_of(book: Playbook) -> list[Json]:
    lists = {
        ParameterKind.PARTNER: "known-partners",
        ParameterKind.MODEL: "known-models",
        ParameterKind.CAPABILITY: "known-capabilities",
    }
    return [
        {
            "name": name,
            "about": parameter.about or "",
            "required": parameter.required,
            "list": lists.get(book.kind_of(name), ""),
        }
        for name, parameter in book.parameters.items()
    ]


def known_things() -> Json:
    """What there is to name, for the fields' suggestions."""
    with service().desk.read() as state:
        catalog = state.catalog
        return {
            "partners": [(p.id, p.title) for p in sorted(catalog.partners.values(), key=lambda p: p.id)],
            "models": [(m.id, m.title) for m in sorted(catalog.models.values(), key=lambda m: m.id)],
            "capabilities": [
                *((flag, f"{flag.partition(':')[2]} on {flag.partition(':')[0]} only") for flag in catalog.flags()),
                *((id, "on every model") for id in sorted(catalog.capabilities)),
            ],
        }


# --- the short way --------------------------------------------------------------------------------------------------


@pages.get("/kill")
def kill() -> Response:
    return _kill_form({name: request.args.get(name, "") for name in ("what", "name")})


@pages.post("/kill")
def kill_now() -> Response:
    asked = {name: request.form.get(name, "").strip() for name in ("what", "name", "reason")}
    try:
        if not asked["name"]:
            raise Invalid(f"name the {asked['what'] or 'thing'} that is to go dark")
        reply = service().operations.kill(asker(), asked["what"], asked["name"], asked["reason"], answer_key(asked))
    except AndonError as error:
        return _kill_form(asked, error)
    said = "joined" if reply.body["joined"] else "declared"
    return redirect(f"/incidents/{reply.body['id']}?said={said}", 303)


def _kill_form(asked: dict[str, str], error: AndonError | None = None) -> Response:
    return show(
        "kill.html",
        error.status if error is not None else 200,
        asked=asked,
        error=error,
        whats=KILL_KINDS,
        known=known_things(),
        reason_limit=REASON_LIMIT,
    )

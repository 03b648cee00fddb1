"""
What there is: enforcement points, capability flags with their guardrail sheets, models on their ladder.
"""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response

from incidents.errors import AndonError
from incidents.web.frame import asker, pages, service, show

POINT_ORDER = ("lapsed", "never connected", "flagd", "asks live", "holds a lease", "token revoked", "retired")
POINT_GROUPS = (
    ("missing", "Without a lease", ("lapsed", "never connected")),
    ("here", "At work", ("holds a lease", "asks live", "flagd")),
    ("gone", "Gone", ("token revoked", "retired")),
)


@pages.get("/points")
def points() -> Response:
    return _points()


def _points(error: AndonError | None = None) -> Response:
    rows = service().operations.points_overview(asker())
    rows.sort(key=lambda p: (POINT_ORDER.index(p["standing"]), p["name"]))
    here = [p for p in rows if p["standing"] not in ("retired", "token revoked")]
    return show(
        "points.html",
        error.status if error is not None else 200,
        points=rows,
        groups=[(id, title, [p for p in rows if p["standing"] in standings]) for id, title, standings in POINT_GROUPS],
        here=here,
        held=[p for p in here if p["standing"] == "holds a lease"],
        behind=[p for p in here if p["behind"]],
        lease=service().desk.snapshot.lease_seconds,
        bound=service().bound_seconds,
        said="Retired: its tokens are refused from now on." if request.args.get("said") == "retired" else "",
        error=error,
    )


@pages.post("/points/<name>/retirement")
def retire_point(name: str) -> Response:
    try:
        service().operations.retire_point(asker(), name)
    except AndonError as error:
        return _points(error)
    return redirect("/points?said=retired", 303)


@pages.get("/capabilities")
def capabilities() -> Response:
    return show("capabilities.html", flags=service().operations.flags(asker()), models=_models())


def _models() -> list[dict[str, object]]:
    found: list[dict[str, object]] = service().operations.models(asker(), limit=1000)["items"]
    return found


@pages.get("/capabilities/<flag>")
def capability(flag: str) -> Response:
    return show("capability.html", sheet=service().operations.flag(asker(), flag))


@pages.get("/models/<id>")
def model(id: str) -> Response:
    found = service().operations.model(asker(), id)
    flags = [row for row in service().operations.flags(asker()) if row["model"] == id]
    ladder = found["ladder"]
    in_force = ladder.index(found["stage_in_force"]) if found["stage_in_force"] in ladder else -1
    return show("model.html", model=found, flags=flags, in_force=-1 if found["halted"] else in_force)

"""
How fast things went, month by month, and what is overdue; real incidents and drills each on a page of their own.
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from incidents.errors import Invalid
from incidents.web.frame import asker, pages, service, show
from incidents.web.trend import draw_trend


@pages.get("/insights")
def insights() -> Response:
    """``?kind=real|drill&playbook=``; what is not understood is said."""
    kind, playbook = request.args.get("kind", "") or "real", request.args.get("playbook", "").strip()
    error: Invalid | None = None
    try:
        found = service().operations.insights(asker(), kind=kind, playbook=playbook)
    except Invalid as refused:
        error, kind, playbook = refused, "real", ""
        found = service().operations.insights(asker())
    return show(
        "insights.html",
        200 if error is None else error.status,
        found=found,
        kind=kind,
        chosen=playbook,
        pictures={name: draw_trend(row["months"]) for name, row in found["measures"].items()},
        most=max((row["count"] for row in found["by_month"]), default=0),
        error=error,
        names=service().operations.people_names(asker()),
    )

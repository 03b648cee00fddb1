"""
All incidents, newest first, by status, kind and severity, and by words with where each was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import request
from werkzeug.wrappers import Response

from incidents.decisions.incident import SEVERITIES, Kind
from incidents.errors import Invalid, nearest
from incidents.finding import MOST_WORDS
from incidents.life import STATUSES
from incidents.web.frame import asker, pages, service, show

ON_A_PAGE = 25
LONGEST = 500  # characters to look for
CHOICES: dict[str, tuple[str, ...]] = {
    "status": STATUSES,
    "kind": tuple(kind.value for kind in Kind),
    "severity": SEVERITIES,
}
Json = dict[str, Any]


@pages.get("/incidents")
def incidents() -> Response:
    """``?q=&status=&kind=&severity=&cursor=``; a value that is not understood is said, never passed over."""
    given = {name: request.args.get(name, "").strip() for name in ("q", *CHOICES, "cursor")}
    found: Json = {"items": [], "next": None}
    error: Invalid | None = None
    try:
        _check(given)
        found = service().operations.incidents(
            asker(),
            status=given["status"],
            kind=given["kind"],
            severity=given["severity"],
            search=given["q"],
            limit=ON_A_PAGE,
            cursor=given["cursor"],
        )
    except Invalid as refused:
        error = refused
    return show(
        "incident_list.html",
        200 if error is None else error.status,
        rows=[_row(row) for row in found["items"]],
        asked=given,
        filtered=any(given[name] for name in ("q", *CHOICES)),
        choices=CHOICES,
        most_words=MOST_WORDS,
        error=error,
        newest=_link(given | {"cursor": ""}) if given["cursor"] else "",
        older=_link(given | {"cursor": found["next"]}) if found["next"] else "",
        names=service().operations.people_names(asker()),
    )


def _check(given: Mapping[str, str]) -> None:
    for name, choices in CHOICES.items():
        if given[name] and given[name] not in choices:
            hint = nearest(given[name][:40], choices)
            raise Invalid.at(name, f"unknown {name} '{given[name][:40]}'.{hint} It is one of: {', '.join(choices)}")
    if len(given["q"]) > LONGEST:
        raise Invalid.at("q", f"{len(given['q'])} characters to look for; at most {LONGEST} are taken")


def _link(given: Mapping[str, str]) -> str:
    told = {name: value for name, value in given.items() if value}
    return f"/incidents?{urlencode(told)}" if told else "/incidents"


def _row(row: Json) -> Json:
    """What was found in the title or the id is marked there and not told again below."""
    hits = row.get("hits", [])
    marks: dict[str, Any] = {
        name: next((h["marks"] for h in hits if _is(h, row, name)), []) for name in ("title", "id")
    }
    told = [hit for hit in hits if not (_is(hit, row, "title") or _is(hit, row, "id"))]
    return row | {"marks": marks, "hits": told}


def _is(hit: Json, row: Json, name: str) -> bool:
    return bool(hit["kind"] == "incident:life:declared" and hit["field"] == name and hit["snippet"] == row[name])

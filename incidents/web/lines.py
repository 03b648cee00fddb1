"""
Which lines of a timeline a page shows: filtered, searched, in pages, newest first. Pure.

Every choice stands in the address, so that it works without a script, can be sent to somebody, and survives a reload.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from incidents.timeline import LANES as LANES
from incidents.timeline import Row, is_key
from incidents.timeline import lane_of as lane_of

ON_A_PAGE = 50
SEARCH_LIMIT = 200
ORDERS = ("newest", "oldest")
HEADS = (
    "effect:message:owed",
    "effect:order:owed",
    "notice:draft:owed",
    "access:hold:placed",
    "incident:life:declared",
)
_NOTE, _UPDATE = "incident:note:added", "incident:update:posted"


KINDS: dict[str, tuple[str, Callable[[Row], bool]]] = {
    "notes": ("Notes", lambda row: row.kind == _NOTE),
    "updates": ("Status updates", lambda row: row.kind == _UPDATE),
    "decisions": ("Decisions of people", lambda row: row.lane == "people" and row.kind not in (_NOTE, _UPDATE)),
    "machine": ("What the machine did", lambda row: row.lane == "machine"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address asks for. ``line``: the sequence number of one line that has to be on the page."""

    lane: str = ""
    kind: str = ""
    key: bool = False
    text: str = ""
    order: str = ORDERS[0]
    page: int = 1
    line: int = 0

    @property
    def filters(self) -> bool:
        return bool(self.lane or self.kind or self.key or self.text)

    def query(self, **changes: object) -> str:
        """The address' query for the same choice with some of it changed; what is as usual is left out."""
        wanted = replace(self, line=0, **changes)  # type: ignore[arg-type]
        values = {
            "lane": wanted.lane,
            "kind": wanted.kind,
            "key": "1" if wanted.key else "",
            "q": wanted.text,
            "order": wanted.order if wanted.order != ORDERS[0] else "",
            "page": str(wanted.page) if wanted.page > 1 else "",
        }
        return urlencode({name: value for name, value in values.items() if value})


def wanted(args: Mapping[str, str]) -> Wanted:
    """From an address; what it says wrongly is passed over, because somebody may have typed it."""
    return Wanted(
        lane=args.get("lane", "") if args.get("lane") in LANES else "",
        kind=args.get("kind", "") if args.get("kind") in KINDS else "",
        key=args.get("key") == "1",
        text=" ".join(args.get("q", "").split())[:SEARCH_LIMIT],
        order=ORDERS[1] if args.get("order") == ORDERS[1] else ORDERS[0],
        page=_number(args.get("page", "")) or 1,
        line=_number(args.get("line", "")),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


@dataclass(frozen=True, slots=True)
class Shown:
    """``rows`` of one page; ``first`` and ``last`` count from 1 among the ``found`` ones of ``total``."""

    rows: Sequence[Row]
    total: int
    found: int
    page: int
    pages: int
    first: int
    last: int
    lanes: Mapping[str, int]
    kinds: Mapping[str, int]
    keys: int


def choose(rows: Sequence[Row], wish: Wanted) -> Shown:
    """The page that was asked for, or the nearest that there is; a line that is asked for stands for itself."""
    rows = folded(rows, apart=wish.line)
    found = [row for row in rows if _passes(row, wish)]
    found.sort(key=lambda row: (row.at, row.seq), reverse=wish.order == ORDERS[0])
    pages = max(1, -(-len(found) // ON_A_PAGE))
    page = min(wish.page, pages)
    if wish.line:
        place = next((n for n, row in enumerate(found) if row.seq == wish.line), None)
        page = page if place is None else place // ON_A_PAGE + 1
    start = (page - 1) * ON_A_PAGE
    shown = found[start : start + ON_A_PAGE]
    lanes = [lane_of(row) for row in rows]
    return Shown(
        rows=shown,
        total=len(rows),
        found=len(found),
        page=page,
        pages=pages,
        first=start + 1 if shown else 0,
        last=start + len(shown),
        lanes={lane: lanes.count(lane) for lane in LANES},
        kinds={name: sum(map(belongs, rows)) for name, (_, belongs) in KINDS.items()},
        keys=sum(map(is_key, rows)),
    )


def folded(rows: Sequence[Row], *, apart: int = 0) -> list[Row]:
    """What the machine says twice as one line: what is owed with what became of it, a hold with its action."""
    heads = {thread: row.seq for row in reversed(rows) if row.kind in HEADS and (thread := _thread(row))}
    after: dict[int, list[Row]] = {}
    alone = []
    for row in rows:
        head = heads.get(_thread(row)) if row.kind not in HEADS else None
        if head is None or row.lane != "machine" or is_key(row) or row.corrections or row.seq == apart:
            alone.append(row)
        else:
            after.setdefault(head, []).append(row)
    return [replace(row, after=tuple(after[row.seq])) if row.seq in after else row for row in alone]


def _thread(row: Row) -> str:
    """
    What a line of the machine is about, the same for those that are told together; empty: for none.

    Whoever was handed a link is given little of a line's data: there each stands for itself.
    """
    data = row.data
    match row.kind.split(":"):
        case ["effect", "message" | "order", _]:
            return str(data.get("id", ""))
        case ["notice", "draft", "owed"]:
            return str(data.get("notice", ""))
        case ["notice", "draft", "written"] if data.get("template"):
            return str(data["notice"])
        case ["access", "hold", "placed"] if "hold" in data:
            return f"action {data['hold']['action']}"
        case ["incident", "action", "recorded"] if "state" in data:
            return {"applied": f"action {data['number']}", "skipped": "skipped"}.get(data["state"], "")
        case ["incident", "life", "declared"]:
            return "skipped"
    return ""


def _passes(row: Row, wish: Wanted) -> bool:
    return (
        (not wish.lane or lane_of(row) == wish.lane)
        and (not wish.kind or KINDS[wish.kind][1](row))
        and (not wish.key or is_key(row))
        and (not wish.text or _says(row, wish.text))
    )


def _says(row: Row, text: str) -> bool:
    """Every word of it, in the line itself, in what it said before, or in who wrote it."""
    before = " ".join(c.was_text or "" for c in row.corrections)
    said = " ".join((row.text, before, row.actor, *(a.text for a in row.after))).casefold()
    return all(word in said for word in text.casefold().split())

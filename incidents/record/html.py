"""
The record as one HTML file that needs nothing else: no script, no request, colours and print style inside.

Everything that people typed is escaped here; Markdown goes through the renderer that sanitises it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from html import escape
from importlib.resources import files
from typing import assert_never

from incidents.clock import parse_rfc3339
from incidents.findings import minute
from incidents.picture import draw
from incidents.record import (
    Bullets,
    Document,
    Heading,
    Part,
    Picture,
    Record,
    Table,
    Timeline,
    Warned,
    Words,
    band,
    in_order,
    title,
)
from incidents.record.contents import parts
from incidents.record.markdown import WRITTEN
from incidents.record.svg import svg
from incidents.timeline import Row
from runbooks.render import render_document, render_note

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(record: Record) -> str:
    name = escape(title(record))
    kind = escape(record.incident["kind"])
    body = "\n".join(line for part in parts(record) for line in _set(record, part))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{name}</title>
<style>
{_style()}</style>
</head>
<body>
<p class="band {kind}">{escape(band(record))}</p>
<main>
<h1>{name}</h1>
{body}
</main>
</body>
</html>
"""


@cache
def _style() -> str:
    return files("incidents.record").joinpath("export.css").read_text(encoding="utf-8")


def _set(record: Record, part: Part) -> Iterable[str]:
    match part:
        case Heading(text=text, rank=rank):
            return [f"<h{rank}>{escape(text)}</h{rank}>"]
        case Words(text=text):
            return [f'<p class="lines">{escape(text)}</p>']
        case Warned(text=text):
            return [f'<p class="warned"><strong>{escape(text)}</strong></p>']
        case Table():
            return _table(part)
        case Bullets(items=items, none=none):
            found = "".join(f"<li>{escape(item)}</li>" for item in items)
            return [f"<ul>{found}</ul>" if items else f'<p class="none">{escape(none)}</p>']
        case Document(markdown=document):
            here = f"/incidents/{record.id}"
            return ['<div class="document">', render_document(document, below=2, here=here, site=record.site), "</div>"]
        case Picture():
            return _picture(record)
        case Timeline():
            lines = [line for row in in_order(record.rows) for line in _line(row)]
            return ['<ol class="log">', *lines, "</ol>"]
    assert_never(part)


def _table(table: Table) -> Iterator[str]:
    if not table.rows:
        yield f'<p class="none">{escape(table.none)}</p>'
        return
    if not table.head:
        yield "<dl>"
        yield from (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value, *_ in table.rows)
        yield "</dl>"
        return
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    yield f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>'
    for row in table.rows:
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody></table></div>"


def _picture(record: Record) -> Iterator[str]:
    for picture in draw(record.rows, parse_rfc3339(record.exported_at), record.held):
        yield f'<div class="scroll picture">{svg(picture)}</div>'


def _line(row: Row) -> Iterator[str]:
    names = f"{row.lane}{' key' if row.key else ''}"
    yield f'<li class="{names}" id="line-{row.seq}">{_time(row.at)}<div>'
    if not row.text and row.restricted:
        yield "<p>(restricted: for the incident's members alone)</p>"
    elif row.kind in WRITTEN and not row.redacted:
        yield f'<div class="note">{render_note(row.text)}</div>'
    else:
        yield f'<p class="lines">{escape(row.text)}</p>'
    for was in row.corrections:
        before = " ".join(filter(None, (f"{minute(was.was_at)} UTC" if was.was_at else "", was.was_text or "")))
        reason = f": {escape(was.reason)}" if was.reason else ""
        when = minute(was.recorded_at)
        yield f'<p class="was"><del>{escape(before)}</del> corrected by {escape(was.by)} {when} UTC{reason}</p>'
    yield f"<small>{escape(' · '.join(_marks(row)))}</small></div></li>"


def _marks(row: Row) -> Iterator[str]:
    yield f"{row.actor}{f' via {row.via}' if row.via != row.actor else ''}"
    yield f"seq {row.seq}"
    if row.late:
        yield f"late entry, recorded {minute(row.recorded_at)} UTC"
    if row.pinned:
        yield "key moment"
    if row.restricted:
        yield "restricted"
    if row.redacted:
        yield "redacted"


def _time(at: str | datetime) -> str:
    return f'<time datetime="{escape(str(at))}">{minute(at)}</time>'

"""
The record as Markdown: tables and lists that read well as plain text too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import assert_never

from incidents.findings import minute
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
from incidents.review_draft import plain
from incidents.timeline import Row

WRITTEN = ("incident:note:added", "incident:update:posted")  # lines whose words are Markdown


def markdown(record: Record) -> str:
    blocks = [f"# {plain(title(record))}", f"**{band(record)}**"]
    for part in parts(record):
        blocks += _set(record, part)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _set(record: Record, part: Part) -> Iterable[str]:
    match part:
        case Heading(text=text, rank=rank):
            return [f"{'#' * rank} {plain(text)}"]
        case Words(text=text):
            return [quoted_lines(text)]
        case Warned(text=text):
            return [f"**{plain(text)}**"]
        case Table():
            return [_table(part)]
        case Bullets(items=items, none=none):
            return ["\n".join(f"- {plain(item)}" for item in items) or none]
        case Document(markdown=document):
            return [lowered(document)]
        case Picture():
            return []
        case Timeline():
            return ["\n".join(line for row in in_order(record.rows) for line in _line(row))]
    assert_never(part)


def _table(table: Table) -> str:
    if not table.rows:
        return table.none
    if not table.head:
        return "\n".join(f"- {plain(name)}: {plain(value)}" for name, value, *_ in table.rows)
    head = f"| {' | '.join(table.head)} |"
    rows = (f"| {' | '.join(map(plain, row))} |" for row in table.rows)
    return "\n".join([head, "|" + "---|" * len(table.head), *rows])


def _line(row: Row) -> Iterator[str]:
    """One item of the list; what a person wrote stands below it as a quotation."""
    marks = [f"{plain(row.actor)}{f' via {plain(row.via)}' if row.via != row.actor else ''}", f"seq {row.seq}"]
    marks += [f"late entry, recorded {minute(row.recorded_at)} UTC"] if row.late else []
    marks += ["key moment"] if row.pinned else []
    marks += ["restricted"] if row.restricted else []
    own = row.kind in WRITTEN and row.text and not row.redacted
    words = "note" if own else plain(row.text) or "(restricted: for the incident's members alone)"
    words = f"**{words}**" if row.key else words
    yield f"- `{minute(row.at)} UTC` {words} ({', '.join(marks)})"
    for was in row.corrections:
        before = " ".join(filter(None, (minute(was.was_at) if was.was_at else "", plain(was.was_text or ""))))
        reason = f": {plain(was.reason)}" if was.reason else ""
        yield f"  - ~~{before or 'its words'}~~ corrected by {plain(was.by)} {minute(was.recorded_at)} UTC{reason}"
    if own:
        yield from (f"  > {line}".rstrip() for line in tame(row.text).splitlines())


def quoted_lines(text: str) -> str:
    """Several lines of plain words, each on its own."""
    return "\\\n".join(plain(line) for line in text.splitlines() if line.strip())


_CODE = re.compile(r"(`+[^`]*`+)")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


def tame(text: str) -> str:
    """Markdown without raw HTML: outside code a ``<`` is only ever a character."""
    return "\n".join(
        line if code else "".join(p if p.startswith("`") else p.replace("<", "&lt;") for p in _CODE.split(line))
        for line, code in _lines(text)
    )


def lowered(document: str) -> str:
    """Its headings stand below the record's own."""
    return "\n".join(
        re.sub(r"^( {0,3})(#{1,4})(?=[ \t]|$)", r"\1##\2", line) if not code else line
        for line, code in _lines(tame(document.strip()))
    )


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it stands in a block of code (the fences count as such)."""
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        ends = found is not None and bool(fence) and found[1].startswith(fence)
        begins = found is not None and not fence
        yield line, bool(fence) or begins
        if begins and found is not None:
            fence = found[1]
        elif ends:
            fence = ""

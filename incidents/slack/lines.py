"""
What happened, as lines in an incident's thread: one message for all that is new, however much that is.

Pure: from the rows of the timeline. After an outage of Slack the backlog becomes one message that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from incidents.slack.blocks import Message, cut, esc, message, one_line, section
from incidents.slack.incident_message import bands, headline, kind_word
from incidents.slack.reader import Reader
from incidents.timeline import Row

Json = dict[str, Any]

MARKS = {"stop": ":octagonal_sign:", "ok": ":white_check_mark:", "wait": ":hourglass_flowing_sand:"}
LINE, SHOWN, CAUGHT_UP = 500, 20, 12
# Shown by the incident's message itself, or nobody's business in a channel.
QUIET = ("incident:duties:owed", "incident:action:recorded", "incident:evidence:frozen", "access:hold:placed")


def worth_telling(row: Row) -> bool:
    """Turning points and people's words; not what the message above or the channel itself shows anyway."""
    if row.restricted or row.kind in QUIET or row.kind.startswith(("slack:", "effect:")):
        return False
    return row.key or row.lane == "people" or row.tone != "plain"


def thread_lines(i: Json, rows: Sequence[Row], reader: Reader) -> Message:
    """What is new, in order."""
    shown = rows[-SHOWN:]
    more = reader.link(i["id"], f"{len(rows) - len(shown)} earlier lines", "what-happened")
    lines = ([f"… {more}"] if len(rows) > len(shown) else []) + [_line(row, i["id"], reader) for row in shown]
    return _message(i, lines, rows, reader)


def catch_up(i: Json, rows: Sequence[Row], since: datetime, reader: Reader, *, away: bool) -> Message:
    """
    One message in place of a backlog: since when nothing was told, how much happened, the turning points.

    ``away``: it was Slack that could not be reached; else it was Andon that did not run.
    """
    key = [row for row in rows if row.key][-CAUGHT_UP:] or list(rows)[-CAUGHT_UP:]
    rest = len(rows) - len(key)
    why = "Slack was not reached" if away else "Nothing was told here"
    head = f":satellite_antenna: *{why} since {reader.moment(since)}.* {len(rows)} things happened meanwhile:"
    lines = [head, *(_line(row, i["id"], reader) for row in key)]
    if rest:
        lines.append(f"… and {rest} more: {reader.link(i['id'], 'the whole timeline', 'what-happened')}")
    return _message(i, lines, rows, reader)


def _message(i: Json, lines: Sequence[str], rows: Sequence[Row], reader: Reader) -> Message:
    band = bands(i)
    page = reader.link(i["id"], "the incident's page")
    words = one_line(rows[-1].text) if rows else headline(i)
    end = f" ({kind_word(i).strip(' ·')})" if i["kind"] != "real" else ""
    text = f"{kind_word(i)}{i['id']}: {esc(cut(words, 300))}{end}"
    return message(text, [*band, *(section(line, more=page) for line in lines), *band], page)


def _line(row: Row, incident: str, reader: Reader) -> str:
    late = f" (recorded {reader.moment(row.recorded_at)})" if row.late else ""
    more = reader.link(incident, "whole", "what-happened")
    called = f" {reader.call(row.data['person'])}" if row.kind == "incident:role:offered" else ""
    words = f"{cut(esc(row.text), LINE, more)}{called}"
    return f"{MARKS.get(row.tone, '•')} {reader.moment(row.at)}{late} *{esc(row.actor)}*  {words}"

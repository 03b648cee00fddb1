"""
An incident's events as rows that people read. Pure; the words of every kind stand here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incidents.clock import rfc3339
from incidents.events import Event
from incidents.holds import Hold


@dataclass(frozen=True, slots=True)
class Row:
    """
    One line. ``lane`` is world, machine or people; ``tone`` stop, ok, wait or plain; ``key`` marks a turning point.
    ``late``: it happened well before it was recorded.
    """

    seq: int
    at: str
    recorded_at: str
    kind: str
    actor: str
    via: str
    text: str
    lane: str
    tone: str
    key: bool
    late: bool
    data: dict[str, Any]
    digest: str
    redacted: bool

    def wire(self) -> dict[str, Any]:
        """The contract's row, and what helps a page to show it."""
        return {
            "seq": self.seq,
            "at": self.at,
            "recorded_at": self.recorded_at,
            "kind": self.kind,
            "actor": self.actor,
            "via": self.via,
            "text": self.text,
            "lane": self.lane,
            "key": self.key,
            "late": self.late,
            "redacted": self.redacted,
            "data": self.data,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class _Telling:
    words: Callable[[Mapping[str, Any], Mapping[str, str]], str]
    lane: str = "machine"
    tone: str = "plain"
    key: bool = False


LATE_SECONDS = 60


def rows(events: Sequence[Event], names: Mapping[str, str]) -> list[Row]:
    """``names``: person id -> name, for the actor's column."""
    return [_row(event, names) for event in events]


def _row(event: Event, names: Mapping[str, str]) -> Row:
    redacted = event.text is None and event.text_digest is not None
    telling = _TELLINGS.get(event.kind, _Telling(lambda data, text: event.kind))
    text = telling.words(event.data, {} if redacted else (event.text or {}))
    who = event.actor.person or event.actor.token or event.actor.via
    return Row(
        seq=event.seq,
        at=rfc3339(event.at),
        recorded_at=rfc3339(event.recorded_at),
        kind=event.kind,
        actor=names.get(who, who) or who,
        via=event.actor.via,
        text="[redacted]" if redacted and not text else text,
        lane=telling.lane,
        tone=telling.tone,
        key=telling.key,
        late=(event.recorded_at - event.at).total_seconds() > LATE_SECONDS,
        data=event.data,
        digest=event.digest,
        redacted=redacted,
    )


def _declared(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    words = f"Declared {data['severity']} with playbook {data['playbook']} v{data['playbook_version']}"
    title = text.get("title")
    return f"{words}: {title}" if title else words


def _joined(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    said = ". ".join(words for words in (text.get("title"), text.get("summary")) if words)
    return f"Declared again by {data['person']}; joined" + (f": {said}" if said else "")


def _action(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    match data["state"]:
        case "applied":
            return f"Action {data['number']}: {data['words']}"
        case "waiting":
            return f"Action {data['number']} waits for a person's word: {data['words']}"
        case "skipped":
            return f"Action {data['number']} skipped ({data.get('because', '')}): {data['words']}"
    return f"Action {data['number']} is owed to an outside system: {data['words']}"


def _duties(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    due = data.get("postmortem", {}).get("due_at", "")
    parts = [
        f"{len(data[name])} {word if len(data[name]) == 1 else word + 's'}"
        for name, word in (("tasks", "task"), ("notices", "notice"), ("clocks", "clock"))
    ]
    return f"Owed: {', '.join(parts)}; review due {due[:10]}" if due else f"Owed: {', '.join(parts)}"


def _contained(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    lapsed = data["total"] - data["confirmed"]
    slowest = f", slowest {data['slowest']}" if data.get("slowest") else ""
    rest = f"; {lapsed} lapsed" if lapsed else ""
    return (
        f"Contained: {data['confirmed']} of {data['total']} points confirmed revision {data['revision']}"
        f" within {data['ms']} ms{slowest}{rest}"
    )


def _asked(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    words = "; ".join(h["words"] for h in data["plan"]["holds"])
    return f"Restore {data['request']} asked for: lift {words}. Reason: {text.get('reason', '[redacted]')}"


def _note(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    return text.get("note", "")


_TELLINGS: dict[str, _Telling] = {
    "incident:life:declared": _Telling(_declared, "people", "stop", True),
    "incident:life:joined": _Telling(_joined, "people"),
    "incident:action:recorded": _Telling(_action),
    "access:hold:placed": _Telling(lambda d, t: f"In force: {Hold.read(d['hold']).words()}", "machine", "stop", True),
    "access:hold:lifted": _Telling(lambda d, t: f"Lifted: hold {d['hold']} by {d['request']}", "machine", "ok", True),
    "incident:duties:owed": _Telling(_duties),
    "incident:life:contained": _Telling(_contained, "machine", "ok", True),
    "incident:life:contradicted": _Telling(
        lambda d, t: f"Containment contradicted by {d['point']}: {d['because']}", "machine", "stop", True
    ),
    "incident:note:added": _Telling(_note, "people"),
    "restore:request:asked": _Telling(_asked, "people", "wait", True),
    "restore:request:approved": _Telling(lambda d, t: f"Restore {d['request']} approved", "people", "ok", True),
    "restore:request:refused": _Telling(
        lambda d, t: f"Restore {d['request']} refused: {t.get('reason', '[redacted]')}", "people", "wait"
    ),
    "restore:approval:denied": _Telling(
        lambda d, t: f"An approval of {d['request']} did not count: {d['because']}", "people", "wait"
    ),
}

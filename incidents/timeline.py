"""
An incident's events as rows that people read. Pure; the words of every kind stand here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incidents.clock import rfc3339
from incidents.decisions.restore_telling import span
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
    tone: str | Callable[[Mapping[str, Any]], str] = "plain"
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
        tone=telling.tone if isinstance(telling.tone, str) else telling.tone(event.data),
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
    plan = data["plan"]
    words = "; ".join(h["words"] for h in plan["holds"])
    first = f", {plan['canary']} first, the rest {span(plan['soak_s'])} later" if plan.get("canary") else ""
    return f"Restore {data['request']} asked for: lift {words}{first}. Reason: {text.get('reason', '[redacted]')}"


def _approved(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    checks = ", ".join(data.get("checks") or ())
    return f"Restore {data['request']} approved" + (f"; attested: {checks}" if checks else "")


def _glass(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    waived = [*data["waived"]["checks"]]
    if more := data["waived"]["approvals"]:
        waived.append(f"{more} more approval{'' if more == 1 else 's'}")
    without = f" without {', '.join(waived)}" if waived else ""
    return (
        f"Break-glass restore {data['request']} {data['moment']}{without}. Told: {', '.join(data['tells']) or 'nobody'}"
    )


def _eased(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    if not data["partners"]:
        return f"In force again for everybody: hold {data['hold']}, taken back from {data['request']}"
    return f"Eased for {', '.join(data['partners'])}: hold {data['hold']} by {data['request']}, step {data['step']}"


def _step_done(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    words = f"Step {data['step']} of {data['of']} of {data['request']} done"
    return f"{words}; the next is due at {data['next_at'][:16].replace('T', ' ')} UTC" if data.get("next_at") else words


def _stopped(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    after = f"after step {data['step']}" if data["step"] else "before its first step"
    words = f"Restore {data['request']} stopped {after}: {data['because']}"
    return f"{words}. Reason: {text['reason']}" if "reason" in text else words


def _note(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    return text.get("note", "")


_TELLINGS: dict[str, _Telling] = {
    "incident:life:declared": _Telling(_declared, "people", "stop", True),
    "incident:life:joined": _Telling(_joined, "people"),
    "incident:action:recorded": _Telling(_action),
    "access:hold:placed": _Telling(lambda d, t: f"In force: {Hold.read(d['hold']).words()}", "machine", "stop", True),
    "access:hold:lifted": _Telling(lambda d, t: f"Lifted: hold {d['hold']} by {d['request']}", "machine", "ok", True),
    "access:hold:eased": _Telling(_eased, "machine", lambda d: "ok" if d["partners"] else "stop", True),
    "incident:duties:owed": _Telling(_duties),
    "incident:life:contained": _Telling(_contained, "machine", "ok", True),
    "incident:life:contradicted": _Telling(
        lambda d, t: f"Containment contradicted by {d['point']}: {d['because']}", "machine", "stop", True
    ),
    "incident:note:added": _Telling(_note, "people"),
    "restore:request:asked": _Telling(_asked, "people", "wait", True),
    "restore:request:approved": _Telling(_approved, "people", "ok", True),
    "restore:glass:broken": _Telling(_glass, "people", "stop", True),
    "restore:step:done": _Telling(_step_done, "machine", "ok", True),
    "restore:request:stopped": _Telling(_stopped, "people", "stop", True),
    "restore:request:refused": _Telling(
        lambda d, t: f"Restore {d['request']} refused: {t.get('reason', '[redacted]')}", "people", "wait"
    ),
    "restore:approval:denied": _Telling(
        lambda d, t: f"An approval of {d['request']} did not count: {d['because']}", "people", "wait"
    ),
}

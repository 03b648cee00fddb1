"""
An incident's events as rows that people read. Pure; the words of every kind stand here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from incidents import events as ev
from incidents.clock import parse_rfc3339, rfc3339
from incidents.clock_tellings import CLOCK_WORDS, LOUD
from incidents.events import Event
from incidents.holds import Hold
from incidents.spans import in_full


@dataclass(frozen=True, slots=True)
class Correction:
    """What a line said before, and who corrected it when and why. ``was_at`` or ``was_text`` None: that stayed."""

    seq: int
    by: str
    recorded_at: str
    reason: str
    was_at: str | None = None
    was_text: str | None = None

    def wire(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("seq", "by", "recorded_at", "reason", "was_at", "was_text")}


@dataclass(frozen=True, slots=True)
class Row:
    """
    One line. ``lane`` is world, machine or people; ``tone`` stop, ok, wait or plain; ``key`` marks a turning point.
    ``late``: it happened well before it was recorded. ``at`` and ``text`` are as corrected; ``corrections`` say what
    stood there before, the oldest first. ``restricted``: for members alone, and empty for everybody else. ``by`` is the
    actor's id, ``worded`` whether there are free words in it, which could be redacted.
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
    pinned: bool = False
    restricted: bool = False
    corrections: tuple[Correction, ...] = ()
    by: str = ""
    worded: bool = False

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
            "pinned": self.pinned,
            "restricted": self.restricted,
            "corrections": [correction.wire() for correction in self.corrections],
            "data": self.data,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class _Telling:
    words: Callable[[Mapping[str, Any], Mapping[str, str]], str]
    lane: str = "machine"
    tone: str | Callable[[Mapping[str, Any]], str] = "plain"
    key: bool = False
    loud: Callable[[Mapping[str, Any]], bool] | None = None


LATE_SECONDS = 60
LANES = {"world": "World", "machine": "Machine", "people": "People"}


def lane_of(row: Row) -> str:
    """What people tell afterwards happened in the world."""
    return "world" if row.kind == ev.NoteAdded.kind and row.late else row.lane


def is_key(row: Row) -> bool:
    """A turning point, or one that a person pinned."""
    return row.key or row.pinned


SILENT = ("incident:entry:pinned",)  # shown at the line that they are about


def rows(events: Sequence[Event], names: Mapping[str, str], *, inside: bool = True) -> list[Row]:
    """
    An incident's lines in the order in which they were recorded, each as it is to be read now.

    Args:
        events: Every event of the incident: a correction changes how an earlier line reads.
        names: Person id -> name, for the actor's column.
        inside: Whether restricted notes are for this reader.
    """
    found: dict[int, Row] = {}
    for event in events:
        if event.kind == ev.EntryCorrected.kind:
            _correct(found, event, names, inside)
        elif event.kind == ev.EntryPinned.kind:
            entry = int(event.data["entry"])
            if entry in found:
                found[entry] = replace(found[entry], pinned=bool(event.data["pinned"]))
        if event.kind not in SILENT:
            found[event.seq] = _row(event, names, inside)
    return list(found.values())


def _correct(found: dict[int, Row], event: Event, names: Mapping[str, str], inside: bool) -> None:
    row, text = found.get(int(event.data["entry"])), event.text or {}
    if row is None:
        return
    at = event.data.get("at")
    hidden = row.restricted and not inside
    words = None if row.redacted or hidden else text.get("note")
    said = Correction(
        seq=event.seq,
        by=names.get(event.actor.name, event.actor.name),
        recorded_at=rfc3339(event.recorded_at),
        reason="" if hidden else text.get("reason", "[redacted]"),
        was_at=row.at if at else None,
        was_text=row.text if words is not None else None,
    )
    found[row.seq] = replace(
        row,
        at=at or row.at,
        text=row.text if words is None else words,
        corrections=(*row.corrections, said),
        late=_late(parse_rfc3339(at), parse_rfc3339(row.recorded_at)) if at else row.late,
    )


def _late(at: datetime, recorded_at: datetime) -> bool:
    return (recorded_at - at).total_seconds() > LATE_SECONDS


def _row(event: Event, names: Mapping[str, str], inside: bool) -> Row:
    redacted = event.text is None and event.text_digest is not None
    restricted = bool(event.data.get("restricted"))
    telling = _TELLINGS.get(event.kind, _Telling(lambda data, text: event.kind))
    text = telling.words(event.data, {} if redacted else (event.text or {}))
    if restricted and not inside:
        text = ""
    who, recorded_at = event.actor.name, rfc3339(event.recorded_at)
    loud = telling.loud is not None and telling.loud(event.data)
    return Row(
        seq=event.seq,
        at=recorded_at if event.at == event.recorded_at else rfc3339(event.at),
        recorded_at=recorded_at,
        kind=event.kind,
        actor=names.get(who, who) or who,
        via=event.actor.via,
        text="[redacted]" if redacted and not text else text,
        lane=telling.lane,
        tone="stop" if loud else telling.tone if isinstance(telling.tone, str) else telling.tone(event.data),
        key=telling.key or loud,
        late=_late(event.at, event.recorded_at),
        data=event.data,
        digest=event.digest,
        redacted=redacted,
        restricted=restricted,
        by=who,
        worded=bool(event.text),
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
    first = f", {plan['canary']} first, the rest {in_full(plan['soak_s'])} later" if plan.get("canary") else ""
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


def _captured(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    """A Slack message as it was captured: who wrote it, its words, its files, where it stands."""
    files = f" [files: {text.get('files', data['files'])}]" if data.get("files") else ""
    where = f" ({text['permalink']})" if text.get("permalink") else ""
    return f"{data['author']} in Slack: {text.get('note', '[redacted]')}{files}{where}"


def _because(words: str, text: Mapping[str, str], name: str = "reason") -> str:
    """Words, and the reason that was given for them."""
    return f"{words}: {text[name]}" if text.get(name) else words


def _taken(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    was = data.get("was")
    if data.get("forced"):
        return _because(f"{data['person']} took {_role(data)} over from {was}", text)
    return f"{data['person']} is {data['role']} now" + (f", after {was}" if was else "")


def _role(data: Mapping[str, Any]) -> str:
    return "command" if data["role"] == "commander" else str(data["role"])


def _ended(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    return _because(f"Merged into {data['into']}" if data["end"] == "merged" else "Called a false alarm", text)


def _task(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    what = "Follow-up" if data["follow_up"] else "Task"
    owner = f", {data['owner']}" if data.get("owner") else ""
    return f"{what} {data['number']}{owner}: {text.get('title', '[redacted]')}"


def _task_changed(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    parts = [f"owner {data['owner']}"] if data.get("owner") else []
    parts += [f"due {data['due_at'][:16].replace('T', ' ')} UTC"] if data.get("due_at") else []
    parts += ["goes on as a follow-up"] if data.get("follow_up") else []
    parts += ["no follow-up any more"] if data.get("follow_up") is False else []
    return f"Task {data['number']}: {', '.join(parts)}"


def _evidence(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    grants = len(data["access"]) + data.get("left_out", 0)
    parts = [f"{len(data['models'])} models", f"{len(data['flags'])} flags", f"{grants} grants"]
    return f"Frozen before the holds, at revision {data['revision']}: {', '.join(parts)}, {len(data['points'])} points"


def _members(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    parts = [f"{', '.join(data['add'])} may see it"] if data["add"] else []
    parts += [f"{', '.join(data['remove'])} may not any more"] if data["remove"] else []
    return "; ".join(parts)


def _correction(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    what = " and ".join(["time"] * ("at" in data) + ["words"] * ("note" in text)) or "words"
    return _because(f"Corrected the {what} of line {data['entry']}", text)


def _drill_started(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    target = f", to be contained within {data['target_s']} s" if data.get("target_s") else ""
    told = "announced" if data["announced"] else "unannounced"
    return f"Drill {data['mode']}, {told}, until {data['ends_at'][:16].replace('T', ' ')} UTC{target}"


def _drill_ended(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    if data["equal"]:
        proof = "the live table is as it was before"
    elif data["meanwhile"]:
        proof = f"the live table differs, as others changed it meanwhile ({_others(data)})"
    else:
        proof = "THE LIVE TABLE DIFFERS FROM BEFORE, and nothing explains it"
    left = f"; still held: {', '.join(data['left'])}" if data["left"] else ""
    real = f"; {data['real']} is the real one" if data.get("real") else ""
    return _because(f"Drill {data['how']}, {data['because']}: {proof}{left}{real}", text)


def _others(data: Mapping[str, Any]) -> str:
    named = list(dict.fromkeys(row.get("incident") or "the catalog" for row in data["meanwhile"]))
    return ", ".join(named) + (f" and {data['meanwhile_more']} more" if data["meanwhile_more"] else "")


def _effect_owed(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    what = f"action {data['action']}" if data.get("action") else f"'{data['template']}'"
    reminds = f", for {', '.join(data['reminds'])}" if data.get("reminds") else ""
    return f"{data['id']} owed to {data['to']}: {what}{reminds}"


def _effect_settled(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    by = f" by {data['channel']}" if data.get("channel") else ""
    word = "it would not have arrived: " if data["outcome"] == "rehearsed" else ""
    because = f" ({word}{data['because']})" if data.get("because") else ""
    receipt = f": {text['receipt']}" if text.get("receipt") else ""
    return f"{data['id']} {data['outcome']}{by}{because}{receipt}"


def _passed_on(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    what = "may or may not have arrived" if data["outcome"] == "unknown" else "failed"
    return f"{data['id']} {what} by {data['channel']} ({data['because']}); the next channel is tried"


def _reminded(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    told = ", ".join(data["messages"]) or "nobody"
    return f"Reminder {data['key']}, due {data['due_at'][:16].replace('T', ' ')} UTC, told by {told}"


def _notice_written(data: Mapping[str, Any], text: Mapping[str, str]) -> str:
    how = "drafted" if data.get("template") else "changed"
    return f"Notice {data['notice']} {how}, text {data['digest'][:12]}: {text.get('subject', '[redacted]')}"


_TELLINGS: dict[str, _Telling] = {
    "drill:run:started": _Telling(_drill_started, "people", "wait", True),
    "drill:run:ended": _Telling(_drill_ended, "machine", lambda d: "ok" if d["equal"] else "stop", True),
    "drill:run:restored": _Telling(
        lambda d, t: f"Back from the drill: {d['confirmed']} of {d['total']} points confirmed within {d['ms']} ms",
        "machine",
        "ok",
        True,
    ),
    "drill:real:called": _Telling(lambda d, t: f"Called REAL in the middle of {d['drill']}", "people", "stop", True),
    "drill:person:joined": _Telling(lambda d, t: f"{d['person']} takes part as {d['part']}", "people"),
    "drill:person:left": _Telling(lambda d, t: f"{d['person']} takes part no longer", "people"),
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
    "incident:evidence:frozen": _Telling(_evidence),
    "incident:life:acknowledged": _Telling(lambda d, t: "Acknowledged", "people"),
    "incident:life:mitigated": _Telling(lambda d, t: _because("Mitigated", t), "people", "ok", True),
    "incident:life:resolved": _Telling(lambda d, t: _because("Resolved", t), "people", "ok", True),
    "incident:life:reviewed": _Telling(lambda d, t: f"Reviewed, version {d['version']}", "people", "ok", True),
    "incident:life:closed": _Telling(lambda d, t: _because("Closed", t), "people", "ok", True),
    "incident:life:ended": _Telling(_ended, "people", "ok", True),
    "incident:life:reopened": _Telling(lambda d, t: _because(f"Reopened, was {d['was']}", t), "people", "stop", True),
    "incident:exit:judged": _Telling(
        lambda d, t: _because(f"Exit criterion {d['number']} {'met' if d['met'] else 'open again'}", t, "evidence"),
        "people",
    ),
    "incident:action:settled": _Telling(
        lambda d, t: _because(f"Action {d['number']} {'done by hand' if d['state'] == 'done' else 'declined'}", t),
        "people",
    ),
    "incident:severity:set": _Telling(
        lambda d, t: _because(f"Severity {d['was']} -> {d['severity']}", t), "people", "wait", True
    ),
    "incident:visibility:set": _Telling(
        lambda d, t: _because(f"Visibility {d['was']} -> {d['visibility']}", t), "people"
    ),
    "incident:members:changed": _Telling(_members, "people"),
    "incident:role:offered": _Telling(
        lambda d, t: f"Command offered to {d['person']}, who has not accepted yet", "people", "wait"
    ),
    "incident:role:declined": _Telling(
        lambda d, t: _because(f"The offer of command to {d['person']} has ended", t), "people"
    ),
    "incident:role:taken": _Telling(_taken, "people"),
    "incident:role:left": _Telling(lambda d, t: _because(f"{d['person']} is {d['role']} no longer", t), "people"),
    "incident:task:added": _Telling(_task, "people"),
    "incident:task:changed": _Telling(_task_changed, "people"),
    "incident:task:settled": _Telling(lambda d, t: _because(f"Task {d['number']} {d['state']}", t), "people"),
    "incident:update:posted": _Telling(lambda d, t: t.get("update", ""), "people"),
    "incident:note:added": _Telling(_note, "people"),
    "incident:entry:corrected": _Telling(_correction, "people"),
    "incident:entry:redacted": _Telling(
        lambda d, t: _because(f"The words of line {d['entry']} were redacted", t), "people"
    ),
    "review:owner:set": _Telling(lambda d, t: f"{d['person']} sees to the review", "people"),
    "review:document:saved": _Telling(lambda d, t: f"Review saved, version {d['version']}", "people"),
    "review:document:approved": _Telling(lambda d, t: f"Review version {d['version']} approved", "people"),
    "review:document:published": _Telling(
        lambda d, t: f"Review version {d['version']} published", "people", "ok", True
    ),
    "slack:channel:opened": _Telling(lambda d, t: f"Slack channel #{t.get('name', d['channel'])} opened"),
    "slack:message:posted": _Telling(lambda d, t: f"Shown in Slack, channel {d['channel']}"),
    "slack:message:captured": _Telling(_captured, "people"),
    "slack:message:edited": _Telling(lambda d, t: f"Edited in Slack, now: {t.get('note', '[redacted]')}", "people"),
    "slack:message:deleted": _Telling(
        lambda d, t: "Deleted in Slack; the line that captured it stays", "people", "wait"
    ),
    "share:link:made": _Telling(
        lambda d, t: f"Read-only link {d['share']} made, until {d['expires_at'][:16].replace('T', ' ')} UTC", "people"
    ),
    "share:link:revoked": _Telling(lambda d, t: f"Read-only link {d['share']} revoked", "people"),
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
    "effect:message:owed": _Telling(_effect_owed),
    "effect:message:passed-on": _Telling(_passed_on, "machine", "wait"),
    "effect:message:settled": _Telling(_effect_settled),
    "effect:message:retried": _Telling(lambda d, t: f"{d['id']} is to be tried again", "people"),
    "effect:order:owed": _Telling(_effect_owed),
    "effect:order:settled": _Telling(_effect_settled),
    "effect:order:retried": _Telling(lambda d, t: f"{d['id']} is to be sent again", "people"),
    "effect:reminder:told": _Telling(_reminded),
    "notice:draft:owed": _Telling(
        lambda d, t: f"Notice {d['notice']} to {d['to']} waits for {d['approvals']} to approve, a {d['approval']} too"
    ),
    "notice:draft:shared-out": _Telling(
        lambda d, t: f"Notice {d['notice']} became one for each of {len(d['partners'])} affected partners"
    ),
    "notice:draft:written": _Telling(_notice_written),
    "notice:draft:approved": _Telling(
        lambda d, t: f"Notice {d['notice']} approved, text {d['digest'][:12]}", "people", "ok", True
    ),
    "notice:draft:refused": _Telling(lambda d, t: _because(f"Notice {d['notice']} is not sent", t), "people", "wait"),
    "notice:approval:denied": _Telling(
        lambda d, t: f"An approval of {d['notice']} did not count: {d['because']}", "people", "wait"
    ),
    "notice:receipt:recorded": _Telling(
        lambda d, t: _because(f"Notice {d['notice']} told by hand", t, "receipt"), "people", "ok", True
    ),
}
_TELLINGS |= {
    kind: _Telling(words, lane, tone, key, LOUD.get(kind)) for kind, (words, lane, tone, key) in CLOCK_WORDS.items()
}


_PLACES = {
    "incident:life:joined": "declared again",
    "access:hold:placed": "held",
    "incident:note:added": "note",
    "incident:update:posted": "update",
    "incident:entry:corrected": "correction",
    "incident:task:added": "task",
    "incident:exit:judged": "criterion",
    "review:document:saved": "review",
    "slack:message:captured": "Slack message",
    "slack:message:edited": "Slack message, edited",
    "restore:request:asked": "restore asked",
    "restore:request:refused": "restore refused",
    "restore:request:stopped": "restore stopped",
    "clocks:duty:submitted": "submission",
    "effect:message:owed": "message",
    "notice:draft:written": "notice",
}


def place_of(kind: str, field: str) -> str:
    """What to call the part of a line in which something was found: ``note``, ``title``, ``review``, ``reason``."""
    if kind == "incident:life:declared":
        return {"parameters": "parameter"}.get(field, field)
    return _PLACES.get(kind, field.replace("_", " "))

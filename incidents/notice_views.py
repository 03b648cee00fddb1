"""
What people read of notices and messages: each as it stands, in words that claim no more than is proven. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from incidents.clock import rfc3339
from incidents.events import Event
from incidents.life import RESTRICTED, STEPS, Incident
from incidents.notices import NoticeDraft, NoticeState
from incidents.outbox import LETTERS, Effect, Outbox, Outcome
from incidents.recipients import PLACES

Json = dict[str, Any]
Claims = Mapping[str, Any]  # of the ledger, by effect
OWED = ("effect:message:owed", "effect:order:owed")
SETTLED = ("effect:message:settled", "effect:order:settled")


def messages(lines: Iterable[Event], outbox: Outbox, claims: Claims) -> list[Json]:
    """Every message and order of one incident, as its events tell, in the order in which they came to be owed."""
    rows: dict[str, Json] = {}
    for line in lines:
        id = str(line.data.get("id", ""))
        if line.kind in OWED:
            rows[id] = _owed_row(line)
        elif id in rows and line.kind == "effect:message:passed-on":
            rows[id]["tried"].append({k: line.data[k] for k in ("channel", "outcome", "because")})
        elif id in rows and line.kind in SETTLED:
            rows[id] |= _settled(line)
        elif id in rows and line.kind.endswith(":retried"):
            rows[id] |= {"state": "owed", "because": None, "settled_at": None, "retry": False}
    for id, row in rows.items():
        effect = outbox.owed.get(id)
        if effect is not None:
            row |= _under_way(effect, claims.get(id))
        row["retry"] = id in outbox.letters
    return list(rows.values())


def _owed_row(line: Event) -> Json:
    data = line.data
    return {
        "id": data["id"],
        "sort": line.kind.split(":")[1],
        "incident": line.incident,
        "to": data["to"],
        "template": data["template"],
        "lane": data["lane"],
        "channels": data["channels"],
        "owed_at": rfc3339(line.at),
        "deadline": data.get("deadline"),
        "notice": data.get("notice"),
        "entry": data.get("entry"),
        "state": "owed",
        "channel": None,
        "tries": 0,
        "because": None,
        "evidence": None,
        "receipt": None,
        "settled_at": None,
        "next_try_at": None,
        "tried": [],
        "retry": False,
    }


def _settled(line: Event) -> Json:
    data = line.data
    return {
        "state": data["outcome"],
        "channel": data.get("channel"),
        "tries": data.get("tries") or 0,
        "because": data.get("because"),
        "evidence": data.get("evidence"),
        "receipt": (line.text or {}).get("receipt"),
        "settled_at": rfc3339(line.at),
    }


def _under_way(effect: Effect, claim: Any | None) -> Json:
    """What the table beside the log knows of something that is still owed."""
    if claim is None:
        return {"state": "owed"}
    row: Json = {"channel": claim.channel, "tries": claim.tries, "because": claim.error or None}
    if claim.phase == "waiting":
        return row | {"state": "owed", "next_try_at": rfc3339(claim.until)}
    return row | {"state": "being sent"}


def letters(found: Iterable[Effect], claims: Claims) -> list[Json]:
    """A page of messages and orders, across incidents."""
    return [_letter(effect, claims.get(effect.id)) for effect in found]


def _letter(effect: Effect, claim: Any | None) -> Json:
    row: Json = {
        "id": effect.id,
        "sort": effect.sort,
        "incident": effect.incident,
        "to": effect.to,
        "template": effect.template,
        "lane": effect.lane,
        "drill": effect.table != "live",
        "channels": effect.channels or effect.all_channels,
        "owed_at": rfc3339(effect.owed_at),
        "deadline": rfc3339(effect.deadline) if effect.deadline else None,
        "notice": effect.notice,
        "state": effect.outcome or "owed",
        "channel": None,
        "tries": 0,
        "because": effect.because,
        "doubt": effect.doubt,
        "settled_at": rfc3339(effect.settled_at) if effect.settled_at else None,
        "next_try_at": None,
        "retry": effect.outcome in LETTERS,
    }
    return row | (_under_way(effect, claim) if effect.outcome is None else {})


# --- notices ----------------------------------------------------------------------------------------------------------


def notice(incident: Incident, draft: NoticeDraft, rows: Mapping[str, Json], texts: Mapping[int, Any]) -> Json:
    """
    One notice that people approve.

    Args:
        rows: ``messages`` by id.
        texts: Free words by the number of their event; redacted ones are missing.
    """
    text = texts.get(draft.text_seq or 0)
    message = rows.get(draft.effect or "")
    receipt = texts.get(draft.receipt_seq or 0) or {}
    return {
        "id": draft.id,
        "incident": incident.id,
        "to": draft.to,
        "template": draft.template,
        "moment": draft.moment,
        "entry": draft.number,
        "approval": draft.approval,
        "approvals": draft.approvals,
        "approvals_left": draft.approvals_left,
        "approved_by": [a.person for a in draft.approved],
        "state": notice_state(draft, message),
        "waits": draft.waits,
        "by_hand": draft.by_hand,
        "clock": draft.clock,
        "owed_at": rfc3339(draft.owed_at),
        "written_by": draft.written_by,
        "written_at": rfc3339(draft.written_at) if draft.written_at else None,
        "digest": draft.digest,
        "subject": (text or {}).get("subject"),
        "body": (text or {}).get("body"),
        "redacted": draft.text_seq is not None and text is None,
        "settled_by": draft.settled_by,
        "settled_at": rfc3339(draft.settled_at) if draft.settled_at else None,
        "receipt": receipt.get("receipt") or (message or {}).get("receipt"),
        "message": message,
    }


def notice_state(draft: NoticeDraft, message: Mapping[str, Any] | None) -> str:
    """Drafted, waits for approval, owed, sent, failed, unknown, dead, filed by hand: one word for where it is."""
    if draft.state == NoticeState.APPROVED:
        if draft.by_hand:
            return "approved, to be filed by hand"
        return str(message["state"]) if message is not None else "owed"
    if draft.state == NoticeState.RECEIPTED:
        return "filed by hand" if draft.by_hand else "told by hand"
    return draft.state


def entries(incident: Incident, rows: Iterable[Mapping[str, Any]], now: datetime) -> list[Json]:
    """The playbook's own list, each entry with where it stands."""
    listed = list(rows)
    return [entry | {"state": _entry_state(incident, entry, listed)} for entry in incident.notices]


def _entry_state(incident: Incident, entry: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    kind = str(entry["to"]).partition(":")[0]
    if incident.kind == "test":
        return "not owed: a test tells nobody"
    if entry["at"] not in incident.moments:
        return "not yet owed"
    if entry.get("remind"):
        until = entry.get("until", "closed")
        over = incident.ended or STEPS.index(incident.status) >= STEPS.index(until)
        return "over" if over else "reminds"
    if incident.visibility == RESTRICTED and kind in PLACES:
        return "withheld: the incident is restricted"
    by_id = {row["id"]: row for row in rows}
    drafts = [d for d in incident.drafts.values() if d.number == entry["number"]]
    states = [notice_state(d, by_id.get(d.effect or "")) for d in drafts if d.state != NoticeState.SHARED_OUT]
    states = states or [str(row["state"]) for row in rows if row["entry"] == entry["number"]]
    return _worst(states)


_FROM_THE_WORST = (
    Outcome.DEAD, Outcome.FAILED, Outcome.UNKNOWN, NoticeState.UNDRAFTED, NoticeState.WAITS, "owed", "being sent",
    "approved, to be filed by hand", NoticeState.REFUSED,
)  # fmt: skip


def _worst(states: Sequence[str]) -> str:
    """What somebody has to look at first; where nothing is wrong, the last that became of it."""
    for word in _FROM_THE_WORST:
        if word in states:
            return str(word)
    return states[-1] if states else "owed"

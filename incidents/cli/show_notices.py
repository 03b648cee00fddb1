"""
Notices and messages in words, as ``show`` has the rest. Pure; every value that people wrote is made harmless.
"""

from __future__ import annotations

from collections.abc import Sequence

from incidents.cli.show import Json, Lines, facts, moment, plain, table


def of_incident(answer: Json) -> Lines:
    yield f"{answer['incident']}: {len(answer['notices'])} notices, {len(answer['messages'])} messages"
    if answer["notices"]:
        yield ""
        yield from table(
            ("NOTICE", "TO", "STATE", "APPROVED", "RECEIPT OR WHY"),
            [
                (
                    n["id"],
                    n["to"],
                    n["state"],
                    f"{n['approvals'] - n['approvals_left']} of {n['approvals']}",
                    n["receipt"] or (n["message"] or {}).get("because"),
                )
                for n in answer["notices"]
            ],
            none="",
        )
    if answer["messages"]:
        yield ""
        yield from table(
            ("MESSAGE", "TO", "WHAT", "STATE", "BY", "RECEIPT OR WHY"),
            [
                (m["id"], m["to"], m["template"], m["state"], m["channel"], m["receipt"] or _why(m))
                for m in answer["messages"]
            ],
            none="",
        )
    yield ""
    yield from table(
        ("ENTRY", "TO", "AT", "STATE"),
        [(e["number"], e.get("host") or e["to"], _when(e), e["state"]) for e in answer["entries"]],
        none="the playbook tells nobody",
    )


def _when(entry: Json) -> str:
    return f"{entry['at']}, every {entry['every']}" if entry.get("every") else str(entry["at"])


def _why(message: Json) -> str | None:
    if message["next_try_at"]:
        return f"{message['because'] or 'tried'}; next try {moment(message['next_try_at'])}"
    because: str | None = message["because"]
    return because


def notice(found: Json) -> Lines:
    """Its state, then the exact text."""
    yield f"{found['id']} to {found['to']}: {found['state']}"
    yield from facts(
        ("incident", found["incident"]),
        ("approvals", _approvals(found)),
        ("text", f"{found['digest']}" if found["digest"] else None),
        ("written by", found["written_by"] or "the template"),
        ("receipt", found["receipt"]),
        ("why", (found["message"] or {}).get("because")),
    )
    yield ""
    if found["redacted"]:
        yield "[redacted]"
        return
    yield f"Subject: {plain(found['subject'] or '')}"
    yield ""
    yield from (plain(line) for line in (found["body"] or "").rstrip("\n").split("\n"))


def _approvals(found: Json) -> str:
    by = f", by {', '.join(found['approved_by'])}" if found["approved_by"] else ""
    return f"{found['approvals'] - found['approvals_left']} of {found['approvals']}{by}; a {found['approval']} too"


def approved(answer: Json, found: Json) -> Lines:
    if answer["approvals_left"]:
        left = answer["approvals_left"]
        yield f"{answer['id']} is approved by you; {left} more to approve text {found['digest'][:12]}"
    elif found["by_hand"]:
        yield f"{answer['id']} is approved. It is never sent by itself: file it, then record the receipt:"
        yield f"  andon notices receipt {answer['id']} --receipt TEXT"
    else:
        yield f"{answer['id']} is approved and owed to {found['to']}; a running service sends it"


def letters(rows: Sequence[Json], state: str) -> Lines:
    yield from table(
        ("MESSAGE", "INCIDENT", "TO", "WHAT", "STATE", "WHY"),
        [(r["id"], r["incident"], r["to"], r["template"], r["state"], _why(r)) for r in rows],
        none="no dead letters" if state == "dead" else "nothing is owed",
    )

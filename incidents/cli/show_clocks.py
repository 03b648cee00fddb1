"""
Answers about clocks in words. Pure, like ``show``.
"""

from __future__ import annotations

from typing import Any

from incidents.cli.show import Json, Lines, facts, moment, plain, table, when_due
from incidents.clock import readable


def _state(row: Json) -> str:
    word = str(row["state"]).replace("-", " ")
    if row["state"] == "submitted" and row["late"]:
        word = "submitted LATE"
    return f"{word.upper() if row['state'] == 'late' else word}{' (simulated)' if row['simulated'] else ''}"


def _owner(row: Json) -> str:
    return str(row["owner"] or f"nobody ({row['owner_role']})")


def clocks(answer: Json) -> Lines:
    yield from table(
        ("DUE", "STATE", "OWNER", "CLOCK", "WHAT", "TO"),
        [
            (when_due(row), _state(row), _owner(row), row["clock"], row["title"], row["recipient"])
            for row in answer["items"]
        ],
        none="no clock",
    )
    if answer.get("next"):
        yield "... later ones are left out; --limit shows more"


def incident_clocks(answer: Json) -> Lines:
    """Clocks, then what they run from, what is asked, and what is not assessed with the reason."""
    if answer["kind"] != "real":
        yield f"{answer['incident']} is a {answer['kind']}: its clocks are simulated"
    yield from clocks({"items": answer["clocks"]})
    known = answer["facts"]
    for anchor in known["anchors"]:
        yield from _anchor(anchor)
    for row in answer["clocks"]:
        for sooner in row["sooner"]:
            yield plain(f"sooner, {moment(sooner['due'])}, if yes: {sooner['question']} ({sooner['condition']})")
    for asked in known["conditions"]:
        said = f"{asked['answer']}, says {asked['by']}" if asked["answer"] else "not answered"
        yield plain(f"question {asked['condition']}: {asked['question']} {said}")
    for left in answer["left_out"]:
        yield plain(f"not assessed: {left['regime']}, {left['because']}")


def _anchor(anchor: Json) -> Lines:
    if not anchor["candidates"]:
        yield f"{anchor['anchor']}: not recorded"
    for c in anchor["candidates"]:
        said = "proposed by declaring" if c["proposed"] else f"by {c['by']}"
        state = "counts" if c["counts"] else "withdrawn" if c["withdrawn"] else "does not count"
        evidence = f": {c['evidence']}" if c["evidence"] else ""
        yield plain(f"{anchor['anchor']} {moment(c['at'])} {said}, {state}{evidence}")
    if anchor["contested"]:
        yield f"{anchor['anchor']}: an earlier time stands beside the chosen one"


def clock(row: Json) -> Lines:
    yield plain(f"{row['clock']} {_state(row)}: {row['title']}")
    yield from facts(
        ("to", row["recipient"]),
        ("under", f"{row['source']} ({row['regime_title']})"),
        ("due", ", ".join(filter(None, (when_due(row), row["basis"])))),
        ("latest", moment(row["latest"]) if row["latest"] != row["due"] else None),
        ("waits", row["waits_for"]),
        ("asks", [asked["question"] for asked in row["asks"]]),
        ("sooner", [f"{moment(s['due'])} if yes: {s['question']}" for s in row["sooner"]]),
        ("owner", _owner(row)),
        ("note", row["note"]),
        ("must say", row["content"]),
        ("notice", row["notice"] and f"{row['notice']['id']}, {row['notice']['state']}"),
        ("submitted", _submitted(row)),
        ("late because", row["late_because"]),
        ("decided", row["decided_by"] and f"not reportable, {row['decided_by']}: {row['decision_reason']}"),
        ("stayed", _stayed(row)),
        ("fell away", row["fell_away"]),
        ("missed", row["missed_at"] and f"{moment(row['missed_at'])}, noticed {moment(row['noticed_at'])}"),
        ("history", [_line(line) for line in row["history"]]),
    )


def _submitted(row: Json) -> str | None:
    if row["submitted_at"] is None:
        return None
    return f"{moment(row['submitted_at'])} by {row['submitted_by']}: {row['receipt']}"


def _stayed(row: Json) -> str | None:
    if not row["stayed"]:
        return None
    until = f" until {moment(row['stayed_until'])}" if row["stayed_until"] else ""
    return f"{row['stay_reason']}{until}"


def _line(line: Json) -> str:
    became = f"due {moment(line['due'])}" if line["due"] else "no date"
    was = f", was {moment(line['was'])}" if line["was"] else ""
    return f"{moment(line['at'])} {became}{was} ({line['because']})"


def moved(answer: Json) -> Lines:
    """What must be shouted first, then every clock that was touched."""
    yield from (plain(readable(line)) for line in answer["shout"])
    if answer.get("already"):
        yield f"{answer['incident']} was so already; nothing was changed"
        return
    yield f"recorded in {answer['incident']}, event {answer['seq']}"
    for row in answer["clocks"]:
        yield plain(f"{row['clock']}: {_state(row)}, due {when_due(row)}")


def regimes(answer: Json) -> Lines:
    yield from table(
        ("ID", "ON", "STATUS", "JURISDICTION", "TITLE", "WHY"),
        [
            (row["id"], row["enabled"], row["status"], row["jurisdiction"], row["title"], _why(row))
            for row in answer["items"]
        ],
        none="no regime",
    )


def _why(row: Json) -> str:
    text = str(row["because"])
    return text if len(text) <= 60 else f"{text[:59]}…"


def regime(row: Json) -> Lines:
    yield plain(f"{row['id']} v{row['version']} {'ON' if row['enabled'] else 'OFF'}: {row['title']}")
    known: Any = row["definition"]
    yield from facts(
        ("why", row["because"]),
        ("status", ", from ".join(filter(None, (row["status"], row["applies_from"])))),
        ("binds", row["binds"]),
        ("when", known["trigger"]),
        ("to", row["recipient"]),
        ("source", row["source"]),
        ("verified", f"{'yes' if row['verified'] else 'no'}: {known['verification']}"),
        ("reviewed", f"{row['reviewed_on']}, again by {row['review_due']}{' (STALE)' if row['stale'] else ''}"),
        ("deadlines", [_deadline(deadline) for deadline in known["deadlines"]]),
        ("penalty", known.get("penalty")),
        ("extension", known.get("extension")),
        ("notes", known.get("notes")),
    )


def _deadline(deadline: Json) -> str:
    limits = "; ".join(_limit(limit) for limit in deadline["limits"])
    own = f" ({deadline['undated']}; our own target)" if deadline.get("undated") else ""
    when = f", if {deadline['when']}" if deadline.get("when") else ""
    return f"{deadline['name']}: {deadline['title']}, {limits}{when}{own}"


def _limit(limit: Json) -> str:
    start = limit.get("from") or f"the submission of {limit.get('from_report')}"
    when = f" if {limit['when']}" if limit.get("when") else ""
    return f"{limit['after']} after {start}{when}" if limit.get("after") else f"at {start}{when}"

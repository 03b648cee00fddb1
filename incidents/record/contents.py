"""
What stands in the record of an incident, and in which order. Knows no form: neither Markdown nor HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from incidents.findings import counted, did_not, in_short, minute
from incidents.record import Bullets, Document, Heading, Json, Part, Picture, Record, Table, Timeline, Warned, Words
from incidents.review_draft import WHAT
from incidents.spans import spelled

REVIEW_STATES = {
    "owed": "Nothing is written yet.",
    "written": "Written, not approved yet.",
    "approved": "Approved, not published yet.",
    "published": "Published.",
}


def parts(record: Record) -> Iterator[Part]:
    """Below the title and the band."""
    yield _head(record)
    yield from _left_out(record)
    yield from _what_happened(record)
    yield from _containment(record)
    yield from _affected(record)
    yield from _people(record)
    yield from _owed(record)
    yield from _way_back(record)
    yield from _review(record)
    yield Heading("Timeline")
    yield Timeline()
    yield from _proof(record)


def _head(record: Record) -> Part:
    i = record.incident
    told = ", ".join(f"{name} {value}" for name, value in i["parameters"].items())
    playbook = f"{i['playbook']['id']} v{i['playbook']['version']}" + (f" ({told})" if told else "")
    rows = [
        ("Status", i["status"]),
        ("Severity", f"{i['severity']}, since {minute(i['severity_since'])} UTC"),
        ("Declared", f"{minute(i['declared_at'])} UTC by {record.who(i['declared_by'])}, via {i['via']}"),
        ("Playbook", playbook),
        ("Commander", record.who(i["commander"])),
        ("Visible to", "whoever may read" if i["visibility"] == "open" else "its members alone (restricted)"),
        ("Exported", f"{minute(record.exported_at)} UTC by {record.who(record.exported_by)}"),
    ]
    return Table((), tuple(rows))


def _left_out(record: Record) -> Iterator[Part]:
    """What a reader has to know before they rely on the rest."""
    redacted = sum(row.redacted for row in record.rows)
    if record.withheld:
        why = ", ".join(sorted({str(entry["because"]) for entry in record.withheld}))
        lines = len({entry["seq"] for entry in record.withheld})
        yield Warned(f"Withheld from this copy: words or data of {counted(lines, 'line')} ({why}).")
    if redacted:
        yield Warned(f"The words of {counted(redacted, 'line')} were redacted; nobody has them any more.")
    if record.restricted:
        yield Warned(f"Holds {counted(record.restricted, 'restricted line')}: for the incident's members alone.")


def _what_happened(record: Record) -> Iterator[Part]:
    if record.incident["summary"].strip():
        yield Heading("Summary")
        yield Words(record.incident["summary"])
    yield Heading("In pictures and figures")
    yield Words(" ".join(in_short(record.figures, record.names)))
    yield Picture()
    life = [m for m in record.figures.moments if m.name != "note"]
    rows = [(minute(m.at) + (" (corrected)" if m.corrected else ""), m.words, record.who(m.by)) for m in life]
    yield _table(("when (UTC)", "moment", "by"), tuple(rows))
    spans = tuple((span.words, spelled(span.ms)) for span in record.figures.spans)
    yield _table(("from, to", "how long"), spans, "Nothing can be measured yet.")


def _containment(record: Record) -> Iterator[Part]:
    i = record.incident
    yield Heading("Holds and containment")
    holds = [
        (
            h["id"],
            h["words"],
            "in force" if h["standing"] else f"lifted {minute(h['lifted_at'])}",
            ", ".join(h["also_held_by"]),
        )
        for h in i["holds"]
    ]
    yield _table(("hold", "what", "state", "also held by"), tuple(holds), "It held nothing.")
    found = [
        (
            minute(c.at),
            f"{c.confirmed} of {c.total}",
            spelled(c.ms),
            f"{c.slowest}, {spelled(c.slowest_ms or 0)}" if c.slowest else "",
            ", ".join(c.lapsed),
            ", ".join(c.ask_live),
        )
        for c in record.figures.containments
    ]
    head = ("contained (UTC)", "confirmed", "after", "slowest", "lapsed", "asked live")
    yield _table(head, tuple(found), "Not contained by evidence.")
    points = [
        (p["name"], p["state"], str(p["revision"]), spelled(p["ms"]) if p["ms"] is not None else "", p["because"])
        for p in i["containment"]["points"]
    ]
    yield _table(("point", "state", "revision", "after", "how it is known"), tuple(points), "No enforcement point.")


def _affected(record: Record) -> Iterator[Part]:
    yield Heading("Who was affected")
    rows = [
        (
            w.partner,
            w.flag,
            WHAT[w.what],
            minute(w.since),
            minute(w.until) if w.until else "still",
            spelled(w.ms),
            w.then or "",
        )
        for w in record.figures.affected.windows
    ]
    head = ("partner", "capability flag", "what", "from (UTC)", "until", "how long", "denied since then by")
    yield _table(head, tuple(rows), "Nobody: no grant's answer changed.")
    if record.figures.affected.uncounted:
        yield Words(f"{record.figures.affected.uncounted} more grants are counted in the evidence, not listed.")
    frozen = record.incident["evidence"]
    if frozen:
        yield Heading("What stood before", 3)
        before = (*_models(frozen), *_flags(frozen), *_partners(frozen))
        yield _table(("what", "before"), before, "Nothing that the holds reached.")


def _models(frozen: Json) -> Iterator[tuple[str, str]]:
    for id, model in frozen["models"].items():
        halted = ", halted" if model["halted"] else ""
        in_force = f", {model['stage_in_force']} in force" if model["stage_in_force"] != model["stage"] else ""
        yield f"model {id}", f"stage {model['stage']}{in_force}{halted}"


def _flags(frozen: Json) -> Iterator[tuple[str, str]]:
    for id, entry in frozen["flags"].items():
        regions = ", ".join((entry or {}).get("regions", ()))
        yield f"capability {id}", "off" if "off" in (entry or {}) else f"off in {regions}" if regions else "on"


def _partners(frozen: Json) -> Iterator[tuple[str, str]]:
    for id, entry in frozen["partners"].items():
        revoked = ", revoked" if "revoked" in (entry or {}) else ""
        yield f"partner {id}", f"admitted from stage {(entry or {}).get('audience', 'unknown')}{revoked}"


def _people(record: Record) -> Iterator[Part]:
    i = record.incident
    yield Heading("People and actions")
    roles = [(r["role"], record.who(r["person"]), minute(r["since"])) for r in i["roles"] if r["person"]]
    yield _table(("role", "who", "since (UTC)"), tuple(roles), "Nobody took a role.")
    actions = [(str(a["number"]), a["words"], a["state"], a.get("because", "")) for a in i["actions"]]
    yield _table(("action", "what", "state", "because"), tuple(actions), "No action.")
    tasks = [
        (
            f"{t['number']}{' (follow-up)' if t['follow_up'] else ''}",
            t["title"],
            record.who(t["owner"]) if t["owner"] else t["role"] or "nobody",
            minute(t["due_at"]) if t["due_at"] else "",
            t["state"] + (f": {t['reason']}" if t["reason"] else ""),
        )
        for t in i["tasks"]
    ]
    yield _table(("task", "what", "who", "due (UTC)", "state"), tuple(tasks), "No task.")


def _owed(record: Record) -> Iterator[Part]:
    i = record.incident
    yield Heading("Exit criteria, clocks and notices")
    criteria = [
        (str(c["number"]), c["text"], f"met, says {record.who(c['by'])}: {c['evidence']}" if c["met"] else "open")
        for c in i["exit"]
    ]
    yield _table(("criterion", "what", "state"), tuple(criteria), "No exit criterion.")
    clocks = [
        (
            c["title"] or c["clock"],
            c["regime_title"],
            c["state"].replace("-", " ") + (", simulated" if c["simulated"] else ""),
            minute(c["due"]) if c["due"] else "",
            minute(c["latest"]) if c["latest"] and c["latest"] != c["due"] else "",
        )
        for c in i["clocks"]
    ]
    yield _table(("clock", "of", "state", "due (UTC)", "at the latest"), clocks, "No clock.")
    notices = tuple((str(n["number"]), str(n["to"]), str(n["state"])) for n in i["notices"])
    yield _table(("notice", "to", "state"), notices, "No notice.")
    yield Heading("What did not go as it should have", 3)
    yield Bullets(tuple(did_not(record.figures)), "Nothing that the log shows.")


def _way_back(record: Record) -> Iterator[Part]:
    yield Heading("Way back")
    rows = [
        (
            r["id"],
            r["state"] + (", break-glass" if r["break_glass"] else "") + (", taken back" if r["taken_back"] else ""),
            f"{record.who(r['asked_by'])}, {minute(r['asked_at'])}",
            ", ".join(record.who(who) for who in r["approved_by"]),
            "; ".join(f"{record.who(who)}: {', '.join(checks)}" for who, checks in r["attested"].items() if checks),
            "; ".join(h["words"] for h in r["plan"]["holds"]),
        )
        for r in record.incident["restores"]
    ]
    head = ("restore", "state", "asked for by (UTC)", "approved by", "checks attested", "lifts")
    yield _table(head, tuple(rows), "No restore was asked for.")


def _review(record: Record) -> Iterator[Part]:
    found = record.review
    yield Heading("Review")
    facts = [
        ("State", REVIEW_STATES[found["state"]]),
        ("Owner", record.who(found["owner"])),
        ("Due", f"{minute(found['due_at'])} UTC" if found["due_at"] else ""),
        ("Version", str(found["version"] or "")),
        ("Written by", ", ".join(map(record.who, found["authors"]))),
        ("Approved by", record.who(found["approved_by"]) if found["approved_by"] else ""),
        ("Published by", record.who(found["published_by"]) if found["published_by"] else ""),
    ]
    yield Table((), tuple(row for row in facts if row[1]))
    if found["redacted"]:
        yield Warned("The words of its newest version were redacted.")
    elif found["published_document"]:
        yield Words(f"This is the published version {found['published']}; version {found['version']} is being written.")
        yield Document(found["published_document"])
    elif not found["draft"]:
        yield Document(found["document"])
    else:
        yield Words("To be answered:")
        yield Bullets(tuple(found["ask"]), "The playbook asks no question.")


def _proof(record: Record) -> Iterator[Part]:
    yield Heading("How this can be checked")
    yield Words(
        "Every line is in a chained log. The export of this incident as JSON holds the lines themselves; whether one"
        f" of them was changed is shown by: andon verify {record.id}.json --key FINGERPRINT"
    )
    yield Table(
        (),
        (
            ("Ledger", record.ledger),
            ("Lines", str(record.events)),
            ("Newest line", str(record.head_seq)),
            ("Its digest", record.head_digest),
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], none: str = "None.") -> Table:
    """Without the columns that nobody filled in."""
    found = list(rows)
    filled = [place for place in range(len(head)) if any(row[place] for row in found)]
    return Table(tuple(head[n] for n in filled), tuple(tuple(row[n] for n in filled) for row in found), none)

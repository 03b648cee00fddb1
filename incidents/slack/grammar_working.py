"""
What can be typed to work an incident: notes, updates, status, roles, tasks, clocks. Pure.
"""

from __future__ import annotations

from incidents.errors import nearest
from incidents.slack.asked import (
    Acknowledge,
    Asked,
    Assign,
    Clocks,
    CloseTask,
    Note,
    RecordFact,
    SetStatus,
    Submit,
    Take,
    Update,
)
from incidents.slack.line import Line, incident_id
from incidents.slack.typed import Kind, Word

STATUSES = ("mitigated", "resolved", "closed", "false-alarm", "merged", "reopened")
FROM_EVIDENCE = ("declared", "contained", "reviewed")


def note(line: Line) -> Asked:
    incident = line.incident()
    at = line.pairs("at").get("at", "")
    return Note(incident=incident, at=at, text=line.rest("The note is empty."))


def update(line: Line) -> Asked:
    return Update(incident=line.incident(), text=line.rest("Where do things stand? The update is empty."))


def ack(line: Line) -> Asked:
    asked = Acknowledge(incident=line.incident())
    line.end()
    return asked


def status(line: Line) -> Asked:
    incident = line.incident()
    word = line.take(f"Which status? One of {', '.join(STATUSES)}.")
    status = word.text.lower().replace("_", "-")
    if status in FROM_EVIDENCE:
        raise line.wrong(f"'{status}' is never typed: it comes from evidence. You can type {', '.join(STATUSES)}.")
    if status not in STATUSES:
        raise line.wrong(
            f"'{word.text[:40]}' is no status.{nearest(status, STATUSES)} It is one of {', '.join(STATUSES)}."
        )
    said = line.pairs("at", "into", "clocks")
    into = incident_id(Word(said["into"], 0)) if "into" in said else ""
    if status == "merged" and not into:
        raise line.wrong("Merged into which incident? Write into=INC-2026-0001.")
    if "clocks" in said and (status != "closed" or said["clocks"].lower() != "go-on"):
        raise line.wrong("Only 'closed' takes a word about clocks, and that is clocks=go-on.")
    return SetStatus(
        incident=incident,
        status=status,
        at=said.get("at", ""),
        into=into,
        clocks_go_on="clocks" in said,
        reason=line.rest(),
    )


def take(line: Line) -> Asked:
    incident = line.incident()
    role = "commander"
    word = line.next
    if word is not None and word.text.lower() != "over":
        role = word.text.lower()
        line.at += 1
        word = line.next
    over = word is not None and word.text.lower() == "over"
    line.at += over
    reason = line.rest("Taking a role over needs a reason.") if over else ""
    line.end()
    role = "commander" if role in ("command", "lead", "ic") else role
    return Take(incident=incident, role=role, over=over, reason=reason)


def assign(line: Line) -> Asked:
    incident = line.incident()
    role = line.take("Which role, and to whom?").text.lower()
    word = line.take(f"Who is to be {role}? Mention somebody, like @grace.")
    line.end()
    if word.kind is Kind.PERSON:
        return Assign(incident=incident, role=role, account=word.id, person=word.text.lstrip("@"))
    return Assign(incident=incident, role=role, person=word.text.lstrip("@").lower())


def task(line: Line) -> Asked:
    incident = line.incident()
    number = line.number("Which task? Give its number.")
    word = line.take("Is it done, or is it skipped?")
    outcome = {"skipped": "skip", "finished": "done"}.get(word.text.lower(), word.text.lower())
    if outcome not in ("done", "skip"):
        raise line.wrong(f"'{word.text[:40]}' is neither done nor skip.")
    reason = line.rest("Skipping a task takes a reason." if outcome == "skip" else "")
    return CloseTask(incident=incident, number=number, outcome=outcome, reason=reason)


def clocks(line: Line) -> Asked:
    word = line.next
    everything = word is not None and word.text.lower() == "all"
    line.at += everything
    asked = Clocks(incident=line.incident(), everything=everything)
    line.end()
    return asked


def fact(line: Line) -> Asked:
    incident = line.incident()
    anchor = line.take("Which anchor? Awareness, discovery, determination ...").text.lower()
    at = line.pairs("at").get("at", "")
    if not at:
        raise line.wrong(f"When was {anchor[:40]}? Write at=14:02 for today (UTC), or at=2026-11-23T14:02Z.")
    return RecordFact(incident=incident, anchor=anchor, at=at, evidence=line.rest())


def submit(line: Line) -> Asked:
    incident = line.incident()
    clock = line.take("Which clock has been met?").text
    at = line.pairs("at").get("at", "")
    receipt = line.rest("What proves it? Give the receipt: a case number, a message id, who took it.")
    return Submit(incident=incident, clock=clock, at=at, receipt=receipt)

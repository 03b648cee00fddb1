"""
What can be pressed on an incident's message: three buttons by state, the rest behind "More".

Pure. Every value names the act and the incident, so that a press means the same however old the message is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from incidents.slack.blocks import actions, button, confirm, esc, overflow

Json = dict[str, Any]

ENDED = ("closed", "false-alarm", "merged")
STEP_AFTER = {"declared": "mitigated", "contained": "mitigated", "mitigated": "resolved", "reviewed": "closed"}
STEP_LABELS = {"mitigated": "Harm has stopped", "resolved": "Resolved", "closed": "Close"}


def buttons(i: Json) -> list[Json]:
    """What is most wanted in this state: three buttons, the rest behind "More"."""
    wanted = list(_wanted(i))
    shown = [button(f"andon.{a}.{n}", label, value, **how) for n, (a, label, value, how) in enumerate(wanted[:3])]
    more = [(label, value) for _, label, value, _ in wanted[3:8]]
    if more:
        shown.append(overflow("andon.more", more))
    return [actions("andon.acts", *shown)] if shown else []


def _wanted(i: Json) -> Iterator[tuple[str, str, Json, Json]]:
    """Action, label, value and looks, the most wanted first."""

    def act(name: str, label: str, looks: Json | None = None, **more: Any) -> tuple[str, str, Json, Json]:
        return name, label, {"a": name, "i": i["id"], **more}, looks or {}

    ended = i["status"] in ENDED
    runs = i["kind"] == "drill" and not ended and not i.get("drill", {}).get("how")
    if runs:
        sure = confirm("Is it real?", "The drill is aborted; a *real* incident is declared, at once.", "It is real")
        yield act("real", "It is REAL", {"style": "danger", "confirm": sure})
    command = next((r for r in i["roles"] if r["role"] == "commander"), {"person": None, "offered_to": None})
    for request in i["restores"]:
        if request["state"] == "open":
            yield act("restore", "Read the restore", {"style": "primary"}, r=request["id"])
        elif request["state"] == "running":
            yield act("stop", "Stop the restore", {"style": "danger"}, r=request["id"])
    if not ended:
        if command["offered_to"]:
            yield act("take", "Accept command", {"style": "primary"})
        elif command["person"] is None:
            yield act("take", "Take command", {"style": "primary"})
        for action in i["actions"]:
            if action["state"] == "waiting":
                sure = confirm("Carry it out?", f"*{esc(action['words'])}*, at once and for everybody.", "Carry it out")
                looks = {"style": "danger", "confirm": sure}
                yield act("validate", f"Action {action['number']}", looks, n=action["number"])
        if not i.get("acknowledged_at") and command["person"] is None:
            yield act("ack", "Acknowledge")
        tasks = [t for t in i["tasks"] if t["state"] == "open"]
        if tasks:
            yield act("task", f"Task {first_task(tasks)['number']} done", n=first_task(tasks)["number"])
    if runs:
        yield act("over", "End the drill")
    yield act("note", "Note")
    if (step := STEP_AFTER.get(i["status"])) is not None:
        yield act("status", STEP_LABELS[step], s=step)
    if not ended:
        yield act("update", "Status update")
    yield act("clocks", "Clocks")
    if any(h["standing"] for h in i["holds"]) and not any(r["state"] in ("open", "running") for r in i["restores"]):
        yield act("ask", "Ask for a restore")


def first_task(tasks: list[Json]) -> Json:
    """The one that is due first."""
    found: Json = min(tasks, key=lambda t: (t["due_at"] or "9", t["number"]))
    return found

"""
The modals: declaring in three steps, notes, updates, status, asking for a restore and deciding on one, choosing.

Pure. A form's ``callback_id`` says what it is for; its metadata carries what it is about, because whoever sends it back
may have been shown it hours ago.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from incidents.decisions.incident import REASON_LIMIT
from incidents.slack.answers import some
from incidents.slack.blocks import (
    Message,
    checkboxes,
    compact,
    context,
    cut,
    esc,
    field,
    option,
    section,
    select,
    text_input,
    view,
)
from incidents.slack.declared_answers import preview_blocks
from incidents.slack.incident_message import BANDS, bands, severity
from incidents.slack.limits import METADATA, OPTIONS
from incidents.slack.plan_answers import clock_blocks, plan_blocks, submittable
from incidents.slack.reader import Reader
from incidents.slack.rehearsed import marked, marked_blocks
from playbooks.schema import Playbook

Json = dict[str, Any]

SUMMARY = 1_200  # what fits into a form's metadata beside the rest
KINDS = (("real", "It is real"), ("drill", "A drill: no live access is touched"), ("test", "A test: nothing is held"))
PARAMETER = "p:"
GO_ON = "go-on"


def choose_playbook(playbooks: Sequence[tuple[str, str]], text: str, kind: str = "real") -> Json:
    """First step: ``playbooks`` as (id, title); ``text`` is what was typed already."""
    blocks = [
        field("playbook", "Playbook", select([option(title, id, id) for id, title in playbooks])),
        field("kind", "Kind", select([option(words, id) for id, words in KINDS], kind)),
    ]
    return view("declare.choose", "Declare", blocks, submit="Next", metadata={"s": text[:SUMMARY]})


def declare_form(book: Playbook, kind: str, text: str, known: Mapping[str, Sequence[str]]) -> Json:
    """
    Second step: the playbook's parameters as fields.

    Args:
        known: Parameter -> ids that it can take; a list where there are few enough, else a field to type into.
    """
    band = [context(BANDS[kind])] if kind in BANDS else []
    blocks = [*band, section(f"*{esc(book.title)}*")]
    for name, parameter in book.parameters.items():
        ids = known.get(name, ())
        element = select([option(i, i) for i in ids]) if 0 < len(ids) <= OPTIONS else text_input(most=200)
        label = name.replace("_", " ").capitalize()
        hint = parameter.about or ""
        blocks.append(field(PARAMETER + name, label, element, optional=not parameter.required, hint=hint))
    own = f"As the playbook says: {severity(str(book.severity))}"
    levels = [option(own, "-"), *(option(severity(s), s) for s in ("sev1", "sev2", "sev3", "sev4"))]
    blocks += [
        field("severity", "Severity", select(levels, "-"), optional=True),
        field("title", "Title", text_input(most=200, placeholder="Empty: made from the playbook"), optional=True),
        field("summary", "What do you see?", text_input(text, long=True, most=SUMMARY), optional=True),
        *band,
    ]
    return view("declare.fill", "Declare", blocks, submit="Preview", metadata={"b": book.id, "k": kind})


def declare_preview(preview: Json, body: Json, reader: Reader) -> Json:
    """Third step: who goes dark, then the button."""
    words = {"real": "Switch it off", "drill": "Start the drill", "test": "Declare the test"}
    blocks = [
        *preview_blocks(preview, reader),
        context(":octagonal_sign: The button below does this at once, for everybody. Esc or Cancel changes nothing."),
        *bands(preview),
    ]
    kept = {k: v for k, v in body.items() if v}
    while len(compact(kept)) > METADATA - 50 and kept.get("summary"):
        kept["summary"] = kept["summary"][: len(kept["summary"]) // 2]
    return view("declare.confirm", "Preview", blocks, submit=words[body.get("kind") or "real"], metadata=kept)


def _when() -> Json:
    element = text_input(most=40, placeholder="Empty: now. 14:02 is the last 14:02, UTC")
    return field("at", "When it happened", element, optional=True)


def note_form(incident: str) -> Json:
    blocks = [
        field("text", "Note", text_input(long=True)),
        _when(),
    ]
    return view("note", f"Note, {incident}", marked_blocks(incident, blocks), submit="Add", metadata={"i": incident})


def update_form(incident: str) -> Json:
    blocks = [field("text", "Where do things stand?", text_input(long=True), hint="For whoever waits to hear.")]
    return view("update", "Status update", marked_blocks(incident, blocks), submit="Post", metadata={"i": incident})


def status_form(incident: str, status: str, label: str, owed: Sequence[str] = ()) -> Json:
    """``owed``: duties of which whoever closes it says that they go on."""
    go_on = checkboxes([option("They go on, and alarm as before", GO_ON)])
    blocks = [
        section(f"*{esc(label)}*: {esc(incident)} becomes _{esc(status)}_."),
        field("reason", "How do you know?", text_input(long=True, most=2000), optional=status == "mitigated"),
        _when(),
        *([section(f"*Owed still*\n{some(owed, '')}"), field("clocks", "These duties", go_on)] if owed else ()),
    ]
    return view(
        "status", label, marked_blocks(incident, blocks), submit="Say so", metadata={"i": incident, "s": status}
    )


def ask_restore_form(i: Json, canaries: Sequence[str]) -> Json:
    """What stands, with the actions to choose from (none chosen means all), and who may go first."""
    standing = [h for h in i["holds"] if h["standing"]]
    by_action: dict[int, list[str]] = {}
    for hold in standing:
        by_action.setdefault(int(hold["action"]), []).append(hold["words"])
    boxes = [option(cut("; ".join(words), 75), str(n)) for n, words in sorted(by_action.items())]
    blocks = [
        field("only", "Only these (none chosen: everything)", checkboxes(boxes), optional=True),
        *(_canary(canaries) if canaries else ()),
        field("reason", "Why is it safe again?", text_input(long=True, most=2000)),
        context("Nothing changes until another person has read the exact plan and approved it."),
    ]
    return view(
        "restore.ask", "Ask for a restore", marked_blocks(i["id"], blocks), submit="Ask", metadata={"i": i["id"]}
    )


def _canary(partners: Sequence[str]) -> list[Json]:
    soak = text_input(most=10, placeholder="30m, 2h, 1d; empty: 30 minutes")
    return [
        field("canary", "One partner first", select([option(p, p) for p in partners]), optional=True),
        field("soak", "Then wait", soak, optional=True, hint="Before everybody else follows by itself."),
    ]


def stop_form(request: str) -> Json:
    choices = [option("Hold again what it gave back", "back"), option("Keep what it gave back", "keep")]
    blocks = [
        section(f"{esc(request)} ends at once; no further step is taken."),
        field("keep", "What it gave back", select(choices, "back")),
        field("reason", "Why?", text_input(long=True, most=2000)),
    ]
    return view(
        "restore.stop", "Stop the restore", marked_blocks(request, blocks), submit="Stop it", metadata={"r": request}
    )


def decide_restore_form(r: Json, reason: str, reader: Reader) -> Json:
    """The exact plan, and a yes or no to exactly that."""
    choices = [option("Approve exactly this plan", "approve"), option("Refuse it", "refuse")]
    blocks = plan_blocks(r, reason, reader)
    checks = list(r["plan"].get("checks") or ())
    if checks:
        boxes = [option(cut(str(c), 75), str(n)) for n, c in enumerate(checks[:10])]
        blocks.append(field("checks", "I say that these are true", checkboxes(boxes), optional=True))
    blocks += [
        field("decision", "Your decision", select(choices)),
        field("reason", "Reason", text_input(most=2000), optional=True, hint="Needed to refuse."),
    ]
    metadata = {"r": r["id"], "d": r["plan_digest"]}
    shown = marked_blocks(r["id"], blocks)
    return view("restore.decide", "Decide on a restore", shown, submit="Send", metadata=metadata)


def refuse_form(request: str) -> Json:
    blocks = [field("reason", f"Why is {request} refused?", text_input(long=True, most=2000))]
    return view(
        "restore.refuse", "Refuse a restore", marked_blocks(request, blocks), submit="Refuse", metadata={"r": request}
    )


def clocks_view(i: Json, reader: Reader, *, able: bool) -> Json:
    """What is due; for whoever is ``able`` to say so, also that one of them was sent or filed."""
    title, blocks = f"Clocks, {i['id']}", clock_blocks(i, reader)
    choices = [option(words, clock, clock) for clock, words in submittable(i)]
    if not able or not choices:
        return view("clocks", title, marked_blocks(i["id"], blocks))
    late = text_input(long=True, most=REASON_LIMIT)
    blocks += [
        field("clock", "Sent or filed", select(choices)),
        field("receipt", "Its receipt", text_input(most=REASON_LIMIT), hint="A case number, who took it."),
        _when(),
        field("late_because", "Why it is late", late, optional=True, hint="Needed after its latest moment."),
        context("This records it; Andon sends nothing."),
    ]
    shown = marked_blocks(i["id"], blocks)
    return view("clock.submit", title, shown, submit="Record it", metadata={"i": i["id"]})


def choose_incident(rows: Sequence[Json], said: Json) -> Json:
    """Which incident a captured message belongs to."""
    options = [option(f"{row['id']} {row['title']}", row["id"]) for row in rows]
    blocks = [field("incident", "Put it on the timeline of", select(options))]
    return view("capture", "Add to a timeline", blocks, submit="Add", metadata=said)


def told(title: str, message: Message) -> Json:
    """What became of it, in place of the form."""
    shown = marked(message)
    return view("told", title, list(shown.blocks) or [section(shown.text)])


def values_of(submitted: Json) -> dict[str, Any]:
    """A sent form's fields: text, a chosen value, or a list of chosen values; empty ones are left out."""
    found: dict[str, Any] = {}
    for block, actions in submitted.get("state", {}).get("values", {}).items():
        for element in actions.values():
            value: Any = element.get("value")
            if element.get("selected_option") is not None:
                value = element["selected_option"]["value"]
            elif "selected_options" in element:
                value = [o["value"] for o in element["selected_options"]]
            if value:
                found[block] = value
    return found


def wrong(fields: Mapping[str, str]) -> Json:
    """The form stays open with each error beside its field."""
    return {"response_action": "errors", "errors": {name: cut(message, 2000) for name, message in fields.items()}}


def instead(shown: Json) -> Json:
    return {"response_action": "update", "view": shown}

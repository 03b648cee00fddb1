"""
What the person who typed or pressed reads: only they see it, so it may say exactly what is wrong and what helps.

Pure: from the answers of the operations. Every refusal ends with a working next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from incidents.errors import AndonError, Forbidden, Unavailable
from incidents.slack.asked import WrongUsage
from incidents.slack.blocks import (
    Message,
    actions,
    button,
    compact,
    context,
    cut,
    esc,
    link_button,
    message,
    one_line,
    section,
)
from incidents.slack.incident_message import kind_word, severity
from incidents.slack.limits import VALUE
from incidents.slack.reader import Reader
from incidents.slack.verbs import VERBS, Verb

Json = dict[str, Any]


def said(text: str, reader: Reader, *more: Json) -> Message:
    """A sentence, with what may stand below it."""
    return message(text, [section(text), *more], reader.url)


def again(first: Message) -> Message:
    """The same was typed seconds ago: it is done, and was done once."""
    note = ":repeat: You sent this seconds ago already; it is done, and was done once."
    return Message(f"{note} {first.text}", (context(note), *first.blocks)[:50])


def some(lines: Sequence[str], nothing: str, most: int = 12) -> str:
    """A short list; what is beyond ``most`` is counted."""
    if not lines:
        return nothing
    rest = [f"… and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([f"• {line}" for line in lines[:most]] + rest)


# --- help and wrong usage -------------------------------------------------------------------------------------------


def help_answer(topic: str, reader: Reader) -> Message:
    if topic:
        verb = VERBS[topic]
        return message(f"{reader.root} {verb.name}", [section(_verb_help(verb, reader))], reader.url)
    lines = [f"{reader.type(verb.usage)}  {esc(verb.about)}" for verb in VERBS.values()]
    blocks = [
        section("*Stop something now*\n" + reader.type(VERBS["kill"].example)),
        section("\n".join(lines[: len(lines) // 2])),
        section("\n".join(lines[len(lines) // 2 :])),
        context(
            "In an incident's channel its id may be left out. Slash commands do not work inside threads."
            f" The same can be done on <{reader.url}|the pages> and with the command line `andon`, also without Slack."
        ),
    ]
    return message(f"{reader.root}: what it can do", blocks, reader.url)


def _verb_help(verb: Verb, reader: Reader) -> str:
    return f"{reader.type(verb.usage)}\n{esc(verb.about)}\nFor example: {reader.type(verb.example)}"


def wrong_usage(error: WrongUsage, reader: Reader) -> Message:
    """What is wrong, how it is used, an example."""
    why = f":grey_question: {esc(error)}"
    if error.verb is None:
        return said(f"{why} {reader.type('help')} lists them all.", reader)
    return message(str(error), [section(why), section(_verb_help(error.verb, reader))], reader.url)


# --- refusals -------------------------------------------------------------------------------------------------------


def refused(error: AndonError, reader: Reader, *, able: Sequence[str] = (), incident: str = "") -> Message:
    """
    Nothing was done: why, and what helps.

    Args:
        able: Ids of people who could do it, where the asker lacks the role.
    """
    mark = ":warning:" if isinstance(error, Unavailable) else ":no_entry:"
    lines = [f"{mark} {esc(error)}"]
    lines += [f"• {esc(f.where)}: {esc(f.message)}" for f in error.errors if f.message not in str(error)]
    if isinstance(error, Forbidden) and able:
        lines.append(f"Who can: {', '.join(reader.call(person) for person in able)}.")
    lines += _way_out(error, reader, incident)
    return said("\n".join(lines), reader)


def _way_out(error: AndonError, reader: Reader, incident: str) -> Iterable[str]:
    match error.code:
        case "ended":
            yield f"To go on with it: {reader.type(f'status {incident} reopened WHY')}."
        case "clocks-open":
            yield f"To close it all the same: {reader.type(f'status {incident} closed clocks=go-on WHY')}."
        case "late-without-reason":
            yield "The button *Clocks* on the incident's message opens a form that takes it."
        case "command-taken":
            yield f"In need: {reader.type(f'take {incident} over WHY THEY CAN NOT BE REACHED')}."
        case "unknown-incident":
            yield f"{reader.type('list')} shows the open ones."
        case "unknown-playbook":
            yield f"{reader.type('declare')} shows them all."
        case "plan-changed":
            yield f"{reader.type('approve')} shows the plan as it is now."
        case "second-person-needed":
            yield "Starting again takes two people, whatever token or account they use."
        case "unavailable":
            yield "Nothing was recorded. Try again; `andon` on the ledger's machine works without Slack."


def not_recorded(error: AndonError, what: str, reader: Reader) -> Message:
    """A kill that could not be written down: grants stop, and the person has to know how that ends."""
    text = (
        f":rotating_light: *{esc(what)} could NOT be recorded*: {esc(error)}\nAndon gives no grants until it can write"
        " again: within one lease every gateway denies everything. Go to the ledger's machine, or call whoever can."
    )
    return said(text, reader)


def stranger(url: str, line: str, reader: Reader) -> Message:
    """Somebody whose account belongs to no person: a link that says who they are, and then does what they typed."""
    wanted = f" After it, {reader.type(cut(one_line(line), 200))} is done in your name." if line.strip() else ""
    text = (
        ":wave: Andon does not know this Slack account yet, so nothing was done. Say once who you are, with the link"
        f" below (yours alone, ten minutes, one use).{wanted}"
    )
    return said(text, reader, actions("andon.stranger", link_button("andon.link", "Say who you are", url)))


def linked(person: str, url: str, reader: Reader) -> Message:
    """Who they are here; and how to say it themselves."""
    text = (
        f":bust_in_silhouette: You are *{reader.who(person)}*. If somebody else wrote your account into the catalog,"
        " they can't ask for what you approve in Slack, nor the other way round: say yourself who you are, once."
    )
    return said(text, reader, actions("andon.stranger", link_button("andon.link", "Say who you are", url)))


# --- done -----------------------------------------------------------------------------------------------------------


def done(words: str, body: Mapping[str, Any], reader: Reader) -> Message:
    """It is done, on which incident."""
    status = f" · {esc(body['status'])}" if body.get("status") else ""
    return said(f":white_check_mark: {words}. {reader.link(str(body['incident']))}{status}", reader)


def drill_over(body: Mapping[str, Any], reader: Reader) -> Message:
    """What it held is lifted, and whether the live table is as it was."""
    lifted = f"{len(body['lifted'])} hold{'' if len(body['lifted']) == 1 else 's'} lifted"
    same = "live access is as it was before" if body["equal"] else "live access is *not* as it was before"
    left = "" if not body["left"] else f"; {len(body['left'])} stay until two people restore them"
    words = f"The drill is {body['how']}, {lifted}{left}; {same}. {reader.link(str(body['id']))}"
    return said(f":white_check_mark: {words}", reader)


def taking_part(body: Mapping[str, Any], reader: Reader, *, leave: bool) -> Message:
    if body.get("already"):
        return done("That is so already; nothing was changed", body, reader)
    who = reader.who(str(body["person"]))
    words = f"{who} takes part no longer" if leave else f"{who} takes part as {esc(body['part'])}"
    return done(words, body, reader)


def noted(body: Mapping[str, Any], reader: Reader) -> Message:
    return said(f":memo: Noted at {reader.moment(str(body['at']))} on {reader.link(str(body['incident']))}.", reader)


# --- which incident -------------------------------------------------------------------------------------------------


def which_incident(line: str, rows: Sequence[Json], reader: Reader, verb: str) -> Message:
    """Typed where no incident is at home: the open ones, each with a button that does it there."""
    usage = VERBS[verb].usage
    if not rows:
        text = f"This is no incident's channel, and no incident is open. Name one: {reader.type(usage)}."
        return said(text, reader)
    blocks = [section(f"This is no incident's channel. Which one do you mean? Or name it: {reader.type(usage)}.")]
    for row in rows[:10]:
        carried = run_line(with_incident(line, row["id"]))
        press = button("andon.run", f"This one: {row['id']}", carried) if carried else None
        blocks.append(section(_row(row, reader), press))
    if not run_line(with_incident(line, rows[0]["id"])):
        blocks.append(context("That was too long for a button: type it once more, with the id behind the verb."))
    return message("Which incident do you mean?", blocks, reader.url)


def run_line(line: str) -> Json:
    """What a button carries that does this line; empty where it is too long: half of a line is another line."""
    value = {"a": "run", "l": line}
    return value if len(compact(value)) <= VALUE else {}


def with_incident(line: str, incident: str) -> str:
    """The typed line with the id behind its verb."""
    verb, _, rest = line.strip().partition(" ")
    return f"{verb} {incident} {rest}".strip()


def listed(rows: Sequence[Json], count: int, recent: Sequence[Json], reader: Reader) -> Message:
    """The first of ``count`` open incidents; where none is, the latest."""
    blocks = [section(f"*{count} open*" if rows else "*Nothing is open.*"), *_rows(rows, reader)]
    if recent:
        blocks += [section("*Lately*"), *_rows(recent, reader)]
    if count > len(rows):
        blocks.append(context(f"… and {count - len(rows)} more on <{reader.url}|the board>"))
    return message(_counted(count), blocks, reader.url)


def matching(rows: Sequence[Json], search: str, reader: Reader) -> Message:
    blocks = [section(f"*Matching '{esc(search)}'*"), *_rows(rows, reader)]
    return message(_counted(len(rows)), blocks, reader.url)


def _counted(count: int) -> str:
    return "1 incident" if count == 1 else f"{count} incidents"


def _rows(rows: Sequence[Json], reader: Reader) -> list[Json]:
    return [section(_row(row, reader)) for row in rows]


def _row(row: Json, reader: Reader) -> str:
    held = "; ".join(row["holds"]) if row.get("holds") else "holds nothing"
    c = row.get("containment")
    count = f", {c['confirmed']} of {c['total']} confirmed" if c and row["holds_standing"] else ""
    status = "not contained yet" if c and c["state"] != "contained" and row["holds_standing"] else row["status"]
    return (
        f"{reader.link(row['id'])} {kind_word(row)}{severity(row['severity'])} *{esc(cut(row['title'], 150))}*\n"
        f"{esc(status)}{count} · command {reader.who(row.get('commander'))} · {esc(cut(held, 300))}"
    )

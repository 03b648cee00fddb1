"""
Declared, or what would happen: the answers about switching something off. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from incidents.slack.answers import run_line, some
from incidents.slack.blocks import (
    Message,
    actions,
    button,
    confirm,
    context,
    cut,
    divider,
    esc,
    header,
    message,
    one_line,
    section,
)
from incidents.slack.incident_message import bands, containment, kind_word, severity
from incidents.slack.reader import Reader

Json = dict[str, Any]
CARRIED = 1_200  # of what was typed: the form that opens shows it, to be gone on with


def declared(answer: Json, who: str, reader: Reader) -> Message:
    """What was done, by whom, at which revision, n of m confirmed; and the next three commands."""
    c, id = answer["containment"], answer["id"]
    band = bands(answer)
    if answer["joined"]:
        first = f":handshake: *{reader.link(id)} does that already*, declared by {reader.who(answer['first_by'])} at"
        head = f"{first} {reader.moment(answer['declared_at'])}. You joined it; nothing was done twice."
    else:
        revision = f", revision {answer['revision']}" if answer["holds"] else ""
        head = f":octagonal_sign: *{reader.link(id)} declared* by {reader.who(who)}{revision}: {esc(answer['title'])}"
    lines = [head, *(f"• {esc(words)}" for words in answer["holds"])]
    if skipped := len(answer.get("skipped", ())):
        lines.append(f"{skipped} optional action{'s' if skipped > 1 else ''} skipped: nothing was named for them")
    blocks = [
        *band,
        section("\n".join(lines), more=reader.link(id)),
        section(containment(c, reader, holds=len(answer["holds"]))),
        context(
            f"Next: {reader.type(f'take {id}')} · {reader.type(f'note {id} TEXT')} · {reader.type(f'show {id}')}"
            f" · {reader.link(id, 'page')}"
        ),
        *band,
    ]
    end = f" ({kind_word(answer).strip(' ·')})" if answer["kind"] != "real" else ""
    text = f"{kind_word(answer)}{id}: {'; '.join(answer['holds']) or answer['title']}{end}"
    return message(esc(text), blocks, reader.link(id))


def preview(p: Json, line: str, reader: Reader) -> Message:
    """The blast radius, then the red button."""
    blocks = [*preview_blocks(p, reader), *_red_button(p, line), *bands(p)]
    end = f" ({kind_word(p).strip(' ·')})" if p["kind"] != "real" else ""
    return message(f"{kind_word(p)}Preview of {p['playbook']}: nothing has changed{end}", blocks, reader.url)


def preview_blocks(p: Json, reader: Reader) -> list[Json]:
    """What would happen, for whom; also the second step of the form."""
    acts = [a for a in p["actions"] if a["state"] == "would apply"]
    skipped = [a for a in p["actions"] if a["state"] == "skipped"]
    waits = [a for a in p["actions"] if a["state"] == "waits"]
    lines = [f"• {esc(a['words'])}" for a in acts] or ["• nothing goes off at once"]
    lines += [f"• waits for a person's word: {esc(a['words'])}" for a in waits]
    lines += [f"• skipped ({esc(a.get('because', ''))}): {esc(a['words'])}" for a in skipped]
    off = sorted({f"{row['partner']} on {row['flag']}" for row in p["turned_off"]})
    blocks = bands(p)
    blocks += [
        header(f"Preview: {p['title']}"),
        section(f"*Would go off*  {kind_word(p)}{severity(p['severity'])}\n" + "\n".join(lines)),
        section("*Lose their access*\n" + some([esc(o) for o in off], "nobody who has it now")),
        section(
            f"*Certain within {p['contained_within_s']:g} s* on {p['points']} enforcement points"
            + ("; a flag here goes on when Andon is silent, so only a confirmation proves it" if p["may_serve"] else "")
        ),
    ]
    told = sorted({str(n["to"]) for n in p["told"]})
    owed = [f"told: {', '.join(told)}"] if told else []
    owed += [f"clocks to assess: {', '.join(p['clocks'])}"] if p["clocks"] else []
    if owed:
        blocks.append(section(esc("; ".join(owed))))
    if p.get("usage"):
        blocks.append(section(f"*In use now*\n{_usage(p['usage'])}"))
    if p["would_join"]:
        blocks.append(section(f":handshake: {reader.link(p['would_join'])} does that already; you would join it."))
    return blocks


def _usage(rows: Sequence[Json]) -> str:
    shown = [f"{r['partner']} on {r['flag']}: {r['count']} this {r['per']}" for r in rows]
    return some([esc(s) for s in shown], "nothing")


def _red_button(p: Json, line: str) -> list[Json]:
    carried = run_line(line)
    if not carried:
        return [context("Too long for a button: type it with `declare` in place of `preview`.")]
    what = {"drill": "Start the drill", "test": "Declare the test"}.get(p["kind"], "Declare, switch it off")
    sure = confirm("Switch it off?", f"*{esc(cut(p['title'], 200))}*: at once, for everybody named above.", "Do it")
    red = button("andon.run", what, carried, style="danger", confirm=sure)
    return [divider(), actions("andon.declare", red)]


def choose_playbook(books: Sequence[tuple[str, str]], text: str, reader: Reader) -> Message:
    """What stands in the channel while the form opens, and does as well where it can't."""
    rest = f" {one_line(text)}" if text else ""
    blocks = [section(":clipboard: A form opens. If it does not, choose here, use the page, or type it:")]
    for id, title in books[:12]:
        value = {"a": "form", "b": id, "l": text[:CARRIED]}
        blocks.append(
            section(
                f"*{esc(title)}*\n{reader.type(f'declare {id}{rest}'[:300])}", button("andon.form", "This one", value)
            )
        )
    blocks.append(context(f"<{reader.url}/declare|Declare on the page>"))
    return message("Declare: choose a playbook", blocks, reader.url)

"""
A filing pack as a document, in Markdown and as a page: nothing stands in it that the pack's values do not hold. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from incidents.clock import readable
from incidents.clock_views import in_words
from runbooks.render import render


def markdown(made: Mapping[str, Any]) -> str:
    """The pack as a document for people; nothing in it that the values do not hold."""
    mark = "**DRILL, NOT REAL.** " if made["simulated"] else ""
    lines = [
        f"# {_plain(made['title'])}",
        "",
        f"{mark}Draft for filing by hand. Nothing was sent. Made {made['made_at']} from {made['incident']}.",
        "",
        f"- To: {_plain(made['recipient'])}",
        f"- Under: {_plain(made['source'])} ({_plain(made['regime'])}, {_plain(made['jurisdiction'])})",
        f"- Clock: `{made['clock']}`, {in_words(made['state'])}",
        *_moments(made),
        "",
        "## What it has to say",
        "",
    ]
    for item in made["items"]:
        lines += [f"### {_plain(item['item'])}", "", *_told(item), ""]
    lines += _notice(made["notice"])
    lines += ["## Facts that the clock runs from", "", *_facts(made["facts"]), ""]
    lines += ["## Evidence", "", "| seq | when | what | digest |", "|---|---|---|---|"]
    lines += [
        f"| {e['seq']} | {e['at']} | {_cell(e['text'] or e['kind'])} | `{e['digest'][:16]}…` |"
        for e in made["evidence"]
    ]
    log = made["log"]
    lines += [
        "",
        f"Ledger `{log['ledger']}`, {log['events']} lines of this incident up to seq {log['last_seq']}:"
        f" digest `{log['last_digest']}`. Terms of the regime: `{log['terms_digest']}`.",
        "",
        f"{mark}What is unknown is said to be unknown.".strip(),
    ]
    return "\n".join(lines) + "\n"


def _moments(made: Mapping[str, Any]) -> list[str]:
    due, latest = made["due"], made["latest"]
    found = (
        [f"- Due: {readable(due['utc'])} ({due['local']}), {_plain(made['basis'])}"]
        if due
        else ["- Due: no moment is set"]
    )
    if latest and due and latest != due:
        found.append(f"- By the rule of the regime at the latest: {readable(latest['utc'])} ({latest['local']})")
    if made["receipt"]:
        found.append(f"- Submitted, receipt: {_plain(made['receipt'])}")
    if made["late_because"]:
        found.append(f"- Late, because: {_plain(made['late_because'])}")
    return found


def _notice(known: Mapping[str, Any] | None) -> list[str]:
    if known is None:
        return []
    if known["body"] is None:
        return ["## The notice", "", f"`{known['id']}`: {_plain(known['state'])}.", ""]
    by = ", ".join(_plain(person) for person in known["approved_by"])
    text = [f"> {_plain(line)}".rstrip() for line in (known["subject"], "", *str(known["body"]).splitlines())]
    return ["## The notice", "", f"`{known['id']}`, approved by {by}; text `{known['digest']}`:", "", *text, ""]


def _told(item: Mapping[str, Any]) -> list[str]:
    if item["text"] is None:
        return [f"*Unknown: {_plain(item['unknown'])}.*"]
    return [f"> {_plain(line)}" for line in str(item["text"]).splitlines()]


def _facts(known: Mapping[str, Any]) -> list[str]:
    found = []
    for anchor in known["anchors"]:
        for c in anchor["candidates"]:
            by = "proposed by declaring" if c["proposed"] else f"by {_plain(c['by'])}"
            mark = "counts" if c["counts"] else "withdrawn" if c["withdrawn"] else "does not count"
            evidence = f": {_plain(c['evidence'])}" if c["evidence"] else ""
            found.append(f"- {anchor['anchor']} {c['at']} ({c['zone']}), {by}, {mark}{evidence}")
        if not anchor["candidates"]:
            found.append(f"- {anchor['anchor']}: unknown, nobody has recorded it")
    found += [f"- {_plain(c['question'])} {c['answer'] or 'not answered'}" for c in known["conditions"]]
    return found or ["- none"]


def _plain(text: Any) -> str:
    """Words of people can't end a line, begin a heading, or become markup or a link in the document."""
    return " ".join(str(text).split()).replace("<", "\\<").replace("[", "\\[")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def html(made: Mapping[str, Any]) -> str:
    """The same document as a page that stands alone and needs nothing from elsewhere."""
    title = escape(f"{made['title']}: {made['clock']}")
    band = "<p><strong>DRILL, NOT REAL.</strong></p>" if made["simulated"] else ""
    style = "body{font:16px/1.5 system-ui,sans-serif;max-width:76ch;margin:2rem auto;padding:0 1rem}" + (
        "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2rem .5rem;text-align:left}"
        "blockquote{border-left:3px solid #bbb;margin:.4rem 0;padding-left:.8rem}code{overflow-wrap:anywhere}"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{style}</style></head><body>{band}\n{render(made['markdown'])}\n</body></html>\n"
    )

"""
Drills from the command line: start, end, call real, take part; the schedule, reports, and what they prove.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from incidents.cli import show as words
from incidents.cli.declaring import pairs
from incidents.cli.options import as_json, choice, json_option, remark, say
from incidents.cli.outcome import Exit
from incidents.cli.transport import connect, remote_url
from incidents.decisions.drills import FASTEST, PARTS
from incidents.drill_report import verdicts
from incidents.drill_runs import Mode
from incidents.spans import took

Json = dict[str, Any]


@click.group()
def drill() -> None:
    """
    Rehearse a playbook, and see how it went.

    A drill walks the real path without touching anybody real, and ends by itself.

    \b
    Example:
      andon drill run partner-credential-abuse -p partner=acme
    """


@drill.command()
@click.argument("playbook")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", callback=pairs, help="A parameter; repeatable.")
@click.option("--mode", type=choice(Mode), default=Mode.SHADOW.value, show_default=True, help="How far it goes.")
@click.option("--lasts", metavar="TIME", default="", help="Until it ends by itself: 30m (if you don't say), 2h.")
@click.option("--compress", type=click.IntRange(1, FASTEST), metavar="TIMES", help="Its clocks run so much faster.")
@click.option("--unannounced", is_flag=True, help="Responders are not told beforehand.")
@click.option("--title", help="Instead of the playbook's.")
@click.option("--summary", help="The scenario.")
@json_option
def run(playbook: str, parameters: dict[str, str], unannounced: bool, **more: Any) -> None:
    """
    Start a drill.

    tabletop: people and steps only. dry-run: the plan is shown, nothing applied. shadow: the real path, on a table that
    decides nothing. live: for real, on partners marked ghost alone.

    \b
    Example:
      andon drill run partner-credential-abuse -p partner=acme --lasts 20m
    """
    body = {"playbook": playbook, "parameters": parameters, "announced": not unannounced}
    with connect() as andon:
        answer = andon.post("drills", body=body | {k: v for k, v in more.items() if v})
        say(answer, _started)
        if not as_json() and remote_url() is None:
            remark("it ends by itself while a service runs on this ledger; else: andon drill stop " + answer["id"])


def _started(answer: Json) -> Iterator[str]:
    yield from words.declared(answer)
    told = answer["drill"]
    yield f"{told['mode']} drill, ends by itself at {words.moment(told['ends_at'])}"
    yield f"andon drill stop {answer['id']} ends it; andon drill real {answer['id']} if it turns real"


@drill.command()
@click.argument("id")
@click.option("--abort", is_flag=True, help="It is broken off; takes a reason.")
@click.option("--reason", default="", help="Why, or how it went.")
@json_option
def stop(id: str, abort: bool, reason: str) -> None:
    """
    End a drill.

    What it held is lifted at once, and whether the live table is as it was before is written down.

    \b
    Example:
      andon drill stop DRILL-2026-0001 --reason "went through"
    """
    body = {"how": "aborted" if abort else "finished", "reason": reason}
    with connect() as andon:
        say(andon.post("drills", id, "end", body=body), _ended)


def _ended(answer: Json) -> Iterator[str]:
    proof = "the live table is as it was before" if answer["equal"] else "the live table differs from before"
    yield f"{answer['id']} {answer['how']}: {proof}"
    yield from words.facts(
        ("lifted", answer["lifted"]),
        ("STILL HELD", [f"{hold}: binds no ghost partner alone; restore it by two people" for hold in answer["left"]]),
        ("meanwhile", [f"{row['kind']} {row.get('incident', '')}".strip() for row in answer["meanwhile"]]),
    )


@drill.command()
@click.argument("id")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", callback=pairs, help="Instead of the drill's.")
@click.option("--summary", default="", help="What you know so far.")
@click.option("--severity", type=choice(("sev1", "sev2", "sev3", "sev4")), help="Instead of the playbook's.")
@json_option
def real(id: str, parameters: dict[str, str], summary: str, severity: str | None) -> None:
    """
    It is real: abort the drill, declare a real incident.

    In one write, with the drill's playbook and parameters unless you give others.

    \b
    Example:
      andon drill real DRILL-2026-0001 --summary "their key is really out"
    """
    given = {"parameters": parameters, "summary": summary, "severity": severity}
    with connect() as andon:
        say(andon.post("drills", id, "real", body={k: v for k, v in given.items() if v}), words.declared)


@drill.command()
@click.argument("id")
@click.option("--person", default="", help="Somebody else.")
@click.option("--as", "part", type=choice(PARTS), default="participant", show_default=True, help="As what.")
@click.option("--leave", is_flag=True, help="No longer.")
@json_option
def join(id: str, person: str, part: str, leave: bool) -> None:
    """
    Take part in a drill, or no longer.

    \b
    Example:
      andon drill join DRILL-2026-0001 --as facilitator
    """
    body = {"act": "leave" if leave else "join", "person": person, "part": part}

    def told(answer: Json) -> list[str]:
        if answer.get("already"):
            return [f"{answer['incident']} was so already; nothing was changed"]
        said = "takes part no longer" if leave else f"takes part as {answer['part']}"
        return [f"{answer['person']} {said} in {answer['incident']}"]

    with connect() as andon:
        say(andon.post("drills", id, "people", body=body), told)


@drill.command()
@json_option
def schedule() -> None:
    """
    What is due, and what comes.

    Playbooks with when they were last rehearsed, then the entries of drills.yaml.

    \b
    Example:
      andon drill schedule
    """
    with connect() as andon:
        say(andon.get("drills", limit=1), _schedule)


def _schedule(found: Json) -> Iterator[str]:
    rows = [
        (
            r["playbook"],
            r["every"],
            words.moment(r["last_at"]) if r["last_at"] else "never",
            "OVERDUE" if r["overdue"] else words.moment(r["due_at"]) if r["due_at"] else "-",
            "an older text" if r["stale"] else "",
        )
        for r in found["playbooks"]
    ]
    yield from words.table(("playbook", "every", "last rehearsed", "due", "rehearsed was"), rows, none="no playbook")
    yield ""
    for problem in found["schedule_problems"]:
        yield words.plain(f"drills.yaml is wrong, so no scheduled drill is held: {problem}")
    coming = [(r["schedule"], r["playbook"], r["mode"], r["words"]) for r in found["coming"]]
    yield from words.table(("scheduled", "playbook", "mode", "next"), coming, none="nothing is scheduled (drills.yaml)")


@drill.command()
@click.argument("id", required=False)
@click.option("--format", "form", type=choice(("text", "md")), default="text", help="md: to hand on.")
@json_option
def report(id: str | None, form: str) -> None:
    """
    How a drill went; without an id, all of them.

    \b
    Example:
      andon drill report DRILL-2026-0001
    """
    with connect() as andon:
        if id is None:
            say(andon.get("drills"), _list)
        elif form == "md" and not as_json():
            click.echo(andon.get("drills", id, "report", format="md"), nl=False)
        else:
            say(andon.get("drills", id, "report"), _report)


def _list(found: Json) -> Iterator[str]:
    rows = [
        (r["id"], r["mode"], "running" if r["running"] else r["how"], words.moment(r["started_at"]), *_figures(r))
        for r in found["items"]
    ]
    yield from words.table(
        ("drill", "mode", "how", "started", "confirmed", "last confirm", "title"), rows, none="no drill yet"
    )


def _figures(row: Json) -> tuple[str, str, str]:
    made = row["score"]
    confirmed = f"{made['confirmed']} of {made['points']}" if made["holds"] else "holds nothing"
    return confirmed, took(made["last_confirm_ms"]), row["title"]


def _report(found: Json) -> Iterator[str]:
    yield words.plain(f"DRILL {found['id']}: {found['title']}")
    yield from (words.plain(line) for line in verdicts(found))
    yield ""
    rows = [(m["words"], *(took(m[n]) for n in ("ms", "target_ms", "last_ms", "best_ms"))) for m in found["measures"]]
    yield from words.table(("", "this drill", "target", "before", "best"), rows, none="nothing measured")
    yield ""
    bars = [(b["lane"], b["name"], took(b["end_ms"]), b["state"], took(b["due_ms"])) for b in found["bars"]]
    yield from words.table(("lane", "what", "until", "state", "limit"), bars, none="nothing happened")
    if found["said"]:
        yield ""
        yield from (words.plain(f"{words.moment(s['at'])}  {s['by']}: {s['text']}") for s in found["said"])
    if found["next"]:
        yield ""
        coming = [(words.moment(r["by"]) if r["by"] else "now", r["what"], r["who"]) for r in found["next"]]
        yield from words.table(("by", "comes next", "who"), coming, none="nothing")


@drill.command()
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How old it may be.")
@json_option
@click.pass_context
def evidence(context: click.Context, days: int) -> None:
    """
    Has every gateway confirmed a drill lately?

    Exit 1 if not.

    \b
    Example:
      andon drill evidence --days 30
    """
    with connect() as andon:
        found = andon.get("drills", "evidence", days=days)
        say(found, _evidence)
    if not found["ok"]:
        context.exit(Exit.REFUSED)


def _evidence(found: Json) -> Iterator[str]:
    until = words.moment(found["until"]) if found["until"] else ""
    yes = f"yes: every gateway has confirmed a drill within {found['days']} days; without another drill until {until}"
    yield yes if found["ok"] else f"NO: not every gateway has confirmed a drill within {found['days']} days"
    rows = [(p["point"], p["ok"], p["drill"], words.moment(p["confirmed_at"]), p["because"]) for p in found["points"]]
    yield from words.table(("gateway", "ok", "drill", "confirmed", "because"), rows, none="no gateway is registered")


COMMANDS: list[click.Command] = [drill]

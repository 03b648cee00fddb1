"""
Clocks: what is due, the facts that it runs from, what was submitted or decided, and the register behind it.
"""

from __future__ import annotations

from typing import Any

import click

from incidents.cli import show_clocks as words
from incidents.cli.options import DUE, MOMENT, as_json, choice, json_option, remark, say
from incidents.cli.transport import connect
from incidents.clock_operations import LIST_STATES

Json = dict[str, Any]
REASON = click.option("--reason", required=True, help="Why; it is kept with the decision.")


@click.command()
@click.argument("id", required=False)
@click.option("--state", type=choice(LIST_STATES), help="Only those; without it, those that are open.")
@click.option("--owner", metavar="PERSON", help="Only those that this person has to see to.")
@click.option("--add", metavar="REGIME", help="Take up a regime that the playbook of incident ID did not name.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="At most so many.")
@json_option
def clocks(id: str | None, state: str | None, owner: str | None, add: str | None, limit: int) -> None:
    """
    What is due, the next one first.

    With an incident's ID its clocks and the facts that they run from; with a clock's ID that one whole.

    \b
    Example:
      andon clocks INC-2026-0001
    """
    if add is not None and (id is None or "." in id):
        raise click.UsageError("--add takes up a regime in an incident: name it")
    with connect() as andon:
        if add is not None:
            say(andon.post("incidents", str(id), "clocks", body={"regime": add}), words.moved)
        elif id is None:
            say(andon.get("clocks", state=state, owner=owner, limit=limit), words.clocks)
        elif "." in id:
            say(andon.get("clocks", id), words.clock)
        else:
            say(andon.get("incidents", id, "clocks"), words.incident_clocks)


@click.command()
@click.argument("id")
@click.argument("fact", metavar="ANCHOR")
@click.option("--at", callback=MOMENT, metavar="TIME", help="When it happened: 14:02 or 2026-11-23T14:02:07Z.")
@click.option("--yes", "holds", flag_value="yes", help="Instead of a time: the condition ANCHOR holds.")
@click.option("--no", "holds", flag_value="no", help="It does not hold.")
@click.option("--evidence", default="", help="How you know it.")
@click.option("--zone", metavar="ZONE", help="Time zone in which it was told, e.g. Europe/Paris.")
@click.option("--choose", is_flag=True, help="Of several times for this anchor, this one counts.")
@click.option("--withdraw", is_flag=True, help="This time was a mistake.")
@json_option
def fact(
    id: str,
    fact: str,
    at: str | None,
    holds: str | None,
    evidence: str,
    zone: str | None,
    choose: bool,
    withdraw: bool,
) -> None:
    """
    Tell a fact that clocks run from.

    ANCHOR is what happened (awareness, discovery, determination, ...) with --at, or a condition that a regime asks for,
    with --yes or --no. Several times stand beside each other; the earliest counts until one is chosen.

    \b
    Example:
      andon fact INC-2026-0001 awareness --at 2026-11-23T13:40:00Z --evidence "mail of their security desk"
    """
    if (at is None) == (holds is None):
        raise click.UsageError("a fact has a time (--at) or an answer (--yes, --no)")
    body: Json = {"evidence": evidence} if evidence else {}
    if holds is not None:
        body |= {"condition": fact, "holds": holds == "yes"}
    else:
        body |= {"anchor": fact, "at": at, **({"zone": zone} if zone else {})}
        body |= {name: True for name, wanted in (("choose", choose), ("withdraw", withdraw)) if wanted}
    with connect() as andon:
        say(andon.post("incidents", id, "facts", body=body), words.moved)


@click.command()
@click.argument("clock")
@click.option("--receipt", required=True, help="What shows it: a receipt number, a confirmation, who took the call.")
@click.option(
    "--at", callback=MOMENT, metavar="TIME", help="When it was sent, if not now: 14:02 or 2026-11-23T14:02:07Z."
)
@click.option("--late-because", default="", metavar="TEXT", help="Why it is late; needed where it is.")
@json_option
def submit(clock: str, receipt: str, at: str | None, late_because: str) -> None:
    """
    Record that you have sent or filed it.

    This sends nothing. Takes a token of yours, also straight on the ledger.

    \b
    Example:
      andon submit INC-2026-0001.gdpr-art33.notify-authority --receipt "portal receipt 2026-118-4411"
    """
    body = {
        "receipt": receipt,
        **({"at": at} if at else {}),
        **({"late_because": late_because} if late_because else {}),
    }
    with connect(person_needed="submitting a notice") as andon:
        say(andon.post("clocks", clock, "submission", body=body), words.moved)


def _decide(clock: str, decision: str, reason: str, until: str | None = None) -> None:
    body = {"decision": decision, "reason": reason, **({"until": until} if until else {})}
    with connect(person_needed=f"deciding on a clock ({decision})") as andon:
        say(andon.post("clocks", clock, "decision", body=body), words.moved)


@click.command("not-reportable")
@click.argument("clock")
@REASON
@json_option
def not_reportable(clock: str, reason: str) -> None:
    """
    Decide that it is not to be reported.

    Without the deadline's name (INC-2026-0001.gdpr-art33) it concerns the whole regime. Takes a token of yours.

    \b
    Example:
      andon not-reportable INC-2026-0001.gdpr-art33 --reason "no data of people were in reach of the key"
    """
    _decide(clock, "not-reportable", reason)


@click.command()
@click.argument("clock")
@REASON
@click.option("--until", callback=DUE, metavar="TIME", help="When the stay ends by itself: 2d or 2026-11-30T14:00Z.")
@json_option
def stay(clock: str, reason: str, until: str | None) -> None:
    """
    Suspend a clock by an order.

    Its moment stays on show; nothing alarms until the stay ends. Takes a token of yours.

    \b
    Example:
      andon stay INC-2026-0001.us-sec-8k-105.form-8k --reason "Attorney General's determination of today"
    """
    _decide(clock, "stayed", reason, until)


@click.command()
@click.argument("clock")
@REASON
@json_option
def reopen(clock: str, reason: str) -> None:
    """
    Let a clock run again.

    A submission, decision or stay does not stand. Takes a token of yours.

    \b
    Example:
      andon reopen INC-2026-0001.gdpr-art33.notify-authority --reason "the receipt was for another matter"
    """
    _decide(clock, "open", reason)


@click.command()
@click.argument("clock")
@click.option("--format", "form", type=choice(("md", "html")), default="md", show_default=True, help="As a document.")
@json_option
def pack(clock: str, form: str) -> None:
    """
    The filing pack of a clock.

    What the notice has to say as far as it is known, the evidence, the log's digest; unknown is said to be unknown.

    \b
    Example:
      andon pack INC-2026-0001.gdpr-art33.notify-authority > notice.md
    """
    with connect() as andon:
        answer = andon.get("clocks", clock, "pack", format=None if as_json() else form)
        say(answer, lambda text: [str(text).rstrip("\n")])


@click.command()
@click.argument("id", required=False)
@json_option
def regimes(id: str | None) -> None:
    """
    The register: who owes what to whom.

    What is on, what is off and why, what nobody has reviewed for too long; with ID one regime whole.

    \b
    Example:
      andon regimes gdpr-art33
    """
    with connect() as andon:
        if id is not None:
            say(andon.get("regimes", id), words.regime)
            return
        rows: list[Json] = list(andon.items("regimes", limit=200))
        say({"items": rows, "next": None}, words.regimes)
        for row in rows:
            if row["stale"] and row["enabled"]:
                remark(f"stale: {row['id']} was to be reviewed by {row['review_due']}")


@click.command()
@click.option("--mine", is_flag=True, help="Only what you have to see to.")
@json_option
def calendar(mine: bool) -> None:
    """
    The address of your calendar feed.

    Deadlines and scheduled drills for a calendar program. Revoking the token that asks for it ends the feed.

    \b
    Example:
      andon calendar --mine
    """
    with connect(person_needed="a calendar feed") as andon:
        say(andon.get("calendar", mine="true" if mine else None), lambda a: [a["url"]])


COMMANDS: list[click.Command] = [clocks, fact, submit, not_reportable, stay, reopen, pack, regimes, calendar]

"""
What goes out: notices that people approve, messages, dead letters.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import IO, Any

import click

from incidents.cli import show_notices as words
from incidents.cli.options import MOMENT, json_option, remark, say
from incidents.cli.outcome import Exit, Failed
from incidents.cli.transport import connect, refuse_remote, settings

Json = dict[str, Any]


@click.group()
def notices() -> None:
    """
    Read, approve and retry what goes out.

    \b
    Example:
      andon notices list INC-2026-0001
    """


@notices.command(name="list")
@click.argument("id")
@json_option
def list_(id: str) -> None:
    """
    List an incident's notices and messages.

    \b
    Example:
      andon notices list INC-2026-0001
    """
    with connect() as andon:
        say(andon.get("incidents", id, "notices"), words.of_incident)


@notices.command()
@click.argument("notice")
@json_option
def show(notice: str) -> None:
    """
    Show a notice with its exact text.

    Also the document to hand over, where it is filed by hand.

    \b
    Example:
      andon notices show INC-2026-0001-N1
    """
    with connect() as andon:
        say(andon.get("notices", notice), words.notice)


@notices.command()
@click.argument("clock")
@json_option
def draft(clock: str) -> None:
    """
    Have a clock's notice drafted.

    For a duty to an authority that is not sure to be owed yet, or whose notice was refused; one that runs has its own.

    \b
    Example:
      andon notices draft INC-2026-0001.us-hipaa.hhs-500-or-more
    """
    with connect(person_needed="having a notice drafted") as andon:
        answer = andon.post("clocks", clock, "notice", body={})
        say(answer, _told(lambda a: f"{a['id']} is drafted within a second; andon notices show {a['id']}"))


@notices.command()
@click.argument("notice")
@click.option("--subject", help="One line; without it, it stays as it is.")
@click.option("--file", "file", type=click.File(encoding="utf-8"), required=True, help="The text; - is standard input.")
@json_option
def edit(notice: str, subject: str | None, file: IO[str]) -> None:
    """
    Change a notice's text.

    Approvals of the text before are void.

    \b
    Example:
      andon notices edit INC-2026-0001-N1 --file notice.txt
    """
    body = file.read()
    with connect(person_needed="writing a notice") as andon:
        kept = subject if subject is not None else andon.get("notices", notice)["subject"] or ""
        answer = andon.post("notices", notice, "text", body={"subject": kept, "body": body})
        say(answer, _told(lambda a: f"{a['id']} has another text, {a['digest'][:12]}; approve that one"))


@notices.command()
@click.argument("notice")
@click.option("--yes", is_flag=True, help="Don't ask; the text is printed all the same.")
@json_option
def approve(notice: str, yes: bool) -> None:
    """
    Read and approve a notice.

    Prints its exact text; you approve that and nothing else.

    \b
    Example:
      andon notices approve INC-2026-0001-N1
    """
    with connect(person_needed="approving a notice") as andon:
        found = andon.get("notices", notice)
        for line in words.notice(found):
            remark(line)
        if not found["waits"]:
            raise Failed(Exit.REFUSED, f"{found['id']} is {found['state']}; there is nothing to approve")
        if not yes:
            _ask(found)
        answer = andon.post("notices", found["id"], "approval", body={"digest": found["digest"]})
        say(answer, lambda a: words.approved(a, found))


def _ask(found: Json) -> None:
    if not sys.stdin.isatty():
        raise Failed(Exit.WRONG_USAGE, "approving asks on a terminal, and there is none; --yes approves without asking")
    click.echo(f"Approve exactly this, text {found['digest'][:12]}? [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failed(Exit.REFUSED, "not approved; nothing was changed")


@notices.command()
@click.argument("notice")
@click.option("--reason", required=True, help="Why it is not sent.")
@json_option
def refuse(notice: str, reason: str) -> None:
    """
    Decide that a notice is not sent.

    \b
    Example:
      andon notices refuse INC-2026-0001-N1 --reason "told on the telephone"
    """
    with connect(person_needed="refusing a notice") as andon:
        answer = andon.post("notices", notice, "refusal", body={"reason": reason})
        say(answer, _told(lambda a: f"{a['id']} is not sent"))


@notices.command()
@click.argument("notice")
@click.option("--receipt", "words_", metavar="TEXT", required=True, help="How it is known that the reader has it.")
@click.option("--at", callback=MOMENT, metavar="TIME", help="When that was, if not now: 14:02 or 2026-11-23T14:02:07Z.")
@click.option("--late-because", metavar="TEXT", default="", help="Why it is late, if its clock says that it is.")
@json_option
def receipt(notice: str, words_: str, at: str | None, late_because: str) -> None:
    """
    Record that a notice was filed or told by hand; the clock that asked for it is settled by that.

    \b
    Example:
      andon notices receipt INC-2026-0001-N2 --receipt "filed on the portal, case 4711"
    """
    body = {"receipt": words_, **({"at": at} if at is not None else {})}
    body |= {"late_because": late_because} if late_because else {}
    with connect(person_needed="recording a receipt") as andon:
        say(andon.post("notices", notice, "receipt", body=body), _told(lambda a: f"{a['id']} has its receipt"))


@notices.command()
@json_option
def dead() -> None:
    """
    List dead letters.

    What was given up, each with why; retry has one tried again. Exit 1 while there is any.

    \b
    Example:
      andon notices dead
    """
    _list("dead")


@notices.command()
@json_option
def owed() -> None:
    """
    List what is owed now.

    \b
    Example:
      andon notices owed
    """
    _list("owed")


def _list(state: str) -> None:
    with connect() as andon:
        found = list(andon.items("messages", state=state, limit=200))
        answer: Json = {"items": found, "next": None}
        say(answer, lambda a: words.letters(a["items"], state))
    if found and state == "dead":
        raise click.exceptions.Exit(Exit.REFUSED)


@notices.command()
@click.argument("message")
@json_option
def retry(message: str) -> None:
    """
    Have a dead letter tried again.

    By all its channels. Where it may have arrived before, it says so.

    \b
    Example:
      andon notices retry M17
    """
    with connect() as andon:
        answer = andon.post("messages", message, "retry")
        say(answer, lambda a: [f"{a['id']} is owed again; a running service sends it"])


@notices.command()
@click.argument("url")
@json_option
def secret(url: str) -> None:
    """
    Print what a webhook's deliveries are signed with.

    The receiver checks them with any Standard Webhooks library. Only on the ledger's machine.

    \b
    Example:
      andon notices secret https://status.example/hooks/andon
    """
    refuse_remote("notices secret")
    from incidents.cli.direct import quiet_logs
    from incidents.connectors.webhook import written_secret
    from incidents.service import Service

    told = settings()
    quiet_logs(told)
    service = Service.open(told)
    try:
        if service.signing_key is None and not told.webhook_secret:
            raise Failed(Exit.NOT_REACHED, f"no signing key at {told.key_path}; set ANDON_WEBHOOK_SECRET")
        say({"url": url, "secret": written_secret(service.webhook_key(url))}, lambda a: [a["secret"]])
    finally:
        service.ledger.close()


def _told(what: Callable[[Json], str]) -> Callable[[Json], list[str]]:
    def lines(answer: Json) -> list[str]:
        return [f"{answer['id']} was so already; nothing was changed" if answer["already"] else what(answer)]

    return lines


COMMANDS: list[click.Command] = [notices]

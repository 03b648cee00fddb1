"""
The ledger itself: make it, serve it, prove it, carry it away.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from incidents.cli import show
from incidents.cli.options import json_option, say
from incidents.cli.outcome import Exit, Failed, of_error
from incidents.cli.transport import Andon, connect, refuse_remote, remote_url, settings
from incidents.clock import rfc3339
from incidents.errors import Conflicting, Invalid, LedgerUnavailable
from incidents.events import WITHHELD, Event, Withheld
from incidents.ledger import Ledger, pages
from incidents.ledger.chain import canonical, from_copy, to_json
from incidents.ledger.checkpoint import Checkpoint, parse_and_check
from incidents.ledger.export_check import check as check_export
from incidents.ledger.export_check import is_export
from incidents.ledger.files import placed_whole
from incidents.ledger.verify import Verdict
from incidents.ledger.verify import verify as check

LOG_PAGE = 1000
Line = Event | Withheld
A_WHOLE_COPY = (
    "A copy made beside the ledger (`andon export-log` without ANDON_URL), or by somebody who is a member of every"
    " restricted incident, has all of it."
)


@click.command()
@click.option("--from", "backup", metavar="BACKUP", help="Go on from a backup, as a ledger of its own.")
@json_option
def init(backup: str | None) -> None:
    """
    Make the ledger and its first token.

    Makes the signing key too. The admin token is printed once. Never over another ledger. From a backup: under a new
    id, so that gateways drop what they hold of the old one; tokens and keys are those of the backup.

    \b
    Example:
      ANDON_DATABASE_URL=sqlite:////srv/andon/andon.db andon init
    """
    if backup is not None:
        _go_on_from(backup)
        return
    from incidents.service import init as make

    found = settings()
    try:
        token, key = make(found)
    except Conflicting as error:
        raise Failed(Exit.NOT_REACHED, *of_error(error).lines) from error
    made = {
        "ledger": str(found.database_path),
        "key": str(found.key_path.absolute()),
        "public_key": key.public,
        "fingerprint": key.fingerprint,
        "token": token,
    }
    say(made, _made)


def _go_on_from(backup: str) -> None:
    from incidents.clock import SystemClock
    from incidents.events import Actor
    from incidents.ledger.backup import restore_from
    from incidents.service import os_user

    found = settings()
    actor = Actor(person=f"local:{os_user()}", token=None, via="cli")
    try:
        event = restore_from(backup, found.database_path, now=SystemClock().now(), actor=actor)
    except Conflicting as error:
        raise Failed(Exit.NOT_REACHED, *of_error(error).lines) from error
    going_on = {
        "ledger": str(found.database_path),
        "id": event.data["to_ledger"],
        "was": event.data["from_ledger"],
        "seq": event.seq,
    }
    say(going_on, _goes_on)


def _goes_on(found: dict[str, Any]) -> Iterator[str]:
    yield from show.facts(("ledger", found["ledger"]), ("new id", found["id"]), ("was", found["was"]))
    yield f"It goes on at seq {found['seq']}. Put its signing key in place too, and see that the old one serves nobody."


def _made(made: dict[str, str]) -> Iterator[str]:
    yield from show.facts(
        ("ledger", made["ledger"]),
        ("signing key", made["key"]),
        ("public key", made["public_key"]),
        ("fingerprint", made["fingerprint"]),
        ("admin token", made["token"]),
    )
    yield "The token is shown this once. Keep the fingerprint elsewhere: `andon verify --against` asks for it."


@click.command()
@click.option("--host", help="Address to listen on, instead of ANDON_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port, instead of ANDON_PORT; 0 takes a free one.")
@click.option("--demo", is_flag=True, help="Sample catalog, a demo gateway; prints an admin token and the URL.")
def serve(host: str | None, port: int | None, demo: bool) -> None:
    """
    Run the service.

    API, pages and enforcement: one per ledger, which it makes if there is none.

    \b
    Example:
      andon serve --port 8600
    """
    found = settings(starting=True)
    found = dataclasses.replace(
        found, host=host if host is not None else found.host, port=port if port is not None else found.port
    )
    from incidents.serve import run

    run(found, demo=demo)


@click.command()
@click.argument("file", required=False)
@click.option("--against", metavar="CHECKPOINT", help="A checkpoint that was kept elsewhere.")
@click.option(
    "--key", "pinned", envvar="ANDON_PINNED_KEY", help="Public key (or its file) or fingerprint that you trust."
)
@json_option
def verify(file: str | None, against: str | None, pinned: str | None) -> None:
    """
    Check that the log is unchanged, or FILE.

    Computes every digest again and follows every link; exit 1 naming the first event that is wrong. FILE is an
    incident's export as JSON, or an exported log.

    A log alone can't show that it was cut off or written anew: --against does, with a key that you kept (--key, or
    ANDON_PINNED_KEY), never one from the ledger. An export has a signature of its own, which --key checks.

    \b
    Example:
      andon verify --against friday.checkpoint --key 9f86d081884c7d65...
      andon verify INC-2026-0001.json --key 9f86d081884c7d65...
    """
    if against is not None and not pinned:
        raise click.UsageError("--against needs the key that you trust: --key or ANDON_PINNED_KEY")
    key = _pinned(pinned) if pinned else ""
    point = parse_and_check(_text(against), key) if against is not None else None
    text = _text(file) if file is not None else ""
    if is_export(text):
        _verify_export(text, key, point)
        return
    if point is None and pinned and click.get_current_context().get_parameter_source("pinned") is _GIVEN:
        raise click.UsageError("--key is for --against, or for an incident's export: name one of them too")
    with _lines_of(text) if file is not None else _log() as (events, ledger):
        verdict = check(events, ledger=ledger, against=point, copy=file is not None or remote_url() is not None)
        answer = _as_answer(verdict, point.seq if point is not None else None)
        say(answer, _verdict)
    if not answer["good"]:
        raise Failed(Exit.REFUSED, answer["why"])


def _verify_export(text: str, key: str, point: Checkpoint | None) -> None:
    found = check_export(text, pinned=key, against=point)
    unsigned = found.ok and found.signed == "none" and bool(key)
    why = "it is not signed, so it can't be of the key that you trust" if unsigned else found.why
    answer = {
        "good": why is None,
        "incident": found.incident,
        "events": found.events,
        "redacted": found.redacted,
        "withheld": found.withheld,
        "seq": found.head.seq,
        "digest": found.head.digest,
        "ledgers": list(found.ledgers),
        "signed": found.signed,
        "signed_at": rfc3339(found.point.at) if found.point is not None and found.point.at is not None else None,
        "against": point.seq if point is not None else None,
        "line": found.line,
        "wrong": found.wrong,
        "why": why,
    }
    say(answer, _export_verdict)
    if why is not None:
        raise Failed(Exit.REFUSED, why)


def _export_verdict(answer: dict[str, Any]) -> Iterator[str]:
    if not answer["good"]:
        event = f" (event {answer['wrong']})" if answer["wrong"] else ""
        yield f"WRONG at line {answer['line']}{event}" if answer["line"] else "NOT PROVEN"
        return
    parts = [f"{answer['events']} events"]
    parts += [f"{answer['redacted']} with their text redacted"] if answer["redacted"] else []
    parts += [f"{answer['withheld']} parts withheld from whoever exported it"] if answer["withheld"] else []
    yield f"good: {answer['incident']}, {', '.join(parts)}, head {answer['seq']} {answer['digest']}"
    at = f" at {show.moment(answer['signed_at'])}" if answer["signed_at"] else ""
    yield {
        "good": f"signed{at} with the key that you trust",
        "unchecked": "its signature was not checked: give --key, else nobody knows who wrote this file",
        "none": "it is not signed, so nobody knows who wrote this file",
    }[answer["signed"]]
    if answer["against"] is not None:
        yield f"it holds the signed checkpoint of event {answer['against']}"


@contextmanager
def _lines_of(text: str) -> Iterator[tuple[Iterator[Line], str | None]]:
    """The events of an exported log; one that can't be read is wrong, with its line."""

    def events() -> Iterator[Line]:
        for number, line in enumerate(text.split("\n"), 1):
            try:
                if line:
                    yield from_copy(line)
            except Invalid as error:
                raise Failed(Exit.REFUSED, f"line {number}: {error}") from error

    yield events(), None


def _as_answer(verdict: Verdict, against: int | None) -> dict[str, Any]:
    why = verdict.why
    if verdict.ok and verdict.withheld:
        of = f"{verdict.withheld} of {verdict.events} events"
        why = f"{of} are not for whoever made this copy, so it can't show that the log is whole. {A_WHOLE_COPY}"
    return {
        "good": why is None,
        "events": verdict.events,
        "redacted": verdict.redacted,
        "withheld": verdict.withheld,
        "seq": verdict.head.seq,
        "digest": verdict.head.digest,
        "ledgers": list(verdict.ledgers),
        "against": against,
        "wrong": verdict.wrong,
        "why": why,
    }


_GIVEN = click.core.ParameterSource.COMMANDLINE


def _verdict(answer: dict[str, Any]) -> Iterator[str]:
    if answer["wrong"] is not None:
        yield f"WRONG at event {answer['wrong']}; the {answer['events']} before it are good"
        return
    if not answer["good"]:
        yield f"NOT PROVEN: nothing is wrong with what this copy shows, up to event {answer['seq']}"
        return
    redacted = f", {answer['redacted']} with their text redacted" if answer["redacted"] else ""
    yield f"good: {answer['events']} events{redacted}, head {answer['seq']} {answer['digest']}"
    if answer["against"] is not None:
        yield f"it goes on from the signed checkpoint at {answer['against']}"


@click.command()
@json_option
def checkpoint() -> None:
    """
    Print the signed head of the log.

    Keep it elsewhere, for `verify --against`.

    \b
    Example:
      andon checkpoint > friday.checkpoint
    """
    with connect() as andon:
        text = str(andon.get("checkpoint"))
    say({"checkpoint": text}, lambda answer: answer["checkpoint"].splitlines())


@click.command("export-log")
@click.argument("file")
@json_option
def export_log(file: str) -> None:
    """
    Write the whole log to a file.

    One event a line, as JSON. Never over another file. Events of restricted incidents that are not for you leave only
    their place in the chain; how many is said, and `andon verify` does not call such a copy proven.

    \b
    Example:
      andon export-log andon-log.jsonl
    """
    path = _new_file(file)
    count = withheld = 0
    try:
        with (
            placed_whole(path, "an export") as unfinished,
            unfinished.open("w", encoding="utf-8") as out,
            _log() as (events, _),
        ):
            for count, event in enumerate(events, start=1):  # noqa: B007 - how many is told at the end
                out.write(f"{_line(event)}\n")
                withheld += isinstance(event, Withheld) or event.data == WITHHELD
    except OSError as error:
        raise Failed(Exit.NOT_REACHED, f"{path}: can't be written ({error.strerror})") from error
    say({"file": str(path), "events": count, "withheld": withheld}, _exported)


def _exported(answer: dict[str, Any]) -> Iterator[str]:
    yield f"{answer['events']} events in {answer['file']}"
    if answer["withheld"]:
        yield f"{answer['withheld']} of them are withheld from you, so this copy proves nothing. {A_WHOLE_COPY}"


@click.command()
@click.argument("file")
@json_option
def backup(file: str) -> None:
    """
    Copy the ledger while it is in use.

    Never over another file.

    \b
    Example:
      andon backup /backups/andon-friday.db
    """
    from incidents.ledger.backup import backup as copy
    from incidents.ledger.sqlite import SqliteLedger

    refuse_remote("andon backup")
    path = _new_file(file)
    with closing(SqliteLedger.open(settings().database_path)) as ledger:
        made = copy(ledger, path)
    answer = {"file": str(made.path), "ledger": made.ledger, "seq": made.head.seq, "digest": made.head.digest}
    say(answer, lambda a: [f"ledger {a['ledger']} at seq {a['seq']} copied to {a['file']}"])


@contextmanager
def _log() -> Iterator[tuple[Iterator[Line], str | None]]:
    """Every event, and the ledger's id where it can be known; folds nothing, so a damaged log can be read too."""
    if remote_url() is not None:
        with connect() as andon:
            yield _fetched(andon), None
        return
    from incidents.cli.direct import in_words, quiet_logs, tell
    from incidents.ledger.sqlite import SqliteLedger

    quiet_logs(settings())
    with closing(SqliteLedger.open(settings().database_path)) as ledger:
        yield _read(ledger), ledger.id
        tell([in_words(ledger)])


def _read(ledger: Ledger) -> Iterator[Event]:
    try:
        yield from pages(ledger)
    except LedgerUnavailable as error:
        ledger.head()  # where this fails too, the ledger is out of reach; else it is the log that is wrong
        raise Failed(Exit.REFUSED, str(error)) from error


def _fetched(andon: Andon) -> Iterator[Line]:
    after = 0
    while items := andon.get("log", after=after, limit=LOG_PAGE)["items"]:
        for item in items:
            yield _event(item, andon.place)
        if items[-1]["seq"] <= after:
            raise Failed(Exit.NOT_REACHED, f"{andon.place}: its log does not go on after event {after}")
        after = items[-1]["seq"]


def _event(item: Any, place: str) -> Line:
    try:
        return from_copy(canonical(item).decode())
    except ValueError as error:  # numbers and characters that no canonical form has
        raise Failed(Exit.REFUSED, f"{place}: its log holds what no sealed event can hold ({error})") from error


def _line(event: Line) -> str:
    try:
        return to_json(event)
    except ValueError as error:
        why = f"event {event.seq} holds what no sealed event can hold ({error}); see `andon verify`"
        raise Failed(Exit.REFUSED, why) from error


def _new_file(file: str) -> Path:
    if not file or "\0" in file:
        raise click.UsageError("that is no file name")
    return Path(os.path.abspath(file))


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Failed(Exit.NOT_REACHED, f"{Path(file).absolute()}: can't be read ({reason})") from error


def _pinned(given: str) -> str:
    """The key itself, or what is in the file of that name."""
    return _text(given) if os.path.isfile(given) else given


COMMANDS: list[click.Command] = [init, serve, verify, checkpoint, export_log, backup]

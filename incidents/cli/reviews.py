"""
The review of an incident in an editor, its approval and publication, and the whole record as a file.

What somebody wrote is never thrown away: where it can't be saved, the file stays and the answer says how to go on.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from incidents.cli import show
from incidents.cli.options import as_json, choice, json_option, remark, say
from incidents.cli.outcome import Exit, Failed
from incidents.cli.transport import Andon, connect
from incidents.ledger.export import Export
from incidents.ledger.files import placed_whole
from incidents.merging import merge
from incidents.records import FORMS

FIRST_LINE = re.compile(r"<!-- andon: (\S+) on version (\d+)[^\n]*-->\n")
BASE, YOURS = ".base.md", ".yours.md"  # beside the file: what it was begun with, what was typed before a merge
Json = dict[str, Any]


@click.command()
@click.argument("id")
@click.option("--edit", is_flag=True, help="Write it in $EDITOR, from the first draft on.")
@click.option("--from", "kept", metavar="FILE", help="With --edit: go on from a file that was kept.")
@click.option("--owner", metavar="PERSON", help="Say who sees to it.")
@click.option("--approve", is_flag=True, help="Agree to it, as somebody who wrote none of it.")
@click.option("--publish", is_flag=True, help="Publish what another person approved.")
@click.option("--version", type=click.IntRange(1), help="With --approve or --publish: the version that you have read.")
@json_option
def postmortem(
    id: str, edit: bool, kept: str | None, owner: str | None, approve: bool, publish: bool, version: int | None
) -> None:
    """
    Show, write, approve or publish a review.

    Nobody writes over anybody: where somebody saved meanwhile, your file is kept and both are brought together in it.

    \b
    Example:
      andon postmortem INC-2026-0001 --edit
    """
    if sum((edit, owner is not None, approve, publish)) > 1:
        raise click.UsageError("one thing at a time: --edit, --owner, --approve or --publish")
    if kept is not None and not edit:
        raise click.UsageError("--from is for --edit")
    if version is not None and not (approve or publish):
        raise click.UsageError("--version is for --approve and --publish")
    needed = "approving a review" if approve else "publishing a review" if publish else ""
    with connect(person_needed=needed) as andon:
        if edit:
            _edit(andon, id, kept)
        elif owner is not None:
            answer = andon.post("incidents", id, "postmortem", "owner", body={"person": owner})
            say(answer, lambda a: [show.plain(f"{a['person']} sees to the review of {a['incident']}")])
        elif approve or publish:
            _settle(andon, id, "approval" if approve else "publication", version)
        else:
            say(andon.get("incidents", id, "postmortem"), _shown)


def _settle(andon: Andon, id: str, what: str, version: int | None) -> None:
    """Bound to the version that stands at this moment, unless another one is named."""
    if version is None:
        found = andon.get("incidents", id, "postmortem")
        version = found["version"]
        if not version:
            raise Failed(Exit.REFUSED, f"nothing is written in the review of {found['incident']} yet")
    answer = andon.post("incidents", id, "postmortem", what, body={"version": version})
    done = "approved; another person publishes it" if what == "approval" else "published"
    say(answer, lambda a: [f"version {a['version']} of the review is {done}; {a['incident']} is {a['status']}"])


def _shown(found: Json) -> Iterator[str]:
    yield f"review of {found['incident']}: {found['state']}"
    yield from show.facts(
        ("owner", found["owner"]),
        ("due", show.moment(found["due_at"]) if found["due_at"] else ""),
        ("version", found["version"] or "none saved; this is a first draft"),
        ("written by", ", ".join(found["authors"])),
        ("approved by", found["approved_by"]),
        ("published", f"version {found['published']} by {found['published_by']}" if found["published"] else ""),
        ("open", found["blocked"]),
        ("follow-ups", [f"{t['number']} {t['state']}: {t['title']}" for t in found["follow_ups"]]),
    )
    yield ""
    yield from map(show.plain, (found["document"] or "(redacted)").split("\n"))


# --- editing --------------------------------------------------------------------------------------------------------


def _edit(andon: Andon, id: str, kept: str | None) -> None:
    path = _kept(Path(os.path.abspath(kept)), id) if kept is not None else _fresh(andon, id)
    before = _base(path)
    _in_editor(path)
    id, base, written = _read(path)
    if written == before and kept is None:
        shutil.rmtree(path.parent)
        say({"incident": id, "version": base, "already": True}, lambda a: ["nothing was changed, so nothing was saved"])
        return
    try:
        answer = andon.put_json("incidents", id, "postmortem", body={"document": written, "base": base})
    except Failed as failed:
        failed.lines = (*failed.lines, *_go_on(path, id, written, failed.problem))
        raise
    if kept is None:
        shutil.rmtree(path.parent)
    say(answer, lambda a: _saved(a, path if kept is not None else None))


def _saved(answer: Json, path: Path | None) -> Iterator[str]:
    yield f"saved as version {answer['version']} of the review of {answer['incident']}"
    if path is not None:
        yield f"{path} is no longer needed"


def _fresh(andon: Andon, id: str) -> Path:
    """A file of one's own with the newest text, and beside it that text as it was."""
    found = andon.get("incidents", id, "postmortem")
    path = Path(tempfile.mkdtemp(prefix="andon-review-")) / f"{found['incident']}.md"
    _write(path, found["incident"], found["base"], found["document"] or "")
    path.with_suffix(BASE).write_text(found["document"] or "", encoding="utf-8")
    return path


def _base(path: Path) -> str | None:
    """What a file was begun with; None where that is not there any more."""
    beside = path.with_suffix(BASE)
    return beside.read_text(encoding="utf-8") if beside.exists() else None


def _kept(path: Path, id: str) -> Path:
    known, _, _ = _read(path)
    if id.upper() not in (known, "LATEST"):
        raise Failed(Exit.WRONG_USAGE, f"{path} is about {known}, not about {show.plain(id)}")
    return path


def _write(path: Path, id: str, base: int, text: str) -> None:
    first = f"<!-- andon: {id} on version {base}; this line is not saved -->\n"
    path.write_text(first + text, encoding="utf-8")


def _read(path: Path) -> tuple[str, int, str]:
    """Incident, version that it was written on, text."""
    try:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Failed(Exit.NOT_REACHED, f"{path}: can't be read ({reason})") from error
    found = FIRST_LINE.match(text)
    if found is None:
        raise Failed(
            Exit.WRONG_USAGE,
            f"{path}: its first line does not say on which version it was written",
            "put back a first line like: <!-- andon: INC-2026-0001 on version 3 -->",
        )
    return found[1], int(found[2]), text[found.end() :]


def _in_editor(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        ended = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode
    except (OSError, ValueError) as error:
        why = f"the editor '{show.plain(editor)}' can't be started ({error}); set EDITOR"
        raise Failed(Exit.WRONG_USAGE, why, f"the text is in {path}") from error
    if ended:
        kept = f"nothing was saved; what you wrote is kept in {path}"
        raise Failed(Exit.REFUSED, f"the editor '{show.plain(editor)}' ended with {ended}", kept)


def _go_on(path: Path, id: str, written: str, problem: Any) -> Iterator[str]:
    """Where the work is, and what to do next; after a conflict with both texts in one file."""
    newer = problem.get("newer") if isinstance(problem, dict) else None
    if newer is None or newer["document"] is None:
        yield f"what you wrote is kept in {path}"
    else:
        yours, hers = path.with_suffix(YOURS), f"version {newer['version']}, {newer['saved_by']}"
        both = merge(_base(path), written, newer["document"], mine_is="yours", theirs_is=hers)
        yours.write_text(written, encoding="utf-8")
        _write(path, id, newer["version"], both.text)
        path.with_suffix(BASE).write_text(newer["document"], encoding="utf-8")
        yield f"what you wrote is kept in {yours}"
        places = f"{both.conflicts} place{'' if both.conflicts == 1 else 's'} where both changed the same lines"
        look = f"look for <<<<<<<, {places}" if both.conflicts else "read it once more"
        yield f"both texts are in {path}: {look}"
    yield f"go on with: andon postmortem {id} --edit --from {path}"


# --- the record -----------------------------------------------------------------------------------------------------


@click.command()
@click.argument("id")
@click.option("--format", "form", type=choice(FORMS), default="md", show_default=True, help="What to write.")
@click.option("--out", metavar="FILE", help="Into a file, never over another one.")
@click.option("--hand-out", is_flag=True, help="Without what is for the incident's members alone.")
@json_option
def export(id: str, form: str, out: str | None, hand_out: bool) -> None:
    """
    Carry an incident's whole record away.

    As Markdown, as one HTML file that needs nothing else, or as JSON that `andon verify FILE` checks.

    \b
    Example:
      andon export INC-2026-0001 --format html --out INC-2026-0001.html
    """
    path = _new_file(out) if out is not None else None
    with connect() as andon:
        answer = andon.get("incidents", id, "export", format=form, handed_out="true" if hand_out else None)
    text = answer if isinstance(answer, str) else _as_written(answer)
    if path is not None:
        _placed(path, text)
        say({"file": str(path), "format": form}, lambda a: [f"written to {a['file']}"])
    elif as_json() and form != "json":
        say({"format": form, "text": text}, lambda a: [])
    elif sys.stdout.isatty():  # what people typed must do nothing to a terminal
        click.echo("\n".join(map(show.plain, text.split("\n"))), nl=False)
    else:
        click.echo(text, nl=False, color=True)  # to the byte, whatever is in it


def _as_written(values: Json) -> str:
    """The file, which has one form only, from the values that the answer was read as."""
    return Export(**{name: values[name] for name in Export.__slots__}).written()


def _new_file(file: str) -> Path:
    if not file or "\0" in file:
        raise click.UsageError("that is no file name")
    return Path(os.path.abspath(file))


def _placed(path: Path, text: str) -> None:
    try:
        with placed_whole(path, "an export") as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(Exit.NOT_REACHED, f"{path}: can't be written ({error.strerror})") from error
    remark(f"{len(text.encode()):,} bytes")


COMMANDS: list[click.Command] = [postmortem, export]

"""
The review in an editor and the record as a file, straight on a ledger: nothing that somebody wrote is lost.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from incidents.decisions import Asker
from incidents.ledger.export_check import check as check_export
from incidents.service import Service
from incidents.tokens import digest_of
from tests.surfaces.test_cli import ANDON, Ran, Shell, bare, shell  # noqa: F401 - the fixtures
from tests.surfaces.test_cli_remote import Served, served  # noqa: F401 - likewise

SAVED = "--- what the editor left ---"


@pytest.fixture
def incident(shell: Shell) -> str:  # noqa: F811
    """Contained and resolved, with open questions."""
    ada = shell.token_of("ada")
    id = str(shell.done("declare", "partner-credential-abuse", "-p", "partner=acme", ANDON_TOKEN=ada)["id"])
    service = shell.opened()
    try:
        who = asker(service, ada)
        for action in service.operations.incident(who, id)["actions"]:
            if action["state"] in ("waiting", "outside"):
                service.operations.settle_action(who, id, action["number"], "declined", "not needed")
        for criterion in service.operations.incident(who, id)["exit"]:
            service.operations.judge_exit(who, id, criterion["number"], True, "looked")
        service.start()
        service.operations.move(who, id, "mitigated")
        service.operations.move(who, id, "resolved", reason="done")
    finally:
        service.stop()
    return id


def asker(service: Service, secret: str) -> Asker:
    return service.desk.credentials[digest_of(secret)].asker("cli")


def editor(shell: Shell, script: str) -> str:  # noqa: F811
    """An editor that does to ``text`` what the script says. ``path`` is the file."""
    program = shell.folder / "editor.py"
    program.write_text(
        "import sys, subprocess, os\npath = sys.argv[-1]\ntext = open(path, encoding='utf-8').read()\n"
        f"{script}\nopen(path, 'w', encoding='utf-8').write(text)\n",
        encoding="utf-8",
    )
    return f"{sys.executable} {program}"


def edit(shell: Shell, id: str, script: str, *more: str, **environment: str) -> Ran:  # noqa: F811
    return shell.run("postmortem", id, "--edit", *more, EDITOR=editor(shell, script), **environment)


def kept(said: str) -> Path:
    found = re.search(r"--from (\S+)", said)
    assert found is not None, said
    return Path(found[1])


ANSWER_ALL = "text = text.replace('_To be answered._', 'Nobody had an eye on it.')"


def test_review_is_written_approved_and_published_by_three(shell: Shell, incident: str) -> None:  # noqa: F811
    """The whole way at a prompt, with the refusals that make it two people's work."""
    linus, ada, grace = shell.token_of("linus", "responder"), shell.token_of("ada"), shell.token_of("grace")
    shown = shell.run("postmortem", incident)
    assert (shown.code, "this is a first draft" in shown.out, "## Durations" in shown.out) == (0, True, True)
    shell.done("postmortem", incident, "--owner", "linus")
    assert (
        edit(shell, incident, ANSWER_ALL, ANDON_TOKEN=linus).out == f"saved as version 1 of the review of {incident}\n"
    )

    refused = shell.run("postmortem", incident, "--publish", ANDON_TOKEN=grace)
    assert (refused.code, "is not approved yet" in refused.err) == (1, True)
    assert shell.run("postmortem", incident, "--approve", ANDON_TOKEN=linus).code == 1
    assert shell.done("postmortem", incident, "--approve", ANDON_TOKEN=ada)["version"] == 1
    assert shell.run("postmortem", incident, "--publish", ANDON_TOKEN=ada).code == 1
    published = shell.run("postmortem", incident, "--publish", "--version", "1", ANDON_TOKEN=grace)
    assert published.out == f"version 1 of the review is published; {incident} is reviewed\n"


@pytest.mark.parametrize("act", ["--approve", "--publish"])
def test_direct_access_alone_neither_approves_nor_publishes(shell: Shell, incident: str, act: str) -> None:  # noqa: F811
    """Whoever can open the file is an administrator, and still only one of two people."""
    edit(shell, incident, ANSWER_ALL)
    ran = shell.run("postmortem", incident, act)

    assert ran.code == 1
    assert "takes a person's token" in ran.err


def test_nothing_changed_is_nothing_saved(shell: Shell, incident: str) -> None:  # noqa: F811
    """Looking at the draft in an editor must not make it a version."""
    ran = edit(shell, incident, "pass")

    assert (ran.code, ran.out) == (0, "nothing was changed, so nothing was saved\n")
    assert shell.done("postmortem", incident)["version"] == 0


def other_saves(shell: Shell, incident: str, change: str) -> str:  # noqa: F811
    """A script: while the editor is open, somebody else saves; then ``change`` is what this one wrote."""
    other = shell.folder / "other.py"
    other.write_text("import sys\np = sys.argv[-1]\nt = open(p).read()\n" + change + "\nopen(p, 'w').write(t)\n")
    command = [*ANDON, "postmortem", incident, "--edit"]
    root = Path(__file__).parents[2]
    return (
        f"subprocess.run({command!r}, check=True, env={{**os.environ, 'EDITOR': {f'{sys.executable} {other}'!r},"
        f" 'PYTHONPATH': {str(root)!r}}}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
    )


def test_second_editor_keeps_both_and_can_go_on(shell: Shell, incident: str) -> None:  # noqa: F811
    """Two people in two editors: the later one is refused, has both texts in one file, and saves them together."""
    theirs = other_saves(shell, incident, "t = t.replace('## Follow-ups', '## Costs\\n\\nNone.\\n\\n## Follow-ups')")
    mine = "text = text.replace('_To be answered._', 'Mine.', 1)"
    ran = edit(shell, incident, theirs + mine)

    assert ran.code == 1
    assert "version 1 was saved by local:" in ran.err
    path = kept(ran.err)
    both = path.read_text(encoding="utf-8")
    assert both.startswith(f"<!-- andon: {incident} on version 1;")
    assert ("Mine." in both, "## Costs" in both, "<<<<<<<" in both) == (True, True, False)
    assert "Mine." in path.with_suffix(".yours.md").read_text(encoding="utf-8")
    assert "## Costs" not in path.with_suffix(".yours.md").read_text(encoding="utf-8")

    again = edit(shell, incident, "pass", "--from", str(path))
    assert again.out.startswith(f"saved as version 2 of the review of {incident}\n")
    document = shell.done("postmortem", incident)["document"]
    assert ("Mine." in document, "## Costs" in document, "<!-- andon" in document) == (True, True, False)


def test_both_changed_the_same_line_and_both_are_marked(shell: Shell, incident: str) -> None:  # noqa: F811
    """A person decides which of two sentences stays; until then it can't be published."""
    edit(shell, incident, ANSWER_ALL)
    theirs = other_saves(shell, incident, "t = t.replace('Nobody had an eye on it.', 'Theirs.', 1)")
    ran = edit(shell, incident, theirs + "text = text.replace('Nobody had an eye on it.', 'Mine.', 1)")

    path = kept(ran.err)
    assert "1 place where both changed the same lines" in ran.err
    assert "<<<<<<< yours\nMine.\n=======\nTheirs.\n>>>>>>> version 2, local:" in path.read_text(encoding="utf-8")
    assert edit(shell, incident, "pass", "--from", str(path)).code == 0
    assert any("mark of a merge" in line for line in shell.done("postmortem", incident)["blocked"])


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("text = text.split('\\n')[0] + '\\n'", 1, "the document is empty"),
        ("sys.exit(3)", 1, "ended with 3"),
        ("text = 'no first line'", 2, "does not say on which version it was written"),
    ],
)
def test_what_can_not_be_saved_is_kept(shell: Shell, incident: str, script: str, code: int, words: str) -> None:  # noqa: F811
    """An hour of writing must survive a mistake in the last minute."""
    ran = edit(shell, incident, script)

    assert ran.code == code
    assert words in ran.err
    assert re.search(r"/andon-review-\S+\.md", ran.err)
    assert Path(re.search(r"/\S*/andon-review-\S+\.md", ran.err)[0]).exists()  # type: ignore[index]


def test_missing_editor_says_what_to_set(shell: Shell, incident: str) -> None:  # noqa: F811
    """On a bare machine there may be none."""
    ran = shell.run("postmortem", incident, "--edit", EDITOR="/no/such/editor")

    assert ran.code == 2
    assert "set EDITOR" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [["--edit", "--publish"], ["--from", "x.md"], ["--version", "2"], ["--owner", "ada", "--approve"]],
)
def test_two_things_at_once_are_wrong_usage(shell: Shell, incident: str, arguments: list[str]) -> None:  # noqa: F811
    """Which of them was meant is not guessed."""
    assert shell.run("postmortem", incident, *arguments).code == 2


def test_file_of_another_incident_is_refused(shell: Shell, incident: str, tmp_path: Path) -> None:  # noqa: F811
    """One typing error must not put one incident's review on another."""
    (tmp_path / "x.md").write_text("<!-- andon: INC-2020-0009 on version 1 -->\nwords", encoding="utf-8")
    ran = edit(shell, incident, "pass", "--from", str(tmp_path / "x.md"))

    assert (ran.code, "is about INC-2020-0009" in ran.err) == (2, True)


# --- the record -----------------------------------------------------------------------------------------------------


def test_export_goes_to_a_new_file_or_to_the_pipe(shell: Shell, incident: str) -> None:  # noqa: F811
    """Both are the same bytes; a file that is there is never written over."""
    ran = shell.run("export", incident, "--format", "html", "--out", "record.html")
    assert (ran.code, ran.out) == (0, f"written to {shell.folder / 'record.html'}\n")
    assert (shell.folder / "record.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    again = shell.run("export", incident, "--format", "html", "--out", "record.html")
    assert (again.code, "never overwrites" in again.err) == (1, True)
    assert shell.run("export", incident).out.startswith(f"# {incident}: ")
    assert shell.done("export", incident)["text"].startswith("# ")
    assert shell.run("export", incident, "--format", "pdf").code == 2


def test_export_verifies_and_a_changed_line_is_named(shell: Shell, incident: str) -> None:  # noqa: F811
    """What is carried away can be checked where there is no ledger."""
    fingerprint = _fingerprint(shell)
    shell.run("export", incident, "--format", "json", "--out", "record.json")
    ran = shell.run("verify", "record.json")
    assert (ran.code, "its signature was not checked" in ran.out) == (0, True)
    ran = shell.run("verify", "record.json", "--key", fingerprint)
    assert (ran.code, ran.out.splitlines()[1].startswith("signed at 20")) == (0, True)
    assert shell.done("verify", "record.json", ANDON_PINNED_KEY=fingerprint)["signed"] == "good"

    text = (shell.folder / "record.json").read_text(encoding="utf-8")
    assert check_export(text).ok
    lines = text.split("\n")
    lines[11] = lines[11].replace("acme", "evil")
    (shell.folder / "changed.json").write_text("\n".join(lines), encoding="utf-8")
    ran = shell.run("verify", "changed.json")
    assert (ran.code, ran.out.startswith("WRONG at line 12 (event ")) == (1, True)
    assert "its data was changed" in ran.err
    assert json.loads(shell.run("verify", "changed.json", "--json").out)["good"] is False


def _fingerprint(shell: Shell) -> str:  # noqa: F811
    service = shell.opened()
    try:
        assert service.signing_key is not None
        return service.signing_key.fingerprint
    finally:
        service.stop()


def test_unsigned_export_is_not_taken_for_a_genuine_one(shell: Shell, incident: str) -> None:  # noqa: F811
    """Whoever pins a key wants to know who wrote the file."""
    fingerprint = _fingerprint(shell)
    (shell.folder / "andon.key").rename(shell.folder / "elsewhere.key")
    shell.run("export", incident, "--format", "json", "--out", "record.json")

    assert shell.run("verify", "record.json").code == 0
    ran = shell.run("verify", "record.json", "--key", fingerprint)
    assert (ran.code, ran.out) == (1, "NOT PROVEN\n")
    assert "it is not signed" in ran.err


def test_kept_checkpoint_is_compared_with_an_export(shell: Shell, incident: str) -> None:  # noqa: F811
    """An older copy binds a newer one; a checkpoint of something else is said to compare nothing."""
    fingerprint = _fingerprint(shell)
    shell.run("export", incident, "--format", "json", "--out", "old.json")
    (shell.folder / "old.checkpoint").write_text(json.loads((shell.folder / "old.json").read_text())["checkpoint"])
    shell.run("note", incident, "and then this")
    shell.run("export", incident, "--format", "json", "--out", "new.json")
    ran = shell.run("verify", "new.json", "--against", "old.checkpoint", "--key", fingerprint)
    assert (ran.code, "it holds the signed checkpoint of event" in ran.out) == (0, True)

    assert shell.run("verify", "--against", "old.checkpoint", "--key", fingerprint).code == 0  # the whole log
    (shell.folder / "head").write_text(shell.run("checkpoint").out, encoding="utf-8")
    ran = shell.run("verify", "old.json", "--against", "head", "--key", fingerprint)
    assert (ran.code, "none of this incident's" in ran.err) == (1, True)


def test_exported_log_is_verified_from_its_file(shell: Shell, incident: str) -> None:  # noqa: F811
    """The same command for both files; an auditor should not have to know which they were given."""
    shell.run("export-log", "log.jsonl")
    assert shell.done("verify", "log.jsonl")["good"] is True
    lines = (shell.folder / "log.jsonl").read_text(encoding="utf-8").split("\n")
    (shell.folder / "cut.jsonl").write_text("\n".join([*lines[:3], *lines[4:]]), encoding="utf-8")
    assert (shell.run("verify", "cut.jsonl").code, shell.run("verify", "nowhere.json").code) == (1, 3)
    (shell.folder / "odd.jsonl").write_text("{}\n", encoding="utf-8")
    ran = shell.run("verify", "odd.jsonl")
    assert (ran.code, ran.err.startswith("line 1: not an event")) == (1, True)


def test_handed_out_copy_leaves_out_what_is_for_members(shell: Shell, incident: str) -> None:  # noqa: F811
    """The switch is there for the copy that an authority gets."""
    service = shell.opened()
    service.operations.note(local(service), incident, "the informant is Bob", restricted=True)
    service.stop()

    assert "informant" in shell.run("export", incident).out
    out = shell.run("export", incident, "--hand-out").out
    assert ("informant" in out, "Withheld from this copy" in out) == (False, True)


def local(service: Service) -> Asker:
    from incidents.credentials import local_admin

    return local_admin("tester")


def test_what_people_typed_does_nothing_to_a_terminal(shell: Shell, incident: str, monkeypatch: Any) -> None:  # noqa: F811
    """A title could otherwise clear the screen of whoever reads the record."""
    shell.run("note", incident, "clear \x1b[2J the screen")
    raw = shell.run("export", incident).out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    assert "\x1b[2J" in raw
    assert "\x1b" not in shell.run("export", incident).out
    assert "\x1b" not in shell.run("postmortem", incident).out


def test_everything_works_over_http_as_well(served: Served) -> None:  # noqa: F811
    """From another machine: the same editor, the same conflict, and the very bytes of the export."""
    id = served.shell.done("declare", "break-glass", "-p", "partner=acme")["id"]
    ops, ada = served.service.operations, asker(served.service, served.shell.environment["ANDON_TOKEN"])
    assert edit(served.shell, id, ANSWER_ALL).code == 0
    script = "text += 'more'"
    path = Path(served.shell.folder / "x.md")
    path.write_text(f"<!-- andon: {id} on version 1 -->\nmine\n", encoding="utf-8")
    ops.save_review(ada, id, "hers\n", 1)
    ran = edit(served.shell, id, script, "--from", str(path))
    assert (ran.code, "version 2 was saved by ada" in ran.err) == (1, True)
    assert "<<<<<<< yours\nmine\nmore\n=======\nhers\n>>>>>>> version 2, ada" in path.read_text(encoding="utf-8")

    served.shell.run("export", id, "--format", "json", "--out", "record.json")
    assert check_export((served.shell.folder / "record.json").read_text(encoding="utf-8")).signed == "unchecked"

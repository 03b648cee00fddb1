"""The library of playbooks: shipped ones, an extra folder, and what must not get in."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from playbooks.loader import SHIPPED, Library, UnknownPlaybook, check
from playbooks.source import Problem

SMALL = "id: {id}\ntitle: {title}\nversion: 1\nseverity: sev3\ncontain: [{{halt-model: {{model: orion-2}}}}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, name: str, *, id: str | None = None, title: str = "T", more: str = "") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(SMALL.format(id=id or name, title=title) + more, encoding="utf-8")
    return path


def test_an_extra_playbook_stands_beside_the_shipped_ones(folder):
    """
    Organisations bring their own.
    """
    path = write(folder, "our-own")
    library = Library.load(folder)

    assert library.problems == ()
    assert {"our-own", "break-glass"} <= set(library.ids)
    assert library.digest("our-own") == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not library.entry("our-own").shipped
    assert library.remarks == ()


def test_an_extra_playbook_with_a_shipped_id_replaces_it_and_says_so(folder):
    """
    Silently running another plan than the documented one would be a nasty surprise.
    """
    write(folder, "break-glass", title="Ours")
    library = Library.load(folder)

    assert library.get("break-glass").title == "Ours"
    assert library.entry("break-glass").replaces_shipped
    assert len(library.remarks) == 1
    assert "break-glass" in library.remarks[0]


def test_a_broken_replacement_leaves_the_shipped_playbook_in_force(folder):
    """
    A typo in an extra file must not take away the way to contain.
    """
    (folder / "break-glass.yaml").write_text("id: break-glass\ntitel: x\n")
    library = Library.load(folder)

    assert library.entry("break-glass").shipped
    assert any(problem.message.startswith("unknown key 'titel'") for problem in library.problems)


def test_an_unknown_id_names_the_nearest():
    """
    Nobody types long names right at night.
    """
    with pytest.raises(UnknownPlaybook, match=r"unknown playbook 'break-glas'\. Did you mean 'break-glass'\?"):
        Library.load().get("break-glas")


@pytest.mark.parametrize("id", ["../break-glass", "/etc/passwd", "break-glass.yaml", "", "a\0b", "x" * 10_000])
def test_no_id_ever_becomes_a_path(id):
    """
    Ids come from requests; only what was loaded can be found.
    """
    with pytest.raises(UnknownPlaybook):
        Library.load().get(id)


def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path_factory):
    """
    A writable folder must not become a way to read the machine's other files.
    """
    outside = write(tmp_path_factory.mktemp("outside"), "our-own")
    (folder / "our-own.yaml").symlink_to(outside)
    library = Library.load(folder)

    assert "our-own" not in library
    assert library.problems == (Problem("our-own.yaml", 1, "leads out of its folder; put the file itself there"),)


def test_a_link_within_the_folder_is_followed(folder):
    """
    This is how configuration volumes are mounted.
    """
    (folder / "..data").mkdir()
    write(folder / "..data", "our-own")
    (folder / "our-own.yaml").symlink_to(Path("..data") / "our-own.yaml")

    assert "our-own" in Library.load(folder)


def test_a_pipe_does_not_hang_the_start(folder):
    """
    Reading a named pipe waits for ever.
    """
    os.mkfifo(folder / "our-own.yaml")

    assert [problem.message for problem in Library.load(folder).problems] == ["is not a regular file"]


def test_a_missing_folder_is_a_problem_not_a_crash(folder):
    """
    The shipped playbooks must work whatever the setting says.
    """
    library = Library.load(folder / "nix")

    assert len(library) >= 3
    assert "no such folder" in library.problems[0].message


@pytest.mark.parametrize(
    ("name", "id", "more", "line", "words"),
    [
        ("one", "two", "", 1, "call the file 'two.yaml'"),
        ("Big", "big", "", 1, "file name holds lower-case letters"),
        ("one", None, "# " + "x" * 300_000, 1, "larger than 262,144 bytes"),
        (
            "one",
            None,
            "roles: [c]\nsteps:\n  - {title: T, role: c, runbook: restore-acces}\n",
            8,
            "unknown runbook 'restore-acces'. Did you mean 'restore-access'?",
        ),
        (
            "one",
            None,
            "roles: [c]\nsteps:\n  - {title: T, role: c, runbook: restore-access#verify-partner}\n",
            8,
            "has no heading 'verify-partner'. Did you mean 'verify-the-partner'?",
        ),
    ],
)
def test_check_names_the_file_the_line_and_the_way_out(folder, name, id, more, line, words):
    """
    This is what `andon playbooks check` prints.
    """
    path = write(folder, name, id=id, more=more)
    (problem,) = check(path)

    assert (problem.file, problem.line) == (f"{name}.yaml", line)
    assert words in problem.message
    assert check(folder) == [problem]


def test_a_runbook_beside_the_playbooks_can_be_linked_to(folder):
    """
    Own playbooks need own procedures.
    """
    (folder / "ours.md").write_text("# Ours\n\n## Do it\n")
    more = "roles: [c]\nsteps:\n  - {title: T, role: c, runbook: ours#do-it}\n"
    path = write(folder, "one", more=more)

    assert check(path) == []
    assert "one" in Library.load(folder)


def test_check_of_nothing_says_so(folder):
    """
    A check that looked at no file must not look like a good one.
    """
    assert "no playbook" in check(folder)[0].message
    assert "no such file" in check(folder / "x.yaml")[0].message
    (folder / "one.yml").write_text("a: 1")
    assert check(folder)[0].message == "call the file 'one.yaml'"


def test_the_shipped_folder_is_not_read_as_an_extra_one():
    """
    Pointing the setting at the shipped playbooks is harmless.
    """
    assert Library.load(SHIPPED).problems == ()

"""The library of runbooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbooks.library import Fault, Library, UnknownRunbook


def test_a_runbook_has_title_page_and_anchors(tmp_path: Path):
    """
    That is all that pages and playbooks need of it.
    """
    (tmp_path / "ours.md").write_text("# Our way\n\nText\n\n## First step\n", encoding="utf-8")
    runbook = Library.load(tmp_path).get("ours")

    assert (runbook.title, runbook.anchors) == ("Our way", ("our-way", "first-step"))
    assert '<h2 id="first-step">First step</h2>' in runbook.html


def test_an_extra_runbook_replaces_a_shipped_one(tmp_path: Path):
    """
    Procedures differ from house to house.
    """
    (tmp_path / "break-glass.md").write_text("# Ours\n", encoding="utf-8")

    assert Library.load(tmp_path).get("break-glass").title == "Ours"


def test_an_unknown_slug_names_the_nearest():
    """
    Links get mistyped.
    """
    with pytest.raises(UnknownRunbook, match="Did you mean 'restore-access'"):
        Library.load().get("restore-acces")


@pytest.mark.parametrize("slug", ["../library", "/etc/passwd", "break-glass.md", "", "a\0b", "x" * 10_000])
def test_no_slug_ever_becomes_a_path(slug):
    """
    Slugs come from addresses; only what was loaded can be found.
    """
    with pytest.raises(UnknownRunbook):
        Library.load().get(slug)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.md", b"# A\n\n[x](nix.md)\n", Fault("a.md", 3, "link to an unknown runbook 'nix'")),
        (
            "a.md",
            b"# A\n\n[x](restore-access.md#nix)\n",
            Fault("a.md", 3, "runbook 'restore-access' has no heading 'nix'"),
        ),
        ("a.md", b"# A\n\n[x](#nix)\n", Fault("a.md", 3, "runbook 'a' has no heading 'nix'")),
        ("a.md", b"text only\n", Fault("a.md", 1, "has no heading; the first one is its title")),
        ("a.md", b"# A\n\xff\n", Fault("a.md", 2, "not UTF-8")),
        ("a.md", b"# A\n" + b"x" * 300_000, Fault("a.md", 1, "larger than 262,144 bytes")),
    ],
)
def test_a_faulty_runbook_is_named_with_its_line(tmp_path: Path, name, content, fault):
    """
    Found at the start, not in the incident.
    """
    (tmp_path / name).write_bytes(content)

    assert Library.load(tmp_path).faults == (fault,)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    """
    A shared folder must not show the machine's other files on a page.
    """
    outside = tmp_path_factory.mktemp("outside") / "x.md"
    outside.write_text("# Secret\n")
    (tmp_path / "a.md").symlink_to(outside)
    library = Library.load(tmp_path)

    assert "a" not in library.anchors
    assert library.faults == (Fault("a.md", 1, "leads out of its folder; put the file itself there"),)

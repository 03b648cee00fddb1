"""What the severities mean is data: a company replaces it, and a broken file leaves the shipped one in force."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from incidents.decisions.incident import SEVERITIES
from incidents.settings import Settings
from incidents.testing import workshop
from playbooks.severities import FILE, SHIPPED, load_severities

OWN = "".join(
    f"sev{n}: {{title: Level {n}, means: Ours {n}, acknowledge_within: {n}m, update_every: {n}h}}\n"
    for n in range(1, 5)
)


def written(folder: Path, text: str) -> Path:
    path = folder / FILE
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return folder


def test_shipped_severities_are_the_four_that_decisions_take() -> None:
    """The worst first, each with words, and heard of sooner the worse it is."""
    known, wrong = load_severities()
    assert wrong == ()
    assert tuple(known.all()) == SEVERITIES
    every = [terms.update_every.elapsed for terms in known.all().values()]
    assert every == sorted(every, key=lambda elapsed: elapsed or timedelta(0))
    assert all(terms.title and terms.means.endswith(".") for terms in known.all().values())


def test_company_says_it_in_its_own_words(tmp_path: Path) -> None:
    """Beside its playbooks, found by the same setting, shown by the running service."""
    shop = workshop(settings=Settings(playbooks=written(tmp_path, OWN)))
    terms = shop.service.severities.of("sev2")
    shop.service.stop()
    assert (terms.title, terms.means, terms.update_every.elapsed) == ("Level 2", "Ours 2", timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (OWN.replace("sev4", "sev5"), "sev5"),
        (OWN.replace("Ours 3", "''"), "means"),
        (OWN.replace("4h", "soon"), "soon"),
        ("sev1: [", "severities.yaml"),
    ],
)
def test_broken_file_leaves_the_shipped_ones_in_force_and_says_what_is_wrong(
    tmp_path: Path, text: str, complaint: str
) -> None:
    """A typing mistake in a text must not keep the service from starting."""
    known, wrong = load_severities(written(tmp_path, text))
    assert known == load_severities()[0]
    (line,) = wrong
    assert complaint in line
    assert "severities.yaml" in line


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """So is one that is no text."""
    path = written(tmp_path, "") / FILE
    path.write_bytes(b"\xff\xfe\x00sev1")
    known, wrong = load_severities(tmp_path)
    assert known == load_severities()[0]
    assert "severities.yaml" in wrong[0]


def test_shipped_file_is_in_the_package() -> None:
    """It is read at every start."""
    assert SHIPPED.is_file()

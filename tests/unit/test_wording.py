"""Texts as data: closed lists of facts per reader, no code, and errors that name file, line and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from playbooks.loader import check
from playbooks.templates import Absent
from playbooks.wording import FACTS, Audience, UnknownWording, Wordings

HEAD = "For: team\nSubject: {{ incident }}\n\n"


def loaded(tmp_path: Path, **texts: str) -> Wordings:
    (tmp_path / "notices").mkdir(exist_ok=True)
    for name, text in texts.items():
        (tmp_path / "notices" / f"{name.replace('_', '-')}.txt").write_text(text, encoding="utf-8")
    return Wordings.load(tmp_path)


def test_what_ships_is_without_a_problem_and_names_known_facts_only() -> None:
    """A broken template would be found in an incident."""
    shipped = Wordings.load()
    assert shipped.problems == ()
    for wording in shipped:
        assert wording.facts
        assert set(wording.facts) <= FACTS[wording.audience], wording.slug


def test_a_companys_own_text_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    """And a new name is there for its playbooks."""
    found = loaded(tmp_path, declared=HEAD + "Ours: {{ title }}\n", own=HEAD + "x {{ page }}\n")
    assert found.get("declared").body.startswith("Ours")
    assert found.get("own").written({"incident": "INC-1", "page": "p"}) == ("INC-1", "x p\n")
    with pytest.raises(UnknownWording, match="Did you mean 'declared'"):
        found.get("declard")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("Hello\n", 1, "begins with 'For:"),
        ("For: everybody\nSubject: x\n\ny\n", 1, "for 'everybody'"),
        (HEAD + "Dear {{ titel }},\n", 4, "Did you mean 'title'?"),
        ("For: partner\nSubject: x\n\n{{ incident }}\n", 4, "unknown fact 'incident' in a text for the partner"),
        (HEAD + "a\n{{ title | upper }}\n", 5, "no expressions"),
        (HEAD + "\n", 4, "says nothing"),
    ],
)  # fmt: skip
def test_a_broken_text_is_not_taken_and_says_where(tmp_path: Path, text: str, line: int, words: str) -> None:
    """The shipped one of that name stays in force."""
    found = loaded(tmp_path, declared=text)

    (problem,) = found.problems
    assert (problem.file, problem.line) == ("declared.txt", line)
    assert words in problem.message
    assert found.get("declared").body.startswith("{{ incident }}")


def test_a_value_is_never_read_as_a_template_and_never_a_second_line_of_the_subject(tmp_path: Path) -> None:
    """Titles are typed by anybody who may declare."""
    found = loaded(tmp_path, own="For: team\nSubject: {{ title }}\n\n{{ title }} {{ page }}\n").get("own")
    evil = "{{ page }}\r\nBcc: eve@example.com"

    assert found.written({"title": evil, "page": "p"}) == (
        "{{ page }} Bcc: eve@example.com", "{{ page }}\r\nBcc: eve@example.com p\n",
    )  # fmt: skip
    with pytest.raises(Absent):
        found.written({"title": "x"})


def test_a_playbooks_notice_takes_a_text_that_exists_and_is_for_its_reader(tmp_path: Path) -> None:
    """A text with our view of an incident must not go to a partner, found out when the playbook is checked."""
    contain = "contain:\n  - halt-model: {model: orion-2}\n"
    notify = (
        "notify:\n  - {to: slack:#x, template: declard}\n  - {to: partner:acme, template: declared}\n"
        "  - {to: slack:#x, template: partner-notice}\n  - {to: partners:affected, template: partner-notice}\n"
    )
    (tmp_path / "p.yaml").write_text(f"id: p\ntitle: P\nversion: 1\nseverity: sev2\n{contain}{notify}")

    assert [problem.message for problem in check(tmp_path / "p.yaml")] == [
        "unknown template 'declard'. Did you mean 'declared'?",
        "template 'declared' is for the team, not for the partner",
        "template 'partner-notice' is for the partner, not for the team",
    ]


def test_an_authoritys_text_may_name_facts_of_its_clock() -> None:
    """A partner's may not: deadlines of the house are none of its business."""
    assert "clock.due" in FACTS[Audience.AUTHORITY]
    assert "clock.due" not in FACTS[Audience.PARTNER]
    assert Wordings.load().get("authority-notice").audience is Audience.AUTHORITY

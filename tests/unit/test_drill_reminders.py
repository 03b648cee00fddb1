"""Playbooks that wait for a drill: whoever is meant hears of each time once, after any outage, by the outbox."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from incidents.service import Service
from incidents.settings import Settings
from incidents.testing import ADMIN, Pigeonhole, Workshop, workshop
from tests.support.acting import declare

BOOKS = ["break-glass", "jailbreak-in-the-wild", "partner-credential-abuse"]
OWN = """
id: house-rule
title: Ours
version: 1
severity: sev3
contain: [{halt-model: {model: orion-2}}]
drill: {every: 10d, target_containment: 5s%s}
"""


@pytest.fixture
def mail(shop: Workshop) -> Pigeonhole:
    return shop.channel("email")


def later(shop: Workshop, **span: float) -> None:
    """So much later in one leap, as after an outage; then the service does what it does each second."""
    shop.clock.advance(timedelta(**span).total_seconds())
    shop.service.every_second()
    shop.post()


def told(mail: Pigeonhole) -> list[list[str]]:
    """Of every message about drills that Ada got, its lines."""
    return [
        [line for line in letter.body.splitlines() if line.startswith("- ")]
        for address, letter in mail.letters
        if "wait for a drill" in letter.subject and address.value == "ada@example.com"
    ]


def rehearse(shop: Workshop, playbook: str, **parameters: str) -> str:
    visibility = parameters.pop("visibility", "open")
    body = {"playbook": playbook, "parameters": parameters, "mode": "tabletop", "visibility": visibility}
    id = str(shop.service.operations.start_drill(ADMIN, body).body["id"])
    shop.service.operations.end_drill(ADMIN, id)
    return id


def reminded(service: Service) -> list[tuple[str, str]]:
    return [
        (event.data["playbook"], event.data["because"])
        for event in service.ledger.read()
        if event.kind == "drill:playbook:reminded"
    ]


def test_a_commander_hears_once_of_everything_that_was_never_rehearsed(shop: Workshop, mail: Pigeonhole) -> None:
    """Not in a house's first hours, when nothing can have been; and not again an hour later."""
    later(shop, hours=23)
    assert told(mail) == []
    later(shop, hours=2)
    later(shop, hours=1)

    (lines,) = told(mail)
    assert [line.partition(" (")[2].partition(")")[0] for line in lines] == BOOKS
    assert all("it was never rehearsed" in line for line in lines)
    assert {address.value for address, _ in mail.letters} == {"ada@example.com", "grace@example.com"}


def test_a_second_process_and_a_restart_tell_nothing_again(shop: Workshop) -> None:
    """What was told is in the log, not in anybody's memory."""
    later(shop, days=2)
    again = Service.open(Settings(), ledger=shop.service.ledger, clock=shop.clock)
    again.operations.remind_of_drills()

    assert sorted(reminded(again)) == [(book, "overdue") for book in BOOKS]


def test_after_a_long_outage_one_message_tells_of_the_newest_time(shop: Workshop, mail: Pigeonhole) -> None:
    """A year of missed rhythms is one reason to rehearse, not twelve."""
    later(shop, days=365)
    assert len(told(mail)) == 1
    later(shop, days=1)
    assert len(told(mail)) == 1

    later(shop, days=30)
    assert len(told(mail)) == 2


def test_what_was_rehearsed_in_time_is_told_when_it_is_due_again(shop: Workshop, mail: Pigeonhole) -> None:
    """Quiet in between; then with the day since when, and the last drill."""
    later(shop, days=2)
    mail.letters.clear()
    drill = rehearse(shop, "partner-credential-abuse", partner="acme")
    later(shop, days=27)
    assert told(mail) == []
    later(shop, days=4)

    (line,) = [line for lines in told(mail) for line in lines if "partner-credential-abuse" in line]
    assert f"overdue since 2026-12-25; rehearsed last on 2026-11-25 ({drill})" in line


def test_a_restricted_drill_counts_and_is_not_named(shop: Workshop, mail: Pigeonhole) -> None:
    """The message goes to people who may not know that it was held."""
    drill = rehearse(shop, "partner-credential-abuse", partner="acme", visibility="restricted")
    later(shop, days=31)

    assert "overdue since 2026-12-23; rehearsed last on 2026-11-23" in str(told(mail))
    assert drill not in str(told(mail))


def test_nobody_is_asked_for_a_drill_while_something_real_is_open(shop: Workshop, mail: Pigeonhole) -> None:
    """It could not be held, and it is not forgotten either."""
    real = declare(shop, "revoke-partner: {partner: globex}")
    later(shop, days=2)
    assert told(mail) == []

    shop.service.operations.move(ADMIN, real, "false-alarm", reason="a test of ours")
    later(shop, minutes=2)
    assert len(told(mail)) == 1


def test_a_text_that_was_never_rehearsed_is_told_of_once_for_each_text(tmp_path: Path) -> None:
    """The plan that was practised is not the plan that would run."""
    book = tmp_path / "house-rule.yaml"
    book.write_text(OWN % "")
    settings = Settings(playbooks=tmp_path)
    shop = workshop(settings=settings)
    rehearse(shop, "house-rule")

    for text in (OWN % "", OWN.replace("Ours", "Ours, anew") % "", OWN.replace("Ours", "Ours, again") % ""):
        book.write_text(text)
        for _ in range(2):
            Service.open(settings, ledger=shop.service.ledger, clock=shop.clock).operations.remind_of_drills()

    assert reminded(shop.service) == [("house-rule", "stale")] * 2


def test_a_playbook_says_who_is_reminded(tmp_path: Path) -> None:
    """A house that lives in a channel wants it there."""
    (tmp_path / "house-rule.yaml").write_text(OWN % ", tell: 'slack:#drills'")
    shop = workshop(settings=Settings(playbooks=tmp_path))
    later(shop, days=2)

    owed = [e.data["to"] for e in shop.service.ledger.read() if e.data.get("template") == "drills-due"]
    assert owed == ["person:ada", "person:grace", "slack:#drills"]


def test_a_role_that_nobody_has_goes_to_somebody_who_reads_why(tmp_path: Path) -> None:
    """A reminder without a reader would be the end of all drills."""
    (tmp_path / "house-rule.yaml").write_text(OWN % ", tell: 'role:drill-master'")
    shop = workshop(settings=Settings(playbooks=tmp_path))
    mail = shop.channel("email")
    later(shop, days=2)

    (lines,) = told(mail)
    told_instead = [line.partition(":")[0] for line in lines if "(nobody is drill-master, so this goes to you)" in line]
    assert told_instead == ["- Ours (house-rule)"]

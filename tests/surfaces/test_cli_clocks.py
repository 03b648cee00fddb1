"""Clocks at the command line, straight on a ledger: read at night, told facts, submitted by a person."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tests.surfaces.test_cli import Shell, bare, shell  # noqa: F401 - fixtures

ID = f"INC-{datetime.now(UTC):%Y}-0001"
AUTHORITY = f"{ID}.gdpr-art33.notify-authority"


@pytest.fixture
def abused(shell: Shell) -> Shell:  # noqa: F811
    """A ledger with one declared incident."""
    assert shell.done("declare", "partner-credential-abuse", "-p", "partner=acme")["id"] == ID
    return shell


def test_what_is_due_is_a_table_that_says_who_and_to_whom(abused: Shell) -> None:
    """
    The first question of the morning, answered with the service down.
    """
    ran = abused.run("clocks")

    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["DUE", "STATE", "OWNER", "CLOCK", "WHAT", "TO"]
    what, to = "Notification of the breach to the supervisory authority", "Lead supervisory authority"
    assert re.search(rf"{re.escape(AUTHORITY)} +{what} +{to}\n", ran.out)
    assert "(own target)" in ran.out
    assert "nobody (commander)" in ran.out


def test_an_incident_names_its_clocks_as_the_list_does(abused: Shell) -> None:
    """
    A target of our own is not a duty, and what has no date yet has none.
    """
    owed = abused.run("show", ID).out

    assert re.search(r"clock INC-\S+\.first-notice, running, due [-0-9]+ [:0-9]+Z \(own target\)\n", owed)
    assert re.search(r"clock INC-\S+\.root-cause, not started, no date yet\n", owed)


def test_an_incidents_clocks_show_what_they_run_from(abused: Shell) -> None:
    """
    Who looks at a deadline has to see on which facts it stands, and what is missing.
    """
    out = abused.run("clocks", ID).out

    assert "proposed by declaring, counts" in out
    assert "resolved: not recorded" in out


def test_a_fact_shouts_what_came_earlier(abused: Shell) -> None:
    """
    The loudest line stands first.
    """
    ran = abused.run("fact", ID, "awareness", "--at", "2026-01-10T10:00:00Z", "--evidence", "an old mail")

    assert ran.code == 0, ran.err
    assert "EARLIER: 2026-01-11 10:00:00 UTC instead of" in ran.out.splitlines()[0]
    assert f"{AUTHORITY}: LATE, due 2026-01-13 10:00:00Z" in ran.out
    assert "does not count" in abused.run("clocks", ID).out


def test_a_question_is_answered_with_yes_or_no(abused: Shell) -> None:
    """
    Conditions have no time; the command takes one or the other.
    """
    assert abused.run("clocks", ID, "--add", "eu-ai-act-art55-gpai-cop").code == 0
    ran = abused.run("fact", ID, "death", "--yes", "--evidence", "the hospital called")
    assert "EARLIER" in ran.out
    assert "death: Did a person die? yes" in abused.run("clocks", ID).out
    for wrong in ([], ["--at", "2026-01-10T10:00:00Z", "--yes"]):
        assert abused.run("fact", ID, "death", *wrong).code == 2


def test_submitting_takes_a_persons_token_even_on_the_ledger_itself(abused: Shell) -> None:
    """
    The contract: restore, approve, submit and publish need a person there too.
    """
    for command in (
        ["submit", AUTHORITY, "--receipt", "x"],
        ["not-reportable", AUTHORITY, "--reason", "x"],
        ["stay", AUTHORITY, "--reason", "x"],
        ["reopen", AUTHORITY, "--reason", "x"],
        ["calendar"],
    ):
        ran = abused.run(*command)
        assert (ran.code, "set ANDON_TOKEN" in ran.err) == (1, True), ran.err


def test_a_commander_submits_decides_stays_and_reopens(abused: Shell) -> None:
    """
    The whole way of a duty, with what each answer says.
    """
    token = abused.token_of("ada")
    sent = abused.run("submit", AUTHORITY, "--receipt", "portal 4411", ANDON_TOKEN=token)
    assert f"{AUTHORITY}: submitted" in sent.out
    again = abused.run("submit", AUTHORITY, "--receipt", "portal 4411", ANDON_TOKEN=token)
    assert (again.code, "was submitted by ada already" in again.err) == (1, True)
    assert "portal 4411" in abused.run("clocks", AUTHORITY).out

    assert abused.run("reopen", AUTHORITY, "--reason", "wrong receipt", ANDON_TOKEN=token).code == 0
    stayed = abused.run("stay", AUTHORITY, "--reason", "order", "--until", "2099-01-01T00:00:00Z", ANDON_TOKEN=token)
    assert f"{AUTHORITY}: stayed" in stayed.out
    decided = abused.run("not-reportable", f"{ID}.gdpr-art33", "--reason", "no data", ANDON_TOKEN=token)
    assert f"{AUTHORITY}: not reportable" in decided.out
    assert AUTHORITY not in abused.run("clocks").out
    assert AUTHORITY in abused.run("clocks", "--state", "not-reportable").out


def test_the_pack_is_the_document_itself(abused: Shell) -> None:
    """
    It goes into a file, without a word around it.
    """
    ran = abused.run("pack", AUTHORITY)

    assert ran.out.startswith("# Notification of the breach to the supervisory authority\n")
    assert "*Unknown:" in ran.out
    assert abused.done("pack", AUTHORITY)["clock"] == AUTHORITY


def test_the_register_says_what_counts_and_why_not(abused: Shell) -> None:
    """
    A regime that is off has to say so where it is looked for.
    """
    out = abused.run("regimes").out
    assert "is a bill, not law" in out
    whole = abused.run("regimes", "eu-dora-art19").out
    assert "initial: Initial notification, 4 hours after classification; 24 hours after awareness" in whole
    assert abused.run("regimes", "gdpr-art3").code == 1


def test_a_feed_address_is_printed_for_a_person(abused: Shell) -> None:
    """
    It goes into a calendar program.
    """
    ran = abused.run("calendar", "--mine", ANDON_TOKEN=abused.token_of("ada"))

    assert ran.out.startswith("http://127.0.0.1:8600/calendar/")
    assert ran.out.strip().endswith(".ics")

"""
An incident worked from the command line, with no service: the way that is left when everything else is down.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from incidents.clock import parse_rfc3339
from tests.surfaces.test_cli import Shell, bare, shell  # noqa: F401 - fixtures

pytestmark = pytest.mark.usefixtures("shell")


def declared(shell: Shell) -> str:  # noqa: F811
    return str(shell.done("declare", "break-glass", "-p", "partner=acme")["id"])


def test_people_and_tasks_are_worked_without_a_service(shell: Shell) -> None:  # noqa: F811
    """Ada and Grace each at a prompt of their own, on the ledger's machine."""
    id = declared(shell)
    ada, grace = shell.token_of("ada"), shell.token_of("grace")

    took = shell.run("assign", id, "commander", "ada", ANDON_TOKEN=ada)
    assert took.out.startswith(f"ada is commander of {id}")  # nobody offers it to themselves
    assert "is offered to grace" in shell.run("assign", id, "commander", "grace", ANDON_TOKEN=ada).out
    assert "commander: ada; offered to grace" in shell.run("show", id).out
    assert "grace is commander" in shell.run("take", id, ANDON_TOKEN=grace).out
    taken = shell.run("take", id, ANDON_TOKEN=ada)
    assert (taken.code, "grace has command" in taken.err) == (1, True)
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; ask", taken.err), "a moment as people read it"

    assert "follow-up" in shell.run("add-task", id, "Shorten keys", "--follow-up", "--owner", "grace").out
    assert shell.run("task", id, "1", "done").out.startswith(f"task 1 of {id} is done")
    again = shell.run("task", id, "1", "done")
    assert (again.code, "done already" in again.err) == (1, True)


def test_times_are_typed_at_the_prompt_as_on_the_pages(shell: Shell) -> None:  # noqa: F811
    """Nobody writes out a date with its zone while something burns."""
    id, before = declared(shell), datetime.now(UTC)
    assert shell.run("task", id, "1", "change", "--due", "2h").code == 0
    assert shell.run("update", id, "Contained.", "--next", "30m").code == 0
    shown = shell.done("show", id)

    assert timedelta(hours=1.9) < parse_rfc3339(shown["tasks"][0]["due_at"]) - before < timedelta(hours=2.1)
    assert timedelta(minutes=29) < parse_rfc3339(shown["next_update_at"]) - before < timedelta(minutes=31)
    noted = shell.done("note", id, "acme called", "--at", f"{before:%Y-%m-%d %H:%M}")
    assert noted["at"] == f"{before:%Y-%m-%dT%H:%M}:00.000Z"
    wrong = shell.run("note", id, "acme called", "--at", "yesterday")
    assert (wrong.code, "write 14:05 for today" in wrong.err) == (2, True)


def test_status_says_what_stands_against_it(shell: Shell) -> None:  # noqa: F811
    """Resolve at the prompt is as strict as on the page, and says as much."""
    id = declared(shell)
    refused = shell.run("status", id, "resolved", "--reason", "over")

    assert refused.code == 1
    assert "containment lacks evidence" in refused.err
    assert "never typed" in shell.run("status", id, "contained").err
    assert shell.run("status", id, "false-alarm", "--reason", "a rehearsal").out.startswith(f"{id} is false-alarm")
    assert "review, due" not in shell.run("show", id).out, "it ended without one"
    assert "reopen it first" in shell.run("severity", id, "sev2", "--reason", "x").err
    assert shell.run("status", id, "reopened", "--reason", "it was real").code == 0
    assert "review, due" in shell.run("show", id).out


def test_lines_are_corrected_and_redacted_at_the_prompt(shell: Shell) -> None:  # noqa: F811
    """The number that a correction takes is the one that the timeline shows."""
    id = declared(shell)
    seq = str(shell.done("note", id, "acme called at 13:52")["seq"])
    assert f"[{seq}]" in shell.run("timeline", id).out
    shell.done("correct", id, seq, "--text", "acme called at 13:40", "--reason", "read off the phone")
    shell.done("pin", id, seq)
    told = shell.run("timeline", id).out
    assert "* acme called at 13:40" in told
    assert "was: acme called at 13:52; corrected by" in told
    shell.done("redact", id, seq, "--reason", "a name")
    told = shell.run("timeline", id).out
    assert "13:52" not in told
    assert "13:40" not in told  # the correction held them too
    assert shell.run("verify").code == 0


def test_a_link_is_made_and_ended(shell: Shell) -> None:  # noqa: F811
    """Leadership gets a link; whoever made it can end it."""
    id = declared(shell)
    made = shell.done("share", id, "--for", "24h")

    assert made["url"].startswith("http://127.0.0.1:8600/share/")
    assert "warning" not in made
    assert "shows nothing any more" in shell.run("unshare", id, made["share"]).out
    assert shell.run("unshare", id, made["share"]).code == 1


def test_updates_criteria_and_visibility(shell: Shell) -> None:  # noqa: F811
    """The rest of the verbs, once each, with what they say."""
    id = str(shell.done("declare", "partner-credential-abuse", "-p", "partner=acme", "-p", "model=orion-2")["id"])
    assert f"posted in {id}" in shell.run("update", id, "We are calling the partner.").out
    assert "criterion 1" in shell.run("exit", id, "1", "--evidence", "looked").out
    assert "declined" in shell.run("settle", id, "4", "declined", "--reason", "one partner").out
    assert f"{id} is acknowledged" in shell.run("ack", id).out
    assert "was so already" in shell.run("ack", id).out
    assert "restricted" in shell.run("visibility", id, "restricted", "--reason", "insider").out
    ada, grace = shell.token_of("ada"), shell.token_of("grace")
    assert "unknown incident" in shell.run("show", id, ANDON_TOKEN=ada).err
    assert "has changed" in shell.run("members", id, "--add", "grace").out
    assert shell.run("show", id, ANDON_TOKEN=grace).code == 0
    assert "nobody is scribe" in shell.run("leave", id, "scribe").err
    assert "offered to nobody" in shell.run("decline", id).err

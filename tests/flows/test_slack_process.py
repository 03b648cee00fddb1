"""
A real ``andon serve`` and Slack: killed at the worst moment, started again, and nobody is told twice.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from incidents.testing import sample_catalog
from incidents.testing.slack_api import FakeSlack
from incidents.testing.slack_person import Deliveries, SlackPerson, over_http
from incidents.testing.slack_reading import as_read
from tests.support.servers import Andon, andon, environment_of, free_port, serving, wait_for

LINUS = "U01LINUSL"


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as running:
        running.workspace.add_person(LINUS)
        running.workspace.add_channel("incidents").members.add(LINUS)
        yield running


def environment(folder: Path, slack: FakeSlack) -> dict[str, str]:
    return environment_of(
        folder,
        ANDON_SLACK_SIGNING_SECRET=slack.signing_secret,
        ANDON_SLACK_BOT_TOKEN=slack.token,
        ANDON_SLACK_API_URL=slack.url,
        ANDON_SLACK_CHANNEL="#incidents",
        ANDON_SLACK_TEAM=slack.workspace.team,
        ANDON_LOG="json",
    )


@contextmanager
def connected(folder: Path, slack: FakeSlack) -> Iterator[Andon]:
    """A served ledger with the sample catalog and Slack, and one point that never connects."""
    with andon(folder) as first:
        first.apply(sample_catalog())
        first.token("edge-1", "enforcer")
    with serving(folder, first.admin, environment(folder, slack), free_port()) as running:
        yield running


def linus(slack: FakeSlack, running: Andon) -> SlackPerson:
    return Deliveries(slack, over_http(running.url)).person(LINUS, "#incidents")


def ours(slack: FakeSlack) -> list[Any]:
    found = slack.workspace.channel("incidents").messages
    return [m for m in found if m["user"] == slack.workspace.bot and "thread_ts" not in m]


def test_a_command_ends_in_a_message_that_says_contained(tmp_path: Path, slack: FakeSlack) -> None:
    """The whole way through real processes: typed, answered, posted, updated in place until contained."""
    with connected(tmp_path, slack) as running:
        answered = linus(slack, running).command("kill partner acme leak")
        wait_for(lambda: ours(slack), "the message stands in the channel")
        wait_for(lambda: "· contained" in as_read(ours(slack)[0]), "the message says contained", 20)
        log = (tmp_path / "serve.log").read_text()

    assert "declared* by Linus Berg" in as_read(answered.json)
    assert len(ours(slack)) == 1
    assert slack.signing_secret not in log
    assert slack.token not in log
    assert "their key" not in log


@pytest.mark.parametrize("lost", [False, True], ids=["before the call", "after Slack took it"])
def test_killed_between_the_commit_and_slack_nobody_is_told_twice(tmp_path: Path, slack: FakeSlack, lost: bool) -> None:
    """kill -9 right after the answer: the next process tells what is missing, and only that."""
    with connected(tmp_path, slack) as running:
        fault = slack.is_late("chat.postMessage", 5, times=None) if lost else slack.hangs_up("chat.postMessage")
        answered = linus(slack, running).command("kill partner acme leak")
        if lost:
            wait_for(lambda: ours(slack), "Slack has taken the message")
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(timeout=10)
        fault.end()
        with serving(tmp_path, running.admin, environment(tmp_path, slack), free_port()) as again:
            wait_for(lambda: ours(slack), "the message stands in the channel")
            wait_for(lambda: "· contained" in as_read(ours(slack)[0]), "it is kept up to date", 20)
            kinds = [e["kind"] for e in again.call("GET", "/api/v1/incidents/INC-2026-0001/timeline").json()["items"]]

    assert "declared* by Linus Berg" in as_read(answered.json)
    assert len(ours(slack)) == 1
    assert kinds.count("slack:message:posted") == 1
    assert kinds.count("access:hold:placed") == 1

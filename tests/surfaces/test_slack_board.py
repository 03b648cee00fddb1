"""
What stands in Slack: one message per incident and channel, kept up to date; and every way in which Slack has a bad day.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from incidents.ledger.sqlite import SqliteLedger
from incidents.slack.limits import message_faults
from incidents.testing.slack_limits import faults
from incidents.testing.slack_reading import as_read
from tests.support.slack import LINUS, Scene, slack_scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    with slack_scene() as made:
        made.shop.point("eu-1")
        yield made


def kill(scene: Scene, partner: str = "acme") -> None:
    scene.types(scene.linus, f"kill partner {partner} leak")


def own(scene: Scene, channel: str = "#incidents") -> list[Any]:
    return [m for m in scene.top(channel) if m["user"] == scene.slack.workspace.bot]


def between_posts(scene: Scene) -> list[float]:
    at = [c.at for c in scene.slack.called("chat.*") if not c.error]
    return [b - a for a, b in itertools.pairwise(at)]


# --- one message ----------------------------------------------------------------------------------------------------


def test_one_message_is_updated_in_place_until_contained(scene: Scene) -> None:
    """Nobody scrolls through twenty messages to find where it stands."""
    kill(scene)
    scene.posts(4)
    first = as_read(own(scene)[0])
    scene.posts(20)

    assert "not contained yet, 0 of 1 confirmed" in first
    assert len(own(scene)) == 1
    assert "· contained" in as_read(own(scene)[0])
    assert len(scene.slack.called("chat.postMessage")) == 2  # the message, and one line in its thread
    assert scene.thread(own(scene)[0])[0].startswith(":white_check_mark: 12:00:16 UTC *system*  Contained")


def answers(scene: Scene, point: str, revision: int | None = None) -> None:
    """A gateway with a lease; it confirms a revision, or (None) goes on with what it had before the kill."""
    points, clock = scene.shop.service.points, scene.shop.clock
    held = 1 if revision is None else revision
    copy = points.acknowledge(point, "one", held, applies=["live"], boot=clock.boot(), at=clock.now())
    points.grant(copy, 15, clock.boot())


def test_the_count_moves_while_points_confirm(scene: Scene) -> None:
    """Acknowledgements are no events; the message follows them all the same, and names who still serves."""
    scene.shop.point("us-1")
    answers(scene, "eu-1")
    answers(scene, "us-1")
    kill(scene)
    scene.posts(3)
    before = as_read(own(scene)[0])
    answers(scene, "us-1", scene.shop.service.desk.snapshot.revision)
    scene.posts(3)
    between = as_read(own(scene)[0])
    answers(scene, "eu-1", scene.shop.service.desk.snapshot.revision)
    scene.posts(3)

    assert "0 of 2 confirmed" in before
    assert "1 of 2 confirmed" in between
    assert "eu-1" in between
    assert "*Contained*  2 of 2 points confirmed" in as_read(own(scene)[0])


def test_nothing_is_sent_where_nothing_has_changed(scene: Scene) -> None:
    """A quiet hour costs no calls."""
    kill(scene)
    scene.posts(25)
    calls = len(scene.slack.calls)
    scene.posts(60)

    assert len(scene.slack.calls) == calls


def test_a_storm_costs_one_message_a_second(scene: Scene) -> None:
    """Twenty notes and ten changes in a second become one line-up, and never two writes in one second."""
    kill(scene)
    scene.posts(3)
    for number in range(20):
        scene.types(scene.linus, f"note latest number {number}")
    for number in range(1, 4):
        scene.types(scene.linus, f"task latest {number} done")
    writes = len(scene.slack.called("chat.*"))
    scene.posts(4)

    assert len(scene.slack.called("chat.*")) - writes <= 4
    assert min(between_posts(scene)) >= 1.0
    thread = "\n".join(scene.thread(own(scene)[0]))
    assert all(f"number {n}" in thread for n in range(4, 20))


def test_containment_goes_first_in_a_storm(scene: Scene) -> None:
    """A drill's notes must not hold up the message that a real partner is still served."""
    scene.types(scene.linus, "drill break-glass partner=acme")
    scene.posts(25)
    for number in range(20):
        scene.types(scene.linus, f"note DRILL-2026-0001 number {number}")
    kill(scene, "globex")
    scene.board.step()

    assert [m["text"].split()[2] for m in own(scene)][-1] == "INC-2026-0001"


def test_a_restart_updates_the_same_message(tmp_path) -> None:
    """Where it stands is in the log, so the next process does not post another."""
    from app import create_app
    from incidents.service import Service

    path = tmp_path / "andon.db"
    with slack_scene(ledger=SqliteLedger.create(path)) as scene:
        scene.shop.point("eu-1")
        kill(scene)
        scene.posts(4)
        scene.types(scene.linus, "note latest before the restart")
        scene.posts(4)
        service = Service.open(scene.shop.service.settings, ledger=SqliteLedger.open(path), clock=scene.shop.clock)
        create_app(service=service)
        other = service.beside[0].board
        service.operations.note(scene.shop.person("ada", "commander"), "INC-2026-0001", "after the restart")
        for _ in range(12):
            other.step()
            scene.shop.clock.advance(1)
        service.stop()

        assert len(own(scene)) == 1
        thread = scene.thread(own(scene)[0])
        assert [("before" in line, "after" in line) for line in thread] == [(True, False), (False, True)]


def test_what_people_wrote_can_not_call_everybody(scene: Scene) -> None:
    """A title or a note with Slack's own marks is text."""
    body = {
        "playbook": "break-glass",
        "parameters": {"partner": "acme"},
        "title": "<!channel> & <@U1>",
        "summary": "<!here>",
    }
    scene.shop.service.operations.declare(scene.shop.person("ada", "commander"), body)
    scene.shop.service.operations.note(scene.shop.person("ada", "commander"), "latest", "<!channel>")
    scene.posts(6)

    everything = str(scene.slack.workspace.channel("#incidents").messages)
    assert "<!" not in everything
    assert "&lt;!channel&gt;" in everything


def test_long_words_are_cut_with_a_link(scene: Scene) -> None:
    """Slack refuses what is too long; the page has all of it."""
    body = {"playbook": "break-glass", "parameters": {"partner": "acme"}, "title": "T" * 200, "summary": "S" * 20_000}
    scene.shop.service.operations.declare(scene.shop.person("ada", "commander"), body)
    for _ in range(30):
        scene.shop.service.operations.note(scene.shop.person("ada", "commander"), "latest", "N" * 20_000)
    scene.posts(6)

    for message in scene.slack.workspace.channel("#incidents").messages:
        assert message_faults(message["text"], message.get("blocks", [])) == []
        assert faults(message.get("blocks", [])) == []
    assert "… <https://andon.example/incidents/INC-2026-0001|the incident's page>" in as_read(own(scene)[0])
    assert all(not c.error for c in scene.slack.calls)


# --- where it is shown ----------------------------------------------------------------------------------------------


def test_a_test_is_told_to_nobody(scene: Scene) -> None:
    """That is what a test promises."""
    scene.types(scene.linus, "declare break-glass partner=acme kind=test")
    scene.posts(5)

    assert own(scene) == []


def test_where_a_command_was_typed_is_not_told(scene: Scene) -> None:
    """It may be a channel shared with the partner whom it is about."""
    scene.slack.workspace.add_channel("shared-with-acme").members.add(LINUS)
    scene.types(scene.linus, "kill partner acme leak", channel="shared-with-acme")
    scene.posts(5)

    assert scene.slack.workspace.channel("shared-with-acme").messages == []
    assert len(own(scene)) == 1


def test_a_restricted_incident_is_taken_back_from_the_channel(scene: Scene) -> None:
    """What was public is not any more; the message says so and no more."""
    kill(scene)
    scene.posts(4)
    scene.types(scene.ada, "take latest")
    ada = scene.shop.person("ada", "commander")
    scene.shop.service.operations.set_visibility(ada, "INC-2026-0001", "restricted", "legal")
    scene.posts(6)

    text = as_read(own(scene)[0])
    assert "restricted: its members see it in Andon" in text
    assert "acme" not in text
    assert scene.thread(own(scene)[0]) == []


def test_channels_that_the_playbook_names_are_told_too(tmp_path) -> None:
    """`#incidents` of a playbook is the central channel, whatever it is called here."""
    with slack_scene(settings={"channel": "#sec-incidents"}) as scene:
        for name in ("sec-incidents", "red-phone"):
            scene.slack.workspace.add_channel(name)
        kill(scene)
        scene.posts(4)

        assert len(own(scene, "#sec-incidents")) == 1
        assert own(scene, "#incidents") == []


def test_an_incident_has_a_room_with_its_people_topic_and_links() -> None:
    """Named, with topic, roles invited, bookmarks to page and runbooks; the hand-over changes the topic once."""
    with slack_scene(settings={"rooms": "real"}) as scene:
        kill(scene)
        scene.posts(6)
        room = scene.slack.workspace.channel("inc-2026-0001-acme")
        scene.types(scene.ada, "take latest")
        scene.posts(6)
        before = room.topic
        scene.types(scene.ada, "assign latest commander <@U01GRACEG|grace>")
        scene.posts(6)
        during = room.topic
        scene.types(scene.grace, "take latest")
        scene.posts(6)
        topics = [c.args["topic"] for c in scene.slack.called("conversations.setTopic")]
        scene.types(scene.linus, "drill break-glass partner=globex")
        scene.posts(6)

        assert {"U01LINUSL", "U01ADAADA", "U01GRACEG"} <= room.members
        assert (before, during) == (during, before)
        assert "IC Ada Okafor" in before
        assert "IC Grace Lim" in room.topic
        assert len([t for t in topics if "Grace" in t]) == 1
        assert [b["title"] for b in room.bookmarks][:2] == ["Timeline", "Playbook"]
        assert len(own(scene, "inc-2026-0001-acme")) == 1
        assert not any(c.name.startswith("drill") for c in scene.slack.workspace.channels.values())


def test_a_rooms_name_that_is_taken_gets_a_number() -> None:
    """Somebody made a channel of that name before."""
    with slack_scene(settings={"rooms": "all"}) as scene:
        scene.slack.workspace.add_channel("drill-2026-0001-acme", bot=False)
        scene.types(scene.linus, "drill break-glass partner=acme")
        scene.posts(8)

        assert scene.slack.workspace.channel("drill-2026-0001-acme-2").topic.startswith("DRILL · SEV 1")


def test_a_room_whose_making_was_not_answered_is_taken_as_it_is() -> None:
    """A time-out after success must not leave an empty channel behind and make a second one."""
    with slack_scene(settings={"rooms": "real"}) as scene:
        scene.slack.loses_the_answer("conversations.create")
        kill(scene)
        scene.posts(12)

        rooms = [c.name for c in scene.slack.workspace.channels.values() if c.name.startswith("inc-")]
        assert rooms == ["inc-2026-0001-acme"]
        assert len(own(scene, "inc-2026-0001-acme")) == 1


def test_a_restricted_incident_has_a_private_room_with_its_members_alone() -> None:
    """Declared restricted: nothing in the central channel, and nobody else is invited."""
    with slack_scene(settings={"rooms": "real"}) as scene:
        body = {"playbook": "break-glass", "parameters": {"partner": "acme"}, "visibility": "restricted"}
        scene.shop.service.operations.declare(scene.shop.person("linus", "responder"), body)
        scene.posts(8)
        room = scene.slack.workspace.channel("inc-2026-0001-acme")

        assert own(scene) == []
        assert room.private
        assert room.members == {scene.slack.workspace.bot, LINUS}


# --- bad days -------------------------------------------------------------------------------------------------------


def test_limited_waits_as_long_as_slack_says(scene: Scene) -> None:
    """And the message arrives once."""
    scene.slack.limits("chat.postMessage", 4)
    kill(scene)
    scene.posts(3)
    early = len(own(scene))
    scene.posts(4)

    assert early == 0
    assert len(own(scene)) == 1
    assert len(scene.slack.called("chat.postMessage")) == 2


def test_a_time_out_after_success_is_no_second_message(scene: Scene) -> None:
    """It is looked for before it is posted again."""
    scene.slack.loses_the_answer("chat.postMessage")
    kill(scene)
    scene.posts(8)

    assert len(own(scene)) == 1
    assert scene.kinds("INC-2026-0001").count("slack:message:posted") == 1


def test_a_lost_answer_to_lines_in_the_thread_is_no_second_line(scene: Scene) -> None:
    """People count lines; each thing happened once."""
    kill(scene)
    scene.posts(4)
    scene.types(scene.linus, "note latest called them")
    scene.slack.loses_the_answer("chat.postMessage")
    scene.posts(10)

    assert "\n".join(scene.thread(own(scene)[0])).count("called them") == 1


def test_a_message_that_somebody_deleted_is_posted_anew(scene: Scene) -> None:
    """And the new one is the one that is updated."""
    kill(scene)
    scene.posts(4)
    scene.slack.workspace.channel("#incidents").messages.clear()
    scene.types(scene.ada, "take latest")
    scene.posts(4)

    assert "*Command*  <@U01ADAADA>" in as_read(own(scene)[0])


@pytest.mark.parametrize("error", ["msg_too_long", "msg_blocks_too_long", "invalid_blocks"])
def test_what_slack_takes_no_blocks_for_arrives_as_words(scene: Scene, error: str) -> None:
    """A limit that Slack has changed must not keep the news from arriving."""
    scene.slack.fails("chat.postMessage", error)
    kill(scene)
    scene.posts(3)

    assert as_read(own(scene)[0]).startswith("SEV 1 INC-2026-0001 not contained yet")


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived"])
def test_a_channel_that_takes_nothing_is_named_on_every_page(scene: Scene, error: str) -> None:
    """Incidents go on; somebody reads why Slack is quiet and what to do. When it is mended, it catches up."""
    fault = scene.slack.fails("chat.postMessage", error, times=None)
    kill(scene)
    scene.posts(3)
    page = scene.http.get("/", headers=scene.shop.headers(scene.shop.secret("v", "viewer"))).get_data(as_text=True)
    tried = len(scene.slack.called("chat.postMessage"))
    fault.end()
    scene.posts(400)

    assert error in page
    assert "andon doctor slack" in page
    assert tried == 1
    assert len(own(scene)) == 1


@pytest.mark.parametrize("error", ["token_revoked", "invalid_auth", "account_inactive"])
def test_a_token_that_was_taken_away_degrades_slack_and_nothing_else(scene: Scene, error: str) -> None:
    """Commands are still answered, the kill still works, the page says what is wrong."""
    kill(scene, "globex")
    scene.posts(3)
    fault = scene.slack.fails("*", error, times=None)
    said = scene.types(scene.linus, "kill partner acme leak")
    scene.posts(130)
    page = scene.http.get("/", headers=scene.shop.headers(scene.shop.secret("v", "viewer"))).get_data(as_text=True)
    tried = len([c for c in scene.slack.calls if c.error == error])
    fault.end()
    scene.posts(70)

    assert "declared* by Linus Berg" in said
    assert "Slack is degraded" in page
    assert error in page
    assert tried <= 5
    assert len(own(scene)) == 2


# Fault -> line of the log, its level, a word in it; what stands on every page meanwhile (empty: it mends itself).
BAD_DAYS: dict[str, tuple[Any, str, str, str, str]] = {
    "429 with Retry-After": (lambda s: s.limits("chat.*", 4, times=2), "slack_limited", "info", "4", ""),
    "503": (lambda s: s.breaks("*", 503, times=None), "slack_call_failed", "warning", "HTTP 503", "Slack is degraded"),
    "no answer": (lambda s: s.hangs_up("*"), "slack_call_failed", "warning", "no answer", "Slack is degraded"),
    "an answer that was lost": (
        lambda s: s.loses_the_answer("chat.postMessage"), "slack_call_failed", "warning", "no answer", "",
    ),
    "channel_not_found": (
        lambda s: s.fails("chat.*", "channel_not_found", times=None), "slack_refused_us", "warning",
        "channel_not_found", "A Slack channel can't be posted to",
    ),
    "not_in_channel": (
        lambda s: s.fails("chat.*", "not_in_channel", times=None), "slack_refused_us", "warning",
        "not_in_channel", "A Slack channel can't be posted to",
    ),
    "archived": (
        lambda s: s.fails("chat.*", "is_archived", times=None), "slack_refused_us", "warning",
        "is_archived", "A Slack channel can't be posted to",
    ),
    "token_revoked": (
        lambda s: s.fails("*", "token_revoked", times=None), "slack_refused_us", "warning",
        "token_revoked", "Slack is degraded",
    ),
    "a token that was rotated away": (
        lambda s: s.fails("*", "token_expired", times=None), "slack_refused_us", "warning",
        "token_expired", "Slack is degraded",
    ),
    "msg_too_long": (
        lambda s: s.fails("chat.postMessage", "msg_too_long"), "slack_took_no_blocks", "error", "msg_too_long", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("day", BAD_DAYS)
def test_each_bad_day_reads_the_same_in_the_log_and_on_the_page(scene: Scene, day: str) -> None:
    """Whoever is woken finds the word that Slack said, no secret, and what to do; then everything is told once."""
    makes, event, level, word, banner = BAD_DAYS[day]
    scene.board.step()  # the day began well: Slack has said whose token it is
    fault = makes(scene.slack)
    with capture_logs() as logged:
        said = scene.types(scene.linus, "kill partner acme leak")
        scene.posts(130)
        remark = scene.board.health.remark()
    page = scene.http.get("/", headers=scene.shop.headers(scene.shop.secret("v", "viewer"))).get_data(as_text=True)
    fault.end()
    scene.posts(400)
    line = next(entry for entry in logged if entry["event"] == event)

    assert "declared* by Linus Berg" in said
    assert line["log_level"] == level
    assert word in str(line)
    assert scene.slack.token not in str(logged)
    assert (remark["title"] if remark else "") == banner
    assert ("andon doctor slack" in page) == bool(banner)
    assert scene.board.health.remark() is None
    assert len(own(scene)) == 1
    assert "· contained" in as_read(own(scene)[0]) or as_read(own(scene)[0]).startswith("SEV 1 INC-2026-0001 contained")


def test_five_hundreds_back_off(scene: Scene) -> None:
    """Slack's own trouble is not made worse by us."""
    scene.slack.breaks("*", 503, times=None)
    kill(scene)
    scene.posts(300)

    assert len(scene.slack.calls) <= 14


def test_half_an_hour_without_slack_from_declared_to_resolved(scene: Scene) -> None:
    """The whole incident happens without Slack, the page moves on; then one message says what happened meanwhile."""
    kill(scene, "globex")
    scene.posts(20)
    ada, grace = scene.shop.person("ada", "commander"), scene.shop.person("grace", "commander")
    operations, page = scene.shop.service.operations, []

    def looks() -> str:
        return scene.http.get("/", headers=scene.shop.headers(scene.shop.secret("v", "viewer"))).get_data(as_text=True)

    with scene.slack.unreachable():
        before = len(scene.slack.workspace.channel("#incidents").messages)
        declared = operations.declare(ada, {"playbook": "break-glass", "parameters": {"partner": "acme"}}).body["id"]
        operations.role(ada, declared, "commander", "take")
        scene.posts(60)
        page.append(looks())
        for number in range(30):
            operations.note(grace, declared, f"minute {number}")
            operations.note(grace, "INC-2026-0001", f"globex, minute {number}")
            scene.posts(55)
        operations.move(ada, declared, "mitigated", reason="old key dead")
        operations.judge_exit(ada, declared, 1, met=True, evidence="seen")
        request = operations.ask_restore(grace, declared, [], "new key").body
        operations.approve(ada, request["id"], request["plan_digest"], checks=request["plan"]["checks"])
        operations.move(ada, declared, "resolved", reason="all well")
        scene.posts(30)
        page.append(looks())
        tried = len([c for c in scene.slack.calls if c.error == "unanswered"])
        during = len(scene.slack.workspace.channel("#incidents").messages)
    scene.posts(90)

    assert operations.incident(ada, declared)["status"] == "resolved"
    assert all("Slack is degraded" in text for text in page)
    assert "Slack is degraded" not in looks()
    assert during == before
    assert tried < 45  # about one a minute
    tops = {m["text"].split()[2]: m for m in own(scene)}
    assert len(own(scene)) == 2
    assert "· resolved" in as_read(tops[declared])
    (line_up,) = [t for t in scene.thread(tops["INC-2026-0001"]) if "globex, minute" in t]
    assert "*Slack was not reached since 12:00:20 UTC.* 30 things happened meanwhile:" in line_up
    assert len(scene.thread(tops[declared])) <= 1

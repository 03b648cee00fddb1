"""
Messages on the timeline: by shortcut, pin and emoji, once; what becomes of them in Slack is followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from incidents.ledger.verify import verify
from incidents.testing.slack_person import SlackPerson
from tests.support.slack import Scene, slack_scene


@pytest.fixture
def scene() -> Iterator[Scene]:
    """A killed partner; its message stands in #incidents and it has a room."""
    with slack_scene(settings={"rooms": "real"}) as made:
        made.types(made.linus, "kill partner acme leak")
        made.posts(4)
        yield made


def room(scene: Scene, who: SlackPerson) -> SlackPerson:
    """The same person, in the incident's own channel."""
    return scene.out.person(who.user, "inc-2026-0001-acme")


def lines(scene: Scene, action: str) -> list[Any]:
    found = scene.shop.service.operations.timeline(scene.shop.person("ada", "commander"), "INC-2026-0001")
    return [row for row in found if row.kind == f"slack:message:{action}"]


def test_a_shortcut_puts_a_message_on_the_timeline_once(scene: Scene) -> None:
    """With who wrote it, its words, its files and where it stands; at the time at which it was written."""
    grace, linus = room(scene, scene.grace), room(scene, scene.linus)
    said = grace.say(
        "first call from a strange address, see <https://log.example/1|the log>", files=[{"name": "log.png"}]
    )
    scene.shop.clock.advance(300)

    linus.shortcut(said, "andon.capture")
    scene.settle()
    linus.shortcut(said, "andon.capture")

    (line,) = lines(scene, "captured")
    assert line.text.startswith(
        "grace in Slack: first call from a strange address, see the log (https://log.example/1)"
    )
    assert "[files: log.png]" in line.text
    assert "https://andon-test.slack.com/archives/" in line.text
    assert line.actor == "Linus Berg"
    assert line.at < line.recorded_at
    assert line.late
    assert "on the timeline already" in scene.hears(linus)


def test_a_shortcut_elsewhere_asks_which_incident(scene: Scene) -> None:
    """What matters was said in another channel."""
    other = scene.out.person(scene.linus.user, "#support")
    said = other.say("a partner calls: is something off?")
    other.shortcut(said, "andon.capture")
    scene.settle()

    other.submit({"Put it on the timeline of": "INC-2026-0001"})

    assert len(lines(scene, "captured")) == 1


def test_a_pin_in_its_channel_is_a_line(scene: Scene) -> None:
    """People pin what matters anyway; delivered four times, it is one line."""
    grace = room(scene, scene.grace)
    said = grace.say("the old key is dead")
    grace.pin(said)
    for retry in (1, 2, 3):
        scene.shop.clock.advance(3)
        scene.out.again(scene.out.sent[-1], retry=retry)

    assert [row.text.split(" (")[0] for row in lines(scene, "captured")] == ["grace in Slack: the old key is dead"]


def test_a_pin_in_the_thread_of_its_message_is_a_line(scene: Scene) -> None:
    """Without a room, the thread in the central channel is where people talk."""
    said = scene.grace.say("seen by support as well", thread_ts=scene.top()[0]["ts"])
    scene.grace.pin(said)
    elsewhere = scene.grace.say("lunch?")
    scene.grace.pin(elsewhere)

    assert [row.text.split(" (")[0] for row in lines(scene, "captured")] == ["grace in Slack: seen by support as well"]


def test_an_emoji_is_a_line_with_the_words_fetched(scene: Scene) -> None:
    """Slack tells only which message it was."""
    grace = room(scene, scene.grace)
    said = grace.say("two calls from the same address")
    grace.react(said, "pushpin")
    grace.react(said, "memo")
    grace.react(said, "tada")
    scene.settle()

    assert len(lines(scene, "captured")) == 1
    assert "two calls from the same address" in lines(scene, "captured")[0].text


def test_edits_add_lines_and_a_deletion_leaves_a_tombstone(scene: Scene) -> None:
    """Original, revision and tombstone are all there, and the chain still verifies."""
    grace = room(scene, scene.grace)
    said = grace.say("the key was made on Monday")
    grace.pin(said)
    scene.shop.clock.advance(60)
    grace.edit(said, "the key was made on Tuesday")
    scene.shop.clock.advance(60)
    grace.delete(said)

    assert "Monday" in lines(scene, "captured")[0].text
    assert [row.text for row in lines(scene, "edited")] == ["Edited in Slack, now: the key was made on Tuesday"]
    assert len(lines(scene, "deleted")) == 1
    assert verify(scene.shop.service.ledger.read()).wrong is None


def test_edits_delivered_twice_and_out_of_order_are_once_each(scene: Scene) -> None:
    """Slack keeps no order; each edit is one line."""
    grace = room(scene, scene.grace)
    said = grace.say("one")
    grace.pin(said)
    scene.shop.clock.advance(1)
    grace.edit(said, "two")
    scene.shop.clock.advance(1)
    grace.edit(said, "three")
    two, three = scene.out.sent[-2:]
    for delivery in (three, two, three, two):
        scene.shop.clock.advance(1)
        scene.out.again(delivery)

    assert sorted(row.text.rpartition(" ")[2] for row in lines(scene, "edited")) == ["three", "two"]


def test_an_unfurled_link_is_no_edit(scene: Scene) -> None:
    """Slack says "changed" when it adds a preview; the words are the same."""
    grace = room(scene, scene.grace)
    said = grace.say("see https://log.example")
    grace.pin(said)

    grace.edit(said, "see https://log.example")

    assert lines(scene, "edited") == []


def test_talk_is_not_written_down(scene: Scene) -> None:
    """Slack tells of every message in every channel; the ledger takes what somebody put there."""
    grace = room(scene, scene.grace)
    before = len(scene.shop.service.ledger.read())
    for number in range(5):
        said = grace.say(f"talk {number}")
        scene.out.event(
            {"type": "message", "channel": grace.channel, "user": grace.user, "text": "x", "ts": said["ts"]}
        )
        grace.edit(said, "edited talk")

    assert len(scene.shop.service.ledger.read()) == before


def test_strangers_and_viewers_put_nothing_on_a_timeline(scene: Scene) -> None:
    """It is evidence: whoever adds to it needs the role."""
    nobody = room(scene, scene.nobody)
    said = nobody.say("look at me")
    nobody.pin(said)
    nobody.shortcut(said, "andon.capture")

    assert lines(scene, "captured") == []
    assert "does not know this Slack account" in scene.hears(nobody)


def test_what_our_own_bot_wrote_is_no_line(scene: Scene) -> None:
    """Pinning the incident's own message must not put it on the incident's timeline."""
    grace = room(scene, scene.grace)
    own = scene.top("inc-2026-0001-acme")[0]
    grace.pin(own)

    assert lines(scene, "captured") == []


def test_slacks_first_question_is_answered(scene: Scene) -> None:
    """Without the challenge the address can't be saved in Slack's settings."""
    import json

    from incidents.testing.slack_person import JSON

    body = json.dumps({"type": "url_verification", "challenge": "abc", "token": "t"}).encode()
    answered = scene.out.send("/slack/events", scene.out.signed(body, JSON), body)

    assert answered.json == {"challenge": "abc"}

"""What the outbox sends by Slack: into the thread where the incident stands, to a person, once, or by another way."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from incidents.clock import ManualClock
from incidents.connectors import Address, Letter, NotSent, Receipt, Unclear
from incidents.slack.connector import SlackConnector
from incidents.slack.lanes import Lanes
from incidents.slack.letter_message import letter_message, pieces
from incidents.slack.limits import message_faults
from incidents.testing import ADMIN, Pigeonhole
from incidents.testing.slack_reading import as_read
from tests.support.acting import change_catalog
from tests.support.slack import ADA, GRACE, Scene, slack_scene
from tests.unit.test_effects import owe

URL = "https://andon.example"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with slack_scene() as made:
        made.shop.point("eu-1")
        made.connects()
        yield made


@pytest.fixture
def mail(scene: Scene) -> Pigeonhole:
    return scene.shop.channel("email")


def kill(scene: Scene) -> None:
    scene.types(scene.linus, "kill partner acme leak")


def outcomes(scene: Scene, to: str) -> list[tuple[str, str, str]]:
    """Channel, outcome and evidence or reason of what was owed to somebody, in order."""
    ledger = scene.shop.service.ledger.read()
    ids = {e.data["id"] for e in ledger if e.kind == "effect:message:owed" and e.data["to"] == to}
    return [
        (e.data.get("channel") or "", e.data["outcome"], e.data.get("evidence") or e.data.get("because") or "")
        for e in ledger
        if e.kind in ("effect:message:passed-on", "effect:message:settled") and e.data["id"] in ids
    ]


def a_letter(**more: Any) -> Letter:
    known: dict[str, Any] = {
        "id": "M1", "key": "ledger/M1", "subject": "INC-2026-0001 contained", "body": "It is contained.\n",
        "template": "contained", "thread": "INC-2026-0001", "lane": "rest",
    }  # fmt: skip
    return Letter(**(known | more))


def sent(scene: Scene, letter: Letter, to: str) -> tuple[Receipt, int]:
    """And how often it was said to be leaving."""
    left: list[int] = []
    receipt = scene.edge.connector.send(letter, Address("slack", to, to), lambda: left.append(1))
    return receipt, len(left)


# --- into a channel -------------------------------------------------------------------------------------------------


def test_that_an_incident_was_declared_is_told_by_its_own_message(scene: Scene) -> None:
    """Two messages that say the same would be one to read and one to miss."""
    kill(scene)
    scene.sends(3)
    standing = scene.top()[0]

    assert len(scene.top()) == 1
    channel = scene.slack.workspace.channel("#incidents").id
    assert outcomes(scene, "slack:#incidents")[0] == ("slack", "sent", f"{channel}/{standing['ts']}")
    assert not scene.thread(standing)


def test_a_notice_comes_into_the_thread_and_into_the_channel_once(scene: Scene) -> None:
    """Whoever has not opened the thread reads that it is contained; whoever has, reads it where it belongs."""
    kill(scene)
    scene.sends(30)

    told = [m for m in scene.slack.workspace.channel("#incidents").messages if m.get("subtype") == "thread_broadcast"]
    assert len(told) == 1
    assert told[0]["thread_ts"] == scene.top()[0]["ts"]
    assert as_read(told[0]).startswith(":rotating_light: *sev1 INC-2026-0001 contained")
    assert [outcome for _, outcome, _ in outcomes(scene, "slack:#incidents")] == ["sent", "sent"]


def test_a_notice_waits_for_the_message_that_it_belongs_to(scene: Scene) -> None:
    """A line about an incident that nobody there has heard of would only confuse; it is still owed."""
    kill(scene)
    scene.shop.post()
    before = outcomes(scene, "slack:#incidents")
    scene.sends(5)

    assert before == []
    assert [outcome for _, outcome, _ in outcomes(scene, "slack:#incidents")] == ["sent"]


def test_a_notice_that_is_early_waits_where_it_is(scene: Scene) -> None:
    """Right after a declaration the board is about to post: failing and trying again would only slow a kill down."""
    scene.edge.connector.patience_s = 10
    kill(scene)
    began = threading.Timer(0.3, scene.board.step)
    began.start()
    receipt, _ = sent(scene, a_letter(template="declared"), "#incidents")
    began.join()

    assert receipt.evidence.endswith(scene.top()[0]["ts"])


def test_notices_and_messages_together_write_once_a_second(scene: Scene) -> None:
    """Slack allows a channel one message a second, whichever part of ours it comes from."""
    kill(scene)
    scene.sends(2)
    for number in range(6):
        owe(scene.shop, "slack:#incidents", topic=f"t{number}")
        scene.types(scene.linus, f"note INC-2026-0001 seen {number}")
    scene.sends(600)

    here = ("#incidents", scene.slack.workspace.channel("#incidents").id)
    at = [c.at for c in scene.slack.called("chat.*") if not c.error and c.args["channel"] in here]
    assert min(b - a for a, b in itertools.pairwise(at)) >= 1
    assert [outcome for _, outcome, _ in outcomes(scene, "slack:#incidents")].count("sent") == 8


def test_a_restricted_incident_is_not_told_to_a_channel(scene: Scene) -> None:
    """The last door, should anything before it have been left open."""
    kill(scene)
    scene.sends(2)
    scene.shop.service.operations.set_visibility(ADMIN, "INC-2026-0001", "restricted", "names a person")

    with pytest.raises(NotSent) as caught:
        sent(scene, a_letter(), "#incidents")
    assert caught.value.for_good


def test_a_started_service_sends_by_slack() -> None:
    """Whoever connects Slack has connected it for notices too."""
    with slack_scene() as scene:
        scene.shop.service.start()

        assert "slack" in scene.shop.service.postroom.office.channels


# --- to a person ----------------------------------------------------------------------------------------------------


def test_a_person_who_is_called_acknowledges_right_there(scene: Scene, mail: Pigeonhole) -> None:
    """From the phone, at night, without looking for the incident first."""
    kill(scene)
    scene.sends(2)
    called = scene.direct(ADA)[0]
    scene.ada.press(called, "Acknowledge")
    scene.settle()

    assert "needs you" in as_read(called)
    assert "[Acknowledge]" in as_read(called)
    assert scene.shop.service.operations.incident(ADMIN, "INC-2026-0001")["acknowledged_at"]
    assert not mail.letters


def test_a_linked_account_is_written_to_like_one_of_the_catalog(scene: Scene) -> None:
    """Whoever connected the two themselves must not wait for somebody to edit the catalog."""
    change_catalog(scene.shop, lambda c: c["people"]["grace"].pop("slack"))
    scene.shop.service.operations.link_account(scene.shop.person("grace", "commander"), GRACE)
    owe(scene.shop, "person:grace")
    scene.shop.post()

    assert len(scene.direct(GRACE)) == 1
    assert outcomes(scene, "person:grace")[0][:2] == ("slack", "sent")


def test_an_account_that_was_cut_off_is_not_written_to(scene: Scene, mail: Pigeonhole) -> None:
    """A stolen phone reads no more of what happens; the person still does."""
    scene.shop.service.operations.revoke_token(scene.shop.person("ada", "admin"), f"slack:{GRACE}")
    owe(scene.shop, "person:grace")
    scene.shop.post()

    assert scene.direct(GRACE) == []
    assert [who for who, _ in mail.told] == ["grace@example.com"]


@pytest.mark.parametrize("error", ["channel_not_found", "user_disabled", "cannot_dm_bot", "some_new_error"])
def test_a_person_whom_slack_does_not_know_gets_mail_at_once(scene: Scene, mail: Pigeonhole, error: str) -> None:
    scene.slack.fails("chat.postMessage", error)
    owe(scene.shop, "person:ada")
    scene.shop.post()

    assert mail.told == [("ada@example.com", "Andon: several things wait for you")]
    assert outcomes(scene, "person:ada")[0] == ("slack", "failed", f"Slack: {error}")


# --- bad days -------------------------------------------------------------------------------------------------------


def test_with_slack_away_people_get_mail_and_channels_get_theirs_afterwards(scene: Scene, mail: Pigeonhole) -> None:
    """Nobody is unreachable because Slack is; and nothing that was meant for a channel is dropped or said twice."""
    with scene.slack.unreachable():
        kill(scene)
        scene.sends(300)
    away = [who for who, _ in mail.told]
    scene.sends(400)

    assert {"ada@example.com", "grace@example.com"} <= set(away)
    assert outcomes(scene, "person:ada")[0][0] == "slack"
    assert outcomes(scene, "person:ada")[1][:2] == ("email", "sent")
    assert [outcome for _, outcome, _ in outcomes(scene, "slack:#incidents")] == ["sent", "sent"]
    assert len(scene.top()) == 1
    told = [as_read(m) for m in scene.slack.workspace.channel("#incidents").messages]
    assert len([t for t in told if "INC-2026-0001 contained" in t]) == 1


def test_a_lost_answer_is_no_second_notice(scene: Scene) -> None:
    """The message stands there: that is the proof, whoever got to see the answer."""
    kill(scene)
    scene.sends(10)
    scene.slack.loses_the_answer("chat.postMessage")
    receipt, left = sent(scene, a_letter(key="ledger/M99", subject="Read this"), "#incidents")

    found = [m for m in scene.slack.workspace.channel("#incidents").messages if "Read this" in m["text"]]
    assert [m["ts"] for m in found] == [receipt.evidence.partition("/")[2]]
    assert left == 1


def test_a_lost_answer_outside_of_any_thread_is_found_too(scene: Scene) -> None:
    scene.slack.loses_the_answer("chat.postMessage")
    receipt, _ = sent(scene, a_letter(thread="", template="reminders"), "#incidents")

    assert receipt.evidence.endswith(scene.top()[0]["ts"])


def test_nobody_says_sent_or_not_sent_where_nobody_knows(scene: Scene, mail: Pigeonhole) -> None:
    """What we told a person alone we may not read: it goes out by mail as well, and says why."""
    scene.slack.loses_the_answer("chat.postMessage")
    owe(scene.shop, "person:ada")
    scene.shop.post()

    assert len(scene.direct(ADA)) == 1
    assert mail.letters[0][1].body.startswith("It is not known whether this has reached you by slack already.")
    assert [outcome for _, outcome, _ in outcomes(scene, "person:ada")] == ["unknown", "sent"]


def test_a_message_that_never_came_is_not_called_sent(scene: Scene) -> None:
    """That it isn't found is no proof either: it may come late. A person decides."""
    scene.slack.breaks("chat.postMessage")
    with pytest.raises(Unclear):
        sent(scene, a_letter(thread="", template="reminders"), "#incidents")


def test_slack_is_given_the_time_that_it_asks_for(scene: Scene) -> None:
    scene.slack.limits("chat.postMessage", 30)
    owe(scene.shop, "slack:#incidents")
    scene.sends(20)
    before = outcomes(scene, "slack:#incidents")
    scene.sends(30)

    assert before == []
    assert len([c for c in scene.slack.called("chat.postMessage") if c.error]) == 1
    assert [outcome for _, outcome, _ in outcomes(scene, "slack:#incidents")] == ["sent"]


def test_a_channel_that_nobody_invited_us_to_is_tried_until_somebody_does(scene: Scene) -> None:
    """Somebody types ``/invite``, and what waited is told."""
    scene.slack.workspace.add_channel("legal", bot=False)
    owe(scene.shop, "slack:#legal")
    scene.sends(70)
    before = outcomes(scene, "slack:#legal")
    scene.slack.workspace.channel("#legal").members.add(scene.slack.workspace.bot)
    scene.sends(130)

    assert before == []
    assert [outcome for _, outcome, _ in outcomes(scene, "slack:#legal")] == ["sent"]


def test_a_revoked_token_sends_people_their_mail(scene: Scene, mail: Pigeonhole) -> None:
    scene.slack.revoke()
    owe(scene.shop, "person:ada")
    scene.sends(60)

    assert [who for who, _ in mail.told] == ["ada@example.com"]
    assert "token_revoked" in outcomes(scene, "person:ada")[0][2]


def test_blocks_that_slack_does_not_take_leave_the_words(scene: Scene) -> None:
    """A fault of ours must not keep the news from arriving."""
    scene.slack.fails("chat.postMessage", "invalid_blocks")
    _, left = sent(scene, a_letter(thread="", template="reminders"), "#incidents")

    assert "INC-2026-0001 contained" in scene.top()[0]["text"]
    assert left == 1


def test_nothing_is_posted_when_the_claim_is_lost(scene: Scene) -> None:
    """Somebody else sends it, or something newer has replaced it."""

    class Lost(Exception):
        pass

    def leaving() -> None:
        raise Lost

    with pytest.raises(Lost):
        scene.edge.connector.send(a_letter(thread="", template="reminders"), Address("slack", ADA, "ada"), leaving)
    assert not scene.direct(ADA)


def test_whoever_waits_for_a_turn_stops_with_the_service(scene: Scene) -> None:
    connector: SlackConnector = scene.edge.connector
    connector.patience_s = 60
    scene.board.lanes.take("#incidents", "board")
    connector.close()

    with pytest.raises(NotSent):
        sent(scene, a_letter(thread="", template="reminders"), "#incidents")


# --- its words ------------------------------------------------------------------------------------------------------


def test_a_notice_reads_as_it_was_written() -> None:
    """What was approved is what stands there: no mention works in it, nothing is left out."""
    made = letter_message(a_letter(subject="To <!channel> & all", body="One\n\nTwo <@U1> *three*\n"), URL)

    read = as_read(made.wire())
    assert "To &lt;!channel&gt; &amp; all" in made.text
    assert "One\n\nTwo &lt;@U1&gt; *three*" in read


@pytest.mark.parametrize("body", ["x" * 8_000, "word " * 1_500, "& " * 1_500, "line\n" * 900, "&" * 1_400, ""])
def test_long_words_are_split_and_nothing_is_lost(body: str) -> None:
    made = letter_message(a_letter(body=body), URL)

    assert message_faults(made.text, made.blocks) == []
    assert "".join("".join(pieces(body)).split()) == "".join(body.split())
    assert all(len(piece) <= 2_900 for piece in pieces(body))


def test_what_slack_does_not_take_is_left_to_the_page() -> None:
    made = letter_message(a_letter(body="word " * 20_000), f"{URL}/incidents/INC-2026-0001")

    assert message_faults(made.text, made.blocks) == []
    assert "incidents/INC-2026-0001" in as_read(made.wire())


# --- turns ----------------------------------------------------------------------------------------------------------


def test_a_channel_has_one_turn_a_second() -> None:
    clock = ManualClock()
    lanes = Lanes(clock)

    assert lanes.take("#a", "board")
    assert not lanes.take("#a", "notices")
    assert lanes.take("#b", "notices")
    clock.advance(1)
    assert lanes.take("#a", "notices")


def test_whoever_had_the_last_turn_lets_the_other_go() -> None:
    """Neither a storm of changes nor a row of notices keeps the other out."""
    clock = ManualClock()
    lanes = Lanes(clock)
    had = []
    for _ in range(6):
        for who in ("board", "notices"):
            if lanes.take("#a", who):
                had.append(who)
                lanes.take("#a", who)  # it has more to say
        clock.advance(1)

    assert had == ["board", "notices"] * 3


def test_what_is_off_goes_before_all_else() -> None:
    clock = ManualClock()
    lanes = Lanes(clock)
    had = []
    for _ in range(4):
        for who in ("notices", "board"):
            if lanes.take("#a", who, first=who == "board"):
                had.append(who)
                lanes.take("#a", who, first=who == "board")
        clock.advance(1)

    assert had[1:] == ["board"] * 3


def test_whoever_asks_no_more_is_not_waited_for() -> None:
    clock = ManualClock()
    lanes = Lanes(clock)
    lanes.take("#a", "notices")
    lanes.take("#a", "board", first=True)
    clock.advance(3)

    assert lanes.take("#a", "notices")


def test_a_channel_that_asked_for_time_is_left_alone() -> None:
    clock = ManualClock()
    lanes = Lanes(clock)
    lanes.hold("#a", 30)
    clock.advance(29)

    assert not lanes.take("#a", "board", first=True)
    assert lanes.wait_s("#a") == 1
    clock.advance(1)
    assert lanes.take("#a", "board")

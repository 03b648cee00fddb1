"""
Only Slack may speak for people in Slack, only once with the same words, and nobody for somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from incidents.ledger.sqlite import SqliteLedger
from incidents.slack.deliveries import Deliveries as Remembered
from incidents.slack.signature import NotSlack, Verifier
from incidents.testing.slack_person import FORM
from incidents.testing.slack_reading import as_read
from tests.support.acting import restored
from tests.support.slack import Scene, slack_scene

KILL = b"team_id=T01ANDON&user_id=U01ADAADA&channel_id=C1&text=kill+partner+acme+leak&command=%2Fincident"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with slack_scene() as made:
        yield made


def incidents(scene: Scene) -> list[str]:
    with scene.shop.service.desk.read() as state:
        return list(state.order)


def refused_lines(scene: Scene) -> list[str]:
    events = scene.shop.service.ledger.read()
    return [e.data["because"] for e in events if e.kind == "slack:delivery:refused"]


def test_forged_stale_and_unsigned_requests_change_nothing(scene: Scene) -> None:
    """Anybody can reach the address; only Slack knows the secret."""
    now = int(scene.shop.clock.now().timestamp())
    good = scene.out.signed(KILL, FORM)
    forged = good | {"X-Slack-Signature": "v0=" + "0" * 64}
    other_body = scene.out.signed(KILL + b"!", FORM)

    for headers in (
        {},
        forged,
        other_body,
        scene.out.signed(KILL, FORM, at=now - 301),
        scene.out.signed(KILL, FORM, at=now + 301),
    ):
        assert scene.out.send("/slack/commands", headers, KILL).status == 401

    assert incidents(scene) == []


HOSTILE = [
    {"X-Slack-Request-Timestamp": "abc", "X-Slack-Signature": "v0=1"},
    {"X-Slack-Request-Timestamp": "9" * 400, "X-Slack-Signature": "v0=1"},
    {"X-Slack-Request-Timestamp": "NaN", "X-Slack-Signature": "v0=1"},
    {"X-Slack-Request-Timestamp": "1795435200", "X-Slack-Signature": "v0=\u00fc\u00fc"},
    {"X-Slack-Request-Timestamp": "\u0661\u0662", "X-Slack-Signature": "v0=1"},
    {"X-Slack-Request-Timestamp": "", "X-Slack-Signature": ""},
]


@pytest.mark.parametrize("headers", HOSTILE, ids=[repr(h) for h in HOSTILE])
@pytest.mark.parametrize("body", [KILL, b"\xff\xfe\x00", b""], ids=["form", "no text", "nothing"])
def test_hostile_headers_and_bodies_are_401(scene: Scene, headers: dict[str, str], body: bytes) -> None:
    """slack_sdk's verifier raises on some of these; whatever it does, the answer is the same."""
    verifier = Verifier(scene.slack.signing_secret, scene.shop.clock)
    with pytest.raises(NotSlack):
        verifier.check(headers, body)

    if all(value.isascii() for value in headers.values()):
        assert scene.out.send("/slack/commands", headers, body).status == 401


def test_a_body_that_is_no_text_is_401_even_with_a_right_signature(scene: Scene) -> None:
    """slack_sdk can't sign it either: it is nothing that Slack would send."""
    body = b"team_id=T01ANDON&user_id=U01ADAADA&text=\xff\xfe%00%ff"

    assert scene.out.send("/slack/commands", scene.out.signed(body, FORM), body).status == 401


def test_odd_characters_in_a_line_are_answered(scene: Scene) -> None:
    """What is no verb gets its usage, whatever it is made of."""
    said = scene.types(scene.ada, "\x00\ufffd\u202e<!channel> kill")

    assert "There is no verb" in said
    assert "<!channel>" not in said


def test_a_replay_is_refused_and_leaves_a_line(scene: Scene) -> None:
    """Whoever has seen a request can't send it a second time."""
    scene.types(scene.ada, "kill partner acme leak")

    again = scene.out.replay(scene.out.sent[-1])

    assert again.status == 401
    assert incidents(scene) == ["INC-2026-0001"]
    assert refused_lines(scene) == ["replayed"]


def test_a_replay_is_refused_after_a_restart_too(scene: Scene) -> None:
    """The five minutes of a signature are longer than a restart."""
    scene.types(scene.ada, "kill partner acme leak")
    delivery = scene.out.sent[-1]
    fresh = Verifier(scene.slack.signing_secret, scene.shop.clock)
    signature = fresh.check(delivery.headers, delivery.body)

    with pytest.raises(NotSlack):
        Remembered(scene.shop.service.desk).take(delivery.path, delivery.body, signature)


def test_a_flood_of_replays_leaves_few_lines(scene: Scene) -> None:
    """The ledger is evidence for good; it must not be filled by whoever has one old request."""
    scene.types(scene.ada, "list")
    for _ in range(50):
        scene.out.replay(scene.out.sent[-1])
    scene.shop.clock.advance(11)
    scene.out.replay(scene.out.sent[-1])

    events = [e for e in scene.shop.service.ledger.read() if e.kind == "slack:delivery:refused"]
    assert [e.data["more"] for e in events] == [0, 49]


def test_another_workspace_is_refused(scene: Scene) -> None:
    """A channel shared with another company brings its people along, with right signatures."""
    scene.slack.workspace.team = "T0ELSEWHERE"

    assert scene.ada.command("kill partner acme leak").status == 401
    assert incidents(scene) == []
    assert refused_lines(scene) == ["wrong-team"]


def test_a_guest_of_another_team_can_not_press(scene: Scene) -> None:
    """In a shared channel the payload's team is ours and the person's is not."""
    payload = scene.ada._base() | {"type": "block_actions", "actions": [], "container": {}}
    payload["user"]["team_id"] = "T0ELSEWHERE"

    assert scene.out.interaction(payload).status == 401


def test_user_name_is_never_looked_at(scene: Scene) -> None:
    """Anybody may call themselves Ada."""
    body = b"team_id=T01ANDON&user_id=U0MALLORY&user_name=ada&channel_id=C1&text=kill+partner+acme+leak"

    answered = scene.out.send("/slack/commands", scene.out.signed(body, FORM), body)

    assert "does not know this Slack account" in answered.text
    assert incidents(scene) == []


def test_without_a_workspace_nobody_is_let_in_but_everybody_is_told(scene: Scene) -> None:
    """Before the first auth.test and without the setting, nobody can say whose request it is."""
    with slack_scene(settings={"team": ""}) as bare:
        said = bare.types(bare.ada, "kill partner acme leak")
        bare.board.step()
        known = bare.types(bare.ada, "kill partner acme leak")

    assert "ANDON_SLACK_TEAM" in said
    assert "declared" in known


def test_without_a_secret_the_routes_say_what_is_missing(http) -> None:
    """Whoever sets Slack up sees why it does not answer."""
    answer = http.post("/slack/commands", data={"text": "list"})

    assert answer.status_code == 404
    assert "ANDON_SLACK_SIGNING_SECRET" in answer.get_json()["detail"]


# --- the same delivery ----------------------------------------------------------------------------------------------


def test_four_deliveries_of_one_body_make_one_incident(scene: Scene) -> None:
    """Slack sends again after 0, 3, 63 and 363 seconds what it believes unanswered."""
    first = scene.ada.command("declare partner-credential-abuse partner=acme two countries at once")
    answers = [first.text]
    for number, wait in enumerate((3, 60, 300), 1):
        scene.shop.clock.advance(wait)
        answers.append(scene.out.again(scene.out.sent[-1], retry=number).text)

    assert incidents(scene) == ["INC-2026-0001"]
    assert scene.kinds("INC-2026-0001").count("incident:life:joined") == 0
    assert len(set(answers)) == 1
    assert "declared" in answers[0]


def test_deliveries_out_of_order_do_each_thing_once(scene: Scene) -> None:
    """The second command's retry may overtake the first one's."""
    scene.types(scene.ada, "kill partner acme leak")
    scene.types(scene.ada, "note latest one")
    scene.types(scene.ada, "note latest two")
    kill, one, two = scene.out.sent[-3:]
    scene.shop.clock.advance(30)
    for delivery in (two, kill, one, two, one, kill):
        scene.shop.clock.advance(1)
        assert scene.out.again(delivery).status == 200

    assert incidents(scene) == ["INC-2026-0001"]
    notes = [
        e.text["note"] for e in scene.shop.service.ledger.incident("INC-2026-0001") if e.kind == "incident:note:added"
    ]
    assert notes == ["one", "two"]


def test_the_same_typed_again_within_seconds_is_told_that_it_is_done(scene: Scene) -> None:
    """Somebody who saw a time-out types it once more."""
    scene.types(scene.ada, "kill partner acme leak")
    scene.types(scene.ada, "note latest called them")
    scene.shop.clock.advance(7)

    said = scene.types(scene.ada, "note  latest called them")

    assert "done once" in said
    assert scene.kinds("INC-2026-0001").count("incident:note:added") == 1


def sent_again(scene: Scene, delivery: Any) -> str:
    scene.shop.clock.advance(1)
    return as_read(scene.out.again(delivery).json)


def test_a_restore_that_was_refused_is_asked_for_again_in_the_same_words(scene: Scene) -> None:
    """ "It is done" would be a lie: nothing is asked for any more. Its deliveries, sent again, still ask once."""
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(scene.grace, "restore latest new key")
    first = scene.out.sent[-1]
    scene.types(scene.ada, "refuse latest not attested")
    late = sent_again(scene, first)

    asked = scene.types(scene.grace, "restore latest new key")
    second = scene.out.sent[-1]
    again = [sent_again(scene, delivery) for delivery in (second, first)]
    once_more = scene.types(scene.grace, "restore latest new key")

    assert "it is *refused*" in late
    assert "done once" not in asked
    assert "# Restore INC-2026-0001-R2" in asked
    assert again == [asked, asked]
    assert "done once" in once_more
    assert scene.kinds("INC-2026-0001").count("restore:request:asked") == 2


def test_a_refusal_of_one_restore_is_none_of_the_next(scene: Scene) -> None:
    """The same words within seconds, about another request: the second is refused too."""
    scene.types(scene.linus, "kill partner acme leak")
    for number in (1, 2):
        scene.types(scene.grace, f"restore latest reason {number}")
        assert f"R{number} is refused" in scene.types(scene.ada, "refuse latest not attested")

    assert scene.kinds("INC-2026-0001").count("restore:request:refused") == 2


def test_what_was_given_back_is_stopped_again_by_the_same_words(scene: Scene) -> None:
    """Whoever kills a second time within seconds must not read that it is done while the partner is on."""
    scene.types(scene.linus, "kill partner acme leak")
    restored(scene.shop, "INC-2026-0001")

    said = scene.types(scene.linus, "kill partner acme leak")

    assert "done once" not in said
    assert scene.types(scene.linus, "check acme orion-2:tool-use").startswith(":no_entry: *denied*")


def test_a_drill_that_is_over_is_started_again_by_the_same_words(scene: Scene) -> None:
    """And typed twice, the second one is one drill too."""
    scene.types(scene.linus, "drill break-glass partner=acme mode=tabletop")
    scene.types(scene.linus, "drill stop latest")

    started = scene.types(scene.linus, "drill break-glass partner=acme mode=tabletop")
    once_more = scene.types(scene.linus, "drill break-glass partner=acme mode=tabletop")

    assert "done once" not in started
    assert "done once" in once_more
    assert incidents(scene) == ["DRILL-2026-0001", "DRILL-2026-0002"]


def test_command_that_was_taken_over_is_not_said_to_be_ones_own(scene: Scene) -> None:
    """Two people who both believe to have command are worse than none."""
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(scene.ada, "take latest")
    scene.types(scene.grace, "take latest over she is on a plane")

    assert "grace has command" in scene.types(scene.ada, "take latest")


def test_a_line_that_was_refused_is_refused_again_and_done_when_it_can_be(scene: Scene) -> None:
    """A refusal is no deed: what stood against it may be gone a second later."""
    scene.types(scene.linus, "kill partner acme leak")
    refused = [scene.types(scene.ada, "status latest mitigated the key is dead") for _ in range(2)]
    scene.shop.clock.advance(17)
    scene.shop.service.cycle()

    assert refused[0] == refused[1]
    assert "can't be mitigated yet" in refused[0]
    assert "It is mitigated now" in scene.types(scene.ada, "status latest mitigated the key is dead")


def test_the_same_note_a_minute_later_is_another_note(scene: Scene) -> None:
    """Dedupe must not eat what people mean to say twice."""
    scene.types(scene.ada, "kill partner acme leak")
    scene.types(scene.ada, "note latest still nothing")
    scene.shop.clock.advance(60)
    scene.types(scene.ada, "note latest still nothing")

    assert scene.kinds("INC-2026-0001").count("incident:note:added") == 2


def test_two_people_who_kill_the_same_get_one_order_set(scene: Scene) -> None:
    """The second caller reads who was first, and when."""
    scene.types(scene.ada, "kill partner acme leak")

    said = scene.types(scene.grace, "kill partner acme seen it too")

    assert "does that already" in said
    assert "Ada Okafor" in said
    assert "12:00:00 UTC" in said
    assert scene.kinds("INC-2026-0001").count("access:hold:placed") == 1


def test_a_delivery_is_answered_once_across_a_restart(tmp_path) -> None:
    """The process dies between the commit and the answer; Slack sends it again to the next one."""
    path = tmp_path / "andon.db"
    with slack_scene(ledger=SqliteLedger.create(path)) as scene:
        first = scene.ada.command("declare break-glass partner=acme separate=yes leak")
        delivery = scene.out.sent[-1]
        later = scene.shop.clock.now()
    with slack_scene() as other:
        from app import create_app
        from incidents.service import Service
        from incidents.testing.slack_person import into_flask

        other.shop.clock.advance((later - other.shop.clock.now()).total_seconds() + 63)
        service = Service.open(other.shop.service.settings, ledger=SqliteLedger.open(path), clock=other.shop.clock)
        other.out.send = into_flask(create_app(service=service).test_client())
        again = other.out.again(delivery)
        with service.desk.read() as state:
            known = list(state.order)
        service.stop()

    assert known == ["INC-2026-0001"]
    assert again.text == first.text

"""The runner: what is owed is carried out once, by one channel after the other, and nothing urgent has to wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from incidents import effects
from incidents.connectors import Address, Letter, NotSent, Receipt, Unclear
from incidents.decisions import Decided
from incidents.decisions.owing import Owing
from incidents.errors import Conflicting, LedgerUnavailable, Unknown
from incidents.events import SYSTEM
from incidents.ledger import Claim, Wanted
from incidents.ledger.memory import MemoryLedger
from incidents.outbox import Lane
from incidents.recipients import About
from incidents.service import Service
from incidents.settings import Settings
from incidents.testing import ADMIN, Pigeonhole, Workshop, workshop
from tests.support.acting import declare, kinds_of
from tests.support.servers import wait_for

REVOKE = "revoke-partner: {partner: acme}"
ADA, TEAM = "person:ada", "slack:#incidents"


def owe(
    shop: Workshop, *to: str, severity: str = "sev2", topic: str = "t", kind: str = "real", **more: Any
) -> list[str]:
    """Messages about nothing in particular, as a decision would owe them; their ids."""
    found: list[str] = []

    def decide(state: Any, now: Any) -> Decided:
        owing = Owing(state, SYSTEM, now)
        on = About("", "real", severity)
        found[:] = [
            id for one in to if (id := owing.tell(one, "reminders", on, topic, words=f"for {one}", **more)) is not None
        ]
        return Decided(owing.drafts)

    shop.service.desk.submit(decide, actor=SYSTEM)
    return found


def order(shop: Workshop, to: str, **more: Any) -> str:
    found: list[str] = []

    def decide(state: Any, now: Any) -> Decided:
        owing, on = Owing(state, SYSTEM, now), About("", "real", "sev2")
        what = {"channels": ["mlflow"], "lane": Lane.CONTAINMENT, "order": {"a": 1}} | more
        found.append(owing.order(to, on, "t", **what))
        return Decided(owing.drafts)

    shop.service.desk.submit(decide, actor=SYSTEM)
    return found[-1]


def outcomes(shop: Workshop) -> list[tuple[str, str, str | None, str | None]]:
    """(id, outcome, channel, because) of everything that was passed on or settled."""
    return [
        (e.data["id"], e.data["outcome"], e.data.get("channel"), e.data.get("because"))
        for e in shop.service.ledger.read()
        if e.kind.startswith("effect:") and "outcome" in e.data
    ]


def states(shop: Workshop, wanted: str = "dead") -> dict[str, str]:
    return {row["id"]: row["state"] for row in shop.service.operations.messages(ADMIN, state=wanted)["items"]}


# --- one message ------------------------------------------------------------------------------------------------------


def test_a_message_is_sent_by_its_first_channel_and_the_receipt_is_in_the_log(shop: Workshop) -> None:
    """Sent is said once there is evidence, and the claim beside the log is gone."""
    slack, mail = shop.channel("slack"), shop.channel("email")
    (id,) = owe(shop, ADA)
    shop.post()

    assert [address.value for address, _ in slack.letters] == ["U01ADAADA"]
    assert mail.letters == []
    assert outcomes(shop) == [(id, "sent", "slack", None)]
    settled = shop.service.ledger.read()[-1]
    assert settled.text == {"receipt": "kept"}
    assert settled.data["evidence"] == f"slack-{id}"
    assert shop.service.ledger.claims() == []


def test_no_address_is_ever_chained(shop: Workshop) -> None:
    """Addresses can be forgotten; the chain can't."""
    shop.channel("email")
    owe(shop, ADA, "partner:acme")
    shop.post()

    log = "".join(str((e.data, e.text)) for e in shop.service.ledger.read())
    assert "@" not in log


def test_a_channel_that_refuses_for_good_hands_over_to_the_next(shop: Workshop) -> None:
    """A person who left Slack still gets the mail, and the log says why it took two."""
    slack, mail = shop.channel("slack"), shop.channel("email")
    slack.trouble = [NotSent("no such user", for_good=True)]
    (id,) = owe(shop, ADA)
    shop.post()

    assert [address.value for address, _ in mail.letters] == ["ada@example.com"]
    assert outcomes(shop) == [(id, "failed", "slack", "no such user"), (id, "sent", "email", None)]


def test_what_may_have_arrived_goes_by_the_next_channel_and_says_so(shop: Workshop) -> None:
    """Never twice by the same channel; and whoever reads it twice knows why."""
    slack, mail = shop.channel("slack"), shop.channel("email")
    slack.trouble, slack.after_leaving = [Unclear("the connection broke")], True
    (id,) = owe(shop, ADA)
    shop.post()

    assert len(slack.letters) == len(mail.letters) == 1
    assert mail.letters[0][1].body.startswith("It is not known whether this has reached you by slack already.")
    assert outcomes(shop) == [(id, "unknown", "slack", "the connection broke"), (id, "sent", "email", None)]


def test_what_may_have_arrived_by_the_last_channel_waits_for_a_person(shop: Workshop) -> None:
    """Only a person may decide to say it again."""
    mail = shop.channel("email")
    mail.trouble, mail.after_leaving = [Unclear("no answer")], True
    (id,) = owe(shop, ADA)
    shop.post()
    shop.clock.advance(3_000)
    shop.post()

    assert len(mail.letters) == 1
    assert states(shop) == {id: "unknown"}


def test_a_channel_that_is_down_for_a_while_is_tried_again_with_growing_pauses(shop: Workshop) -> None:
    """Each try is a line in the table beside the log; the log gets the end of it."""
    mail = shop.channel("email")
    mail.trouble = [NotSent("answered 451") for _ in range(3)]
    (id,) = owe(shop, ADA)
    waited = []
    for _ in range(3):
        shop.post()
        (claim,) = shop.service.ledger.claims()
        assert (claim.phase, claim.error) == ("waiting", "answered 451")
        waited.append((claim.until - shop.clock.now()).total_seconds())
        shop.clock.advance(waited[-1] - 0.1)
        shop.post()
        assert mail.letters == []
        shop.clock.advance(0.2)
    shop.post()

    assert 2.5 <= waited[0] <= 5 <= waited[1] <= 10 <= waited[2] <= 20
    assert outcomes(shop) == [(id, "sent", "email", None)]


def test_a_target_that_asks_to_wait_is_left_alone_for_that_long(shop: Workshop) -> None:
    """429 with a time means that time."""
    mail = shop.channel("email")
    mail.trouble = [NotSent("answered 429", after=timedelta(minutes=9))]
    owe(shop, ADA)
    shop.post()
    shop.clock.advance(539)
    shop.post()
    assert mail.letters == []
    shop.clock.advance(2)
    shop.post()
    assert len(mail.letters) == 1


def test_where_there_is_another_channel_three_tries_are_enough(shop: Workshop) -> None:
    """Somebody has to read it today."""
    slack, mail = shop.channel("slack"), shop.channel("email")
    slack.trouble = [NotSent("down") for _ in range(9)]
    (id,) = owe(shop, ADA)
    for _ in range(3):
        shop.post()
        shop.clock.advance(60)
    shop.post()

    assert len(slack.trouble) == 6
    assert len(mail.letters) == 1
    assert outcomes(shop) == [(id, "failed", "slack", "down"), (id, "sent", "email", None)]


def test_a_message_whose_time_passes_is_a_dead_letter_with_its_last_trouble(shop: Workshop) -> None:
    """What is true an hour later may be the opposite; it is not sent late."""
    mail = shop.channel("email")
    mail.trouble = [NotSent("answered 451") for _ in range(500)]
    (id,) = owe(shop, ADA)
    for _ in range(60):
        shop.post()
        shop.clock.advance(90)
    tried = 500 - len(mail.trouble)

    assert states(shop) == {id: "dead"}
    assert outcomes(shop) == [(id, "dead", "email", "answered 451")]
    assert 10 < tried < 40


def test_without_any_channel_the_reason_names_each_of_them(shop: Workshop) -> None:
    """An operator who reads it knows which setting is missing."""
    (id,) = owe(shop, ADA)
    (role,) = owe(shop, "role:comms", topic="other")
    shop.post()

    found = {row["id"]: row["because"] for row in shop.service.operations.messages(ADMIN)["items"]}
    assert found == {id: "slack: not connected; email: not connected", role: "nobody has this role"}


def test_a_reader_without_an_address_is_told_by_the_channel_that_has_one(shop: Workshop) -> None:
    """Linus has no mail address on file in this catalog."""
    shop.service.operations.apply_catalog(ADMIN, "people:\n  linus: {name: L, slack: U1, roles: [responder]}", "c.yaml")
    shop.channel("email")
    slack = shop.channel("slack")
    owe(shop, "person:linus", channels=["email", "slack"])
    shop.post()

    assert [address.value for address, _ in slack.letters] == ["U1"]


# --- newer and older --------------------------------------------------------------------------------------------------


def test_a_newer_message_replaces_one_not_yet_sent(shop: Workshop) -> None:
    """Nobody needs the update of an hour ago after that of now."""
    mail = shop.channel("email")
    mail.trouble = [NotSent("down")]
    (old,) = owe(shop, ADA, topic="update")
    shop.post()
    (new,) = owe(shop, ADA, topic="update")
    shop.post()
    shop.clock.advance(600)
    shop.post()

    assert [letter.id for _, letter in mail.letters] == [new]
    assert outcomes(shop) == [(old, "superseded", None, f"replaced by {new}"), (new, "sent", "email", None)]
    assert shop.service.ledger.claims() == []


def test_what_left_before_it_was_replaced_is_still_written_down_as_sent(shop: Workshop) -> None:
    """The log says what happened, also where it came too late to matter."""
    mail, hold, go = shop.channel("email"), threading.Event(), threading.Event()
    send = mail.send

    def slow(letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        def left() -> None:
            leaving()
            hold.set()
            go.wait(10)

        return send(letter, address, left)

    mail.send = slow  # type: ignore[method-assign]
    (old,) = owe(shop, ADA, topic="update")
    shop.service.postroom.turn()
    assert hold.wait(10)
    owe(shop, ADA, topic="update")
    go.set()
    shop.post()

    assert (old, "sent", "email", None) in outcomes(shop)


def test_two_messages_to_one_reader_never_leave_at_the_same_time(shop: Workshop) -> None:
    """They arrive in the order in which they were owed; two readers do not wait for each other."""
    mail, at_once, most, lock = shop.channel("email"), [0], [0], threading.Lock()
    send = mail.send

    def counted(letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        with lock:
            at_once[0] += address.value == "ada@example.com"
            most[0] = max(most[0], at_once[0])
        try:
            return send(letter, address, leaving)
        finally:
            with lock:
                at_once[0] -= address.value == "ada@example.com"

    mail.send = counted  # type: ignore[method-assign]
    for number in range(12):
        owe(shop, ADA, "person:grace", topic=f"t{number}")
    shop.post()

    assert most == [1]
    assert [letter.id for address, letter in mail.letters if address.value == "ada@example.com"] == [
        f"M{number}" for number in range(1, 24, 2)
    ]


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_order_is_repeated_with_the_same_key_until_it_is_confirmed(shop: Workshop) -> None:
    """Unknown or refused, its target knows a repeat; it is never given up while it has no time limit."""
    registry = shop.channel("mlflow")
    registry.trouble, registry.after_leaving = (
        [Unclear("cut off"), NotSent("answered 500"), NotSent("no", for_good=True)],
        True,
    )
    id = order(shop, "connector:mlflow")
    for _ in range(4):
        shop.post()
        shop.clock.advance(31)

    assert len(registry.letters) == 4
    assert {letter.key for _, letter in registry.letters} == {f"{shop.service.ledger.id}/{id}"}
    assert outcomes(shop) == [(id, "confirmed", "mlflow", None)]


def test_an_order_that_nothing_can_carry_out_stays_owed(shop: Workshop) -> None:
    """Not dead, not done: an outside system has still to do its part, and the page says so."""
    id = declare(shop, REVOKE, "call: {connector: mlflow, action: roll-back-alias}")
    shop.post()
    shop.clock.advance(86_400)
    shop.post()

    (one,) = shop.service.operations.messages(ADMIN, state="owed")["items"]
    assert (one["sort"], one["state"], one["to"]) == ("order", "owed", "connector:mlflow")
    assert shop.service.operations.containment(ADMIN, id)["outside"] == {"done": 0, "total": 1}


def test_an_outside_action_is_done_once_its_system_confirms(shop: Workshop) -> None:
    """Contained, one outside action open: until there is evidence, and not by anybody's saying so."""
    registry = shop.channel("mlflow")
    id = declare(shop, REVOKE, "call: {connector: mlflow, action: roll-back-alias}")
    assert shop.service.operations.containment(ADMIN, id)["outside"] == {"done": 0, "total": 1}
    shop.post()

    wanted = {"connector": "mlflow", "call": "roll-back-alias", "arguments": {}}
    assert wanted.items() <= dict(registry.letters[0][1].order or {}).items()
    assert shop.service.operations.containment(ADMIN, id)["outside"] == {"done": 1, "total": 1}


def test_an_outside_action_that_a_person_did_by_hand_is_not_ordered_any_more(shop: Workshop) -> None:
    """Two would do it otherwise."""
    id = declare(shop, REVOKE, "call: {connector: mlflow, action: roll-back-alias}")
    shop.service.operations.settle_action(ADMIN, id, 2, "done", "did it in the console")
    registry = shop.channel("mlflow")
    shop.post()

    assert registry.letters == []
    assert ("M1", "superseded", None, "done by a person") in outcomes(shop)


def test_an_order_to_a_web_address_dies_when_its_time_is_over(shop: Workshop) -> None:
    """A status page that was down for a day is not told yesterday's state."""
    web = shop.channel("mlflow")
    web.trouble = [NotSent("answered 503") for _ in range(10_000)]
    id = order(shop, "connector:mlflow", life=timedelta(minutes=5))
    for _ in range(20):
        shop.post()
        shop.clock.advance(29)

    assert states(shop) == {id: "dead"}


# --- lanes and limits -------------------------------------------------------------------------------------------------


def test_the_rest_is_held_to_its_limit_and_sev1_is_not(shop: Workshop) -> None:
    """A flood of reminders must not be what a sev1 waits behind."""
    people = "\n".join(f"  p{n}: {{email: p{n}@example.com, roles: [viewer]}}" for n in range(100))
    shop.service.operations.apply_catalog(
        ADMIN, f"people:\n{people}\n  ada: {{email: a@x.example, roles: [admin]}}", "c"
    )
    mail = shop.channel("email")
    owe(shop, *[f"person:p{n}" for n in range(100)])
    shop.post()
    assert len(mail.letters) == effects.BURST

    owe(shop, *[f"person:p{n}" for n in range(100)], severity="sev1", topic="urgent")
    shop.post()
    assert len(mail.letters) == effects.BURST + 100
    for _ in range(4):
        shop.clock.advance(effects.BURST / effects.PER_MINUTE * 60)
        shop.post()

    assert len(mail.letters) == 200


def test_a_channel_that_is_busy_with_the_rest_still_takes_what_is_urgent(shop: Workshop) -> None:
    """Eight that hang must not keep a ninth, urgent one from leaving."""
    people = "\n".join(f"  p{n}: {{email: p{n}@example.com, roles: [viewer]}}" for n in range(40))
    shop.service.operations.apply_catalog(ADMIN, f"people:\n{people}", "c.yaml")
    mail, go = shop.channel("email"), threading.Event()
    send = mail.send

    def hangs(letter: Letter, address: Address, leaving: Callable[[], None]) -> Receipt:
        if letter.lane == Lane.REST:
            go.wait(20)
        return send(letter, address, leaving)

    mail.send = hangs  # type: ignore[method-assign]
    try:
        owe(shop, *[f"person:p{n}" for n in range(30)])
        shop.service.postroom.turn()
        owe(shop, "person:p39", severity="sev1", topic="urgent")
        shop.service.postroom.turn()
        wait_for(lambda: len(mail.letters) == 1, "the urgent one has left")
        assert mail.letters[0][1].lane == Lane.SEV1
    finally:
        go.set()
    shop.post()
    assert len(mail.letters) == 31


# --- dead letters -----------------------------------------------------------------------------------------------------


def test_a_dead_letter_is_tried_again_by_all_its_channels_when_a_person_wants_it(shop: Workshop) -> None:
    """One word is enough, and it may fail again."""
    (id,) = owe(shop, ADA)
    shop.post()
    mail = shop.channel("email")
    reply = shop.service.operations.retry_message(shop.person("linus", "responder"), id)
    assert reply.body == {"id": id, "state": "owed"}
    shop.post()

    assert [letter.id for _, letter in mail.letters] == [id]
    assert states(shop) == {}
    with pytest.raises(Unknown, match=f"unknown message '{id}'"):
        shop.service.operations.retry_message(ADMIN, id)


def test_what_is_still_owed_is_not_tried_again_by_a_person(shop: Workshop) -> None:
    """It is under way; pressing twice must not send twice."""
    mail = shop.channel("email")
    mail.trouble = [NotSent("down")]
    (id,) = owe(shop, ADA)
    shop.post()

    with pytest.raises(Conflicting, match="still owed"):
        shop.service.operations.retry_message(ADMIN, id)


# --- trouble ----------------------------------------------------------------------------------------------------------


def test_outcomes_that_cannot_be_written_are_kept_and_written_later(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full after the message left: it is not sent again, and the log hears of it once it can."""
    mail = shop.channel("email")
    (id,) = owe(shop, ADA)
    room = shop.service.postroom
    room.turn()
    wait_for(lambda: not room.runners[0]._done.empty(), "it has left")
    with monkeypatch.context() as broken:

        def full(*_: Any, **__: Any) -> None:
            raise LedgerUnavailable("the disk is full")

        broken.setattr(shop.service.ledger, "append", full)
        for _ in range(3):
            with pytest.raises(LedgerUnavailable):
                room.turn()
    shop.post()

    assert len(mail.letters) == 1
    assert outcomes(shop) == [(id, "sent", "email", None)]


def test_a_message_that_can_not_be_marked_as_leaving_does_not_leave(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could tell afterwards whether it had."""
    mail = shop.channel("email")

    def full(*_: Any, **__: Any) -> list[bool]:
        raise LedgerUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(shop.service.ledger, "begin_sending", full)
        owe(shop, ADA)
        shop.post()
        assert mail.letters == []
    shop.clock.advance(10)
    shop.post()

    assert len(mail.letters) == 1


def test_a_fault_of_a_connector_is_no_end_of_the_runner(shop: Workshop) -> None:
    """Before it left: again later. After: nobody knows. The next message goes out either way."""
    mail = shop.channel("email")
    mail.trouble = [ZeroDivisionError(), None]
    (first,) = owe(shop, ADA)
    (second,) = owe(shop, "person:grace", topic="u")
    shop.post()
    assert [letter.id for _, letter in mail.letters] == [second]
    shop.clock.advance(10)
    shop.post()
    mail.trouble, mail.after_leaving = [ZeroDivisionError()], True
    (third,) = owe(shop, ADA, topic="v")
    shop.post()

    assert (first, "sent", "email", None) in outcomes(shop)
    assert states(shop) == {third: "unknown"}


# --- a restart --------------------------------------------------------------------------------------------------------


def again(shop: Workshop) -> Workshop:
    """Another process on the same ledger."""
    shop.service.postroom.stop()
    assert isinstance(shop.service.ledger, MemoryLedger)
    service = Service.open(Settings(), ledger=shop.service.ledger.beside(), clock=shop.clock)
    return Workshop(service, shop.clock)


def left_behind(shop: Workshop, id: str, phase: str, channel: str = "email") -> Claim:
    """What somebody who died has left in the table."""
    ledger = shop.service.ledger
    ledger.claim([Wanted(id, channel, "dead/1")], now=shop.clock.now(), until=shop.clock.now() + timedelta(minutes=1))
    if phase == "sending":
        ledger.begin_sending([(id, "dead/1")], until=shop.clock.now() + timedelta(minutes=2))
    return ledger.claims()[0]


def test_what_was_claimed_and_had_not_left_is_sent_after_a_restart_at_once(shop: Workshop) -> None:
    """Nothing had left, so there is nothing to fear and nothing to wait for."""
    (id,) = owe(shop, ADA)
    left_behind(shop, id, "claimed")
    next_one = again(shop)
    mail = next_one.channel("email")
    next_one.post()

    assert [letter.id for _, letter in mail.letters] == [id]
    next_one.service.stop()


def test_what_may_have_left_before_a_restart_is_not_sent_again_by_that_channel(shop: Workshop) -> None:
    """Told twice would be worse than told late; the next channel says what is not known."""
    (id,) = owe(shop, ADA, channels=["email", "slack"])
    left_behind(shop, id, "sending")
    next_one = again(shop)
    mail, slack = next_one.channel("email"), next_one.channel("slack")
    next_one.post()

    assert mail.letters == []
    assert "not known whether" in slack.letters[0][1].body
    assert outcomes(next_one)[0] == (id, "unknown", "email", "Andon ended while it was being sent")
    next_one.service.stop()


def test_a_claim_whose_outcome_is_in_the_log_already_is_only_cleared_away(shop: Workshop) -> None:
    """Killed between the outcome and the clearing: it must not count as unknown."""
    mail = shop.channel("email")
    (id,) = owe(shop, ADA)
    shop.post()
    left_behind(shop, id, "sending")
    next_one = again(shop)
    next_one.post()

    assert next_one.service.ledger.claims() == []
    assert outcomes(next_one) == [(id, "sent", "email", None)]
    assert len(mail.letters) == 1
    next_one.service.stop()


def test_pauses_go_on_after_a_restart(shop: Workshop) -> None:
    """A service that restarts all the time must not hammer a mail server that is down."""
    mail = shop.channel("email")
    mail.trouble = [NotSent("down", after=timedelta(minutes=5))]
    owe(shop, ADA)
    shop.post()
    next_one = again(shop)
    other = next_one.channel("email")
    next_one.post()
    assert other.letters == []
    next_one.clock.advance(301)
    next_one.post()

    assert len(other.letters) == 1
    next_one.service.stop()


def test_a_ledger_that_goes_on_from_a_backup_doubts_what_was_owed_then() -> None:
    """The lost ledger may have sent it since; by the next channel it says so, and alone it waits for a person."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from incidents.ledger.sqlite import SqliteLedger

    with TemporaryDirectory() as folder:
        ledger = SqliteLedger.create(Path(folder) / "andon.db")
        shop = workshop(ledger=ledger)
        owe(shop, ADA)
        owe(shop, TEAM, topic="other")
        ledger.claim([Wanted("M1", "slack", "dead/1")], now=shop.clock.now(), until=shop.clock.now())
        ledger.go_on_as_new(actor=SYSTEM, now=shop.clock.now())
        assert ledger.claims() == []
        slack, mail = shop.channel("slack"), shop.channel("email")
        shop.service.desk.follow()
        shop.post()

        assert slack.letters == []
        assert "not known whether" in mail.letters[0][1].body
        assert states(shop) == {"M2": "unknown"}
        shop.service.stop()


# --- drills -----------------------------------------------------------------------------------------------------------


def test_nothing_of_a_drill_leaves_by_any_channel(shop: Workshop) -> None:
    """Every real channel is there and knows everybody's address; a rehearsal still reaches nobody."""
    real = [shop.channel(name) for name in ("email", "slack", "webhook", "mlflow")]
    id = declare(
        shop, REVOKE, "call: {connector: mlflow, action: x}", kind="drill",
        more="roles: [comms]\nnotify:\n  - {to: slack:#x}\n  - {to: email:sec@acme.example}\n  - {to: role:comms}\n"
        "  - {to: webhook:https://status.example/h}\n  - {to: partner:acme}\n",
    )  # fmt: skip
    shop.post()

    assert [channel.letters for channel in real] == [[], [], [], []]
    rehearsed = [o for o in outcomes(shop) if o[1] == "rehearsed"]
    assert {channel for _, _, channel, _ in rehearsed} == {"email", "slack", "webhook", "mlflow"}
    assert "effect:message:settled" in kinds_of(shop, id)


def test_a_drills_office_cannot_find_a_real_address_whoever_asks(shop: Workshop) -> None:
    """It was handed nothing to find one in."""
    live, rehearsal = shop.service.postroom.runners
    assert live.office.book.find("email", ADA) == Address("email", "ada@example.com", ADA)

    for channel in ("email", "slack", "webhook"):
        found = rehearsal.office.book.find(channel, ADA)
        assert found is not None
        assert (found.channel, found.value) == ("nowhere", f"nowhere, for {ADA}")
    assert not any(isinstance(value, str) and "@" in value for value in vars(rehearsal.office.book).values())


def test_a_drills_letter_says_so_in_its_subject_first_and_last_line(shop: Workshop) -> None:
    """Whoever sees one on a screen must not run."""
    rehearsal = shop.service.postroom.runners[1].office
    letter = rehearsal.dressed(Letter("M1", "k", "sev1 acme revoked", "It is off.\n", "declared", "t", "sev1"))
    lines = letter.body.strip().splitlines()

    assert letter.subject.startswith("DRILL: ")
    assert lines[0].startswith("DRILL.")
    assert lines[-1].startswith("DRILL.")


def test_a_test_tells_nobody(shop: Workshop) -> None:
    """It is for trying a playbook out."""
    mail, slack = shop.channel("email"), shop.channel("slack")
    declare(shop, REVOKE, kind="test", more="notify:\n  - {to: slack:#x}\n  - {to: partner:acme}\n")
    shop.clock.advance(86_400)
    shop.post()

    assert mail.letters == slack.letters == []
    assert not [e for e in shop.service.ledger.read() if e.kind.startswith(("effect:", "notice:"))]


# --- in time ----------------------------------------------------------------------------------------------------------


def test_jitter_is_what_chance_is_passed_in() -> None:
    """Two runs with the same chance do the same, so a failure can be looked at again."""
    waits = []
    for _ in range(2):
        shop = workshop()
        mail = Pigeonhole("email")
        shop.service.postroom.add(mail)
        shop.service.postroom.runners[0]._chance = Random(7)
        mail.trouble = [NotSent("down")]
        owe(shop, ADA)
        shop.post()
        waits.append(shop.service.ledger.claims()[0].until)
        shop.service.stop()

    assert waits[0] == waits[1]

"""Reminders and escalation: told once for each reason, quiet once it is gone, alive after a restart, no burst."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents.clock import rfc3339
from incidents.escalation import SOURCES, Reminder
from incidents.ledger.memory import MemoryLedger
from incidents.service import Service
from incidents.settings import Settings
from incidents.testing import ADMIN, Pigeonhole, Workshop
from playbooks import rhythm
from tests.support.acting import change_catalog, declare, kinds_of

REVOKE = "revoke-partner: {partner: acme}"
ASKS = "roles: [comms]\nnotify:\n  - {to: role:comms, every: 30m, until: resolved, remind: status-update}\n"


@pytest.fixture
def mail(shop: Workshop) -> Pigeonhole:
    """Linus has the duty of comms; everybody has a mail address."""
    change_catalog(shop, lambda c: c["people"]["linus"].update(duties=["comms"]))
    return shop.channel("email")


def run(shop: Workshop, minutes: float, step: float = 1) -> None:
    """Let time pass, with a turn every ``step`` minutes."""
    for _ in range(int(minutes / step)):
        shop.clock.advance(step * 60)
        shop.post()


def told(mail: Pigeonhole, person: str, word: str = "") -> list[str]:
    """First lines of what a person got and that hold a word."""
    return [
        letter.body.splitlines()[0]
        for address, letter in mail.letters
        if address.value == f"{person}@example.com" and word in letter.body
    ]


def answered(shop: Workshop, id: str) -> None:
    shop.service.operations.acknowledge(shop.person("ada", "commander"), id)


# --- status updates ---------------------------------------------------------------------------------------------------


def test_comms_is_asked_for_an_update_as_often_as_the_playbook_says(shop: Workshop, mail: Pigeonhole) -> None:
    """After half an hour of silence, and after each half hour more, not once earlier."""
    answered(shop, declare(shop, REVOKE, more=ASKS))
    run(shop, 29)
    assert told(mail, "linus", "status update") == []
    run(shop, 2)
    assert told(mail, "linus", "status update") == [
        "INC-2026-0001 (sev2) waits for a status update; there was none yet"
    ]
    run(shop, 60)
    assert len(told(mail, "linus", "status update")) == 3


def test_an_update_is_followed_by_quiet(shop: Workshop, mail: Pigeonhole) -> None:
    """Whoever has just written is not asked to write."""
    id = declare(shop, REVOKE, more=ASKS)
    answered(shop, id)
    run(shop, 25)
    shop.service.operations.post_update(shop.person("linus", "responder"), id, "we look at the gateways")
    run(shop, 28)
    assert told(mail, "linus", "status update") == []
    run(shop, 3)
    assert told(mail, "linus", "status update") == [
        "INC-2026-0001 (sev2) waits for a status update; the last was at 2026-11-23T12:25Z"
    ]


def test_a_promised_update_is_asked_for_when_it_was_promised(shop: Workshop, mail: Pigeonhole) -> None:
    """People planned their day by it."""
    id = declare(shop, REVOKE, more=ASKS)
    answered(shop, id)
    at = rfc3339(shop.clock.now() + timedelta(hours=3))
    shop.service.operations.post_update(shop.person("linus", "responder"), id, "nothing new before then", at)
    run(shop, 178)
    assert told(mail, "linus", "status update") == []
    run(shop, 4)
    assert len(told(mail, "linus", "status update")) == 1


def test_asking_ends_with_the_moment_that_ends_it(shop: Workshop, mail: Pigeonhole) -> None:
    """Resolved is resolved; reopened, it begins again."""
    id = declare(shop, REVOKE, more=ASKS)
    ada = shop.person("ada", "commander")
    answered(shop, id)
    shop.clock.advance(20)
    shop.service.cycle()
    for status in ("mitigated", "resolved"):
        shop.service.operations.move(ada, id, status, reason="over")
    run(shop, 120, 10)
    assert told(mail, "linus", "status update") == []
    shop.service.operations.move(ada, id, "reopened", reason="it is back")
    run(shop, 120, 10)
    assert told(mail, "linus", "status update")


def test_a_playbook_that_asks_for_nothing_is_asked_by_severity(shop: Workshop, mail: Pigeonhole) -> None:
    """Sev2 hourly; raised to sev1, every half hour."""
    id = declare(shop, REVOKE)
    answered(shop, id)
    run(shop, 59)
    assert told(mail, "linus", "status update") == []
    run(shop, 2)
    assert len(told(mail, "linus", "status update")) == 1
    shop.service.operations.set_severity(ADMIN, id, "sev1", "more partners")
    run(shop, 31)
    assert len(told(mail, "linus", "status update")) == 2


def test_a_place_is_told_again_every_so_often(shop: Workshop) -> None:
    """Without ``remind`` the message itself is repeated, with how things stand by then."""
    slack = shop.channel("slack")
    more = "notify:\n  - {to: slack:#status, every: 4h, until: mitigated, template: status-update}\n"
    answered(shop, declare(shop, REVOKE, more=more))
    run(shop, 12 * 60 + 5, 5)

    assert [address.value for address, _ in slack.letters].count("#status") == 4


# --- nobody answers ---------------------------------------------------------------------------------------------------


def test_an_incident_that_nobody_answers_calls_the_deputy_then_leadership_another_way(shop: Workshop) -> None:
    """Commanders at once by chat, the deputy by mail, leadership last; each once."""
    slack, mail = shop.channel("slack"), shop.channel("email")
    vera = {"slack": "U0VERA", "email": "v@example.com", "roles": ["viewer"], "duties": ["leadership"]}
    change_catalog(shop, lambda c: c["people"]["linus"].update(duties=["deputy"]))
    change_catalog(shop, lambda c: c["people"].update(vera=vera))
    declare(shop, REVOKE)
    shop.service.operations.set_severity(ADMIN, "INC-2026-0001", "sev1", "bad")
    called: list[tuple[int, str, str]] = []
    for minute in range(21):
        before = len(slack.letters), len(mail.letters)
        shop.post()
        for channel, seen in ((slack, before[0]), (mail, before[1])):
            called += [
                (minute, channel.channel, address.value)
                for address, letter in channel.letters[seen:]
                if letter.template == "escalation"
            ]
        shop.clock.advance(60)

    assert called == [
        (0, "slack", "U01ADAADA"), (0, "slack", "U01GRACEG"),
        (5, "email", "linus@example.com"),
        (10, "slack", "U0VERA"),
    ]  # fmt: skip


@pytest.mark.parametrize("answer", ["acknowledge", "take command", "mitigate", "false alarm"])
def test_an_answer_ends_the_calling(shop: Workshop, mail: Pigeonhole, answer: str) -> None:
    """Whoever is on it must not be called, nor anybody above them."""
    id = declare(shop, REVOKE)
    ada, operations = shop.person("ada", "commander"), shop.service.operations
    run(shop, 1)
    match answer:
        case "acknowledge":
            operations.acknowledge(ada, id)
        case "take command":
            operations.role(ada, id, "commander", "take")
        case "mitigate":
            shop.clock.advance(20)
            shop.service.cycle()
            operations.move(ada, id, "mitigated")
        case _:
            operations.move(ada, id, "false-alarm", reason="a test key")
    run(shop, 60)

    assert len([1 for _, letter in mail.letters if letter.template == "escalation"]) == 2  # Ada and Grace, at once


def test_raising_the_severity_calls_again(shop: Workshop, mail: Pigeonhole) -> None:
    """What could wait as a sev3 can't as a sev1."""
    id = declare(shop, REVOKE)
    shop.service.operations.set_severity(shop.person("ada", "commander"), id, "sev3", "one key only")
    run(shop, 30)
    before = len([1 for _, letter in mail.letters if letter.template == "escalation"])
    shop.service.operations.set_severity(ADMIN, id, "sev1", "every partner")
    run(shop, 6)

    assert len([1 for _, letter in mail.letters if letter.template == "escalation"]) >= before + 3


# --- restarts and outages ---------------------------------------------------------------------------------------------


def restarted(shop: Workshop) -> tuple[Workshop, Pigeonhole]:
    shop.service.postroom.stop()
    assert isinstance(shop.service.ledger, MemoryLedger)
    service = Service.open(Settings(), ledger=shop.service.ledger.beside(), clock=shop.clock)
    again = Workshop(service, shop.clock)
    return again, again.channel("email")


def test_after_a_restart_what_was_told_is_not_told_again_and_the_next_comes_in_time(
    shop: Workshop, mail: Pigeonhole
) -> None:
    """Nothing is kept in a scheduler's memory."""
    answered(shop, declare(shop, REVOKE, more=ASKS))
    run(shop, 31)
    again, other = restarted(shop)
    again.post()
    run(again, 28)
    assert other.letters == []
    run(again, 3)

    assert len(told(other, "linus", "status update")) == 1
    again.service.stop()


def test_after_a_day_down_each_reader_gets_one_message_and_the_log_one_line(shop: Workshop, mail: Pigeonhole) -> None:
    """Three incidents, forty-eight missed updates each, escalations and tasks: one line, no burst."""
    for _ in range(3):
        declare(shop, REVOKE, more=ASKS + "steps:\n  - {title: Look, role: comms, within: 1h}\n")
    run(shop, 1)
    before = len(shop.service.ledger.read())
    shop.clock.advance(24 * 3600)
    again, other = restarted(shop)
    again.post()
    run(again, 25)

    per_reader: dict[str, int] = {}
    for address, _ in other.letters:
        per_reader[address.value] = per_reader.get(address.value, 0) + 1
    assert per_reader == {"linus@example.com": 1, "ada@example.com": 1, "grace@example.com": 1}
    (line,) = [e for e in again.service.ledger.read()[before:] if e.kind == "effect:outage:caught-up"]
    assert line.data["reminders"] == 12
    assert line.data["until"] == "2026-11-24T12:01:00.000Z"
    body = next(letter.body for address, letter in other.letters if address.value == "linus@example.com")
    assert body.count("waits for a status update") == 3
    assert "(since 23 h 31 min)" in body
    again.service.stop()


def test_what_was_late_by_more_than_a_turn_takes_is_told_in_few_messages(
    shop: Workshop, mail: Pigeonhole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many incidents are open: a reader who finds thirty mails after a night reads none of them."""
    monkeypatch.setattr("incidents.postroom.AT_ONCE", 2)
    for _ in range(12):
        answered(shop, declare(shop, REVOKE, more=ASKS))
    run(shop, 1)
    before = len(mail.letters)
    shop.clock.advance(24 * 3600)
    shop.post()

    bodies = [letter.body for address, letter in mail.letters[before:] if address.value == "linus@example.com"]
    assert len(bodies) == 1
    assert bodies[0].count("waits for a status update") == 12


def test_messages_whose_time_passed_while_nobody_ran_are_not_sent_late(shop: Workshop, mail: Pigeonhole) -> None:
    """They are dead letters, counted in the one line."""
    declare(shop, REVOKE, more="notify:\n  - {to: person:linus, at: declared}\n")
    shop.clock.advance(24 * 3600)
    shop.post()

    (line,) = [e for e in shop.service.ledger.read() if e.kind == "effect:outage:caught-up"]
    assert line.data["messages"] == 1
    assert [r["state"] for r in shop.service.operations.messages(ADMIN)["items"] if r["template"] == "declared"] == [
        "dead"
    ]
    assert [1 for _, letter in mail.letters if letter.template == "declared"] == []


def test_a_start_after_a_minute_tells_nothing_of_an_outage(shop: Workshop, mail: Pigeonhole) -> None:
    """An upgrade is none."""
    declare(shop, REVOKE, more=ASKS)
    shop.clock.advance(60)
    shop.post()

    assert "effect:outage:caught-up" not in {e.kind for e in shop.service.ledger.read()}


# --- tasks, approvals, and others' reminders --------------------------------------------------------------------------


def test_a_task_that_is_due_reminds_its_owner_once(shop: Workshop, mail: Pigeonhole) -> None:
    """Or its role while nobody has it; done, nobody."""
    steps = "".join(f"  - {{title: {title}, role: comms, within: 30m}}\n" for title in ("Call them", "Look"))
    id = declare(shop, REVOKE, more=f"roles: [comms]\nsteps:\n{steps}")
    answered(shop, id)
    shop.service.operations.change_task(ADMIN, id, 1, owner="grace")
    shop.service.operations.settle_task(ADMIN, id, 2, "done")
    run(shop, 90, 5)

    assert told(mail, "grace", "Task 1") == ["Task 1 of INC-2026-0001 is due: Call them"]
    assert told(mail, "linus", "Task") == []


def test_a_notice_that_waits_is_spoken_of_again_each_hour(shop: Workshop, mail: Pigeonhole) -> None:
    """Until somebody approves or refuses it."""
    id = declare(shop, REVOKE, more="roles: [commander]\nnotify:\n  - {to: partner:acme}\n")
    answered(shop, id)
    run(shop, 125, 5)
    assert len(told(mail, "ada", "still waits for approval")) == 2
    shop.service.operations.refuse_notice(shop.person("ada", "commander"), f"{id}-N1", "told by phone")
    run(shop, 125, 5)
    assert len(told(mail, "ada", "still waits for approval")) == 2


def test_another_part_adds_its_reminders_and_they_are_told_once_for_each_moment(
    shop: Workshop, mail: Pigeonhole
) -> None:
    """What a clock will do: key, moment, whom, words; moved, it is told for its new moment too."""
    due = [shop.clock.now() + timedelta(hours=1)]

    def clock(state: Any, incident: Any, pace: Any) -> list[Reminder]:
        return [Reminder("gdpr-art33/80%", due[0], "person:grace", "GDPR Art. 33: 12 h left")]

    SOURCES.append(clock)
    try:
        id = declare(shop, REVOKE)
        answered(shop, id)
        run(shop, 90, 5)
        assert told(mail, "grace", "GDPR") == ["GDPR Art. 33: 12 h left"]
        due[0] = shop.clock.now() + timedelta(hours=1)
        shop.service.operations.note(ADMIN, id, "the authority gave us a day more")
        run(shop, 90, 5)
        assert len(told(mail, "grace", "GDPR")) == 2
    finally:
        SOURCES.remove(clock)


def test_a_reminder_is_told_within_a_second_of_its_time(shop: Workshop, mail: Pigeonhole) -> None:
    """The tick is a second, and a turn looks at what is due by then."""
    answered(shop, declare(shop, REVOKE, more=ASKS))
    shop.clock.advance(1799)
    shop.post()
    assert told(mail, "linus", "status update") == []
    shop.clock.advance(1)
    shop.post()
    assert len(told(mail, "linus", "status update")) == 1


def test_a_message_says_in_the_log_of_what_it_reminds(shop: Workshop, mail: Pigeonhole) -> None:
    """Afterwards somebody asks who was told, and when."""
    id = declare(shop, REVOKE)
    shop.post()
    owed = [e.data for e in shop.service.ledger.incident(id) if e.kind == "effect:message:owed"]

    assert [(d["to"], d["reminds"]) for d in owed] == [
        (f"person:{person}", {"unanswered/0": "2026-11-23T12:00:00.000Z"}) for person in ("ada", "grace")
    ]
    assert kinds_of(shop, id).count("effect:message:settled") == 2


def test_reminders_of_several_incidents_leave_a_line_in_each(shop: Workshop, mail: Pigeonhole) -> None:
    """One message, but every timeline says that it was told."""
    ids = [declare(shop, REVOKE) for _ in range(2)]
    shop.post()

    told = [e for id in ids for e in shop.service.ledger.incident(id) if e.kind == "effect:reminder:told"]
    assert [e.data["messages"] for e in told] == [["M1", "M2"], ["M1", "M2"]]
    assert len(mail.letters) == 2


# --- the rhythm as data -----------------------------------------------------------------------------------------------


def test_a_companys_own_rhythm_is_taken_and_a_broken_one_is_named(tmp_path: Path) -> None:
    """A wrong file must not leave anybody uncalled: the shipped one stays in force."""
    (tmp_path / "notices").mkdir()
    own = tmp_path / "notices" / "rhythm.yaml"
    shipped, _ = rhythm.load()
    own.write_text("updates: {role: pr}\napprovals: {every: 2h}\nunanswered: [{role: duty}]\n")
    found, problems = rhythm.load(tmp_path)
    assert (found.updates.role, found.unanswered[0].role, problems) == ("pr", "duty", ())

    own.write_text("updates: {role: pr, evry: {}}\n")
    found, problems = rhythm.load(tmp_path)
    assert found == shipped
    assert "rhythm.yaml:1" in str(problems[0])
    own.write_text(
        "updates: {role: a}\napprovals: {every: 2h}\nunanswered: [{role: b, after: 2}, {role: c, after: 2}]\n"
    )
    assert "comes later than the one before" in str(rhythm.load(tmp_path)[1][0])


# --- command that nobody takes ----------------------------------------------------------------------------------------


def offered(shop: Workshop) -> str:
    """Ada has command and offers it to Grace."""
    id = declare(shop, REVOKE)
    shop.service.operations.role(shop.person("ada", "commander"), id, "commander", "take")
    shop.service.operations.role(shop.person("ada", "commander"), id, "commander", "assign", person="grace")
    shop.post()
    return id


def test_command_that_is_offered_and_not_accepted_is_called_out(shop: Workshop, mail: Pigeonhole) -> None:
    """Between two people who each believe that the other has it, nobody has it."""
    change_catalog(shop, lambda c: c["people"]["linus"].update(duties=["leadership"]))
    offered(shop)
    run(shop, 14)
    early = told(mail, "grace", "not accepted")
    run(shop, 60)

    waits = "Command of INC-2026-0001 (sev2) was offered to grace {} min ago and is not accepted; ada has it until then"
    assert early == []
    assert told(mail, "grace", "not accepted")[0] == waits.format(15)
    assert told(mail, "ada", "not accepted")[0] == waits.format(15)
    assert told(mail, "linus", "not accepted") == [waits.format(45)]


def test_command_that_is_accepted_is_called_out_no_more(shop: Workshop, mail: Pigeonhole) -> None:
    id = offered(shop)
    run(shop, 10)
    shop.service.operations.role(shop.person("grace", "commander"), id, "commander", "take")
    run(shop, 60)

    assert [told(mail, person, "not accepted") for person in ("ada", "grace")] == [[], []]

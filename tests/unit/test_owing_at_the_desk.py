"""What a change owes is in the same append; working it out changes no answer and keeps no kill from the log."""

from __future__ import annotations

from typing import Any

import pytest

from incidents.crew import Crew
from incidents.errors import LedgerUnavailable
from incidents.gate import Gate
from incidents.testing import ADMIN, Workshop
from tests.support.acting import declare, kinds_of, why
from tests.support.servers import wait_for

ABUSE = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}}
REVOKE = "revoke-partner: {partner: acme}"


def test_what_a_declaration_owes_is_recorded_with_it_or_not_at_all(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no moment at which somebody is cut off and nobody will be told."""
    appends: list[list[str]] = []
    append = shop.service.ledger.append

    def watched(drafts: Any, **more: Any) -> Any:
        appends.append([draft.fact.kind for draft in drafts])
        return append(drafts, **more)

    monkeypatch.setattr(shop.service.ledger, "append", watched)
    shop.service.operations.declare(ADMIN, ABUSE)

    first = appends[0]
    assert first[0] == "incident:life:declared"
    assert {"access:hold:placed", "effect:message:owed", "notice:draft:owed"} <= set(first)


def test_a_fault_in_what_follows_does_not_keep_a_kill_from_being_recorded(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told, which is bad and in the diagnosis log; the partner is off, which is what counts."""

    def broken(*_: Any) -> list[Any]:
        raise ZeroDivisionError

    monkeypatch.setattr("incidents.desk.consequences", broken)
    assert shop.service.operations.declare(ADMIN, ABUSE).status == 201
    assert why(shop, "acme", "orion-2:tool-use") == "partner-revoked"


def test_the_answer_is_about_what_was_asked_and_not_about_what_follows(shop: Workshop) -> None:
    """Revision and time of a validation are those of its hold, whatever messages stand behind it."""
    more = "roles: [commander]\nnotify:\n  - {to: partners:affected}\n"
    id = declare(shop, REVOKE, "{halt-model: {model: orion-2}, after: validated}", more=more)
    shop.post()
    body = shop.service.operations.validate(ADMIN, id, 2).body

    assert body["revision"] == shop.service.desk.snapshot.revision
    assert kinds_of(shop, id)[-1].startswith(("effect:", "notice:"))


def test_a_person_who_was_given_a_role_hears_of_it_and_so_does_who_had_it(shop: Workshop) -> None:
    """Nobody finds out from the timeline that they are in charge."""
    mail = shop.channel("email")
    id = declare(shop, REVOKE)
    operations, ada = shop.service.operations, shop.person("ada", "commander")
    operations.role(ada, id, "scribe", "assign", person="linus")
    operations.role(shop.person("grace", "commander"), id, "scribe", "take")
    shop.post()
    told = {a.value: letter.body.splitlines()[0] for a, letter in mail.letters if "scribe" in letter.body}

    assert told == {
        "linus@example.com": f"grace is scribe of {id} now, after you",  # the newer replaced what was not sent yet
    }


def test_a_severity_and_an_update_reach_the_places_that_the_playbook_tells(shop: Workshop) -> None:
    """And the newest of several updates alone, where none has left yet."""
    slack = shop.channel("slack")
    id = declare(shop, REVOKE, more="notify:\n  - {to: slack:#war-room}\n")
    operations, linus = shop.service.operations, shop.person("linus", "responder")
    operations.set_severity(linus, id, "sev1", "three more partners")
    for words in ("we look", "we found it"):
        operations.post_update(linus, id, words)
    shop.post()
    told = [letter for address, letter in slack.letters if address.value == "#war-room"]

    assert [letter.template for letter in told] == ["declared", "severity-changed", "status-update"]
    assert told[2].body.startswith("we found it")
    assert "sev2 before, sev1 now" in told[1].body


# --- the gate and the crew -------------------------------------------------------------------------------------------


def test_a_gate_writes_once_for_all_that_come_together_and_tells_each_its_own() -> None:
    """Ten letters that leave at once cost one commit; a lost claim stays behind, and only that one."""
    import threading

    written: list[int] = []
    entered, go = threading.Event(), threading.Event()

    def mark(claims: Any) -> list[bool]:
        written.append(len(claims))
        entered.set()
        go.wait(10)
        return [effect != "m3" for effect, _ in claims]

    gate, answers = Gate(mark), {}

    def leave(effect: str) -> None:
        answers[effect] = gate.passes(effect, "t")

    first = threading.Thread(target=leave, args=("m0",))
    first.start()
    assert entered.wait(10)
    others = [threading.Thread(target=leave, args=(f"m{n}",)) for n in range(1, 10)]
    for thread in others:
        thread.start()
    wait_for(lambda: len(gate._waiting) == 9, "nine wait at the gate")
    go.set()
    for thread in (first, *others):
        thread.join(10)

    assert written == [1, 9]
    assert answers == {f"m{n}": n != 3 for n in range(10)}


def test_a_gate_that_can_not_write_lets_nobody_leave() -> None:
    """Each of those that wait hears of it, and the next try begins anew."""

    def full(claims: Any) -> list[bool]:
        raise LedgerUnavailable("the disk is full")

    gate = Gate(full)
    for _ in range(2):
        with pytest.raises(LedgerUnavailable):
            gate.passes("m1", "t")


def test_a_crew_keeps_threads_for_what_is_urgent_and_uses_all_for_a_flood_of_it() -> None:
    """Hanging jobs of the rest take eight; two more are there for a kill."""
    import threading

    go, running, lock = threading.Event(), [0], threading.Lock()

    def work(job: int) -> None:
        with lock:
            running[0] += 1
        go.wait(10)

    crew: Crew[int] = Crew("test", work)
    for job in range(20):
        crew.put(job, urgent=False)
    wait_for(lambda: running[0] == 8, "eight of the rest run")
    for job in range(2):
        crew.put(job, urgent=True)
    wait_for(lambda: running[0] == 10, "two urgent ones run beside them")
    assert not crew.idle
    go.set()
    wait_for(lambda: crew.idle, "all are done")
    crew.stop(1)
    assert running[0] == 22

"""
Everything that goes wrong when several people work in haste, one after another against one service on one file.

Each gets an answer that names the thing, the value and the way out; the log is left with one truth, and nothing that
somebody typed is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app import create_app
from incidents.ledger.sqlite import SqliteLedger
from incidents.ledger.verify import verify
from incidents.testing import Workshop, workshop
from tests.support.acting import change_catalog, contain, declare, lived, settle_tasks, why
from tests.support.api import Caller, caller, problem

Json = dict[str, Any]


@dataclass
class House:
    """People at their own machines, and one incident that all of them have open."""

    shop: Workshop
    id: str

    def person(self, id: str, role: str = "commander") -> Caller:
        return caller(self.shop, create_app(service=self.shop.service).test_client(), role, id)

    def lines(self, kind: str) -> list[Any]:
        return [event for event in self.shop.service.ledger.incident(self.id) if event.kind == kind]

    def status(self) -> str:
        return str(self.person("grace").get(f"incidents/{self.id}").get_json()["status"])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    shop = workshop(ledger=SqliteLedger.create(tmp_path / "andon.db"))
    yield House(shop, lived(shop))
    assert verify(shop.service.ledger.read()).ok
    shop.service.stop()


def at_once(*acts: Callable[[], TestResponse]) -> list[TestResponse]:
    """The answers to requests that set off together, in the order of ``acts``."""
    start, answers = threading.Barrier(len(acts)), dict[int, TestResponse]()

    def run(number: int, act: Callable[[], TestResponse]) -> None:
        start.wait(10)
        answers[number] = act()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return [answers[number] for number in range(len(acts))]


def won_and_lost(answers: list[TestResponse], status: int = 409) -> tuple[Json, Json]:
    """One was taken and one refused; the bodies of both."""
    first, second = sorted(answers, key=lambda answer: answer.status_code)
    assert first.status_code == 200, first.get_data(as_text=True)
    return first.get_json(), problem(second, status)


def test_two_commanders_at_once_are_one(house: House) -> None:
    """The one who was a moment later reads who has it, since when, and what to do."""
    ada, grace, path = house.person("ada"), house.person("grace"), f"incidents/{house.id}/roles"
    took = {"role": "commander", "act": "take"}

    won, lost = won_and_lost(at_once(lambda: ada.post(path, took), lambda: grace.post(path, took)))

    assert f"{won['person']} has command of {house.id} since" in lost["detail"]
    assert "ask for it to be handed over, or take it over with a reason" in lost["detail"]
    assert [event.actor.person for event in house.lines("incident:role:taken")] == [won["person"]]


def test_two_editors_at_once_leave_one_version_and_both_texts(house: House) -> None:
    """The later one gets the other text with the refusal, and can save on top of it."""
    ada, grace, path = house.person("ada"), house.person("grace"), f"incidents/{house.id}/postmortem"

    def save(who: Caller, text: str, base: int = 0) -> TestResponse:
        return who.send("PUT", path, json={"document": text, "base": base})

    won, lost = won_and_lost(at_once(lambda: save(ada, "# By Ada\n"), lambda: save(grace, "# By Grace\n")))

    winner, loser = ("Ada", grace) if lost["newer"]["document"] == "# By Ada\n" else ("Grace", ada)
    assert won["version"] == 1
    assert f"version 1 was saved by {winner.lower()}" in lost["detail"]
    both = f"{lost['newer']['document']}\nand the other text\n"
    assert save(loser, both, base=lost["newer"]["version"]).get_json()["version"] == 2
    assert loser.get(path).get_json()["document"] == both


def test_note_at_the_moment_of_closing_is_kept_and_the_incident_is_closed(house: House) -> None:
    """Whichever of the two comes first: neither waits for the other, and neither undoes it."""
    house.id = lived(house.shop, "reviewed", separate=True)
    settle_tasks(house.shop, house.id, house.shop.person("ada", "commander"))
    ada, linus = house.person("ada"), house.person("linus", "responder")

    closed, noted = at_once(
        lambda: ada.post(f"incidents/{house.id}/status", {"status": "closed", "reason": "nothing is left to do"}),
        lambda: linus.post(f"incidents/{house.id}/notes", {"text": "one more thing"}),
    )

    assert (closed.status_code, noted.status_code) == (200, 201)
    assert house.status() == "closed"
    assert [event.text for event in house.lines("incident:note:added")][-1] == {"note": "one more thing"}


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("notes", {"text": "x" * 200_000}, 422, ["the note has 200000 characters", "at most 20000"]),
        ("notes", {"text": "x" * 2_000_000}, 413, ["the body has 2000012 bytes", "1048576 (1 MiB)"]),
        ("notes", {"text": "x", "at": "2030-01-01T00:00:00Z"}, 422, ["2030-01-01T00:00:00.000Z lies in the future"]),
        ("notes", {"text": "x", "at": "yesterday"}, 422, ["'yesterday' is not a time with its zone, like"]),
        ("facts", {"anchor": "awareness", "at": "2030-01-01T00:00:00Z"}, 422, ["lies in the future", "it is"]),
        ("status", {"status": "mitigatd"}, 422, ["unknown status 'mitigatd'. Did you mean 'mitigated'?"]),
        ("status", {"status": "contained"}, 422, ["contained is never typed", "every enforcement point confirmed"]),
        ("severity", {"severity": "sev0", "reason": "x"}, 422, ["unknown severity 'sev0'", "sev1, sev2, sev3, sev4"]),
        ("roles", {"role": "comander", "act": "take"}, 422, ["unknown role 'comander'. Did you mean 'commander'?"]),
        ("tasks/99", {"state": "done"}, 404, ["has no task 99; it has 1"]),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named_with_the_way_out_and_leaves_no_line(
    house: House, path: str, body: Json, status: int, words: list[str]
) -> None:
    """A person in haste reads one sentence and knows what to type instead."""
    before = house.shop.service.ledger.head()

    refused = problem(house.person("ada").post(f"incidents/{house.id}/{path}", body), status)

    for each in words:
        assert each in refused["detail"]
    assert house.shop.service.ledger.head() == before


def test_script_in_a_note_is_words_everywhere(house: House) -> None:
    """It comes back as it was typed where programs read it, and as text where a browser does."""
    ada, evil = house.person("ada"), "<script>alert(1)</script> [a](javascript:alert(2)) {{ 7 * 7 }}"
    assert ada.post(f"incidents/{house.id}/notes", {"text": evil}).status_code == 201

    assert evil in [row["text"] for row in ada.get(f"incidents/{house.id}/timeline").get_json()["items"]]
    for page in (f"/incidents/{house.id}", f"/api/v1/incidents/{house.id}/export?format=html"):
        shown = ada.get(page).get_data(as_text=True)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
        assert "<script>alert(1)" not in shown
        assert 'href="javascript:' not in shown
        assert "{{ 7 * 7 }}" in shown


def test_restore_that_two_people_approve_at_once_is_given_back_once(house: House) -> None:
    """One approval was asked for: the second one reads that it is done, by whom, and lifts nothing again."""
    change_catalog(house.shop, lambda c: c["people"]["linus"].update(roles=["commander"]))
    house.id = declare(house.shop, "switch-off: {capability: 'orion-2:tool-use'}")
    contain(house.shop)
    ada, grace, linus = map(house.person, ("ada", "grace", "linus"))
    asked = grace.post(f"incidents/{house.id}/restores", {"reason": "the cause is fixed"}).get_json()
    exact = {"plan_digest": asked["plan_digest"], "checks": asked["plan"]["checks"]}
    path = f"restores/{asked['id']}/approval"

    won, lost = won_and_lost(at_once(lambda: ada.post(path, exact), lambda: linus.post(path, exact)))

    assert won["state"] == "done"
    (approved,) = house.lines("restore:request:approved")
    assert f"{asked['id']} is done already, by {approved.actor.person}" in lost["detail"]
    assert len(house.lines("access:hold:lifted")) == 1
    assert len(house.lines("restore:approval:denied")) == 1
    assert why(house.shop, "globex", "orion-2:tool-use") == "granted"

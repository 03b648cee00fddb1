"""
Notices that clocks ask for: drafted with the facts once a duty to an authority runs, settled and withdrawn with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from incidents.decisions import Asker
from incidents.errors import Conflicting, Forbidden, Invalid
from incidents.testing import ADMIN, Workshop
from playbooks.regime_terms import Terms
from playbooks.register import Register
from tests.support.clocks import AUTHORITY, COP, GDPR, HIPAA, assessing, commander, decide, lines, say, state_of, tell
from tests.support.clocks import submit as file_by_hand

DAY = 86_400


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return commander(shop)


@pytest.fixture
def grace(shop: Workshop) -> Asker:
    return shop.person("grace", "commander")


def drafted(shop: Workshop, id: str) -> list[dict[str, Any]]:
    shop.post()
    return [n for n in shop.service.operations.notices(ADMIN, id)["notices"] if n["clock"]]


def approve(shop: Workshop, notice: str, *people: Asker) -> None:
    for person in people:
        digest = shop.service.operations.notice(person, notice)["digest"]
        shop.service.operations.approve_notice(person, notice, digest)


def test_a_running_duty_to_an_authority_has_its_notice_drafted_with_the_facts(shop: Workshop) -> None:
    """At three in the morning nobody starts from an empty page; what is missing says that it is, and why."""
    id = assessing(shop, GDPR)
    (notice,) = drafted(shop, id)

    assert (notice["clock"], notice["to"], notice["by_hand"]) == (f"{id}.{AUTHORITY}", "authority:gdpr-art33", True)
    assert (notice["approvals"], notice["state"]) == (2, "waits for approval")
    body = notice["body"]
    assert "To: Lead supervisory authority" in body
    assert "Due: 2026-11-26 12:00:00 UTC (Thu 26 Nov 2026 13:00:00 Europe/Brussels)" in body
    assert "7. When we became aware: 2026-11-23 12:00:00 UTC" in body
    assert "2. Categories and approximate number of people: unknown: no record of this incident holds it" in body


def test_only_authorities_and_only_duties_that_run_have_one(shop: Workshop) -> None:
    """Not the people concerned, not a report that waits for another one, not what nobody has said is owed."""
    id = assessing(shop, COP, "gdpr-art34", HIPAA)
    running = {n["clock"].partition(".")[2] for n in drafted(shop, id)}
    assert running == {f"{COP}.initial"}
    say(shop, id, "covered-entity", True)
    say(shop, id, "fewer-than-500-people", True)

    assert {n["clock"].partition(".")[2] for n in drafted(shop, id)} - running == {f"{HIPAA}.hhs-fewer-than-500"}


def test_whoever_may_approve_is_asked_once_for_all_that_were_drafted_together(shop: Workshop) -> None:
    """Five regimes at once are one message, not five, and none of them is left out of it."""
    id = assessing(shop, GDPR, COP, "in-cert-in")
    asked = [e for e in shop.service.ledger.incident(id) if e.data.get("template") == "approval-wanted"]

    assert sorted(e.data["to"] for e in asked) == ["person:ada", "person:grace"]
    assert all((e.text or {})["words"].count("waits for the approval of 2 people") == 3 for e in asked)


def test_an_incident_of_an_earlier_build_gets_its_notice_when_it_takes_the_entry_anew(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deadline stands as it was; only who reads it is new."""
    terms = Register.terms

    def without(register: Register, id: str) -> Terms:
        found = terms(register, id)
        return replace(found, deadlines=tuple(replace(d, authority=False) for d in found.deadlines))

    with monkeypatch.context() as patch:
        patch.setattr(Register, "terms", without)
        id = assessing(shop, GDPR)
        assert drafted(shop, id) == []
    shop.service.clockwork.consider(id)

    assert [n["clock"] for n in drafted(shop, id)] == [f"{id}.{AUTHORITY}"]


def test_a_deadline_that_moves_drafts_its_notice_anew_and_makes_no_second_one(shop: Workshop) -> None:
    """The text names the deadline: an old one in it would be a wrong word to an authority."""
    id = assessing(shop, GDPR)
    (before,) = drafted(shop, id)
    shop.clock.advance(3600)
    tell(shop, id, "awareness", "2026-11-23T09:00:00Z")
    (after,) = drafted(shop, id)

    assert after["id"] == before["id"]
    assert "Due: 2026-11-26 09:00:00 UTC" in after["body"]


def test_what_a_person_has_written_or_approved_is_left_as_it_is(shop: Workshop, ada: Asker) -> None:
    """A machine does not write over people; they hear of the move by itself."""
    id = assessing(shop, GDPR)
    (notice,) = drafted(shop, id)
    shop.service.operations.write_notice(ada, notice["id"], "Breach", "What we know so far")
    shop.clock.advance(3600)
    tell(shop, id, "awareness", "2026-11-23T09:00:00Z")

    assert drafted(shop, id)[0]["body"] == "What we know so far"


def test_the_receipt_of_a_filed_notice_settles_its_clock(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """One act, one append: a clock that runs on after its notice was filed would call people at night."""
    id = assessing(shop, GDPR)
    (notice,) = drafted(shop, id)
    with pytest.raises(Conflicting, match="approve it before"):
        shop.service.operations.receipt_notice(ada, notice["id"], "portal, 4711")
    approve(shop, notice["id"], ada, grace)
    shop.post()
    assert drafted(shop, id)[0]["state"] == "approved, to be filed by hand"
    assert state_of(shop, id, AUTHORITY) == "running", "approved is not filed"
    shop.clock.advance(7200)
    shop.service.operations.receipt_notice(ada, notice["id"], "portal, 4711", "2026-11-23T13:00:00Z")

    assert state_of(shop, id, AUTHORITY) == "submitted"
    assert shop.service.operations.clock(ADMIN, f"{id}.{AUTHORITY}")["receipt"] == "portal, 4711"
    assert lines(shop, id, "clocks:duty:submitted")[0]["at"] == "2026-11-23T13:00:00.000Z"
    assert drafted(shop, id)[0]["state"] == "filed by hand"


def test_a_receipt_past_the_last_moment_says_why(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """By this way too: an authority asks for the reasons."""
    id = assessing(shop, GDPR)
    (notice,) = drafted(shop, id)
    approve(shop, notice["id"], ada, grace)
    shop.clock.advance(4 * DAY)
    with pytest.raises(Invalid, match="say why it is late"):
        shop.service.operations.receipt_notice(ada, notice["id"], "portal, 4711")
    shop.service.operations.receipt_notice(ada, notice["id"], "portal, 4711", late_because="the portal was down")

    assert state_of(shop, id, AUTHORITY) == "submitted"


def test_a_submission_is_the_receipt_of_the_approved_notice(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """Whoever records it at the clock has not to record it again at the notice."""
    id = assessing(shop, GDPR)
    (notice,) = drafted(shop, id)
    approve(shop, notice["id"], ada, grace)
    file_by_hand(shop, id, AUTHORITY)

    found = drafted(shop, id)[0]
    assert (found["state"], found["receipt"]) == ("filed by hand", "receipt 1")


def test_a_submission_without_the_notice_withdraws_it(shop: Workshop) -> None:
    """A call at night counts; the draft that nobody needed must not wait for ever."""
    id = assessing(shop, GDPR)
    drafted(shop, id)
    file_by_hand(shop, id, AUTHORITY)

    assert drafted(shop, id)[0]["state"] == "refused"


@pytest.mark.parametrize("approved", [False, True])
def test_what_is_decided_not_to_be_reported_is_not_filed(
    shop: Workshop, ada: Asker, grace: Asker, approved: bool
) -> None:
    """An approved text that lies about would be filed by the next shift. Reopened, a new one is drafted."""
    id = assessing(shop, GDPR)
    (notice,) = drafted(shop, id)
    if approved:
        approve(shop, notice["id"], ada, grace)
    decide(shop, id, AUTHORITY)
    assert [n["state"] for n in drafted(shop, id)] == ["refused"]
    with pytest.raises(Conflicting):
        shop.service.operations.receipt_notice(ada, notice["id"], "filed")
    decide(shop, id, AUTHORITY, "open")

    assert [n["state"] for n in drafted(shop, id)] == ["refused", "waits for approval"]


def test_a_duty_that_falls_away_and_comes_back_takes_its_notice_along(shop: Workshop) -> None:
    """An answer that was given too fast is put right."""
    id = assessing(shop, HIPAA)
    say(shop, id, "covered-entity", True)
    say(shop, id, "fewer-than-500-people", True)
    assert [n["state"] for n in drafted(shop, id)] == ["waits for approval"]
    say(shop, id, "fewer-than-500-people", False)
    assert next(n["state"] for n in drafted(shop, id)) == "refused"
    say(shop, id, "fewer-than-500-people", True)

    mine = [n["state"] for n in drafted(shop, id) if n["clock"].endswith("hhs-fewer-than-500")]
    assert mine == ["refused", "waits for approval"]


def test_what_a_person_refused_is_not_drafted_again_by_a_move(shop: Workshop, ada: Asker) -> None:
    """No is no, until somebody reopens the duty."""
    id = assessing(shop, GDPR)
    (notice,) = drafted(shop, id)
    shop.service.operations.refuse_notice(ada, notice["id"], "counsel writes it")
    shop.clock.advance(3600)
    tell(shop, id, "awareness", "2026-11-23T09:00:00Z")

    assert [n["state"] for n in drafted(shop, id)] == ["refused"]


def test_a_drills_notice_says_so_and_reaches_nobody(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """Found on a printer, it must not be taken for real."""
    channels = [shop.channel(name) for name in ("email", "slack", "webhook")]
    id = assessing(shop, GDPR, kind="drill")
    (notice,) = drafted(shop, id)
    approve(shop, notice["id"], ada, grace)
    shop.post()

    found = drafted(shop, id)[0]
    assert found["subject"].startswith("DRILL, NOT REAL")
    assert found["body"].startswith("DRILL, NOT REAL. Never to be filed.")
    assert [letter for channel in channels for letter in channel.letters] == []


def test_a_notice_that_waits_is_spoken_of_by_its_clock_alone(shop: Workshop) -> None:
    """A month's deadline must not call for its approval each hour."""
    mail = shop.channel("email")
    assessing(shop, GDPR)
    for _ in range(6):
        shop.clock.advance(3600)
        shop.post()

    assert [letter for _, letter in mail.letters if "still waits for approval" in letter.body] == []


def test_the_filing_pack_holds_the_approved_text_and_none_that_still_waits(
    shop: Workshop, ada: Asker, grace: Asker
) -> None:
    """What is printed is what is filed: a text that nobody approved must not lie there looking like one."""
    id = assessing(shop, GDPR)
    (notice,) = drafted(shop, id)
    pack = shop.service.operations.pack(ADMIN, f"{id}.{AUTHORITY}")
    assert f"`{notice['id']}`: waits for approval." in pack["markdown"]
    assert pack["notice"]["body"] is None
    approve(shop, notice["id"], ada, grace)
    pack = shop.service.operations.pack(ADMIN, f"{id}.{AUTHORITY}")

    assert pack["notice"]["body"] == notice["body"]
    assert f"approved by ada, grace; text `{notice['digest']}`" in pack["markdown"]
    assert "> To: Lead supervisory authority" in pack["markdown"]


# --- asked for by a person --------------------------------------------------------------------------------------------


def test_a_person_may_have_it_drafted_before_anybody_knows_whether_it_is_owed(shop: Workshop) -> None:
    """Counsel decides on a text, not on a question; the clock itself stays what it was."""
    id = assessing(shop, HIPAA)
    clock = f"{id}.{HIPAA}.hhs-500-or-more"
    assert drafted(shop, id) == []
    shop.service.operations.draft_notice(shop.person("linus", "responder"), clock)

    (notice,) = drafted(shop, id)
    assert (notice["clock"], notice["state"]) == (clock, "waits for approval")
    assert state_of(shop, id, f"{HIPAA}.hhs-500-or-more") == "under-assessment"
    say(shop, id, "covered-entity", True)
    say(shop, id, "fewer-than-500-people", False)
    assert [n["id"] for n in drafted(shop, id) if n["clock"] == clock] == [notice["id"]], "it has its notice already"


def test_what_was_refused_is_drafted_again_when_somebody_asks_and_nothing_else_is(shop: Workshop, ada: Asker) -> None:
    """Each refusal says why, and names what stands there instead."""
    id = assessing(shop, GDPR, "gdpr-art34")
    (notice,) = drafted(shop, id)
    clock, ask = f"{id}.{AUTHORITY}", shop.service.operations.draft_notice
    with pytest.raises(Conflicting, match=f"has the notice {notice['id']} already"):
        ask(ada, clock)
    shop.service.operations.refuse_notice(ada, notice["id"], "the numbers are wrong")
    assert ask(ada, clock).body["id"] == f"{id}-N2"
    with pytest.raises(Conflicting, match="goes to no authority"):
        ask(ada, f"{id}.gdpr-art34.tell-people")
    file_by_hand(shop, id, AUTHORITY)
    with pytest.raises(Conflicting, match="nothing to file"):
        ask(ada, clock)
    with pytest.raises(Forbidden):
        ask(ADMIN, clock)

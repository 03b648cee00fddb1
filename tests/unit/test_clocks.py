"""
What an incident's clocks are, from its facts: taken up, started, moved, chained, asked for, settled.

The workshop's clock stands at Monday 2026-11-23 12:00 UTC.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.decisions.clockfacts import AnchorFact
from incidents.docket import Duty
from incidents.errors import Conflicting, Forbidden, Invalid, Unknown
from incidents.state import State
from incidents.state_copy import dump_state, load_state
from incidents.testing import ADMIN, Workshop
from tests.support.acting import lived, settle_tasks
from tests.support.clocks import (
    AUTHORITY,
    COP,
    DORA,
    GDPR,
    HIPAA,
    SEC,
    assessing,
    at,
    commander,
    decide,
    due,
    duty,
    incident,
    lines,
    say,
    state_of,
    submit,
    tell,
    told,
)

INITIAL = f"{COP}.initial"


# --- taking up ---


def test_declaring_takes_up_what_the_playbook_names(shop: Workshop) -> None:
    """Whoever pulls the cord has no time to think of regulators; the clocks are there all the same."""
    reply = shop.service.operations.declare(
        commander(shop), {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}}
    )
    id = reply.body["id"]

    assert state_of(shop, id, AUTHORITY) == "running"
    assert due(shop, id, AUTHORITY) == at("2026-11-26T12:00:00Z")
    assert duty(shop, id, "contract-partner-notice.first-notice").internal


def test_a_kill_is_answered_when_its_clocks_can_not_be_computed(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cord has to work whatever the arithmetic of deadlines does; the next tick makes up for it."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault in the arithmetic")

    body = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}}
    with monkeypatch.context() as patch:
        patch.setattr("incidents.decisions.moves.reckon", broken)
        reply = shop.service.operations.declare(commander(shop), body)

    assert reply.status == 201
    assert incident(shop, reply.body["id"]).docket.duties == {}
    shop.service.every_second()
    assert state_of(shop, reply.body["id"], AUTHORITY) == "running"


def test_an_incident_of_a_process_that_died_gets_its_clocks_from_the_tick(shop: Workshop) -> None:
    """Between the kill and its clocks a machine may fail; nothing that is owed is kept in memory."""
    from tests.support.acting import declare

    id = declare(shop, "halt-model: {model: orion-2}", more="clocks: [gdpr-art33]\n")
    assert incident(shop, id).docket.duties == {}
    shop.clock.advance(3600)
    shop.service.every_second()

    assert due(shop, id, AUTHORITY) == at("2026-11-26T12:00:00Z"), "counted from the declaration, not from the tick"


def test_taking_up_again_changes_nothing(shop: Workshop) -> None:
    """Every start looks at every open incident; the log must not grow by it."""
    id = assessing(shop, GDPR, COP)
    head = shop.service.ledger.head().seq
    shop.service.clockwork.consider(id)
    shop.service.every_second()

    assert shop.service.ledger.head().seq == head


def test_what_is_no_obligation_is_left_out_with_the_reason(shop: Workshop) -> None:
    """A bill in a playbook must not become a deadline, and its absence must not look like an oversight."""
    id = assessing(shop, "us-circia", "us-ny-raise", GDPR)
    found = shop.service.operations.incident_clocks(ADMIN, id)

    assert {row["regime"] for row in found["clocks"]} == {GDPR}
    assert {row["regime"]: row["because"] for row in found["left_out"]} == {
        "us-circia": "is a proposal, not law, so it is no obligation",
        "us-ny-raise": "applies from 2027-01-01, not yet",
    }
    with pytest.raises(Invalid, match="us-circia can't be taken up: is a proposal, not law"):
        shop.service.operations.take_regime(commander(shop), id, "us-circia")


def test_a_person_can_take_up_a_regime_that_nobody_thought_of(shop: Workshop) -> None:
    """Playbooks don't know every case."""
    id = assessing(shop, GDPR)
    shop.service.operations.take_regime(commander(shop), id, "in-cert-in")

    assert due(shop, id, "in-cert-in.report") == at("2026-11-23T18:00:00Z")
    with pytest.raises(Conflicting, match="assesses in-cert-in already"):
        shop.service.operations.take_regime(commander(shop), id, "in-cert-in")
    with pytest.raises(Unknown, match="Did you mean 'in-cert-in'"):
        shop.service.operations.take_regime(commander(shop), id, "in-cert")


# --- anchors ---


def test_declaring_proposes_awareness_and_fixes_nothing(shop: Workshop) -> None:
    """The declaration is the latest moment of awareness, not the moment of it."""
    id = assessing(shop, GDPR)
    awareness = incident(shop, id).docket.anchors["awareness"]

    assert [c.proposed for c in awareness.candidates] == [True]
    assert awareness.chosen is None
    tell(shop, id, "awareness", "2026-11-23T09:00:00Z", evidence="mail of their desk")
    assert due(shop, id, AUTHORITY) == at("2026-11-26T09:00:00Z")


def test_the_earliest_candidate_counts_until_a_person_chooses(shop: Workshop) -> None:
    """The mailbox time is the strict one as long as nobody has said why it isn't."""
    id = assessing(shop, GDPR)
    tell(shop, id, "awareness", "2026-11-21T23:10:00Z", evidence="unread mail")
    tell(shop, id, "awareness", "2026-11-23T09:00:00Z", evidence="somebody read it")
    assert due(shop, id, AUTHORITY) == at("2026-11-24T23:10:00Z")

    tell(shop, id, "awareness", "2026-11-23T09:00:00Z", choose=True, evidence="nobody could have read it at night")
    assert due(shop, id, AUTHORITY) == at("2026-11-26T09:00:00Z")
    shown = shop.service.operations.incident_clocks(ADMIN, id)["facts"]["anchors"][0]
    assert (shown["anchor"], shown["chosen"], shown["contested"]) == ("awareness", True, True)


def test_the_same_time_is_not_recorded_twice(shop: Workshop) -> None:
    """Two people tell the same; the list stays readable."""
    id = assessing(shop, GDPR)
    tell(shop, id, "awareness", "2026-11-23T09:00:00Z")
    answer = tell(shop, id, "awareness", "2026-11-23T09:00:00Z")

    assert answer["already"] is True
    assert len(incident(shop, id).docket.anchors["awareness"].candidates) == 2


def test_a_time_that_was_a_mistake_can_be_withdrawn(shop: Workshop) -> None:
    """A wrong year must not drive the deadline for good, and must stay readable."""
    id = assessing(shop, GDPR)
    tell(shop, id, "awareness", "2025-11-23T09:00:00Z", evidence="log")
    assert state_of(shop, id, AUTHORITY) == "late"
    tell(shop, id, "awareness", "2025-11-23T09:00:00Z", withdraw=True, evidence="wrong year")

    assert state_of(shop, id, AUTHORITY) == "running"
    assert due(shop, id, AUTHORITY) == at("2026-11-26T12:00:00Z")
    with pytest.raises(Unknown, match="has no awareness at 2025-11-23"):
        tell(shop, id, "awareness", "2025-11-23T09:00:00Z", withdraw=True, evidence="again")


@pytest.mark.parametrize(
    ("anchor", "when", "more", "said"),
    [
        ("awarness", "2026-11-23T09:00:00Z", {}, "unknown anchor 'awarness'. Did you mean 'awareness'?"),
        ("awareness", "2026-11-24T09:00:00Z", {}, "lies in the future; it is 2026-11-23T12:00:00"),
        ("awareness", "1926-11-23T09:00:00Z", {}, "is 100 years away: is that meant?"),
        ("awareness", "2026-11-23T09:00:00Z", {"zone": "Europe/Bruxelles"}, "unknown time zone 'Europe/Bruxelles'."),
        ("awareness", "2026-11-23T09:00:00Z", {"evidence": "x" * 2001}, "the evidence has 2001 characters"),
        ("awareness", "2026-11-23T09:00:00Z", {"choose": True}, "say why this time counts"),
        ("awareness", "2026-11-23T12:00:00Z", {"withdraw": True}, "say why it was a mistake"),
    ],
)
def test_a_fact_that_can_not_be_right_is_refused(
    shop: Workshop, anchor: str, when: str, more: dict[str, object], said: str
) -> None:
    """A slip of the pen here moves a legal deadline."""
    id = assessing(shop, GDPR)
    with pytest.raises(Invalid) as refused:
        tell(shop, id, anchor, when, **more)

    assert said in str(refused.value)


def test_choosing_and_withdrawing_take_the_right_to_command(shop: Workshop) -> None:
    """Whatever can make a deadline later is not for everybody; telling a time is."""
    id = assessing(shop, GDPR, COP)
    linus = shop.person("linus", "responder")
    tell(shop, id, "awareness", "2026-11-23T09:00:00Z", by=linus)
    say(shop, id, "death", True, by=linus)

    with pytest.raises(Forbidden, match="choosing the time that counts needs the role 'commander'"):
        tell(shop, id, "awareness", "2026-11-23T12:00:00Z", by=linus, choose=True, evidence="x")
    with pytest.raises(Forbidden, match="withdrawing a recorded time"):
        tell(shop, id, "awareness", "2026-11-23T09:00:00Z", by=linus, withdraw=True, evidence="x")
    with pytest.raises(Forbidden, match="saying that 'critical-infrastructure' does not hold"):
        say(shop, id, "critical-infrastructure", False, by=linus)


def test_a_corrected_moment_of_the_incident_moves_what_runs_from_it(shop: Workshop) -> None:
    """The declaration happened at another time than was written first; its proposal goes along."""
    id = assessing(shop, GDPR)
    seq = incident(shop, id).seq
    shop.service.operations.correct(commander(shop), id, seq, at="2026-11-23T10:00:00Z", reason="clock was wrong")
    shop.service.every_second()

    assert due(shop, id, AUTHORITY) == at("2026-11-26T10:00:00Z")


# --- conditions, earliest of ---


def test_a_death_makes_fifteen_days_ten_and_says_so_loudly(shop: Workshop) -> None:
    """A deadline that moves earlier is the one that is missed."""
    id = assessing(shop, COP)
    assert due(shop, id, INITIAL) == at("2026-12-08T22:59:59Z"), "the 15th day ends in Brussels"
    answer = say(shop, id, "death", True)

    assert due(shop, id, INITIAL) == at("2026-12-03T22:59:59Z")
    assert answer["shout"] == [
        f"{id}.{INITIAL} is due EARLIER: 2026-12-03T22:59:59.000Z instead of 2026-12-08T22:59:59.000Z"
    ]
    assert answer["clocks"][0]["moved_earlier"] is True
    row = next(r for r in shop.service.operations.timeline(ADMIN, id) if "EARLIER" in r.text)
    assert (row.tone, row.key) == ("stop", True)


def test_unanswered_questions_are_shown_with_the_date_that_hangs_on_them(shop: Workshop) -> None:
    """The commander sees what a "yes" would mean before it is too late to ask."""
    id = assessing(shop, COP)
    found = duty(shop, id, INITIAL)

    assert list(found.sooner) == sorted(["critical-infrastructure", "death", "serious-cybersecurity-breach"])
    assert found.sooner["critical-infrastructure"] == at("2026-11-25T22:59:59Z")
    say(shop, id, "critical-infrastructure", False)
    assert "critical-infrastructure" not in duty(shop, id, INITIAL).sooner


def test_a_duty_that_hangs_on_an_answer_is_under_assessment_and_falls_away_with_a_no(shop: Workshop) -> None:
    """HIPAA binds covered entities; a lab without health data must not be told that it is late."""
    id = assessing(shop, HIPAA)
    assert state_of(shop, id, "us-hipaa.individuals") == "under-assessment"
    say(shop, id, "covered-entity", False)

    assert state_of(shop, id, "us-hipaa.individuals") == "not-applicable"
    assert state_of(shop, id, "us-hipaa.media") == "not-applicable", "it follows the notice to people"
    assert state_of(shop, id, "us-hipaa.to-covered-entity") == "under-assessment"


def test_a_no_can_be_taken_back(shop: Workshop) -> None:
    """People were wrong; the duty is owed from its old anchor, not from the moment of the new answer."""
    id = assessing(shop, HIPAA)
    say(shop, id, "covered-entity", False)
    shop.clock.advance(5 * 86_400)
    say(shop, id, "covered-entity", True)

    assert state_of(shop, id, "us-hipaa.individuals") == "running"
    assert due(shop, id, "us-hipaa.individuals") == at("2027-01-23T04:59:59Z")  # 60 days end in New York


def test_a_question_that_nobody_asks_is_refused_with_the_nearest(shop: Workshop) -> None:
    """A misspelt condition would be an answer that counts for nothing."""
    id = assessing(shop, COP)

    with pytest.raises(Unknown, match=r"is not asked 'deaths'\. Did you mean 'death'"):
        say(shop, id, "deaths", True)


def test_doras_initial_notice_counts_four_hours_or_a_day_whichever_is_first(shop: Workshop) -> None:
    """Article 5(1)(a): before it is classified only the day from awareness is in sight, and only assumed."""
    id = assessing(shop, DORA)
    initial = duty(shop, id, f"{DORA}.initial")
    assert (state_of(shop, id, f"{DORA}.initial"), initial.projected) == ("not-started", True)
    assert initial.due == at("2026-11-24T12:00:00Z")

    tell(shop, id, "awareness", "2026-11-22T14:00:00Z")
    tell(shop, id, "classification", "2026-11-23T11:00:00Z")
    assert due(shop, id, f"{DORA}.initial") == at("2026-11-23T14:00:00Z"), "24 h from awareness come first"


def test_classified_after_the_day_only_the_four_hours_count(shop: Workshop) -> None:
    """Article 5(2): a late classification does not make the notice late at birth."""
    id = assessing(shop, DORA)
    tell(shop, id, "awareness", "2026-11-21T10:00:00Z")
    tell(shop, id, "classification", "2026-11-23T11:00:00Z")

    assert due(shop, id, f"{DORA}.initial") == at("2026-11-23T15:00:00Z")
    assert state_of(shop, id, f"{DORA}.initial") == "running"


def test_the_earlier_of_belief_and_determination_governs_in_new_york(shop: Workshop) -> None:
    """RAISE: 72 h from either."""
    shop.clock.advance(50 * 86_400)  # 2027-01-12, the law applies
    id = assessing(shop, "us-ny-raise")
    tell(shop, id, "determination", "2027-01-12T11:00:00Z")

    assert due(shop, id, "us-ny-raise.report") == at("2027-01-15T11:00:00Z")


# --- chains, rows, rounds ---


def test_a_chained_deadline_is_projected_until_the_report_before_it_is_sent(shop: Workshop) -> None:
    """DORA's 72 h run from the submission; assuming the limit is a plan, not a deadline."""
    id = assessing(shop, DORA)
    tell(shop, id, "classification", "2026-11-23T12:00:00Z")
    intermediate, final = f"{DORA}.intermediate", f"{DORA}.final"
    assert (state_of(shop, id, intermediate), duty(shop, id, intermediate).projected) == ("not-started", True)
    assert due(shop, id, intermediate) == at("2026-11-26T16:00:00Z")
    assert duty(shop, id, final).projected

    shop.clock.advance(3600)
    submit(shop, id, f"{DORA}.initial")
    assert (state_of(shop, id, intermediate), due(shop, id, intermediate)) == ("running", at("2026-11-26T13:00:00Z"))


def test_nis2_counts_its_month_from_the_notification_not_from_the_warning(shop: Workshop) -> None:
    """Article 23(4)(d), and months end in the calendar of Brussels."""
    id = assessing(shop, "eu-nis2-art23")
    submit(shop, id, "eu-nis2-art23.early-warning")
    assert duty(shop, id, "eu-nis2-art23.final").projected
    shop.clock.advance(86_400)
    submit(shop, id, "eu-nis2-art23.notification")

    assert due(shop, id, "eu-nis2-art23.final") == at("2026-12-24T22:59:59Z")


def test_reports_repeat_every_four_weeks_until_it_is_resolved(shop: Workshop) -> None:
    """Measure 9.3: each from the one before it; the row ends with the incident."""
    id = assessing(shop, COP)
    submit(shop, id, INITIAL)
    assert due(shop, id, f"{COP}.intermediate") == at("2026-12-21T22:59:59Z")
    shop.clock.advance(20 * 86_400)
    submit(shop, id, f"{COP}.intermediate")
    assert due(shop, id, f"{COP}.intermediate.2") == at("2027-01-10T22:59:59Z")

    tell(shop, id, "resolved", "2026-12-12T12:00:00Z")
    assert state_of(shop, id, f"{COP}.intermediate.2") == "not-applicable"
    assert due(shop, id, f"{COP}.final") == at("2027-02-10T22:59:59Z"), "60 days from resolution"


def test_resolving_the_incident_is_the_anchor_and_reopening_takes_it_back(shop: Workshop) -> None:
    """Nobody has to type the moment that the log has already."""
    id = assessing(shop, COP)
    operations, ada = shop.service.operations, commander(shop)
    shop.clock.advance(20)
    shop.service.cycle()
    operations.move(ada, id, "mitigated", reason="stopped")
    operations.move(ada, id, "resolved", reason="fixed")
    shop.service.every_second()
    assert state_of(shop, id, f"{COP}.final") == "running"

    operations.move(ada, id, "reopened", reason="it is back")
    shop.service.every_second()
    assert state_of(shop, id, f"{COP}.final") == "not-started"


def test_each_new_fact_starts_an_amendment_of_its_own(shop: Workshop) -> None:
    """8-K: four business days for every piece of information that was missing."""
    id = assessing(shop, SEC)
    tell(shop, id, "determination", "2026-11-20T15:00:00Z")
    tell(shop, id, "new-information", "2026-11-23T10:00:00Z")
    tell(shop, id, "new-information", "2026-11-23T11:00:00Z")
    amendment = f"{SEC}.amendment"

    assert due(shop, id, f"{SEC}.form-8k") == at("2026-11-27T22:30:00Z"), "17:30 in New York; Thanksgiving skipped"
    assert due(shop, id, amendment) == due(shop, id, f"{amendment}.2") == at("2026-11-30T22:30:00Z")
    submit(shop, id, amendment)
    assert state_of(shop, id, f"{amendment}.2") == "running"
    with pytest.raises(Invalid, match="every recorded 'new-information' counts for itself"):
        tell(shop, id, "new-information", "2026-11-23T11:00:00Z", choose=True, evidence="x")


def test_an_undated_duty_shows_a_target_of_ours_and_says_that_it_is_ours(shop: Workshop) -> None:
    """ "Without undue delay" must not look like a number of the law."""
    id = assessing(shop, "gdpr-art34")
    say(shop, id, "high-risk-to-people", True)
    row = shop.service.operations.clocks(ADMIN)["items"][0]

    assert (row["internal"], row["undated"], row["state"]) == (True, "without undue delay", "running")


def test_an_orders_own_deadline_is_a_clock(shop: Workshop) -> None:
    """A court names a date; it may lie ahead."""
    id = assessing(shop, "legal-order")
    tell(shop, id, "order-served", "2026-11-23T09:00:00Z")
    tell(shop, id, "order-due", "2026-11-30T16:00:00Z", evidence="order 7 O 12/26")

    assert (state_of(shop, id, "legal-order.comply"), due(shop, id, "legal-order.comply")) == (
        "running", at("2026-11-30T16:00:00Z"),
    )  # fmt: skip


# --- what becomes of a duty ---


def test_a_submission_takes_a_person_also_straight_on_the_ledger(shop: Workshop) -> None:
    """A regulator asks who filed it; "the machine" is no answer."""
    id = assessing(shop, GDPR)
    operations, clock = shop.service.operations, f"{id}.{AUTHORITY}"
    machine = shop.credential(shop.secret("robot", "commander")).asker("api")
    for asker in (ADMIN, machine, shop.person("linus", "responder")):
        with pytest.raises(Forbidden):
            operations.submit_clock(asker, clock, "receipt")
        with pytest.raises(Forbidden):
            operations.decide_clock(asker, clock, "not-reportable", "reason")

    assert state_of(shop, id, AUTHORITY) == "running"


def test_a_submission_in_time_ends_the_clock(shop: Workshop) -> None:
    """The receipt is kept; nothing alarms any more."""
    id = assessing(shop, GDPR)
    shop.clock.advance(3600)
    submit(shop, id, AUTHORITY, at="2026-11-23T12:30:00Z")
    shop.clock.advance(10 * 86_400)
    shop.service.every_second()
    found = shop.service.operations.clock(ADMIN, f"{id}.{AUTHORITY}")

    assert (found["state"], found["late"], found["receipt"]) == ("submitted", False, "receipt 1")
    assert found["submitted_at"] == "2026-11-23T12:30:00.000Z"
    assert lines(shop, id, "clocks:duty:missed") == []
    with pytest.raises(Conflicting, match="was submitted by ada already"):
        submit(shop, id, AUTHORITY)


def test_a_late_submission_needs_its_reasons(shop: Workshop) -> None:
    """GDPR Article 33(1): after 72 h it comes with the reasons for the delay."""
    id = assessing(shop, GDPR)
    shop.clock.advance(4 * 86_400)
    with pytest.raises(Invalid, match="say why it is late") as refused:
        submit(shop, id, AUTHORITY)
    assert refused.value.code == "late-without-reason"

    submit(shop, id, AUTHORITY, late_because="the extent was not known")
    found = shop.service.operations.clock(ADMIN, f"{id}.{AUTHORITY}")
    assert (found["state"], found["late"], found["late_because"]) == ("submitted", True, "the extent was not known")
    assert any("Submitted, LATE" in words for words in told(shop, id))


def test_a_submission_between_strict_and_latest_is_late_for_us_and_needs_no_reason(shop: Workshop) -> None:
    """DORA's noon rule: Saturday has passed, Monday noon has not."""
    id = assessing(shop, DORA)
    shop.clock.advance(2 * 86_400)  # Wednesday
    tell(shop, id, "classification", "2026-11-25T12:00:00Z")
    submit(shop, id, f"{DORA}.initial", late_because="24 h from awareness had passed")
    intermediate = duty(shop, id, f"{DORA}.intermediate")
    assert (intermediate.due, intermediate.latest) == (at("2026-11-28T12:00:00Z"), at("2026-11-30T11:00:00Z"))

    shop.clock.advance(4 * 86_400)  # Sunday
    submit(shop, id, f"{DORA}.intermediate")
    assert duty(shop, id, f"{DORA}.intermediate").late


def test_what_was_decided_not_reportable_stays_with_its_reason(shop: Workshop) -> None:
    """Regulators ask for these first."""
    id = assessing(shop, GDPR)
    decide(shop, id, AUTHORITY)
    shop.clock.advance(10 * 86_400)
    shop.service.every_second()
    found = shop.service.operations.clock(ADMIN, f"{id}.{AUTHORITY}")

    assert (found["state"], found["decided_by"], found["decision_reason"]) == (
        "not-reportable",
        "ada",
        "as counsel says",
    )
    assert lines(shop, id, "clocks:duty:missed") == []


def test_a_whole_regime_is_decided_at_once_and_what_follows_falls_away(shop: Workshop) -> None:
    """Nobody decides five times that a regime does not apply."""
    id = assessing(shop, COP)
    decide(shop, id, COP)
    states = {d.name: d.state(shop.clock.now()) for d in incident(shop, id).docket.duties.values()}

    assert states == dict.fromkeys(("initial", "intermediate", "final"), "not-reportable")
    with pytest.raises(Conflicting, match="not-reportable already"):
        decide(shop, id, COP)


def test_what_follows_a_report_that_is_not_owed_is_not_owed(shop: Workshop) -> None:
    """No final report without an initial one; and it comes back when the decision is taken back."""
    id = assessing(shop, COP)
    decide(shop, id, INITIAL)
    assert state_of(shop, id, f"{COP}.final") == "not-applicable"
    decide(shop, id, INITIAL, "open")

    assert state_of(shop, id, INITIAL) == "running"
    assert state_of(shop, id, f"{COP}.final") == "not-started"


def test_a_stay_silences_until_it_ends(shop: Workshop) -> None:
    """The Attorney General's delay: the moment stays on show, and the clock is late the second the stay is over."""
    id = assessing(shop, GDPR)
    decide(shop, id, AUTHORITY, "stayed", until="2026-12-01T00:00:00Z")
    shop.clock.advance(5 * 86_400)  # past the deadline, within the stay
    shop.service.every_second()
    assert state_of(shop, id, AUTHORITY) == "stayed"
    assert lines(shop, id, "clocks:duty:missed") == []

    shop.clock.advance(4 * 86_400)
    shop.service.every_second()
    assert state_of(shop, id, AUTHORITY) == "late"
    assert [m["due"] for m in lines(shop, id, "clocks:duty:missed")] == ["2026-11-26T12:00:00.000Z"]


@pytest.mark.parametrize(
    ("decision", "more", "said"),
    [
        ("ignored", {}, "unknown decision 'ignored'"),
        ("not-reportable", {"until": "2026-12-01T00:00:00Z"}, "only a stay ends by itself"),
        ("stayed", {"until": "2026-11-01T00:00:00Z"}, "is past; it is"),
        ("stayed", {"until": "tomorrow"}, "is not a time with its zone"),
    ],
)
def test_a_decision_that_means_nothing_is_refused(
    shop: Workshop, decision: str, more: dict[str, str], said: str
) -> None:
    """Only three things can be decided, and each says what it takes."""
    id = assessing(shop, GDPR)

    with pytest.raises(Invalid, match=said):
        decide(shop, id, AUTHORITY, decision, **more)


def test_an_unknown_clock_is_answered_with_the_nearest(shop: Workshop) -> None:
    """Ids are long; people leave a letter out."""
    id = assessing(shop, GDPR)

    with pytest.raises(Unknown, match=f"Did you mean '{id}.{AUTHORITY}'"):
        submit(shop, id, "gdpr-art33.notify-authorit")
    with pytest.raises(Unknown, match="is a whole regime; name one of"):
        submit(shop, id, GDPR)


# --- ends, merges, drills ---


def test_a_false_alarm_owes_nothing_and_reopened_it_owes_again(shop: Workshop) -> None:
    """Nobody is told wrongly; and nobody is told late because a commander was wrong for an hour."""
    id = assessing(shop, GDPR)
    operations, ada = shop.service.operations, commander(shop)
    operations.move(ada, id, "false-alarm", reason="their own test")
    shop.service.every_second()
    assert operations.clock(ADMIN, f"{id}.{AUTHORITY}")["fell_away"] == "the incident was a false alarm"

    shop.clock.advance(3600)
    operations.move(ada, id, "reopened", reason="it was none")
    shop.service.every_second()
    assert (state_of(shop, id, AUTHORITY), due(shop, id, AUTHORITY)) == ("running", at("2026-11-26T12:00:00Z"))


def test_merged_into_another_its_duties_go_on_there_from_the_earliest_time(shop: Workshop) -> None:
    """Like incidents may be told of together only if the first one's clock is kept."""
    first = assessing(shop, GDPR)
    shop.clock.advance(7200)
    second = assessing(shop, "in-cert-in")
    shop.service.operations.move(commander(shop), first, "merged", reason="the same", into=second)
    shop.service.every_second()

    assert due(shop, second, AUTHORITY) == at("2026-11-26T12:00:00Z")
    assert due(shop, second, "in-cert-in.report") == at("2026-11-23T18:00:00Z"), "discovered with the first"
    assert shop.service.operations.clock(ADMIN, f"{first}.{AUTHORITY}")["state"] == "not-applicable"


def test_clocks_of_a_drill_run_and_are_marked(shop: Workshop) -> None:
    """The rehearsal rehearses deadlines too; nobody may mistake one for real."""
    id = assessing(shop, GDPR, kind="drill")
    row = shop.service.operations.clocks(ADMIN)["items"][0]
    assert (row["clock"], row["simulated"], row["kind"]) == (f"{id}.{AUTHORITY}", True, "drill")

    shop.clock.advance(4 * 86_400)
    shop.service.every_second()
    assert lines(shop, id, "clocks:duty:missed")[0]["simulated"] is True


def test_a_closed_incident_stays_in_reach_while_a_report_is_owed(shop: Workshop) -> None:
    """The final report is due weeks after everybody has gone home."""
    id = assessing(shop, COP)
    with shop.service.desk.read(id) as state:
        state.incidents[id].stage = "closed"
        from incidents.state import is_over

        assert not is_over(state, state.incidents[id])
        state.incidents[id].docket.duties.clear()
    assert incident(shop, id).docket.open is False


# --- the log ---


def test_the_history_says_what_moved_when_why_and_by_which_rules(shop: Workshop) -> None:
    """Whoever asks later why a deadline was missed must find how it stood at each hour."""
    id = assessing(shop, COP)
    shop.clock.advance(60)
    say(shop, id, "death", True)
    first, second = duty(shop, id, INITIAL).history

    assert (first.was, first.due, first.because) == (None, at("2026-12-08T22:59:59Z"), "playbook p")
    assert (second.was, second.due, second.because) == (first.due, at("2026-12-03T22:59:59Z"), "death: yes")
    assert second.rules.startswith("1; holidays ")


def test_folding_the_log_again_gives_the_same_clocks(shop: Workshop) -> None:
    """The state is nothing but the log, and its kept copy is the state."""
    id = assessing(shop, COP, DORA, SEC)
    tell(shop, id, "classification", "2026-11-23T11:00:00Z")
    say(shop, id, "death", True)
    submit(shop, id, INITIAL)
    decide(shop, id, SEC)
    shop.clock.advance(5 * 86_400)
    shop.service.every_second()
    with shop.service.desk.read(id) as state:
        before = state.incidents[id].docket
        kept: State = load_state(dump_state(state))
    from incidents.state import fold

    again = State()
    for event in shop.service.ledger.read(after=0):
        fold(again, event)

    assert again.incidents[id].docket == before
    assert kept.incidents[id].docket == before
    assert kept.terms == again.terms


def test_an_incident_that_left_memory_comes_back_with_its_clocks(shop: Workshop) -> None:
    """What is over is read from the log when somebody opens it."""
    id = assessing(shop, GDPR, kind="test")
    shop.service.operations.move(commander(shop), id, "false-alarm", reason="over")
    shop.service.every_second()
    shop.service.desk.let_go()
    with shop.service.desk.read() as state:
        over = id in state.over
    shown = shop.service.operations.incident(ADMIN, id)["clocks"]

    assert [row["clock"] for row in shown] == [f"{id}.{AUTHORITY}"]
    assert over


def test_equal_terms_are_kept_once(shop: Workshop) -> None:
    """A thousand incidents under one regime must not hold it a thousand times."""
    for _ in range(3):
        assessing(shop, GDPR)
    with shop.service.desk.read() as state:
        assert len(state.terms) == 1


def test_a_corrected_entry_of_the_register_moves_open_clocks_and_says_so(shop: Workshop) -> None:
    """Counsel finds that the contract says 24 h; the next start applies it to what runs, loudly."""
    id = assessing(shop, GDPR)
    register = shop.service.register
    entry = register.entry(GDPR)
    form = entry.regime.model_dump(mode="json", by_alias=True, exclude_none=True)
    form["version"] = 2
    form["deadlines"][0]["limits"][0]["after"] = "24 hours"
    from dataclasses import replace

    changed = type(entry.regime).model_validate(form)
    register._entries[GDPR] = replace(entry, regime=changed, terms=changed.terms())
    shop.service.clockwork.consider(id)

    assert due(shop, id, AUTHORITY) == at("2026-11-24T12:00:00Z")
    assert incident(shop, id).docket.taken[GDPR].version == 2
    assert any("EARLIER" in words for words in told(shop, id))


def test_a_moment_with_microseconds_is_settled_in_one_write(shop: Workshop) -> None:
    """The log keeps milliseconds; a finer clock must not look like a fact that changed, again and again."""
    shop.clock.advance(0.0001234)
    id = assessing(shop, GDPR)
    head = shop.service.ledger.head().seq
    shop.service.clockwork.consider(id)

    assert shop.service.ledger.head().seq == head
    assert len(duty(shop, id, AUTHORITY).history) == 1


def test_every_state_has_a_duty_that_shows_it() -> None:
    """The list of states is closed, and each can be reached."""
    now = at("2026-11-23T12:00:00Z")
    later, before = now + timedelta(hours=1), now - timedelta(hours=1)
    seen = {
        Duty("i.r.n", "r", "n", due=later).state(now),
        Duty("i.r.n", "r", "n", due=before).state(now),
        Duty("i.r.n", "r", "n", due=later, asks=["c"]).state(now),
        Duty("i.r.n", "r", "n", due=later, projected=True).state(now),
        Duty("i.r.n", "r", "n", due=before, stayed_seq=1).state(now),
        Duty("i.r.n", "r", "n", submitted_seq=1).state(now),
        Duty("i.r.n", "r", "n", decided_seq=1).state(now),
        Duty("i.r.n", "r", "n", gone="withdrawn").state(now),
    }
    from incidents.docket import STATES

    assert seen == set(STATES)


def test_a_fact_is_for_responders(shop: Workshop) -> None:
    """A viewer may look at clocks, not set them."""
    id = assessing(shop, GDPR)
    viewer = shop.person("ada", "viewer")

    with pytest.raises(Forbidden):
        shop.service.operations.tell_fact(viewer, id, AnchorFact(anchor="awareness", at=shop.clock.now()))


# --- closing ---


def reviewed(shop: Workshop) -> str:
    """An incident of which nothing is left to do but its clocks."""
    id = lived(shop, "reviewed")
    settle_tasks(shop, id, commander(shop))
    for regime in (GDPR, COP):
        shop.service.operations.take_regime(commander(shop), id, regime)
    return id


def test_what_is_owed_to_others_keeps_an_incident_from_being_closed_by_the_way(shop: Workshop) -> None:
    """Closed means that nobody looks any more; a running deadline would be found when its authority writes."""
    id = reviewed(shop)
    with pytest.raises(Conflicting, match=f"{AUTHORITY}.*clocks-go-on") as caught:
        shop.service.operations.move(commander(shop), id, "closed", reason="over")
    assert caught.value.code == "clocks-open"
    shop.service.operations.move(commander(shop), id, "closed", reason="over", clocks_go_on=True)

    (line,) = lines(shop, id, "incident:life:closed")
    assert f"{id}.{AUTHORITY}" in line["clocks"]
    assert any("these clocks go on" in row.text for row in shop.service.operations.timeline(ADMIN, id))
    shop.clock.advance(4 * 86_400)
    shop.service.every_second()
    assert state_of(shop, id, AUTHORITY) == "late"
    assert lines(shop, id, "clocks:duty:missed"), "it alarms as before"


def test_settled_clocks_and_those_that_only_may_come_keep_nothing_open(shop: Workshop) -> None:
    """What has been filed or decided is done; a final report that waits for another one is not running."""
    id = reviewed(shop)
    for one in list(incident(shop, id).docket.duties.values()):
        if one.state(shop.clock.now()) in ("running", "late", "under-assessment"):
            decide(shop, id, one.id.partition(".")[2])
    shop.service.operations.move(commander(shop), id, "closed", reason="over")

    assert "clocks" not in lines(shop, id, "incident:life:closed")[0]

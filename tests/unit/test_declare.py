"""Declaring: one write, joined where it is the same again, refused with the nearest match where it is wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from incidents.clock import rfc3339
from incidents.decisions import incident
from incidents.errors import Conflicting, Forbidden, Invalid, LedgerUnavailable, Unavailable, Unknown
from incidents.ledger import AnswerKey
from incidents.testing import ADMIN, Workshop
from tests.support.acting import change_catalog, declare, kinds_of, playbook, restored, why

ABUSE = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}}
TOOLS = "orion-2:tool-use"


def body(**more: Any) -> dict[str, Any]:
    return ABUSE | more


def test_a_declaration_is_one_write_that_switches_off_and_owes(shop: Workshop) -> None:
    """The switch can't be thrown without its line, and the line can't be there without the switch."""
    head = shop.service.ledger.head().seq
    reply = shop.service.operations.declare(shop.person("linus", "responder"), body(summary="leaked key"))

    # Clocks come in a write of their own, which may fail without taking the switch with it.
    written = [kind for kind in kinds_of(shop, "INC-2026-0001") if not kind.startswith("clocks:")]
    made = [e for e in shop.service.ledger.read(after=head) if e.incident and not e.kind.startswith("clocks:")]
    assert len({e.recorded_at for e in made}) == 1
    assert [e.kind for e in made] == written
    assert written[0] == "incident:life:declared"
    duties = next(e for e in made if e.kind == "incident:duties:owed")
    assert written[-1].startswith(("effect:", "notice:"))
    assert (reply.status, reply.body["id"], reply.body["kind"], reply.body["severity"]) == (
        201, "INC-2026-0001", "real", "sev2",
    )  # fmt: skip
    assert reply.body["revision"] == shop.service.desk.snapshot.revision
    assert why(shop, "acme", TOOLS) == "partner-revoked"
    assert duties.data["clocks"] == ["contract-partner-notice", "gdpr-art33"]


def test_without_points_it_is_contained_at_once_nought_of_nought(shop: Workshop) -> None:
    """Nobody holds a copy, so nobody has to be waited for."""
    reply = shop.service.operations.declare(ADMIN, body())
    assert {k: reply.body["containment"][k] for k in ("state", "confirmed", "total")} == {
        "state": "contained", "confirmed": 0, "total": 0,
    }  # fmt: skip


def test_a_declaration_whose_actions_all_wait_is_not_contained(shop: Workshop) -> None:
    """Nothing is off before a person gives the word, also where no point would have to be waited for."""
    request = incident.Declare(
        playbook=playbook("{revoke-partner: {partner: acme}, after: validated}"), digest="0" * 64, parameters={}
    )
    operations = shop.service.operations
    outcome = shop.service.desk.submit(
        lambda state, now: incident.declare(state, request, ADMIN, now),
        actor=ADMIN.actor,
        answer=operations._declared,
    )
    assert outcome.answer is not None
    assert json.loads(outcome.answer.json)["containment"]["state"] == "pending"
    assert operations.containment(ADMIN, outcome.decided.subject)["state"] == "pending"


def test_outside_actions_are_counted_apart_from_the_first_answer_on(shop: Workshop) -> None:
    """ "Contained" must never hide that a registry still has the old alias."""
    request = incident.Declare(
        playbook=playbook("revoke-partner: {partner: acme}", "call: {connector: mlflow, action: roll-back-alias}"),
        digest="0" * 64,
        parameters={},
    )
    operations = shop.service.operations
    outcome = shop.service.desk.submit(
        lambda state, now: incident.declare(state, request, ADMIN, now),
        actor=ADMIN.actor,
        answer=operations._declared,
    )
    assert outcome.answer is not None
    assert '"outside":{"done":0,"total":1}' in outcome.answer.json
    assert operations.containment(ADMIN, outcome.decided.subject)["outside"] == {"done": 0, "total": 1}


# --- the same again ---------------------------------------------------------------------------------------------------


def test_the_same_again_by_another_person_joins_and_names_the_first(shop: Workshop) -> None:
    """Two people who see the same thing at once must end up in one incident."""
    operations = shop.service.operations
    operations.declare(shop.person("linus", "responder"), body())
    again = operations.declare(shop.person("grace", "commander"), body(summary="I see it too"))

    assert (again.status, again.body["id"], again.body["joined"], again.body["first_by"]) == (
        200, "INC-2026-0001", True, "Linus Berg",
    )  # fmt: skip
    assert kinds_of(shop, "INC-2026-0001")[-1] == "incident:life:joined"
    said = operations.timeline(ADMIN, "INC-2026-0001")[-1].text
    assert said == "Declared again by Grace Lim; joined: I see it too", "what the second one typed is not lost"


def test_the_same_again_by_the_same_person_writes_nothing(shop: Workshop) -> None:
    """A nervous second press is no news."""
    linus = shop.person("linus", "responder")
    shop.service.operations.declare(linus, body())
    before = shop.service.ledger.head().seq
    assert shop.service.operations.declare(linus, body()).body["joined"] is True
    assert shop.service.ledger.head().seq == before


@pytest.mark.parametrize(
    "other",
    [{"separate": True}, {"kind": "drill"}, {"kind": "test"}, {"parameters": {"partner": "globex"}},
     {"playbook": "break-glass"}],
)  # fmt: skip
def test_what_is_not_the_same_is_an_incident_of_its_own(shop: Workshop, other: dict[str, Any]) -> None:
    """Joining what only looks alike would leave something on."""
    shop.service.operations.declare(ADMIN, body(severity="sev3"))  # beside a worse one nobody rehearses
    reply = shop.service.operations.declare(ADMIN, body(**other))
    assert (reply.status, reply.body["joined"]) == (201, False)


def test_after_a_hold_was_lifted_the_same_again_is_a_new_incident(shop: Workshop) -> None:
    """The first one no longer does what the second asks for."""
    first = shop.service.operations.declare(ADMIN, body(parameters={"partner": "acme", "capability": TOOLS}))
    restored(shop, first.body["id"], 2)
    again = shop.service.operations.declare(ADMIN, body(parameters={"partner": "acme", "capability": TOOLS}))
    assert (again.status, again.body["id"]) == (201, "INC-2026-0002")


def test_two_tests_never_join_since_they_hold_nothing(shop: Workshop) -> None:
    """A test is made to be repeated."""
    ids = [shop.service.operations.declare(ADMIN, body(kind="test")).body["id"] for _ in range(2)]
    assert ids == ["TEST-2026-0001", "TEST-2026-0002"]


# --- kinds ------------------------------------------------------------------------------------------------------------


def test_a_test_places_no_hold_and_moves_no_revision(shop: Workshop) -> None:
    """Trying the tool out must be possible on a Monday morning."""
    before = shop.service.desk.snapshot
    id = declare(
        shop, "revoke-partner: {partner: acme}", "{halt-model: {model: orion-2}, after: validated}", kind="test"
    )
    shop.service.operations.validate(ADMIN, id, 2)
    assert shop.service.desk.snapshot == before
    with shop.service.desk.read() as state:
        assert {a.state for a in state.incidents[id].actions.values()} == {"skipped"}


def test_a_drill_changes_the_shadow_table_alone(shop: Workshop) -> None:
    """Same events, stream and acknowledgement, and no partner notices."""
    before = shop.service.desk.snapshot
    declare(shop, "roll-back-stage: {model: orion-2}", "roll-back-stage: {model: orion-2}", kind="drill")
    now = shop.service.desk.snapshot
    assert now.live == before.live
    assert now.shadow == {"model:orion-2": {"stage": "internal"}}
    assert now.revision > before.revision
    assert why(shop, "acme", TOOLS) == "granted"
    assert why(shop, "acme", TOOLS, table="shadow") == "stage"


def test_each_kind_counts_its_own_numbers_and_each_year_anew(shop: Workshop) -> None:
    """Ids are said on the phone; a drill's must not be mistaken for a real one's."""
    kinds = ("real", "drill", "test", "real")
    assert [declare(shop, "revoke-partner: {partner: acme}", kind=k) for k in kinds] == [
        "INC-2026-0001", "DRILL-2026-0001", "TEST-2026-0001", "INC-2026-0002",
    ]  # fmt: skip
    shop.clock.advance(timedelta(days=60).total_seconds())
    assert declare(shop, "revoke-partner: {partner: acme}") == "INC-2027-0001"


# --- actions that wait ------------------------------------------------------------------------------------------------


def test_an_action_that_waits_is_applied_by_a_person_s_word_once(shop: Workshop) -> None:
    """What is drastic waits for somebody who has looked; the word counts once."""
    id = declare(shop, "revoke-partner: {partner: acme}", "{halt-model: {model: orion-2}, after: validated}")
    assert why(shop, "globex", TOOLS) == "granted"

    reply = shop.service.operations.validate(shop.person("linus", "responder"), id, 2)
    assert why(shop, "globex", TOOLS) == "model-halted"
    assert reply.body == {"incident": id, "action": 2, "revision": shop.service.desk.snapshot.revision}
    with pytest.raises(Conflicting, match=f"action 2 of {id} is applied, it does not wait"):
        shop.service.operations.validate(ADMIN, id, 2)
    with pytest.raises(Unknown, match="has no action 7; it has 1, 2"):
        shop.service.operations.validate(ADMIN, id, 7)


def test_an_action_that_waits_is_not_carried_out_once_the_incident_is_over(shop: Workshop) -> None:
    """A hold of something that is over, or was a drill, would be looked after by nobody."""
    id = declare(shop, "revoke-partner: {partner: acme}", "{halt-model: {model: orion-2}, after: validated}")
    ada = shop.person("ada", "commander")
    shop.clock.advance(60)
    shop.service.cycle()
    shop.service.operations.move(ada, id, "false-alarm", reason="a test key")

    with pytest.raises(Conflicting, match="reopen it first, or kill it directly"):
        shop.service.operations.validate(ada, id, 2)
    assert why(shop, "globex", "orion-2:tool-use") == "granted"


def test_a_waiting_roll_back_counts_from_the_stage_in_force_when_the_word_is_given(shop: Workshop) -> None:
    """Between the declaration and the word another incident may have moved the model."""
    id = declare(shop, "revoke-partner: {partner: acme}", "{roll-back-stage: {model: vega-1}, after: validated}")
    declare(shop, "roll-back-stage: {model: vega-1}")
    shop.service.operations.validate(ADMIN, id, 2)
    assert shop.service.desk.snapshot.live["model:vega-1"] == {"stage": "red-team"}


@pytest.mark.parametrize("action", ["roll-back-stage", "freeze-promotion"])
def test_a_waiting_action_on_a_model_that_has_left_the_catalog_is_refused_in_words(shop: Workshop, action: str) -> None:
    """There is no stage to count from; a crash would leave the commander guessing."""
    id = declare(shop, "revoke-partner: {partner: acme}", f"{{{action}: {{model: vega-1}}, after: validated}}")

    def without_vega(catalog: dict[str, Any]) -> None:
        del catalog["models"]["vega-1"], catalog["capabilities"]["fine-tuning"]
        catalog["grants"] = [g for g in catalog["grants"] if g["model"] != "vega-1"]
        for capability in catalog["capabilities"].values():
            capability["models"] = [m for m in capability["models"] if m != "vega-1"]

    change_catalog(shop, without_vega)
    with pytest.raises(Conflicting, match="vega-1 has left the catalog"):
        shop.service.operations.validate(ADMIN, id, 2)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "where", "words"),
    [
        ({"playbook": "partner-credential-abus"}, "playbook", "Did you mean 'partner-credential-abuse'?"),
        ({"parameters": {"partner": "acm"}}, "parameters.partner", "unknown partner 'acm'. Did you mean 'acme'?"),
        ({"parameters": {"partnr": "acme"}}, "parameters.partnr", "Did you mean 'partner'?"),
        ({"parameters": {}}, "parameters.partner", "'partner' is missing"),
        ({"parameters": {"partner": "acme", "model": "orion"}}, "parameters.model", "Did you mean 'orion-2'?"),
        ({"parameters": {"partner": "acme", "capability": "orion-2:tool-us"}}, "parameters.capability", TOOLS),
        ({"parameters": {"partner": "../../x"}}, "parameters.partner", "letters, digits"),
        ({"severity": "sev9"}, "severity", "sev1, sev2, sev3, sev4"),
        ({"kind": "rehearsal"}, "kind", "real, drill or test"),
        ({"title": "x" * 201}, "title", "title has 201 characters; at most 200"),
        ({"summary": "x" * 20_001}, "summary", "at most 20000"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field_and_the_way_out(
    shop: Workshop, wrong: dict[str, Any], where: str, words: str
) -> None:
    """At 3 a.m. the message has to say what to type."""
    before = shop.service.ledger.head()
    with pytest.raises(Invalid) as caught:
        shop.service.operations.declare(ADMIN, body(**wrong))
    assert where in [error.where for error in caught.value.errors]
    assert words in " ".join(error.message for error in caught.value.errors)
    assert shop.service.ledger.head() == before


@pytest.mark.parametrize(("title", "summary"), [("x" * 200, "x" * 20_000), ("{{7*7}}<script>", "\u0000")])
def test_the_longest_and_the_strangest_words_are_taken_as_they_are(shop: Workshop, title: str, summary: str) -> None:
    """Limits are inclusive, and words are words: whoever shows them makes them inert."""
    reply = shop.service.operations.declare(ADMIN, body(title=title, summary=summary))
    assert reply.body["title"] == title
    assert shop.service.operations.incident(ADMIN, reply.body["id"])["summary"] == summary


def test_a_viewer_cannot_declare_and_is_told_who_can(shop: Workshop) -> None:
    """The message names the role to ask for."""
    with pytest.raises(Forbidden, match="needs the role 'responder' or above"):
        shop.service.operations.declare(shop.person("linus", "viewer"), body())


@pytest.mark.parametrize(
    ("what", "name", "reason", "words"),
    [
        ("partnr", "acme", "x", "Did you mean 'partner'"),
        ("partner", "acme", "  ", "a kill needs a reason"),
        ("partner", "acme", "x" * 2001, "at most 2000"),
        ("model", "orion", "x", "Did you mean 'orion-2'?"),
    ],
)
def test_a_kill_that_is_wrong_is_refused_in_words(
    shop: Workshop, what: str, name: str, reason: str, words: str
) -> None:
    """Break-glass is typed in a hurry."""
    with pytest.raises(Invalid, match=words.replace("?", "[?]")):
        shop.service.operations.kill(ADMIN, what, name, reason)


@pytest.mark.parametrize(
    ("what", "name", "expected"),
    [("partner", "acme", "partner-revoked"), ("capability", TOOLS, "capability-off"),
     ("capability", "tool-use", "capability-off"), ("model", "orion-2", "model-halted")],
)  # fmt: skip
def test_a_kill_declares_break_glass_and_turns_it_off(shop: Workshop, what: str, name: str, expected: str) -> None:
    """A reason and nothing else."""
    reply = shop.service.operations.kill(ADMIN, what, name, "it leaks")
    assert reply.status == 201
    assert why(shop, "acme", TOOLS) == expected


def test_a_token_pasted_as_title_summary_or_parameter_is_masked_everywhere(shop: Workshop) -> None:
    """Title and summary could still be redacted; parameters are chained for good."""
    token = shop.secret("linus-r", "responder", person="linus")
    operations = shop.service.operations
    operations.declare(ADMIN, body(title=f"leaked {token}", summary=f"{token} {token}"))
    with pytest.raises(Invalid) as caught:
        operations.declare(ADMIN, body(parameters={"partner": token}))
    assert token not in str(caught.value)
    whole = "".join(repr(e) for e in shop.service.ledger.read())
    assert token not in whole
    assert "leaked andon_[masked]" in whole


def test_a_preview_changes_nothing_and_says_whom_it_would_join(shop: Workshop) -> None:
    """Looking must be free, or nobody looks."""
    operations = shop.service.operations
    id = operations.declare(ADMIN, body()).body["id"]
    before = (shop.service.ledger.head(), shop.service.desk.snapshot)
    assert operations.preview(ADMIN, body())["would_join"] == id
    found = operations.preview(ADMIN, body(parameters={"partner": "globex"}))
    assert found["would_join"] is None
    assert {row["flag"] for row in found["turned_off"]} == {TOOLS, "vega-1:fine-tuning"}
    assert (shop.service.ledger.head(), shop.service.desk.snapshot) == before


def test_the_same_key_declares_once(shop: Workshop) -> None:
    """A client that repeats a request it got no answer to must not open a second incident."""
    key = AnswerKey(owner="ada", route="POST /api/v1/incidents", key="k", body="b" * 64)
    first = shop.service.operations.declare(ADMIN, body(), key)
    again = shop.service.operations.declare(ADMIN, body(), key)
    assert (again.status, again.body, again.replayed) == (201, first.body, True)


def test_a_declaration_that_cannot_be_recorded_is_unavailable_and_stops_grants(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never "declared" before it is durable."""

    def full(*args: object, **kwargs: object) -> None:
        raise LedgerUnavailable("no space left")

    monkeypatch.setattr(shop.service.ledger, "append", full)
    with pytest.raises(Unavailable):
        shop.service.operations.declare(ADMIN, body())
    assert shop.service.desk.blocked is not None
    assert "could not be recorded" in (shop.service.ready() or "")


# --- notes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("  ", None, "the note is empty"),
        ("x" * 20_001, None, "at most 20000"),
        ("x", "2026-11-23T12:02:00Z", "lies in the future"),
        ("x", "2026-11-23T12:00:00", "with its zone"),
        ("x", "yesterday", "is not a time"),
    ],
)
def test_a_note_that_cannot_stand_is_refused(shop: Workshop, text: str, at: str | None, words: str) -> None:
    """What did not happen yet can't be noted as having happened."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    with pytest.raises(Invalid, match=words):
        shop.service.operations.note(ADMIN, id, text, at)


def test_a_note_of_something_earlier_keeps_both_times(shop: Workshop) -> None:
    """When it happened and when it was written down are two facts."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    shop.service.operations.note(ADMIN, id, "x" * 20_000, "2026-11-23T10:00:00+01:00")
    event = shop.service.ledger.incident(id)[-1]
    assert rfc3339(event.at) == "2026-11-23T09:00:00.000Z"
    assert event.recorded_at == shop.clock.now()


def test_an_unknown_incident_is_named_with_the_nearest(shop: Workshop) -> None:
    """Ids are typed from memory, in lower case too."""
    id = declare(shop, "revoke-partner: {partner: acme}")
    assert shop.service.operations.note(ADMIN, id.lower(), "x").body["incident"] == id
    with pytest.raises(Unknown, match=f"Did you mean '{id}'?"):
        shop.service.operations.note(ADMIN, "INC-2026-001", "x")

"""
Incidents over the API: declare, kill, preview, read, note, and the way back.
"""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from incidents.events import ApprovalDenied
from incidents.testing import Workshop
from tests.support.api import CREDENTIAL_ABUSE, JAILBREAK, Caller, caller, problem


@pytest.fixture
def ada(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "commander", "ada")


@pytest.fixture
def grace(shop: Workshop, http: FlaskClient) -> Caller:
    return caller(shop, http, "commander", "grace")


def test_declaring_answers_201_with_where_it_is_and_takes_the_access_away(ada: Caller) -> None:
    """The answer is the responder's proof that it is off: the very next decision denies."""
    answer = ada.post("incidents", CREDENTIAL_ABUSE | {"severity": "sev1", "title": "Key on a paste site"})

    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/incidents/INC-2026-0001"
    assert answer.json["id"] == "INC-2026-0001"
    assert answer.json["severity"] == "sev1"
    decision = ada.get("decision?partner=acme&model=orion-2&capability=tool-use").json
    assert decision["reason"] == "partner-revoked"
    assert decision["held_by"] == ["INC-2026-0001"]
    assert decision["revision"] == answer.json["revision"]
    assert ada.get(answer.headers["Location"]).json["title"] == "Key on a paste site"


def test_declaring_the_same_again_joins_the_first(ada: Caller, grace: Caller) -> None:
    """Two people who pull the same cord must end up in one incident, and the second must see who was first."""
    ada.post("incidents", CREDENTIAL_ABUSE)

    answer = grace.post("incidents", CREDENTIAL_ABUSE)

    assert answer.status_code == 200
    assert (answer.json["id"], answer.json["joined"]) == ("INC-2026-0001", True)
    assert answer.json["first_by"] == "Ada Okafor"


def test_separate_makes_a_second_incident_of_the_same(ada: Caller) -> None:
    """Somebody who knows that it is another matter can say so."""
    ada.post("incidents", CREDENTIAL_ABUSE)

    answer = ada.post("incidents", CREDENTIAL_ABUSE | {"separate": True})

    assert (answer.status_code, answer.json["id"]) == (201, "INC-2026-0002")


def test_kill_needs_only_what_name_and_reason(ada: Caller) -> None:
    """At 3 a.m. nobody chooses a playbook."""
    answer = ada.post("kills", {"what": "model", "name": "orion-2", "reason": "weights leaked"})

    assert answer.status_code == 201
    assert answer.json["holds"] == ["orion-2 halted"]
    assert ada.get("decision?partner=acme&model=orion-2&capability=tool-use").json["reason"] == "model-halted"


@pytest.mark.parametrize(
    ("body", "where", "words"),
    [
        ({"what": "modle", "name": "orion-2", "reason": "x"}, "what", "Did you mean 'model'?"),
        ({"what": "partner", "name": "acm", "reason": "x"}, "partner", "Did you mean 'acme'?"),
        ({"what": "partner", "name": "acme", "reason": "  "}, "reason", "say why"),
        ({"what": "partner", "name": "acme", "reason": "x" * 2001}, "reason", "at most 2000"),
    ],
)
def test_a_kill_that_names_nothing_known_is_refused_with_the_way_out(
    ada: Caller, body: dict[str, str], where: str, words: str
) -> None:
    """A typing error in a kill costs seconds that count; the answer has to mend it."""
    errors = problem(ada.post("kills", body), 422)["errors"]

    assert any(where in e["where"] and words in e["message"] for e in errors), errors


def test_preview_shows_the_blast_radius_and_changes_nothing(shop: Workshop, ada: Caller) -> None:
    """Whoever hesitates must be able to look without pulling."""
    head = shop.service.ledger.head()

    answer = ada.post("previews", JAILBREAK)

    assert answer.status_code == 200
    assert answer.json["partners"] == ["acme", "globex"]
    assert answer.json["models"][0]["after"] == {"stage": "red-team"}
    assert shop.service.ledger.head() == head


def test_lists_are_paged_newest_first_without_gap_or_repeat(ada: Caller) -> None:
    """A page that drops or doubles an incident hides one."""
    for _ in range(5):
        ada.post("incidents", CREDENTIAL_ABUSE | {"separate": True})

    seen, cursor = [], ""
    for _ in range(3):
        page = ada.get(f"incidents?limit=2&cursor={cursor}").json
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]

    assert seen == [f"INC-2026-000{n}" for n in (5, 4, 3, 2, 1)]
    assert cursor is None


def test_a_page_goes_on_where_it_was_even_if_its_last_incident_left_the_filter(shop: Workshop, ada: Caller) -> None:
    """Between two pages an incident may become contained; the rest of the list must not vanish with it."""
    ada.post("incidents", CREDENTIAL_ABUSE | {"kind": "test"})  # places no hold, so it is never contained
    for _ in range(3):
        ada.post("incidents", CREDENTIAL_ABUSE | {"separate": True, "kind": "drill"})
    first = ada.get("incidents?status=declared&limit=2").json
    shop.service.cycle()  # no point is registered: the drills are contained now

    following = ada.get(f"incidents?status=declared&limit=2&cursor={first['next']}").json

    assert first["next"] == "DRILL-2026-0002"
    assert [row["id"] for row in following["items"]] == ["TEST-2026-0001"]


def test_an_unknown_cursor_is_refused(ada: Caller) -> None:
    """An empty page would say that there is nothing more."""
    assert problem(ada.get("incidents?cursor=INC-1999-0001"), 422)["errors"][0]["where"] == "cursor"


def test_filters_and_search_narrow_the_list(ada: Caller) -> None:
    """The board and the command line read the same list through them."""
    ada.post("incidents", CREDENTIAL_ABUSE | {"severity": "sev3"})  # beside a worse one no drill begins
    ada.post("incidents", JAILBREAK | {"kind": "drill", "title": "Quarterly rehearsal"})

    def ids(query: str) -> list[str]:
        return [row["id"] for row in ada.get(f"incidents?{query}").json["items"]]

    assert ids("kind=drill") == ["DRILL-2026-0001"]
    assert ids("q=quarterly%20REHEARSAL") == ["DRILL-2026-0001"]
    assert ids("q=acme") == ["INC-2026-0001"]
    assert ids("q=nothing-like-it") == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "from 1 to 200, not '0'"),
        ("limit=201", "from 1 to 200, not '201'"),
        ("limit=-1", "'-1'"),
        ("limit=1e2", "'1e2'"),
        ("limit=%D9%A1", "from 1 to 200"),
        ("limit=99999999999999999999", "from 1 to 200"),
        ("status=contain", "Did you mean 'contained'?"),
        ("kind=INC", "real, drill, test"),
        ("stauts=declared", "Did you mean 'status'?"),
        ("limit=1&limit=2", "there twice"),
        ("q=%00", "NUL"),
        (f"q={'x' * 501}", "at most 500"),
    ],
)
def test_a_wrong_query_is_refused_and_never_ignored(ada: Caller, query: str, words: str) -> None:
    """A filter that is silently dropped shows the wrong incidents."""
    assert words in problem(ada.get(f"incidents?{query}"), 422)["detail"]


def test_timeline_is_paged_by_sequence_number(ada: Caller) -> None:
    """A reader that follows `next` sees every row once, in the order of recording."""
    ada.post("incidents", CREDENTIAL_ABUSE)
    whole = ada.get("incidents/INC-2026-0001/timeline").json["items"]

    seen, cursor = [], "0"
    while cursor is not None:
        page = ada.get(f"incidents/INC-2026-0001/timeline?limit=2&cursor={cursor}").json
        seen += page["items"]
        cursor = page["next"]

    assert seen == whole
    assert [row["seq"] for row in seen] == sorted(row["seq"] for row in seen)


def test_a_note_lands_on_the_timeline_where_its_location_points(ada: Caller) -> None:
    """What was noted at another moment keeps both times."""
    ada.post("incidents", CREDENTIAL_ABUSE)

    answer = ada.post("incidents/INC-2026-0001/notes", {"text": "<b>called</b>", "at": "2026-11-23T12:30:00+01:00"})

    assert answer.status_code == 201
    row = ada.get(answer.headers["Location"]).json["items"][0]
    assert row["at"] == "2026-11-23T11:30:00.000Z"
    assert "<b>called</b>" in row["text"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"text": "x" * 20_001}, "text"),
        ({"text": ""}, "text"),
        ({"text": "later", "at": "2026-11-24T12:00:00Z"}, "at"),
        ({"text": "no zone", "at": "2026-11-23T12:00:00"}, "at"),
        ({"text": "not a time", "at": "noon"}, "at"),
    ],
)
def test_a_note_that_can_not_stand_is_refused_by_field(ada: Caller, body: dict[str, str], where: str) -> None:
    """The timeline is evidence: no empty line, none from the future, none without a zone."""
    ada.post("incidents", CREDENTIAL_ABUSE)

    assert problem(ada.post("incidents/INC-2026-0001/notes", body), 422)["errors"][0]["where"] == where


def test_a_waiting_action_is_applied_by_a_persons_word(ada: Caller) -> None:
    """What waits for validation must not be off before, and must be off after."""
    ada.post("incidents", JAILBREAK)
    waiting = [a for a in ada.get("incidents/INC-2026-0001").json["actions"] if a["state"] == "waiting"]

    answer = ada.post(f"incidents/INC-2026-0001/actions/{waiting[0]['number']}/validation")

    assert answer.status_code == 200
    assert ada.get("models/orion-2").json["halted"] is True
    again = ada.post(f"incidents/INC-2026-0001/actions/{waiting[0]['number']}/validation")
    problem(again, 409)


@pytest.mark.parametrize("number", ["0", "99", "x", "1.5", "-1", "9" * 5000])
def test_an_action_that_is_not_there_is_404(ada: Caller, number: str) -> None:
    """Numbers in paths come from people and scripts; none of them may break the service."""
    ada.post("incidents", CREDENTIAL_ABUSE)

    problem(ada.post(f"incidents/INC-2026-0001/actions/{number}/validation"), 404)


def test_a_restore_takes_a_second_person_and_the_exact_plan(ada: Caller, grace: Caller) -> None:
    """One person alone can't give access back, and an approval binds what was read."""
    ada.post("incidents", CREDENTIAL_ABUSE)
    asked = ada.post("incidents/INC-2026-0001/restores", {"reason": "new key"})
    here = asked.headers["Location"]
    digest = grace.get(here).json["plan_digest"]

    assert asked.status_code == 201
    own = ada.post(f"{here}/approval", {"plan_digest": digest})
    assert problem(own, 403)["type"].endswith("second-person-needed")
    assert problem(grace.post(f"{here}/approval", {"plan_digest": "0" * 64}), 409)["type"].endswith("plan-changed")
    unsaid = problem(grace.post(f"{here}/approval", {"plan_digest": digest}), 422)
    assert unsaid["type"].endswith("checks-not-attested")
    assert unsaid["errors"][0]["where"] == "checks"
    assert "partner-attested, new-key-issued, old-key-refused" in unsaid["detail"]
    approval = {"plan_digest": digest, "checks": grace.get(here).json["plan"]["checks"]}
    done = grace.post(f"{here}/approval", approval)
    assert (done.status_code, done.json["state"]) == (200, "done")
    assert ada.get("decision?partner=acme&model=orion-2&capability=tool-use").json["allowed"] is True
    problem(grace.post(f"{here}/approval", approval), 409)


def decision(who: Caller, partner: str) -> str:
    answer = who.get(f"decision?partner={partner}&model=orion-2&capability=tool-use").json
    return str(answer["reason"])


def test_one_partner_first_then_stopped_by_a_responder(
    shop: Workshop, ada: Caller, grace: Caller, http: FlaskClient
) -> None:
    """Asked and approved by two, stopped by one; over the API as it stands in the document."""
    kill = {"what": "capability", "name": "orion-2:tool-use", "reason": "x"}
    id = ada.post("kills", kill).json["id"]
    refused = problem(ada.post(f"incidents/{id}/restores", {"reason": "x", "canary": "initech"}), 422)
    assert refused["type"].endswith("canary-gains-nothing")
    asked = ada.post(f"incidents/{id}/restores", {"reason": "x", "canary": "acme", "soak": "1h"}).json
    approval = {"plan_digest": asked["plan_digest"], "checks": asked["plan"]["checks"]}
    running = grace.post(f"restores/{asked['id']}/approval", approval).json
    assert (running["state"], running["next_at"]) == ("running", "2026-11-23T13:00:00.000Z")
    assert (decision(ada, "acme"), decision(ada, "globex")) == ("granted", "capability-off")
    steps = ada.get(f"restores/{asked['id']}").json["progress"]
    assert [step["state"] for step in steps] == ["done", "next"]

    linus = caller(shop, http, "responder", "linus")
    problem(linus.post(f"restores/{asked['id']}/stop", {"reason": ""}), 422)
    stopped = linus.post(f"restores/{asked['id']}/stop", {"reason": "abused again"})
    assert (stopped.status_code, stopped.json["state"], stopped.json["taken_back"]) == (200, "stopped", True)
    assert (decision(ada, "acme"), decision(ada, "globex")) == ("capability-off", "capability-off")
    problem(linus.post(f"restores/{asked['id']}/stop", {"reason": "again"}), 409)


def test_an_approval_without_the_right_is_refused_and_written_down(
    shop: Workshop, ada: Caller, http: FlaskClient
) -> None:
    """Who tried to give access back without being allowed to belongs on the record."""
    ada.post("incidents", CREDENTIAL_ABUSE)
    here = ada.post("incidents/INC-2026-0001/restores", {"reason": "new key"}).headers["Location"]
    linus = caller(shop, http, "responder", "linus")

    problem(linus.post(f"{here}/approval", {"plan_digest": "0" * 64}), 403)

    kinds = [row["kind"] for row in ada.get("incidents/INC-2026-0001/timeline").json["items"]]
    assert kinds[-1] == ApprovalDenied.kind


def test_a_restore_can_be_refused(ada: Caller, grace: Caller) -> None:
    """No is an answer too, and it needs a reason."""
    ada.post("incidents", CREDENTIAL_ABUSE)
    here = ada.post("incidents/INC-2026-0001/restores", {"reason": "new key", "only": [1]}).headers["Location"]

    problem(grace.post(f"{here}/refusal", {"reason": ""}), 422)
    answer = grace.post(f"{here}/refusal", {"reason": "not attested"})

    assert answer.json == {"id": "INC-2026-0001-R1", "state": "refused"}
    assert ada.get(here).json["state"] == "refused"


def test_a_token_without_a_person_may_kill_but_not_ask_for_a_restore(shop: Workshop, http: FlaskClient) -> None:
    """Rules about two people look at people; a machine is none."""
    machine = caller(shop, http, "commander")
    assert machine.post("incidents", CREDENTIAL_ABUSE).status_code == 201

    refused = problem(machine.post("incidents/INC-2026-0001/restores", {"reason": "x"}), 403)

    assert refused["type"].endswith("person-needed")


def test_containment_counts_points_as_they_confirm(shop: Workshop, ada: Caller) -> None:
    """The number on the page is the proof; it must move when a point acknowledges."""
    shop.point("edge")
    ada.post("incidents", CREDENTIAL_ABUSE)
    before = ada.get("incidents/INC-2026-0001/containment").json

    shop.service.points.acknowledge(
        "edge", "one", before["revision"], applies=("live",), boot=shop.clock.boot(), at=shop.clock.now(), refused=None
    )

    after = ada.get("incidents/INC-2026-0001/containment").json
    assert (before["confirmed"], before["total"], before["state"]) == (0, 1, "pending")
    assert after["points"][0]["state"] == "confirmed"

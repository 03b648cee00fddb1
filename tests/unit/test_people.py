"""Who does what, and who may see it: command changes hands only when it is taken, and everybody reads how."""

from __future__ import annotations

import threading

import pytest

from incidents.decisions import Asker
from incidents.decisions.people import STANDARD
from incidents.errors import AndonError, Conflicting, Forbidden, Invalid, Unknown
from incidents.testing import ADMIN, Workshop
from tests.support.acting import change_catalog, declare, kinds_of, lived, standing, told

REVOKE = "revoke-partner: {partner: acme}"


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "commander")


@pytest.fixture
def grace(shop: Workshop) -> Asker:
    return shop.person("grace", "commander")


@pytest.fixture
def linus(shop: Workshop) -> Asker:
    return shop.person("linus", "responder")


@pytest.fixture
def bot(shop: Workshop) -> Asker:
    """A token of a pipeline: it may respond, yet it is no person."""
    return shop.credential(shop.secret("pipeline", "responder")).asker("api")


def roles_now(shop: Workshop, id: str) -> dict[str, str]:
    return {role: holder.person for role, holder in standing(shop, id).holders.items()}


# --- command ----------------------------------------------------------------------------------------------------------


def test_command_is_taken_by_whoever_comes_first(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """The second reads who has it and since when, and what to do about it."""
    id, operations = lived(shop), shop.service.operations
    operations.role(ada, id, "commander", "take")
    with pytest.raises(
        Conflicting, match=r"ada has command of .* since 2026-.*; ask for it to be handed over"
    ) as refused:
        operations.role(grace, id, "commander", "take")
    assert refused.value.code == "command-taken"
    assert roles_now(shop, id) == {"commander": "ada"}


def test_two_commanders_at_once_leave_one(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """Both press at the same second: one has command, the other is told so, and the log has one line."""
    id, operations = lived(shop), shop.service.operations
    start, said = threading.Barrier(2), []

    def press(who: Asker) -> None:
        start.wait()
        try:
            operations.role(who, id, "commander", "take")
            said.append("taken")
        except Conflicting as refused:
            said.append(refused.code)

    threads = [threading.Thread(target=press, args=(who,)) for who in (ada, grace)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(said) == ["command-taken", "taken"]
    assert kinds_of(shop, id).count("incident:role:taken") == 1


def test_old_commander_stays_until_the_new_one_accepts(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """Between the offer and the yes somebody has command, and it is the one who had it."""
    id, operations = lived(shop), shop.service.operations
    operations.role(ada, id, "commander", "take")
    operations.role(ada, id, "commander", "assign", person="grace")
    assert roles_now(shop, id) == {"commander": "ada"}
    row = next(r for r in operations.incident(ada, id)["roles"] if r["role"] == "commander")
    assert (row["person"], row["offered_to"]) == ("ada", "grace")

    reply = operations.role(grace, id, "commander", "take")
    assert reply.body["was"] == "ada"
    assert "forced" not in reply.body
    assert roles_now(shop, id) == {"commander": "grace"}
    assert standing(shop, id).offers == {}
    assert told(shop, id, ada)[-2:] == [
        "Command offered to Grace Lim, who has not accepted yet", "Grace Lim is commander now, after Ada Okafor",
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["grace", "ada"])
def test_offer_ends_when_it_is_declined_or_taken_back(shop: Workshop, ada: Asker, who: str) -> None:
    """Nobody is left waiting for an answer that will not come."""
    id, operations = lived(shop), shop.service.operations
    operations.role(ada, id, "commander", "take")
    operations.role(ada, id, "commander", "assign", person="grace")
    operations.role(shop.person(who, "commander"), id, "commander", "decline", reason="I am on a train")
    assert standing(shop, id).offers == {}
    assert roles_now(shop, id) == {"commander": "ada"}
    assert told(shop, id, ada)[-1] == "The offer of command to Grace Lim has ended: I am on a train"
    with pytest.raises(Conflicting, match="offered to nobody"):
        operations.role(ada, id, "commander", "decline")


def test_somebody_elses_offer_is_not_taken_back_by_a_responder(shop: Workshop, ada: Asker, linus: Asker) -> None:
    """It is between the two, and whoever may command."""
    id, operations = lived(shop), shop.service.operations
    operations.role(ada, id, "commander", "take")
    operations.role(ada, id, "commander", "assign", person="grace")
    with pytest.raises(Forbidden, match="taking back somebody else's offer"):
        operations.role(linus, id, "commander", "decline")


def test_command_is_taken_over_with_a_reason_that_everybody_reads(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """A commander whose phone is dead must not hold up the rest; the line says what was done and why."""
    id, operations = lived(shop), shop.service.operations
    operations.role(ada, id, "commander", "take")
    with pytest.raises(Invalid, match="taking command over needs a reason"):
        operations.role(grace, id, "commander", "take", force=True)
    reply = operations.role(grace, id, "commander", "take", force=True, reason="no answer for 20 minutes")
    assert (reply.body["was"], reply.body["forced"]) == ("ada", True)
    assert told(shop, id, ada)[-1] == "Grace Lim took command over from Ada Okafor: no answer for 20 minutes"


def test_force_changes_nothing_where_nobody_stands_in_the_way(shop: Workshop, grace: Asker) -> None:
    """The line must not say that it was taken from somebody."""
    id = lived(shop)
    reply = shop.service.operations.role(grace, id, "commander", "take", force=True, reason="just in case")
    assert not {"forced", "was"} & reply.body.keys()


def test_command_is_handed_over_never_dropped(shop: Workshop, ada: Asker) -> None:
    """An incident without a commander is one that nobody answers for."""
    id = lived(shop)
    shop.service.operations.role(ada, id, "commander", "take")
    with pytest.raises(Conflicting, match="hand it over to somebody"):
        shop.service.operations.role(ada, id, "commander", "leave", reason="going home")


def test_responder_hands_over_only_what_they_have(shop: Workshop, ada: Asker, linus: Asker) -> None:
    """Anybody who responds may call for a commander; taking it from somebody is for those who may command."""
    id, operations = lived(shop), shop.service.operations
    operations.role(linus, id, "commander", "assign", person="grace")
    assert standing(shop, id).offers["commander"].person == "grace"
    operations.role(ada, id, "commander", "take")
    with pytest.raises(Forbidden, match="handing over the command that ada has"):
        operations.role(linus, id, "commander", "assign", person="grace")


def test_new_offer_takes_the_place_of_the_old_one(shop: Workshop, ada: Asker, grace: Asker) -> None:
    """Command is offered to one person at a time; the first can't accept what is no longer theirs."""
    change_catalog(shop, lambda c: c["people"]["linus"].update(roles=["commander"]))
    id, operations = lived(shop, by=ADMIN), shop.service.operations
    operations.role(ada, id, "commander", "take")
    operations.role(ada, id, "commander", "assign", person="grace")
    with pytest.raises(Conflicting, match="is offered to grace already"):
        operations.role(ada, id, "commander", "assign", person="grace")
    operations.role(ada, id, "commander", "assign", person="linus")
    with pytest.raises(Conflicting, match="ada has command"):
        operations.role(grace, id, "commander", "take")


# --- roles ------------------------------------------------------------------------------------------------------------


def test_incident_has_the_roles_of_its_playbook_and_the_standard_ones(shop: Workshop) -> None:
    """The playbook's come first: those are the ones that it plans with."""
    id = declare(shop, REVOKE, more="roles: [vendor-desk, comms]\n")
    rows = shop.service.operations.incident(ADMIN, id)["roles"]
    assert [r["role"] for r in rows] == ["vendor-desk", "comms", "commander", "scribe", "liaison", "expert"]
    assert set(STANDARD) <= {r["role"] for r in rows}
    assert [r["of_playbook"] for r in rows] == [True, True, False, False, False, False]


def test_other_roles_change_hands_at_once(shop: Workshop, linus: Asker, grace: Asker) -> None:
    """Only command waits for a yes; a scribe is found by asking for one."""
    id, operations = lived(shop), shop.service.operations
    operations.role(linus, id, "scribe", "assign", person="grace")
    operations.role(linus, id, "scribe", "take")
    operations.role(linus, id, "comms", "assign", person="linus")
    assert roles_now(shop, id) == {"scribe": "linus", "comms": "linus"}
    operations.role(linus, id, "scribe", "leave")
    assert roles_now(shop, id) == {"comms": "linus"}
    with pytest.raises(Conflicting, match="nobody is scribe"):
        operations.role(linus, id, "scribe", "leave")


def test_role_is_taken_from_somebody_by_whoever_may_command(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """A responder does not send others home."""
    id, operations = lived(shop), shop.service.operations
    operations.role(linus, id, "scribe", "assign", person="grace")
    with pytest.raises(Forbidden, match="taking the role scribe from grace"):
        operations.role(linus, id, "scribe", "leave", reason="x")
    operations.role(ada, id, "scribe", "leave", reason="she is on leave")
    assert told(shop, id, ada)[-1] == "Grace Lim is scribe no longer: she is on leave"


@pytest.mark.parametrize("person", ["grace", "Grace Lim", "@u01graceg", " GRACE "])
def test_person_is_found_by_id_name_or_slack_id(shop: Workshop, linus: Asker, person: str) -> None:
    """At night nobody looks up how somebody is spelt in a file."""
    id = lived(shop)
    assert shop.service.operations.role(linus, id, "scribe", "assign", person=person).body["person"] == "grace"


@pytest.mark.parametrize(
    ("role", "act", "person", "error", "words"),
    [
        ("scribe", "assign", "grcae", Unknown, "unknown person 'grcae'. Did you mean 'grace'"),
        ("scribe", "assign", "", Unknown, "unknown person ''"),
        ("skribe", "take", "", Invalid, "unknown role 'skribe'. Did you mean 'scribe'"),
        ("scribe", "grab", "", Invalid, "unknown act 'grab'"),
        ("commander", "assign", "linus", Forbidden, "linus can't be commander .* takes the role 'commander'"),
    ],
)
def test_role_that_cannot_be_given_is_refused_with_the_way_out(
    shop: Workshop, ada: Asker, role: str, act: str, person: str, error: type[AndonError], words: str
) -> None:
    """A wrong name must not become a person who is never reached."""
    with pytest.raises(error, match=words):
        shop.service.operations.role(ada, lived(shop), role, act, person=person)


def test_person_who_may_not_command_does_not_take_command(shop: Workshop, linus: Asker) -> None:
    """A role in an incident gives no rights: those are in the catalog."""
    with pytest.raises(Forbidden, match="linus can't be commander"):
        shop.service.operations.role(linus, lived(shop), "commander", "take")


def test_token_without_a_person_takes_no_role(shop: Workshop, bot: Asker) -> None:
    """Nobody can ring a pipeline."""
    with pytest.raises(Forbidden, match="a token that belongs to a person"):
        shop.service.operations.role(bot, lived(shop), "scribe", "take")


def test_person_who_left_the_catalog_is_given_nothing(shop: Workshop, ada: Asker) -> None:
    """The list of people is the truth about who is there."""
    id = lived(shop)
    change_catalog(shop, lambda c: c["people"].pop("linus"))
    with pytest.raises(Unknown, match="unknown person 'linus'"):
        shop.service.operations.role(ada, id, "scribe", "assign", person="linus")


# --- who may see it ---------------------------------------------------------------------------------------------------


def test_restricted_incident_keeps_whoever_works_on_it(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """Declaring, joining, having or being offered a role, and being added: these are the ways in."""
    id, operations = lived(shop), shop.service.operations
    operations.role(linus, id, "commander", "assign", person="ada")
    operations.set_visibility(linus, id, "restricted", "a named person is involved")
    assert standing(shop, id).insiders == ["linus", "ada"]
    operations.change_members(ada, id, ["Grace Lim"], [])
    assert operations.incident(shop.person("grace", "commander"), id)["visibility"] == "restricted"
    assert told(shop, id, ada)[-1] == "grace may see it"


def test_whoever_restricts_it_stays_in(shop: Workshop, grace: Asker) -> None:
    """Else the first thing that they did would be to lock themselves out."""
    id = lived(shop)
    shop.service.operations.set_visibility(grace, id, "restricted", "a named person is involved")
    assert standing(shop, id).members == ["grace"]
    assert shop.service.operations.incident(grace, id)["id"] == id


def test_token_that_would_no_longer_see_it_does_not_restrict_it(shop: Workshop, bot: Asker) -> None:
    """Nobody could say what became of it, nor let anybody else in."""
    with pytest.raises(Conflicting, match="would not see it any more"):
        shop.service.operations.set_visibility(bot, lived(shop), "restricted", "found in a scan")


def test_pipeline_sees_the_restricted_incident_that_it_declared(shop: Workshop, bot: Asker, linus: Asker) -> None:
    """It has no person, yet it has to be able to say who should be let in."""
    body = {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}, "visibility": "restricted"}
    id, operations = str(shop.service.operations.declare(bot, body).body["id"]), shop.service.operations
    assert operations.incident(bot, id)["id"] == id
    with pytest.raises(Unknown):
        operations.incident(linus, id)
    operations.change_members(bot, id, ["linus"], [])
    assert operations.incident(linus, id)["id"] == id


def test_opening_it_is_for_whoever_may_command(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """Closing the door is quick; opening it shows everything to everybody."""
    id, operations = lived(shop), shop.service.operations
    operations.set_visibility(linus, id, "restricted", "a named person is involved")
    with pytest.raises(Forbidden, match="changing who may see it"):
        operations.set_visibility(linus, id, "open", "settled")
    operations.change_members(linus, id, ["ada"], [])
    operations.set_visibility(ada, id, "open", "settled with the person")
    assert operations.incident(shop.person("grace", "commander"), id)["visibility"] == "open"


@pytest.mark.parametrize(
    ("visibility", "reason", "error", "words"),
    [
        ("secret", "x", Invalid, "unknown visibility 'secret'; it is open or restricted"),
        ("open", "x", Conflicting, "is open already"),
        ("restricted", " ", Invalid, "a reason is needed"),
    ],
)
def test_visibility_that_says_nothing_is_refused(
    shop: Workshop, ada: Asker, visibility: str, reason: str, error: type[AndonError], words: str
) -> None:
    """It is asked in reviews who hid what, and why."""
    with pytest.raises(error, match=words):
        shop.service.operations.set_visibility(ada, lived(shop), visibility, reason)


def test_member_who_was_let_out_sees_it_no_more(shop: Workshop, linus: Asker, grace: Asker) -> None:
    """At once, also on what they have open: the next look finds nothing."""
    id, operations = lived(shop), shop.service.operations
    operations.set_visibility(linus, id, "restricted", "a named person is involved")
    operations.change_members(linus, id, ["grace"], [])
    assert operations.incident(grace, id)
    operations.change_members(linus, id, [], ["grace"])
    with pytest.raises(Unknown):
        operations.incident(grace, id)


def test_nobody_is_said_to_be_out_who_still_sees_it(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """Whoever has a role, or declared it, is in by that; a line that says otherwise would be believed."""
    id, operations = lived(shop), shop.service.operations
    operations.change_members(linus, id, ["ada", "linus"], [])
    operations.role(ada, id, "commander", "take")
    for person, words in (("ada", "their role keeps them in"), ("linus", "they declared it"), ("grace", "no member")):
        with pytest.raises(Conflicting, match=f"{person} can't be taken out .* {words}"):
            operations.change_members(linus, id, [], [person])


def test_member_who_left_the_catalog_can_be_let_out(shop: Workshop, linus: Asker) -> None:
    """People go; the list of who may see it must not keep them for good."""
    id, operations = lived(shop), shop.service.operations
    operations.change_members(linus, id, ["grace"], [])
    change_catalog(shop, lambda c: c["people"].pop("grace"))
    operations.change_members(linus, id, [], ["grace"])
    assert standing(shop, id).members == []


@pytest.mark.parametrize(("add", "remove"), [([], []), (["grace"], []), (["grace", "grace"], ["ada"])])
def test_change_that_changes_nobody_is_refused(shop: Workshop, linus: Asker, add: list[str], remove: list[str]) -> None:
    """A line for nothing hides the ones that count."""
    id, operations = lived(shop), shop.service.operations
    operations.change_members(linus, id, ["grace"], [])
    with pytest.raises(Conflicting):
        operations.change_members(linus, id, add, remove)

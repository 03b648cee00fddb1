"""Who may see what: decided in one place, and in the words of what does not exist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from incidents.decisions import Asker
from incidents.decisions.sight import INSTEAD, hidden, sees, veiled
from incidents.errors import Conflicting, Forbidden, Invalid, Refused, Unknown
from incidents.events import WITHHELD, Event, Withheld
from incidents.ledger import standalone_verifier
from incidents.ledger.chain import from_copy, to_json
from incidents.ledger.verify import verify
from incidents.testing import ADMIN, Workshop
from tests.support.acting import change_catalog, declare, lived, standing

ONE, TWO = "INC-2026-0001", "INC-2026-0002"
HALT = "halt-model: {model: orion-2}"


@pytest.fixture
def ada(shop: Workshop) -> Asker:
    return shop.person("ada", "admin")


@pytest.fixture
def linus(shop: Workshop) -> Asker:
    return shop.person("linus", "responder")


def restricted(shop: Workshop, by: Asker, *contain: str) -> str:
    id = declare(shop, *contain, by=by) if contain else lived(shop, by=by)
    shop.service.operations.set_visibility(by, id, "restricted", "a named person is involved")
    return id


# --- the veil ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (f"held by {ONE}", f"held by {INSTEAD}"),
        ("held by inc-2026-0001", f"held by {INSTEAD}"),
        (f"{ONE}/h2", f"{INSTEAD}/h2"),
        ("INC-2026-00010 and INC-2026-10001", "INC-2026-00010 and INC-2026-10001"),
        ([ONE, TWO, ONE], [INSTEAD, TWO]),
        ([{"id": ONE}, {"id": TWO}, {"incident": ONE, "words": "x"}], [{"id": TWO}]),
        ({ONE: 1, "by": ONE}, {INSTEAD: 1, "by": INSTEAD}),
        ((ONE, 7, None, True), [INSTEAD, 7, None, True]),
        ({"deep": [{"held_by": [ONE]}]}, {"deep": [{"held_by": [INSTEAD]}]}),
    ],
)
def test_veil_takes_exactly_that_incident_out(value: object, becomes: object) -> None:
    """Also its holds and requests, in any case of letters, and never a part of a longer number."""
    assert veiled(value, frozenset({ONE})) == becomes


def test_without_anything_to_hide_nothing_is_copied() -> None:
    """Most organisations restrict nothing; their pages pay nothing for it."""
    value = {"a": [ONE]}
    assert veiled(value, frozenset()) is value


# --- who --------------------------------------------------------------------------------------------------------------


def test_rights_do_not_open_a_restricted_incident(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """Not even an administrator's: only being in it does."""
    id = restricted(shop, linus)
    with shop.service.desk.read() as state:
        assert (sees(state, linus, id), sees(state, ada, id)) == (True, False)
        assert hidden(state, ada) == frozenset({id})


def test_whoever_has_the_ledgers_file_reads_all_of_it(shop: Workshop, linus: Asker) -> None:
    """Hiding it from them would be a pretence: the file is open before them."""
    id = restricted(shop, linus)
    assert shop.service.operations.incident(ADMIN, id)["id"] == id


def test_incident_that_left_memory_stays_restricted(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """What is over is what nobody looks after any more, so it must not open by itself."""
    id = declare(shop, "{revoke-partner: {partner: acme}, after: validated}", by=linus)
    operations = shop.service.operations
    operations.set_visibility(linus, id, "restricted", "a named person")
    operations.settle_action(linus, id, 1, "declined", "no")
    operations.role(linus, id, "commander", "assign", person="grace")
    operations.move(shop.person("grace", "commander"), id, "false-alarm", reason="nothing")
    shop.service.desk.let_go()
    with shop.service.desk.read() as state:
        assert id in state.over
    with pytest.raises(Unknown):
        operations.incident(ada, id)
    assert operations.incident(linus, id)["visibility"] == "restricted"
    assert [row["id"] for row in operations.incidents(ada)["items"]] == []


# --- in the same words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["by id", "latest", "as a request", "to merge into", "after it in a list"])
def test_restricted_incident_is_refused_in_the_words_of_one_that_does_not_exist(
    shop: Workshop, linus: Asker, ada: Asker, where: str
) -> None:
    """A refusal that differs would tell that there is something."""
    operations = shop.service.operations

    def look(id: str) -> object:
        match where:
            case "by id" | "latest":
                return operations.incident(ada, id if where == "by id" else "latest")
            case "as a request":
                return operations.approve(ada, f"{id}-R1", "0" * 64)
            case "to merge into":
                return operations.move(ada, visible, "merged", reason="x", into=id)
        return operations.incidents(ada, cursor=id)

    def refused(id: str) -> str:
        with pytest.raises(Refused) as found:
            look(id)
        return str(found.value).replace(id, "ID")

    visible = declare(shop, HALT, by=linus) if where != "latest" else ""
    before = refused("INC-2026-0002")
    id = restricted(shop, linus)
    operations.change_members(linus, id, ["grace"], [])
    operations.ask_restore(shop.person("grace", "commander"), id, [], "x")
    assert id == ("INC-2026-0001" if where == "latest" else "INC-2026-0002")
    assert refused(id) == before


def test_newest_is_the_newest_that_one_may_know_of(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """``latest`` is asked at the command line, without a look at any list."""
    visible = declare(shop, HALT, by=linus)
    id = restricted(shop, linus)
    assert shop.service.operations.incident(ada, "latest")["id"] == visible
    assert shop.service.operations.incident(linus, "latest")["id"] == id


def test_what_stands_in_the_way_is_not_named(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """A refused catalog says what can't be done, not which restricted incident keeps it from being done."""
    id = restricted(shop, linus, "roll-back-stage: {model: orion-2, stages: 1}")
    ladder = ["internal", "red-team", "trusted-partner", "limited", "early", "general"]
    with pytest.raises(Conflicting, match="the ladder can't change while a restricted incident holds orion-2") as found:
        shop.service.operations.apply_catalog(ada, f"stages: {ladder}", "catalog.yaml")
    assert id not in str(found.value)


# --- the log ----------------------------------------------------------------------------------------------------------


def test_log_of_an_outsider_has_every_link_and_none_of_the_words(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """The chain can be followed from end to end, by both verifiers; of a line that is withheld there are its links."""
    other = declare(shop, HALT)
    id = restricted(shop, linus)
    shop.service.operations.note(linus, id, "a word")
    shop.service.operations.note(linus, other, f"the same as {id}?")
    declare(shop, "revoke-partner: {partner: acme}")  # its evidence names who holds what already
    whole, seen = shop.service.ledger.read(), shop.service.operations.log(ada)
    assert [e.digest for e in seen] == [e.digest for e in whole]
    assert id not in str(seen)
    assert "a word" not in str(seen)
    bare = [e.seq for e in seen if isinstance(e, Withheld)]
    assert bare == [e.seq for e in whole if e.incident == id]
    assert [e.kind for e in seen if isinstance(e, Event) and e.data == WITHHELD] == ["incident:evidence:frozen"]
    assert shop.service.operations.log(ADMIN) == whole

    lines = [to_json(event) for event in seen]
    ours, theirs = verify(map(from_copy, lines), copy=True), standalone_verifier.check([x.encode() for x in lines])
    assert (ours.why, ours.withheld, ours.head.digest) == (None, len(bare) + 1, whole[-1].digest)
    assert (theirs.why, theirs.withheld, theirs.digest) == (None, len(bare) + 1, whole[-1].digest)


@pytest.mark.parametrize("change", ["dropped", "other digest", "other place", "said twice", "shown data", "no boolean"])
def test_log_of_an_outsider_that_was_changed_is_named_all_the_same(
    shop: Workshop, linus: Asker, ada: Asker, change: str
) -> None:
    """What is withheld must not become a place to hide in."""
    restricted(shop, linus)
    lines = [to_json(event) for event in shop.service.operations.log(ada)]
    at = next(n for n, line in enumerate(lines) if '"withheld":true' in line)
    bare = shop.service.ledger.read()[at]
    match change:
        case "dropped":
            del lines[at]
        case "other digest":
            lines[at] = lines[at].replace(bare.digest, "0" * 64)
        case "other place":
            lines[at] = lines[at].replace(f'"seq":{bare.seq}', f'"seq":{bare.seq + 1}')
        case "said twice":
            lines.insert(at, lines[at])
        case "shown data":
            at = next(n for n, line in enumerate(lines) if '"data":{' in line and n > 0)
            lines[at] = lines[at].replace('"data":{', '"data":{"a":1,', 1)
        case "no boolean":
            lines[at] = lines[at].replace('"withheld":true', '"withheld":1')
    found = standalone_verifier.check([line.encode() for line in lines])
    assert found.wrong_line in (at + 1, at + 2)
    try:
        ours = verify(map(from_copy, lines), copy=True)
    except Invalid:
        return
    assert ours.wrong == found.wrong_seq


def test_data_withheld_in_the_ledger_itself_are_data_that_were_changed(shop: Workshop) -> None:
    """Only a copy may leave something out; where the log is kept, that is a forgery."""
    declare(shop, HALT)
    events = shop.service.ledger.read()
    events[2] = replace(events[2], data=dict(WITHHELD))
    assert verify(events).wrong == events[2].seq


def test_held_thing_still_says_that_it_is_held(shop: Workshop, linus: Asker, ada: Asker) -> None:
    """A model that is halted by nobody would be taken for a fault."""
    restricted(shop, linus, HALT)
    model = shop.service.operations.model(ada, "orion-2")
    assert model["halted"]
    assert [row["incident"] for row in model["held_by"]] == [INSTEAD]
    assert shop.service.operations.check(ada, "acme", "orion-2", "tool-use")["held_by"] == [INSTEAD]


def test_member_reads_of_it_in_the_lists_too(shop: Workshop, linus: Asker) -> None:
    """Inside, it is an incident like any other."""
    id = restricted(shop, linus, HALT)
    assert [row["id"] for row in shop.service.operations.incidents(linus)["items"]] == [id]
    assert shop.service.operations.model(linus, "orion-2")["held_by"][0]["incident"] == id
    assert standing(shop, id).visibility == "restricted"


def test_person_who_leaves_the_catalog_sees_nothing(shop: Workshop, linus: Asker) -> None:
    """Their tokens have no rights any more, whatever they were in."""
    id = restricted(shop, linus)
    change_catalog(shop, lambda c: c["people"].pop("linus"))
    gone = shop.person("linus", "responder")
    with pytest.raises(Forbidden):
        shop.service.operations.incident(gone, id)

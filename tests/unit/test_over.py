"""
Incidents that are over leave memory and lose nothing: the log has them, and they come back when somebody looks.
"""

from __future__ import annotations

from typing import Any

import pytest

from incidents.decisions import Asker
from incidents.desk import Desk
from incidents.errors import Conflicting
from incidents.state import State
from incidents.testing import ADMIN, Workshop


def over(shop: Workshop, partner: str = "acme") -> str:
    """An incident that was contained, given back and ended."""
    operations = shop.service.operations
    ada, grace = shop.person("ada", "commander"), shop.person("grace", "commander")
    body = {"playbook": "partner-credential-abuse", "parameters": {"partner": partner}, "title": f"Leak at {partner}"}
    id = str(operations.declare(ada, body).body["id"])
    shop.clock.advance(20)
    shop.service.cycle()
    asked = operations.ask_restore(ada, id, [], "new key").body
    operations.approve(grace, asked["id"], asked["plan_digest"], checks=asked["plan"]["checks"])
    operations.move(ada, id, "false-alarm", reason="their own test")
    return id


def held(shop: Workshop) -> State:
    with shop.service.desk.read() as state:
        return state


def shown(shop: Workshop, asker: Asker, id: str) -> Any:
    operations = shop.service.operations
    return operations.incident(asker, id), operations.containment(asker, id), operations.before_and_now(asker, id)


def test_incident_that_is_over_is_shown_as_before(shop: Workshop) -> None:
    """Leaving memory must not change a word of what people see."""
    shop.point("edge")
    id = over(shop)
    before = shown(shop, ADMIN, id)

    shop.service.desk.let_go()
    assert id not in held(shop).incidents
    assert shown(shop, ADMIN, id) == before
    assert id in held(shop).incidents


def test_incident_that_still_matters_stays(shop: Workshop) -> None:
    """Whatever holds, waits or is asked for must be in reach of the next decision."""
    operations = shop.service.operations
    shop.point("edge")
    standing = operations.declare(ADMIN, {"playbook": "break-glass", "parameters": {"partner": "acme"}}).body["id"]
    waiting = operations.declare(ADMIN, {"playbook": "jailbreak-in-the-wild", "parameters": {"model": "vega-1"}}).body
    shop.service.desk.let_go()

    assert {standing, waiting["id"]} <= held(shop).incidents.keys()


def test_note_on_an_incident_that_is_over_is_written(shop: Workshop) -> None:
    """The review goes on after the last hold was lifted."""
    id = over(shop)
    shop.service.desk.let_go()
    shop.service.operations.note(ADMIN, id, "Found the first misuse at 13:40.")

    texts = [row.text for row in shop.service.operations.timeline(ADMIN, id)]
    assert texts[-1] == "Found the first misuse at 13:40."


def test_settled_request_says_so_after_its_incident_has_left(shop: Workshop) -> None:
    """A late second approval gets the true reason, not that nobody knows the request."""
    id = over(shop)
    shop.service.desk.let_go()

    with pytest.raises(Conflicting, match="is done already"):
        shop.service.operations.approve(shop.person("grace", "commander"), f"{id}-R1", "0" * 64)


def test_lists_and_search_find_what_is_over(shop: Workshop) -> None:
    """The oldest incident is as findable as the newest."""
    ids = [over(shop, partner) for partner in ("acme", "globex", "initech")]
    shop.service.desk.let_go()
    operations = shop.service.operations

    assert [row["id"] for row in operations.incidents(ADMIN)["items"]] == ids[::-1]
    assert [row["id"] for row in operations.incidents(ADMIN, search="leak GLOBEX")["items"]] == [ids[1]]
    first = operations.incidents(ADMIN, limit=2)
    assert [r["id"] for r in operations.incidents(ADMIN, limit=2, cursor=first["next"])["items"]] == ids[:1]
    assert [row["id"] for row in operations.board(ADMIN)["recent"]] == ids[::-1]
    assert operations.incident(ADMIN, "latest")["id"] == ids[-1]


def test_what_another_process_writes_about_it_is_taken_in(shop: Workshop) -> None:
    """The command line may write a note while the service has let the incident go."""
    id = over(shop)
    beside = Desk(shop.service.ledger, shop.clock)
    beside.start()
    assert id not in beside._state.incidents
    shop.service.operations.note(ADMIN, id, "one more thing")
    beside._take(shop.service.ledger.read(after=beside._state.seq))

    assert beside._state.seq == held(shop).seq
    with beside.read(id) as state:
        assert state.incidents[id].contained is not None


def test_same_again_after_it_is_over_is_a_new_incident(shop: Workshop) -> None:
    """Joining is for holds that stand; those are gone."""
    first = over(shop)
    shop.service.desk.let_go()

    assert over(shop) != first

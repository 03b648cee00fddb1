"""
No answer to an outsider names a restricted incident or says a word of it: every operation, every page, every route.

The lists are read from the code. A new operation has to be added to one of the tables here, with the way to call it.
"""

from __future__ import annotations

import inspect
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from incidents.clock import rfc3339
from incidents.decisions import Asker
from incidents.decisions.access import CreateToken
from incidents.decisions.chat import Said
from incidents.decisions.clockfacts import AnchorFact
from incidents.decisions.tasks import NewTask
from incidents.enforcement.front import Front
from incidents.errors import Refused, Unknown
from incidents.operations import Operations, Reply
from incidents.roles import Right
from incidents.serve import build_front
from incidents.testing import Workshop
from incidents.timeline import Row
from tests.support.acting import LIVED, contain, declare

SECRET = "SECRET-of-linus"
CLOCKS = "clocks: [gdpr-art33, eu-ai-act-art55-gpai-cop]\n"
TOLD = "notify:\n  - {to: 'partner:acme', approval: commander}\n  - {to: 'person:grace'}\n"
NEVER = "INC-2027-0004"  # the next id: nothing has it yet


@dataclass
class World:
    """A restricted incident of Linus, and another on the same things whose lines and evidence name it."""

    shop: Workshop
    hidden: str
    open: str
    outsider: Asker
    insider: Asker

    @property
    def operations(self) -> Operations:
        return self.shop.service.operations

    def says(self, answer: object) -> str:
        """Everything that an answer says, as text."""
        if isinstance(answer, Reply):
            return json.dumps(answer.body)
        if isinstance(answer, list) and answer and isinstance(answer[0], Row):
            return json.dumps([row.wire() for row in answer])
        return str(answer)


@pytest.fixture
def world(shop: Workshop) -> World:
    shop.clock.advance(400 * 86_400)  # runbooks have an INC-2026-0001 for an example
    shop.point("edge-1")
    linus, ada = shop.person("linus", "responder"), shop.person("ada", "admin")
    operations = shop.service.operations
    hidden = declare(
        shop,
        "revoke-partner: {partner: acme}",
        "halt-model: {model: orion-2}",
        "roll-back-stage: {model: vega-1, stages: 1}",
        "switch-off: {capability: tool-use}",
        "tighten-cap: {partner: globex, capability: 'orion-2:tool-use', cap: {per_day: 1}}",
        "freeze-promotion: {model: vega-1}",
        more=LIVED + CLOCKS + TOLD,
        by=linus,
    )
    operations.set_visibility(linus, hidden, "restricted", SECRET)
    operations.change_members(linus, hidden, ["grace"], [])
    contain(shop)
    operations.note(linus, hidden, SECRET)
    operations.post_update(linus, hidden, SECRET)
    operations.add_task(linus, hidden, NewTask(title=SECRET, about=SECRET))
    operations.save_review(linus, hidden, SECRET, 0)
    operations.ask_restore(shop.person("grace", "commander"), hidden, [], SECRET)
    operations.record_room(hidden, "C1", "room-of-linus")
    operations.capture(linus, hidden, Said(channel="C1", ts="1.0", author="U1", text=SECRET), "pin")
    shown = declare(
        shop,
        "halt-model: {model: orion-2}",
        "tighten-cap: {partner: globex, capability: 'orion-2:tool-use', cap: {per_day: 0}}",
        more=LIVED + CLOCKS + TOLD,
        by=linus,
    )
    seq = operations.note(linus, shown, f"the same as {hidden}").body["seq"]
    operations.correct(linus, shown, seq, text=f"like {hidden.lower()}", reason=f"see {hidden}")
    operations.note(linus, shown, SECRET, restricted=True)
    operations.judge_exit(linus, shown, 1, met=True, evidence=f"as in {hidden}")
    operations.settle_task(linus, shown, 1, "skipped", f"done in {hidden}")
    declare(shop, "revoke-partner: {partner: acme}", by=linus)
    for id in (hidden, shown):
        shop.service.clockwork.consider(id)
        fact = AnchorFact(anchor="awareness", at=shop.clock.now(), evidence=f"like {hidden}")
        operations.tell_fact(linus, id, fact)
    operations.answer_condition(linus, hidden, "death", True, SECRET)
    return World(shop, hidden, shown, ada, linus)


# --- operations -------------------------------------------------------------------------------------------------------

Call = Callable[[Operations, Asker, str], object]

OF_ONE: dict[str, Call] = {
    "acknowledge": lambda o, who, id: o.acknowledge(who, id),
    "add_task": lambda o, who, id: o.add_task(who, id, NewTask(title="x")),
    "approve_review": lambda o, who, id: o.approve_review(who, id, 1),
    "ask_restore": lambda o, who, id: o.ask_restore(who, id, [], "x"),
    "before_and_now": lambda o, who, id: o.before_and_now(who, id),
    "call_real": lambda o, who, id: o.call_real(who, id, {}),
    "canaries": lambda o, who, id: o.canaries(who, id),
    "capture": lambda o, who, id: o.capture(who, id, Said(channel="C1", ts="1.0", author="U1", text="x"), "pin"),
    "change_members": lambda o, who, id: o.change_members(who, id, ["grace"], []),
    "change_task": lambda o, who, id: o.change_task(who, id, 1, owner="ada"),
    "containment": lambda o, who, id: o.containment(who, id),
    "correct": lambda o, who, id: o.correct(who, id, _line(o, id), text="y", reason="x"),
    "drill_people": lambda o, who, id: o.drill_people(who, id, "join"),
    "drill_report": lambda o, who, id: o.drill_report(who, id),
    "end_drill": lambda o, who, id: o.end_drill(who, id),
    "incident": lambda o, who, id: o.incident(who, id),
    "judge_exit": lambda o, who, id: o.judge_exit(who, id, 1, met=True, evidence="x"),
    "may_read_restricted": lambda o, who, id: o.may_read_restricted(who, id),
    "move": lambda o, who, id: o.move(who, id, "resolved", reason="x"),
    "note": lambda o, who, id: o.note(who, id, "x"),
    "pin": lambda o, who, id: o.pin(who, id, _line(o, id), True),
    "post_update": lambda o, who, id: o.post_update(who, id, "x"),
    "publish_review": lambda o, who, id: o.publish_review(who, id, 1),
    "reading": lambda o, who, id: o.reading(who, id),
    "redact": lambda o, who, id: o.redact(who, id, _line(o, id), "x"),
    "review_owner": lambda o, who, id: o.review_owner(who, id, "ada"),
    "revoke_share": lambda o, who, id: o.revoke_share(who, id, "x"),
    "role": lambda o, who, id: o.role(who, id, "commander", "take"),
    "save_review": lambda o, who, id: o.save_review(who, id, "x", 0),
    "set_severity": lambda o, who, id: o.set_severity(who, id, "sev1", "x"),
    "set_visibility": lambda o, who, id: o.set_visibility(who, id, "restricted", "x"),
    "settle_action": lambda o, who, id: o.settle_action(who, id, 1, "declined", "x"),
    "settle_task": lambda o, who, id: o.settle_task(who, id, 1, "done"),
    "share": lambda o, who, id: o.share(who, id),
    "timeline": lambda o, who, id: o.timeline(who, id),
    "validate": lambda o, who, id: o.validate(who, id, 1),
    "answer_condition": lambda o, who, id: o.answer_condition(who, id, "death", True),
    "clock": lambda o, who, id: o.clock(who, f"{id}.gdpr-art33.notify-authority"),
    "decide_clock": lambda o, who, id: o.decide_clock(who, f"{id}.gdpr-art33", "not-reportable", "x"),
    "incident_clocks": lambda o, who, id: o.incident_clocks(who, id),
    "pack": lambda o, who, id: o.pack(who, f"{id}.gdpr-art33.notify-authority"),
    "draft_notice": lambda o, who, id: o.draft_notice(who, f"{id}.gdpr-art33.notify-authority"),
    "submit_clock": lambda o, who, id: o.submit_clock(who, f"{id}.gdpr-art33.notify-authority", "x"),
    "take_regime": lambda o, who, id: o.take_regime(who, id, "uk-gdpr-art33"),
    "measures": lambda o, who, id: o.measures(who, id),
    "postmortem": lambda o, who, id: o.postmortem(who, id),
    "review_draft": lambda o, who, id: o.review_draft(who, id, o.desk.clock.now()),
    "review_version": lambda o, who, id: o.review_version(who, id, 1),
    "notices": lambda o, who, id: o.notices(who, id),
    "notice": lambda o, who, id: o.notice(who, f"{id}-N1"),
    "write_notice": lambda o, who, id: o.write_notice(who, f"{id}-N1", "x", "y"),
    "approve_notice": lambda o, who, id: o.approve_notice(who, f"{id}-N1", "0" * 64),
    "refuse_notice": lambda o, who, id: o.refuse_notice(who, f"{id}-N1", "x"),
    "receipt_notice": lambda o, who, id: o.receipt_notice(who, f"{id}-N1", "x"),
    "tell_fact": lambda o, who, id: o.tell_fact(who, id, AnchorFact(anchor="awareness", at=o.desk.clock.now())),
}
"""Operations on the incident that is named; called with the hidden one, one that does not exist, and the open one."""

OF_A_REQUEST: dict[str, Call] = {
    "approve": lambda o, who, id: o.approve(who, f"{id}-R1", "0" * 64),
    "refuse": lambda o, who, id: o.refuse(who, f"{id}-R1", "x"),
    "restore_request": lambda o, who, id: o.restore_request(who, f"{id}-R1"),
    "stop_restore": lambda o, who, id: o.stop_restore(who, f"{id}-R1", "x"),
}

OF_ALL: dict[str, Call] = {
    "able": lambda o, who, id: o.able(who, Right.COMMAND),
    "apply_catalog": lambda o, who, id: [
        o.apply_catalog(who, json.dumps(change(o.catalog(who))), "c.yaml", check=check)
        for change in (_recap, _regrade)
        for check in (True, False)
    ],
    "board": lambda o, who, id: o.board(who),
    "capabilities": lambda o, who, id: o.capabilities(who),
    "catalog": lambda o, who, id: o.catalog(who),
    "check": lambda o, who, id: o.check(who, "acme", "orion-2", "tool-use"),
    "create_token": lambda o, who, id: o.create_token(who, CreateToken(name="t", role="viewer")),
    "declare": lambda o, who, id: o.declare(
        who, {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}, "title": id}
    ),
    "coming": lambda o, who, id: o.coming(who),
    "drill_calendar": lambda o, who, id: o.drill_calendar(who),
    "drill_evidence": lambda o, who, id: o.drill_evidence(who),
    "drills": lambda o, who, id: o.drills(who),
    "drills_overdue": lambda o, who, id: o.drills_overdue(who),
    "insights": lambda o, who, id: o.insights(who),
    "messages": lambda o, who, id: [o.messages(who, state=state) for state in ("dead", "owed")],
    "retry_message": lambda o, who, id: o.retry_message(who, "M1"),
    "flag": lambda o, who, id: o.flag(who, "orion-2:tool-use"),
    "flags": lambda o, who, id: o.flags(who),
    "grants": lambda o, who, id: o.grants(who),
    "incident_at": lambda o, who, id: o.incident_at(who, "C1"),
    "incidents": lambda o, who, id: [
        o.incidents(who, search=search, status=status)
        for search in ("", SECRET, id, "revoked")
        for status in ("", "declared", "contained")
    ],
    "open_incidents": lambda o, who, id: o.open_incidents(who, 20),
    "kill": lambda o, who, id: o.kill(who, "model", "orion-2", "x"),
    "link_account": lambda o, who, id: o.link_account(who, "U01ADAADA"),
    "log": lambda o, who, id: o.log(who),
    "model": lambda o, who, id: [o.model(who, "orion-2"), o.model(who, "vega-1")],
    "models": lambda o, who, id: o.models(who),
    "partner": lambda o, who, id: [o.partner(who, "acme"), o.partner(who, "globex")],
    "partners": lambda o, who, id: o.partners(who),
    "people_names": lambda o, who, id: o.people_names(who),
    "points_overview": lambda o, who, id: o.points_overview(who),
    "preview": lambda o, who, id: [
        o.preview(who, {"playbook": "break-glass", "parameters": {"model": "orion-2"}, "kind": kind})
        for kind in ("real", "drill")
    ],
    "retire_point": lambda o, who, id: o.retire_point(who, "edge-1"),
    "revoke_token": lambda o, who, id: o.revoke_token(who, o.tokens(who)[0]["id"]),
    "clocks": lambda o, who, id: [o.clocks(who), o.clocks(who, state="all"), o.clocks(who, owner="linus")],
    "regime": lambda o, who, id: o.regime(who, "gdpr-art33"),
    "regimes": lambda o, who, id: o.regimes(who),
    "stale_regimes": lambda o, who, id: o.stale_regimes(who),
    "token": lambda o, who, id: o.token(who, o.tokens(who)[0]["id"]),
    "start_drill": lambda o, who, id: o.start_drill(
        who, {"playbook": "partner-credential-abuse", "parameters": {"partner": "acme"}, "title": id}
    ),
    "tokens": lambda o, who, id: o.tokens(who),
}
"""Operations on what else there is; called where what the hidden incident holds is in the answer or in the way."""


def _line(operations: Operations, id: str) -> int:
    """The newest note of that incident, restricted or not; the first line of all where there is no such incident."""
    notes = [e.seq for e in operations.desk.ledger.incident(id) if e.kind == "incident:note:added"]
    return notes[-1] if notes else 1


def _recap(catalog: dict[str, Any]) -> dict[str, Any]:
    """Every grant and model changes under a hold: accepted, and said to take no effect."""
    for grant in catalog["grants"]:
        grant["cap"] = {"per_day": 7}
    catalog["partners"]["acme"]["title"] = "A"
    catalog["models"]["vega-1"]["stage"] = "general"
    return catalog


def _regrade(catalog: dict[str, Any]) -> dict[str, Any]:
    """Refused: the ladder changes under a hold."""
    return catalog | {"stages": [*catalog["stages"], "everybody"]}


def operations_with_an_asker() -> set[str]:
    found = inspect.getmembers(Operations, inspect.isfunction)
    return {n for n, f in found if not n.startswith("_") and "asker" in inspect.signature(f).parameters}


def test_every_operation_stands_in_a_table() -> None:
    """A new one that nobody has looked at may be the leak."""
    assert operations_with_an_asker() == {*OF_ONE, *OF_A_REQUEST, *OF_ALL}
    assert len(OF_ONE) + len(OF_A_REQUEST) + len(OF_ALL) == len({*OF_ONE, *OF_A_REQUEST, *OF_ALL})


def answers(world: World, call: Call, id: str) -> str:
    try:
        return world.says(call(world.operations, world.outsider, id))
    except Refused as error:
        return f"{type(error).__name__} {error.code} {error} {error.errors}"


@pytest.mark.parametrize("name", sorted({**OF_ONE, **OF_A_REQUEST}))
def test_hidden_incident_is_to_an_outsider_what_does_not_exist(world: World, name: str) -> None:
    """Word for word, and nothing is written."""
    call = {**OF_ONE, **OF_A_REQUEST}[name]
    head = world.shop.service.ledger.head()
    never, hidden = answers(world, call, NEVER), answers(world, call, world.hidden)
    assert never.startswith(Unknown.__name__)
    assert hidden.replace(world.hidden, "ID") == never.replace(NEVER, "ID")
    assert world.shop.service.ledger.head() == head


@pytest.mark.parametrize("name", sorted({**OF_ONE, **OF_A_REQUEST, **OF_ALL}))
def test_answer_about_something_else_does_not_name_the_hidden_one(world: World, name: str) -> None:
    """Not by its id, in no case of letters, and with no word that somebody wrote in it."""
    call = {**OF_ONE, **OF_A_REQUEST, **OF_ALL}[name]
    if name in OF_A_REQUEST:
        world.operations.ask_restore(world.shop.person("grace", "commander"), world.open, [], "x")
    said = answers(world, call, world.open)
    assert world.hidden not in said.upper()
    assert SECRET not in said


def test_message_of_the_hidden_one_is_to_an_outsider_what_does_not_exist(world: World) -> None:
    """Its own id is what a list of messages would have given away; the same for a notice that is not there."""
    operations, head = world.operations, world.shop.service.ledger.head()
    owed = operations.messages(world.insider, state="owed", limit=1000)["items"]
    hidden_ones = {row["id"] for row in owed if row["incident"] == world.hidden}
    message, hint = next(iter(sorted(hidden_ones))), re.compile(r" Did you mean '([^']+)'\?")
    for known, unknown in ((message, "M99999"), (message.lower(), "m99999")):
        said, never = (answers(world, lambda o, who, id: o.retry_message(who, id), id) for id in (known, unknown))
        assert said.startswith(Unknown.__name__)
        assert hidden_ones.isdisjoint(hint.findall(said))  # a hint goes by the letters of what was typed
        assert hint.sub("", said).replace(known, "ID") == hint.sub("", never).replace(unknown, "ID")
    hidden, never = (answers(world, lambda o, who, id: o.notice(who, f"{id}-N99"), id) for id in (world.hidden, NEVER))
    assert hidden.replace(world.hidden, "ID") == never.replace(NEVER, "ID")
    assert world.shop.service.ledger.head() == head


def test_world_is_one_in_which_it_could_be_named(world: World) -> None:
    """The same answers name it to an insider: else the tests above would prove nothing."""
    operations, linus = world.operations, world.insider
    for answer in (
        operations.board(linus),
        operations.incident(linus, world.open),
        operations.before_and_now(linus, world.open),
        world.says(operations.timeline(linus, world.open)),
        operations.check(linus, "acme", "orion-2", "tool-use"),
        [operations.model(linus, "orion-2"), operations.partner(linus, "acme"), operations.flags(linus)],
        operations.incidents(linus),
        operations.log(linus),
    ):
        assert world.hidden in str(answer).upper()
    assert SECRET in world.says(operations.timeline(linus, world.open))


# --- pages, API, streams ----------------------------------------------------------------------------------------------


def addresses(http: FlaskClient, world: World) -> Iterator[str]:
    """Every address that can be read, with whatever its parts may be."""
    parts = (
        world.hidden, world.open, f"{world.hidden}-R1", "orion-2", "acme", "orion-2:tool-use", "break-glass",
        "confirm-containment",
    )  # fmt: skip
    for rule in http.application.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "pages.static":
            continue
        names = sorted(rule.arguments)
        for values in itertools.product(parts, repeat=len(names)):
            path = rule.rule
            for name, value in zip(names, values, strict=True):
                path = path.replace(f"<{name}>", value).replace(f"<int:{name}>", "1")
            yield path
    yield "/api/v1/decision?partner=acme&model=orion-2&capability=tool-use"
    for search in (SECRET, world.hidden, "acme"):
        yield f"/api/v1/incidents?q={search}"
    for search in ("acme", "same", "like", "done"):  # what is looked for stands on the page again
        yield f"/incidents?q={search}"


def test_no_page_and_no_route_names_it_to_an_outsider(http: FlaskClient, world: World) -> None:
    """Nor a word of it; where its id is in the address, the answer is that there is no such thing."""
    secret = world.shop.secret("ada-admin", "admin", person="ada")
    seen = 0
    for address in addresses(http, world):
        answer = http.get(address, headers=world.shop.headers(secret), buffered=True)
        text = answer.get_data(as_text=True)
        if world.hidden in address and "?" not in address:
            assert answer.status_code == 404, address
            text = text.replace(world.hidden, "")
        assert world.hidden not in text.upper(), address
        assert SECRET not in text, address
        seen += answer.status_code == 200
    assert seen > 30


def test_open_pages_are_told_that_something_changed_not_what(world: World) -> None:
    """The note that reaches every browser names no restricted incident."""
    front = build_front(world.shop.service)
    assert isinstance(front, Front)
    told: list[list[str]] = []

    class Loop:
        def is_closed(self) -> bool:
            return False

        def call_soon_threadsafe(self, call: object, *args: Any) -> None:
            told.append(args[1])

    front._loop = Loop()  # type: ignore[assignment]
    at = rfc3339(world.shop.clock.now())
    world.operations.note(world.insider, world.hidden, "x", at)
    world.operations.note(world.insider, world.open, "x", at)
    assert told == [["restricted"], [world.open]]

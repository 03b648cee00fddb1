"""
An expert's first ten minutes in Slack, each played to its end by scripted people who type, press, fill in and read.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog

from incidents.cli import main
from incidents.ledger.sqlite import SqliteLedger
from incidents.ledger.verify import verify
from incidents.testing import Pigeonhole
from incidents.testing.slack_person import FORM, SlackPerson
from incidents.testing.slack_reading import as_read, view_as_read
from tests.support.acting import change_catalog
from tests.support.slack import Scene, slack_scene

ABUSE = "declare partner-credential-abuse partner=acme"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with slack_scene() as made:
        made.shop.point("eu-1")
        yield made


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """The command line sets the logs up as its own; others' would go to where this test's output went."""
    yield
    structlog.reset_defaults()


def ledger_of(scene: Scene) -> list[Any]:
    return list(scene.shop.service.ledger.read())


def incidents(scene: Scene) -> list[str]:
    with scene.shop.service.desk.read() as state:
        return list(state.order)


def approve(scene: Scene, who: SlackPerson, request: str) -> str:
    """Read the plan, say that its checks are true, approve: what stands in place of the form then."""
    who.press(who.command(f"approve {request}").json, "Approve exactly this ...")
    scene.settle()
    boxes = [b for b in who.view()["blocks"] if b.get("block_id") == "checks"]
    checks = [option["value"] for b in boxes for option in b["element"]["options"]]
    answered = who.submit({"I say that these are true": checks, "Your decision": "approve"})
    refused = answered.json.get("errors")
    return " ".join(refused.values()) if refused else view_as_read(who.view())


def acknowledges(scene: Scene, point: str, revision: int, **more: Any) -> None:
    points, clock = scene.shop.service.points, scene.shop.clock
    copy = points.acknowledge(point, "one", revision, applies=["live"], boot=clock.boot(), at=clock.now(), **more)
    if not more:
        points.grant(copy, 15, clock.boot())


# --- 1 --------------------------------------------------------------------------------------------------------------


def test_declared_four_times_and_typed_again_it_is_one_incident(scene: Scene) -> None:
    """Slack's API hangs, the same body comes at 0, 3, 63 and 363 s, and its author types it once more."""
    with scene.slack.unreachable():
        began = time.perf_counter()
        first = scene.linus.command(f"{ABUSE} two countries at once")
        took = time.perf_counter() - began
        scene.shop.clock.advance(2)
        typed = scene.types(scene.linus, f"{ABUSE} two countries at once")
        delivery = scene.out.sent[0]
        for number, wait in enumerate((1, 60, 300), 1):
            scene.shop.clock.advance(wait)
            assert scene.out.again(delivery, retry=number).text == first.text
    said = as_read(first.json)

    assert took < 1
    assert incidents(scene) == ["INC-2026-0001"]
    assert "done once" in typed
    assert scene.kinds("INC-2026-0001").count("incident:life:joined") == 0
    assert [word in said for word in ("take INC-2026-0001", "note INC-2026-0001", "show INC-2026-0001")] == [True] * 3


# --- 2 --------------------------------------------------------------------------------------------------------------


def test_what_is_not_slacks_is_401_changes_nothing_and_leaves_its_trace(scene: Scene, capsys: Any) -> None:
    """Forged, stale, unsigned, replayed and another team's: nobody stops or starts anything with them."""
    scene.types(scene.linus, "list")
    replayed, now = scene.out.sent[-1], int(scene.shop.clock.now().timestamp())
    kill = replayed.body.replace(b"text=list", b"text=kill+partner+acme+leak")
    good = scene.out.signed(kill, FORM)
    wrong = [
        (good | {"X-Slack-Signature": "v0=" + "0" * 64}, kill),
        (scene.out.signed(kill, FORM, at=now - 301), kill),
        ({}, kill),
        (replayed.headers, replayed.body),
        (other := kill.replace(b"team_id=T01ANDON", b"team_id=T0OTHER00"), other),
    ]
    wrong[-1] = (scene.out.signed(other, FORM), other)
    capsys.readouterr()
    statuses = [scene.out.send("/slack/commands", headers, body).status for headers, body in wrong]
    logged = capsys.readouterr()

    assert statuses == [401] * 5
    assert incidents(scene) == []
    for reason in ("forged", "stale", "unsigned", "replayed", "wrong-team"):
        assert reason in logged.out + logged.err
    refused = [e.data["because"] for e in ledger_of(scene) if e.kind == "slack:delivery:refused"]
    assert refused == ["replayed", "wrong-team"]


# --- 3 --------------------------------------------------------------------------------------------------------------


def test_nothing_that_is_typed_is_met_with_silence(scene: Scene) -> None:
    """Help, an unknown verb, a missing argument, the wrong channel, a closed incident: each with a way that works."""
    scene.types(scene.linus, "kill partner acme leak")
    scene.posts(20)
    assert "Stop something now" in scene.types(scene.linus, "help")
    assert "Did you mean 'kill'?" in scene.types(scene.linus, "kil partner acme leak")
    assert "`/incident kill partner|capability|model NAME REASON`" in scene.types(scene.linus, "kill partner globex")
    elsewhere = scene.linus.command("note called them").json
    scene.linus.press(elsewhere, "This one: INC-2026-0001", channel=scene.linus.channel)
    assert "Noted" in scene.hears(scene.linus)

    scene.types(scene.ada, "status latest false-alarm it was a test key")
    late = scene.types(scene.linus, "task INC-2026-0001 1 done")
    way = late.partition("`/incident ")[2].partition("`")[0].replace("WHY", "it was none")
    assert "It is " in scene.types(scene.ada, way)
    assert "Task 1 is done" in scene.types(scene.linus, "task INC-2026-0001 1 done")


# --- 4 --------------------------------------------------------------------------------------------------------------


def test_a_number_in_a_sentence_is_no_severity_and_what_is_unclear_is_asked(scene: Scene) -> None:
    scene.types(scene.linus, f"{ABUSE} about 10 users, 1 region")
    severity = scene.shop.service.operations.incident(scene.shop.person("ada", "commander"), "latest")["severity"]
    asked = scene.types(scene.linus, "declare break-glass partner=acme severity=1ish leak")

    assert severity == "sev2"
    assert "'1ish' is no severity: sev1, sev2, sev3 or sev4" in asked
    assert incidents(scene) == ["INC-2026-0001"]


# --- 5 --------------------------------------------------------------------------------------------------------------


def test_one_person_contains_and_sees_who_confirmed_and_who_did_not(scene: Scene) -> None:
    """The preview names who goes dark; then one message counts, and calls nothing contained that still serves."""
    names = ("eu-1", "eu-2", "eu-3", "eu-4", "dead")
    for name in names[1:]:
        scene.shop.point(name)
    held = scene.shop.service.desk.snapshot.revision
    for name in names:
        acknowledges(scene, name, held)
    preview = scene.linus.command("preview break-glass partner=acme").json
    scene.linus.press(preview, "Declare, switch it off", channel=scene.linus.channel)
    scene.posts(2)
    ordered = scene.shop.service.desk.snapshot.revision
    for name in ("eu-1", "eu-2", "eu-3"):
        acknowledges(scene, name, ordered)
    acknowledges(scene, "eu-4", held, refused="disk full")
    scene.posts(2)
    (message,) = scene.top()
    counted = as_read(message)
    scene.posts(16)

    assert "• acme on orion-2:tool-use" in as_read(preview)
    assert "NOT CONTAINED, 3 of 5 confirmed" in counted
    assert ":rotating_light: eu-4: says that it can't apply the change: disk full" in counted
    assert ":hourglass: dead: has not acknowledged yet; may still hold a lease" in counted
    assert len(scene.top()) == 1
    assert "*Contained*  3 of 5 points confirmed" in as_read(scene.top()[0])
    assert "2 lapsed and deny" in as_read(scene.top()[0])
    assert not scene.shop.service.desk.snapshot.decide(
        "acme", "orion-2", "tool-use", now=scene.shop.clock.now()
    ).allowed


# --- 6 --------------------------------------------------------------------------------------------------------------


def test_killed_from_slack_and_the_command_line_at_once_it_is_one_order_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Two people, two ways in, two processes' worth of ledger: the second reads who and when."""
    path = tmp_path / "andon.db"
    monkeypatch.setenv("ANDON_DATABASE_URL", f"sqlite:///{path}")
    with slack_scene(ledger=SqliteLedger.create(path)) as scene, ThreadPoolExecutor(2) as both:
        typed = both.submit(scene.types, scene.linus, "kill partner acme leak")
        ran = both.submit(main, ["kill", "partner", "acme", "--reason", "leak"])
        slack, code = typed.result(20), ran.result(20)
        scene.shop.service.cycle()
        again = scene.types(scene.grace, "kill partner acme seen it too")
        placed = [e for e in ledger_of(scene) if e.kind == "access:hold:placed"]

    assert code == 0
    assert len(placed) == 1
    assert incidents(scene) == ["INC-2026-0001"]
    assert ("does that already" in slack) or ("declared* by Linus Berg" in slack)
    assert "INC-2026-0001" in capsys.readouterr().out
    assert "does that already*, declared by" in again


# --- 7 --------------------------------------------------------------------------------------------------------------


def test_the_way_back_takes_another_person_and_exactly_the_plan_that_was_read(scene: Scene) -> None:
    """The asker and a changed plan are refused, another person is not; what a second incident holds stays off."""
    scene.types(scene.linus, "kill partner acme leak")
    scene.types(scene.grace, "restore INC-2026-0001 new key issued")
    own = scene.types(scene.grace, "approve INC-2026-0001-R1")
    scene.ada.press(scene.ada.command("approve INC-2026-0001-R1").json, "Approve exactly this ...")
    scene.settle()
    scene.types(scene.linus, "declare partner-credential-abuse partner=acme separate=yes another leak")
    boxes = next(b for b in scene.ada.view()["blocks"] if b.get("block_id") == "checks")
    checks = [option["value"] for option in boxes["element"]["options"]]
    changed = scene.ada.submit({"I say that these are true": checks, "Your decision": "approve"})
    scene.types(scene.grace, "refuse INC-2026-0001-R1 the plan has changed")
    scene.shop.clock.advance(30)
    scene.types(scene.grace, "restore INC-2026-0001 new key issued")
    approved = approve(scene, scene.ada, "INC-2026-0001-R2")
    still = scene.types(scene.linus, "check acme orion-2:tool-use")
    by = {e.kind: e.actor.person for e in scene.shop.service.ledger.incident("INC-2026-0001")}

    assert "Approve exactly this" not in own
    assert "has changed since" in changed.text
    assert "is approved, 1 hold lifted" in approved
    assert (by["restore:request:asked"], by["restore:request:approved"]) == ("grace", "ada")
    assert "*denied*" in still
    assert "held by <https://andon.example/incidents/INC-2026-0002|INC-2026-0002>" in still


# --- 9 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["limited", "broken", "revoked"])
def test_half_an_hour_of_a_bad_day_stops_nothing_but_slack(scene: Scene, day: str) -> None:
    """429, 5xx or a revoked token: contained, mailed, the page moves; then one message in place of the backlog."""
    mail: Pigeonhole = scene.shop.channel("email")
    scene.connects()
    scene.types(scene.linus, "kill partner globex leak")
    scene.sends(20)
    fault = {
        "limited": lambda: scene.slack.limits("*", 30, times=None),
        "broken": lambda: scene.slack.breaks("*", 503, times=None),
        "revoked": lambda: scene.slack.fails("*", "token_revoked", times=None),
    }[day]()
    before = len(scene.slack.workspace.channel("#incidents").messages)
    said = scene.types(scene.linus, "kill partner acme leak")
    for number in range(30):
        scene.types(scene.linus, f"note INC-2026-0001 minute {number}")
        scene.sends(60)
    page = scene.http.get("/", headers=scene.shop.headers(scene.shop.secret("v", "viewer"))).get_data(as_text=True)
    during = len(scene.slack.workspace.channel("#incidents").messages)
    fault.end()
    scene.sends(150)
    tops = {m["text"].split()[2]: m for m in scene.top()}
    told = [line for line in scene.thread(tops["INC-2026-0001"]) if "minute" in line]

    assert "declared* by Linus Berg" in said
    assert during == before
    assert "INC-2026-0002" in page
    assert "Slack is degraded" in page
    assert "ada@example.com" in [who for who, _ in mail.told]
    assert "· contained" in as_read(tops["INC-2026-0002"])
    assert len(told) == 1
    assert "things happened meanwhile" in told[0]


# --- 10 -------------------------------------------------------------------------------------------------------------


def test_command_is_handed_over_by_being_accepted() -> None:
    """Until then the old one has it; topic and timeline change once; who does not accept is called, then others."""
    with slack_scene(settings={"rooms": "real"}) as scene:
        change_catalog(scene.shop, lambda c: c["people"]["linus"].update(duties=["deputy"]))
        scene.connects()
        scene.types(scene.linus, "kill partner acme leak")
        scene.types(scene.ada, "take latest")
        scene.sends(10)
        scene.types(scene.ada, "assign latest commander <@U01GRACEG|grace>")
        scene.sends(10)
        between = as_read(scene.top()[0])
        scene.sends(20 * 60)
        called = [as_read(m) for m in scene.direct(scene.grace.user) if "not accepted" in as_read(m)]
        deputy = [as_read(m) for m in scene.direct(scene.linus.user) if "not accepted" in as_read(m)]
        press = next(m for m in scene.direct(scene.grace.user) if "not accepted" in as_read(m))
        scene.grace.press(press, "Take command")
        scene.sends(10)
        topics = [c.args["topic"] for c in scene.slack.called("conversations.setTopic")]
        taken = scene.kinds("INC-2026-0001").count("incident:role:taken")
        scene.types(scene.ada, "restore latest new key")
        flagged = scene.types(scene.grace, "approve latest")

    assert "<@U01ADAADA>; offered to <@U01GRACEG>, who has not accepted" in between
    assert called
    assert deputy
    assert [("Ada" in topic, "Grace" in topic) for topic in topics if "nobody" not in topic] == [
        (True, False),
        (False, True),
    ]
    assert taken == 2
    assert "*Command*  <@U01GRACEG>" in as_read(scene.top()[0])
    assert "You have command of this incident as well" in flagged


# --- 12 -------------------------------------------------------------------------------------------------------------


def test_a_message_its_edit_its_deletion_and_a_late_note_all_stay_and_verify(tmp_path: Path) -> None:
    """Pinned with a picture, edited, deleted, and something back-dated; a line changed by hand is named."""
    path = tmp_path / "andon.db"
    with slack_scene(settings={"rooms": "real"}, ledger=SqliteLedger.create(path)) as scene:
        scene.types(scene.linus, "kill partner acme leak")
        scene.posts(4)
        grace = scene.out.person(scene.grace.user, "inc-2026-0001-acme")
        said = grace.say("the key was made on Monday", files=[{"name": "paste.png"}])
        grace.pin(said)
        scene.shop.clock.advance(60)
        grace.edit(said, "the key was made on Tuesday")
        scene.shop.clock.advance(60)
        grace.delete(said)
        scene.types(scene.linus, "note latest at=11:40 their first call to us")
        ada = scene.shop.person("ada", "commander")
        rows = scene.shop.service.operations.timeline(ada, "INC-2026-0001")
        note = next(row for row in rows if "first call" in row.text)
        scene.shop.service.operations.correct(
            ada, "INC-2026-0001", note.seq, at="2026-11-23T11:42:00Z", reason="a typo"
        )
        lines = [r.text for r in scene.shop.service.operations.timeline(ada, "INC-2026-0001")]
        whole = verify(scene.shop.service.ledger.read())
    with closing(sqlite3.connect(path)) as by_hand:
        triggers = by_hand.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'event'")
        for (name,) in triggers.fetchall():
            by_hand.execute(f"DROP TRIGGER {name}")
        by_hand.execute("UPDATE event SET at = '2026-11-23T11:59:00.000000Z' WHERE seq = ?", (note.seq,))
        by_hand.commit()
    tampered = SqliteLedger.open(path)
    broken = verify(tampered.read())
    tampered.close()

    assert any("made on Monday" in line and "[files: paste.png]" in line for line in lines)
    assert any("made on Tuesday" in line for line in lines)
    assert any("deleted" in line.lower() for line in lines)
    assert note.late
    assert any("11:42" in line for line in lines) or any("typo" in line for line in lines)
    assert whole.wrong is None
    assert broken.wrong is not None
    assert str(note.seq) in str(broken.wrong)

"""The whole gateway client against a small real server: sockets, threads, files, and trouble on the line."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from incidents import client
from incidents.client import Decision, Gateway
from tests.support.fake_enforcement import FakeEnforcement, wait_until

REVOKED = {"partner:acme": {"audience": "trusted-partner", "revoked": True}}
FLAG_OFF = {"flag:orion-2:tool-use": {"off": True}}
TOOL_USE = ("acme", "orion-2", "tool-use")
OPEN = Callable[..., Gateway]


@pytest.fixture
def server() -> Iterator[FakeEnforcement]:
    with FakeEnforcement() as fake:
        yield fake


@pytest.fixture
def gateway(server: FakeEnforcement, tmp_path: Path) -> Iterator[OPEN]:
    """Opens gateways of the server, with a folder of this test, and closes them."""
    opened: list[Gateway] = []

    def open_one(**options: Any) -> Gateway:
        token = options.pop("token", server.token)
        opened.append(Gateway(server.url, token, "gw-1", **{"cache_dir": tmp_path / "cache"} | options))
        return opened[-1].start()

    yield open_one
    for each in opened:
        each.close()


def says(gateway: Gateway, reason: str, question: tuple[str, ...] = TOOL_USE, within: float = 5.0) -> None:
    wait_until(lambda: gateway.decide(*question).reason == reason, within, f"{question} is {reason}")


def streaming(gateway: Gateway) -> None:
    wait_until(lambda: gateway.status()["connected"] == "stream", what="the stream is open")


def test_a_gateway_denies_first_and_allows_once_it_has_a_lease(server: FakeEnforcement, gateway: OPEN) -> None:
    """Nothing is allowed on the strength of a copy alone."""
    server.frozen = True
    edge = gateway()
    assert edge.decide(*TOOL_USE) == Decision(False, "lease-lapsed", 0)
    server.frozen = False
    says(edge, "granted")

    assert edge.decide(*TOOL_USE) == Decision(True, "granted", 1)
    assert edge.decide("globex", "orion-2", "tool-use").reason == "stage"
    assert edge.decide("nobody", "orion-2", "tool-use").reason == "unknown-partner"


def test_a_kill_arrives_by_the_stream_and_is_acknowledged_at_once(server: FakeEnforcement, gateway: OPEN) -> None:
    """The acknowledgement is what turns an incident to contained; it does not wait for the next renewal."""
    edge = gateway()
    says(edge, "granted")
    streaming(edge)
    began = time.monotonic()
    revision = server.change(REVOKED)
    wait_until(lambda: server.acknowledged(revision))

    assert time.monotonic() - began < 1.0, "a third of the lease would be 5 s"
    assert edge.decide(*TOOL_USE) == Decision(False, "partner-revoked", revision)


def test_a_request_tells_who_asks_and_what_it_applies(server: FakeEnforcement, gateway: OPEN) -> None:
    """The server keeps a list of instances, and a point that does not apply shadow never confirms a drill."""
    edge = gateway(applies=("live",))
    says(edge, "granted")
    request = server.leases[0]

    assert {key: request[key] for key in ("name", "ledger", "revision", "applies", "usage")} == {
        "name": "gw-1",
        "ledger": "ledger-1",
        "revision": 1,
        "applies": ["live"],
        "usage": [],
    }
    assert request["instance"] == edge.status()["instance"]


def test_the_mark_is_on_disk_before_the_revision_is_acknowledged(
    server: FakeEnforcement, gateway: OPEN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the process dies between the two, its successor must know; the other order would forget."""
    marks = tmp_path / "cache" / "marks.json"
    seen: list[tuple[int, int]] = []
    answer = server.lease

    def look(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        seen.append((body["revision"], json.loads(marks.read_text())["marks"]["ledger-1"]))
        return answer(body)

    monkeypatch.setattr(server, "lease", look)
    edge = gateway()
    says(edge, "granted")
    revision = server.change(REVOKED)
    wait_until(lambda: server.acknowledged(revision))

    assert all(asked <= marked for asked, marked in seen)


def test_a_slow_answer_shortens_the_lease(server: FakeEnforcement, gateway: OPEN) -> None:
    """The lease runs from sending, so half a second on the way is half a second less."""
    server.lease_seconds, server.delay = 1.5, 0.5
    edge = gateway()
    says(edge, "granted")

    assert edge.status()["lease_left_s"] <= 1.0


def test_a_frozen_server_costs_the_lease_and_then_everything_is_denied(server: FakeEnforcement, gateway: OPEN) -> None:
    """SIGSTOP on the server, or a firewall that drops: no error arrives, only silence."""
    server.lease_seconds = 0.6
    edge = gateway()
    says(edge, "granted")
    server.frozen = True
    says(edge, "lease-lapsed", within=2.0)
    assert edge.decide("nobody", "no", "no").reason == "lease-lapsed", "goes before every other reason"
    server.frozen = False

    says(edge, "granted")


def test_a_flag_that_allows_on_silence_keeps_its_last_known_decision(server: FakeEnforcement, gateway: OPEN) -> None:
    """on_silence: allow, with known holds; every other flag of the same copy denies."""
    server.lease_seconds = 0.4
    edge = gateway()
    says(edge, "granted")
    server.frozen = True
    says(edge, "lease-lapsed")

    assert edge.decide("acme", "orion-2", "code-execution").reason == "granted"
    assert edge.decide("globex", "orion-2", "code-execution").reason == "stage"


def test_a_restart_with_a_copy_denies_until_a_lease_is_granted(server: FakeEnforcement, gateway: OPEN) -> None:
    """The copy on disk may be a month old; on_silence: allow does not help a fresh start either."""
    first = gateway()
    says(first, "granted")
    first.close()
    server.status["lease"] = 503
    second = gateway()
    assert second.status()["revision"] == 1, "the copy is there"
    streaming(second)
    assert second.decide(*TOOL_USE).reason == "lease-lapsed"
    assert second.decide("acme", "orion-2", "code-execution").reason == "lease-lapsed"
    del server.status["lease"]

    says(second, "granted")


def test_a_restart_never_goes_back_behind_what_was_acknowledged(server: FakeEnforcement, gateway: OPEN) -> None:
    """The server lost its last revision, a kill, and nobody minted a new ledger id."""
    first = gateway()
    says(first, "granted")
    revision = server.change(REVOKED)
    wait_until(lambda: server.acknowledged(revision))
    first.close()
    server.replace(ledger="ledger-1", revision=1)
    before = len(server.leases)
    second = gateway()
    wait_until(lambda: len(server.leases) > before and server.snapshots > 1)

    assert second.status()["revision"] in (0, revision)
    assert second.decide(*TOOL_USE).reason == "lease-lapsed"


def test_a_running_point_takes_no_older_table_and_lapses(
    server: FakeEnforcement, gateway: OPEN, caplog: pytest.LogCaptureFixture
) -> None:
    """409: the server is older than this copy. Deny, do not follow; and say it once, not at every attempt."""
    server.lease_seconds = 0.5
    edge = gateway()
    revision = server.change({"partner:new": {"audience": "general"}})
    wait_until(lambda: edge.decide(*TOOL_USE).revision == revision and edge.decide(*TOOL_USE).allowed)
    server.replace(ledger="ledger-1", revision=1)
    says(edge, "lease-lapsed")
    attempts = len(server.leases)
    wait_until(lambda: len(server.leases) > attempts + 1)

    assert edge.status()["revision"] == revision
    assert len([each for each in caplog.records if "older than revision 2" in each.message]) == 1


def test_another_ledger_drops_the_copy_and_takes_the_new_one(server: FakeEnforcement, gateway: OPEN) -> None:
    """After a restore from backup the revision is lower, and that is right: it is another ledger."""
    edge = gateway()
    says(edge, "granted")
    server.change({"partner:new": {"audience": "general"}})
    wait_until(lambda: edge.status()["revision"] == 2)
    server.replace(ledger="ledger-2", revision=1, live=server.live | REVOKED)
    server.cut_streams()

    says(edge, "partner-revoked")
    assert edge.status()["ledger"] == "ledger-2"


def test_a_wrong_nonce_earns_no_lease(server: FakeEnforcement, gateway: OPEN) -> None:
    """The answer may be an old one out of a cache."""
    server.wrong_nonce = True
    edge = gateway()
    wait_until(lambda: len(server.leases) >= 2)
    assert edge.decide(*TOOL_USE).reason == "lease-lapsed"
    server.wrong_nonce = False

    says(edge, "granted")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("route", ["lease", "snapshot"])
def test_a_refused_token_ends_the_lease_at_once(
    server: FakeEnforcement, gateway: OPEN, status: int, route: str
) -> None:
    """A revoked gateway token must not go on for what is left of its lease, and not on silence."""
    edge = gateway()
    says(edge, "granted")
    server.status[route] = server.status["stream"] = status
    began = time.monotonic()
    server.change({"partner:new": {"audience": "general"}})
    server.cut_streams()
    says(edge, "lease-lapsed", within=3.0)

    assert time.monotonic() - began < 3.0, "the lease was 15 s"
    assert edge.decide("acme", "orion-2", "code-execution").reason == "lease-lapsed"
    assert str(status) in edge.status()["last_error"]["what"]


def test_a_change_with_a_gap_before_it_is_not_applied_but_a_snapshot_taken(
    server: FakeEnforcement, gateway: OPEN
) -> None:
    """A missed change could be the kill."""
    edge = gateway()
    says(edge, "granted")
    streaming(edge)
    taken = server.snapshots
    server.keep_quiet, server.resync_only = True, True
    server.change(REVOKED)
    server.keep_quiet = False
    server.change({"partner:new": {"audience": "general"}})

    says(edge, "partner-revoked")
    assert server.snapshots > taken
    assert edge.status()["revision"] == 3


def test_a_change_with_a_wrong_digest_is_replaced_by_a_snapshot_and_never_acknowledged(
    server: FakeEnforcement, gateway: OPEN
) -> None:
    """Confirming a table that is not the server's would make "contained" a lie."""
    edge = gateway()
    says(edge, "granted")
    streaming(edge)
    server.spoil_next = True
    revision = server.change(REVOKED)
    says(edge, "partner-revoked")
    wait_until(lambda: server.acknowledged(revision))

    right = server.snapshot()["digest"]
    assert {each["digest"] for each in server.leases if each["revision"] == revision} == {right}


def test_a_resync_on_the_stream_is_answered_with_a_snapshot(server: FakeEnforcement, gateway: OPEN) -> None:
    """The server can't bridge every gap; then it says so."""
    edge = gateway()
    says(edge, "granted")
    streaming(edge)
    server.keep_quiet = server.resync_only = True
    server.change(REVOKED)
    server.send(b'event: resync\ndata: {"ledger": "ledger-1", "revision": 2}\n\n')

    says(edge, "partner-revoked")


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until-closed"])
def test_a_cut_stream_resumes_from_the_revision_applied(server: FakeEnforcement, gateway: OPEN, chunked: bool) -> None:
    """Balancers cut streams every few minutes; no change may fall into the gap, and no full copy be sent for it."""
    server.chunked = chunked
    edge = gateway()
    says(edge, "granted")
    server.change({"partner:new": {"audience": "general"}})
    wait_until(lambda: edge.status()["revision"] == 2)
    wait_until(lambda: server.open_streams == 1)
    wait_until(lambda: server.acknowledged(2))
    server.status["snapshot"] = 503  # the stream alone can bring it now
    server.keep_quiet = True
    server.change(REVOKED)
    server.cut_streams()

    says(edge, "partner-revoked")
    assert server.streams[1] == {"ledger": "ledger-1", "last": "2"}


def test_a_half_open_connection_is_noticed_by_missing_heartbeats(
    server: FakeEnforcement, gateway: OPEN, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cable is out: no reset ever arrives, the socket looks fine for ever."""
    monkeypatch.setattr(Gateway, "HEARTBEAT_S", 0.1)
    edge = gateway()
    streaming(edge)
    server.heartbeat = 30.0

    wait_until(lambda: len(server.streams) >= 2, what="a second stream was opened")


def test_without_a_stream_the_snapshot_is_polled_and_streaming_tried_on(
    server: FakeEnforcement, gateway: OPEN, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that kills long answers must cost seconds, not the kill; and polling must not become permanent."""
    monkeypatch.setattr(Gateway, "POLL_S", 0.1)
    server.status["stream"] = 502
    edge = gateway()
    says(edge, "granted")
    assert edge.status()["connected"] == "polling"
    wait_until(lambda: server.unchanged > 2, what="unchanged polls are answered by 304")
    server.change(REVOKED)
    says(edge, "partner-revoked")
    del server.status["stream"]

    streaming(edge)


def test_a_stale_renewal_brings_the_change_when_the_stream_is_silent(server: FakeEnforcement, gateway: OPEN) -> None:
    """A proxy that buffers keeps the stream open and useless; the renewal gets through."""
    server.lease_seconds = 0.9
    edge = gateway()
    says(edge, "granted")
    streaming(edge)
    taken = server.snapshots
    server.keep_quiet = True
    server.change(FLAG_OFF)

    says(edge, "capability-off")
    assert server.snapshots == taken


def test_a_stale_renewal_that_can_not_bridge_leads_to_a_snapshot(server: FakeEnforcement, gateway: OPEN) -> None:
    """A gap that the server no longer remembers, on a line whose stream is silent."""
    server.lease_seconds = 0.9
    edge = gateway()
    says(edge, "granted")
    streaming(edge)
    server.keep_quiet = server.resync_only = True
    server.change(FLAG_OFF)

    says(edge, "capability-off")


def test_a_server_that_comes_back_finds_the_gateway_again(server: FakeEnforcement, gateway: OPEN) -> None:
    """Restart of the server: the same port, all connections gone."""
    edge = gateway()
    says(edge, "granted")
    server.stop()
    wait_until(lambda: edge.status()["connected"] == "polling")
    server.change(REVOKED)
    server.start()

    says(edge, "partner-revoked")
    streaming(edge)


def test_no_right_to_grant_is_waited_out(server: FakeEnforcement, gateway: OPEN) -> None:
    """503 is the server saying that it can't be sure; the lease that stands goes on, and no longer."""
    server.lease_seconds = 0.6
    edge = gateway()
    says(edge, "granted")
    server.status["lease"] = 503
    says(edge, "lease-lapsed")
    del server.status["lease"]

    says(edge, "granted")


def test_a_jump_of_the_wall_clock_denies_until_the_next_lease(
    server: FakeEnforcement, gateway: OPEN, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was moved while asleep; the boot clock may not show it."""
    edge = gateway()
    says(edge, "granted")
    server.frozen = True
    monkeypatch.setattr(client, "_wall_now", lambda: time.time() + 3600)
    assert edge.decide(*TOOL_USE).reason == "lease-lapsed"
    monkeypatch.undo()
    assert edge.decide(*TOOL_USE).reason == "lease-lapsed", "turned back, still over"
    server.frozen = False

    says(edge, "granted")


def test_a_grant_expires_at_utc_midnight_although_its_decision_was_remembered(
    server: FakeEnforcement, gateway: OPEN, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decisions are remembered for speed; the date must still count."""
    midnight = (time.time() // 86_400 + 1) * 86_400
    wall = [midnight - 1]
    monkeypatch.setattr(client, "_wall_now", lambda: wall[0])
    today = time.strftime("%Y-%m-%d", time.gmtime(midnight - 1))
    server.live["grant:acme:orion-2:tool-use"] = {"terms": True, "expires": today}
    edge = gateway()
    says(edge, "granted")
    wall[0] = midnight

    assert edge.decide(*TOOL_USE).reason == "grant-expired"


def test_a_cap_is_counted_here_and_reported(server: FakeEnforcement, gateway: OPEN) -> None:
    """The throttle must hold between renewals too, and the server must learn of it."""
    server.lease_seconds = 0.6
    edge = gateway()
    says(edge, "granted")
    question = ("acme", "lyra-1", "tool-use")
    assert [edge.decide(*question).reason for _ in range(4)] == ["granted"] * 3 + ["usage-cap"]
    wait_until(lambda: any(each["usage"] for each in server.leases))
    reported = server.leases[-1]["usage"]

    assert [(row["flag"], row["per"], row["count"]) for row in reported] == [("lyra-1:tool-use", "day", 3)]


def test_what_a_hold_keeps_out_is_counted_and_reported(server: FakeEnforcement, gateway: OPEN) -> None:
    """People want to know what a kill costs; a remembered answer counts as often as it is given."""
    server.lease_seconds = 0.6
    server.live["partner:acme"] = server.live["partner:acme"] | {"revoked": True}
    edge = gateway()
    says(edge, "partner-revoked")
    asked = 1 + sum(edge.decide(*TOOL_USE).reason == "partner-revoked" for _ in range(5))
    assert edge.decide("nobody", "orion-2", "tool-use").reason == "unknown-partner"
    wait_until(lambda: any(row["count"] >= asked for each in server.leases for row in each["usage"]))

    reported = {(row["partner"], row["flag"], row["per"]) for row in server.leases[-1]["usage"]}
    assert reported == {("acme", "orion-2:tool-use", "refused")}


def test_what_other_instances_used_is_merged_into_the_cap(server: FakeEnforcement, gateway: OPEN) -> None:
    """One partner, one cap, many gateways."""
    server.lease_seconds, server.others = 0.6, {"day": 2}
    edge = gateway()
    says(edge, "granted")
    question = ("acme", "lyra-1", "tool-use")
    assert edge.decide(*question).allowed
    wait_until(lambda: any(each["usage"] for each in server.leases))
    renewed = len(server.leases)
    wait_until(lambda: len(server.leases) > renewed)

    assert edge.decide(*question).reason == "usage-cap"


def test_on_revoked_is_told_what_was_allowed_and_is_no_longer(server: FakeEnforcement, gateway: OPEN) -> None:
    """Running streams are cut by it; and one callback that raises must not keep the next from being called."""
    told: list[tuple[str | None, ...]] = []
    edge = gateway()
    edge.on_revoked(lambda *_: 1 / 0)
    edge.on_revoked(lambda *thing: told.append(thing))
    says(edge, "granted")
    server.change({"partner:new": {"audience": "general"}})
    server.change(FLAG_OFF)
    server.change(REVOKED)
    wait_until(lambda: len(told) == 2)

    assert told == [(None, "orion-2", "tool-use"), ("acme", None, None)]
    assert "ZeroDivisionError" in edge.status()["last_error"]["what"]


def test_on_revoked_is_told_although_the_copy_was_dropped_in_between(server: FakeEnforcement, gateway: OPEN) -> None:
    """Another ledger, announced by a resync: first the copy goes, then the new one comes without the grant."""
    told: list[tuple[str | None, ...]] = []
    edge = gateway()
    edge.on_revoked(lambda *thing: told.append(thing))
    says(edge, "granted")
    server.replace(ledger="ledger-2", revision=9, live=server.live | REVOKED)
    server.send(b'event: resync\ndata: {"ledger": "ledger-2", "revision": 9}\n\n')

    wait_until(lambda: told == [("acme", None, None)])


def test_a_full_disk_applies_the_kill_but_acknowledges_nothing(
    server: FakeEnforcement, gateway: OPEN, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kill must work; but what could not be written down could be forgotten, so it is not confirmed."""
    server.lease_seconds = 0.8
    edge = gateway()
    says(edge, "granted")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(client.Disk, "_write", staticmethod(full))
    revision = server.change({"partner:new": {"audience": "general"}})
    says(edge, "lease-lapsed")
    wait_until(lambda: any("could not be written down" in each.get("refused", "") for each in server.leases))
    assert not server.acknowledged(revision)
    assert "No space left" in edge.status()["disk_error"]
    monkeypatch.undo()

    says(edge, "granted")
    assert edge.status()["disk_error"] is None


@pytest.mark.parametrize(("method", "thread"), [("_renew", "lease"), ("_heard", "stream")])
def test_a_fault_in_a_thread_is_reported_and_survived(
    server: FakeEnforcement,
    gateway: OPEN,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    thread: str,
) -> None:
    """A thread that died silently would show weeks later, in an incident."""
    said: list[str] = []
    real, faults = getattr(Gateway, method), iter([KeyError("bug"), KeyError("bug")])

    def sometimes(self: Gateway, *args: Any) -> Any:
        fault = next(faults, None)
        if fault is not None:
            raise fault
        return real(self, *args)

    monkeypatch.setattr(Gateway, method, sometimes)
    edge = gateway(on_error=lambda message, problem: said.append(message))
    streaming(edge)
    server.change({"partner:new": {"audience": "general"}})
    server.change({"partner:new": {"audience": "limited"}})
    wait_until(lambda: next(faults, None) is None and edge.status()["revision"] == 3)
    says(edge, "granted")

    assert all(edge.status()["threads"].values())
    about = [each for each in caplog.records if f"the {thread} thread failed" in each.message]
    assert len(about) == 1, "said once a minute, not at every fault"
    assert about[0].levelno == logging.ERROR
    assert about[0].exc_info is not None
    assert any(f"the {thread} thread failed" in each for each in said)


def test_a_fault_inside_decide_denies(server: FakeEnforcement, gateway: OPEN, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in a gateway's hot path often ends in "let it pass"."""
    edge = gateway()
    says(edge, "granted")
    monkeypatch.setattr(client, "_boot_now", lambda: 1 / 0)
    decision = edge.decide(*TOOL_USE)
    monkeypatch.undo()

    assert decision == Decision(False, "internal-error", 0)


@pytest.mark.parametrize("question", [(None, "orion-2", "tool-use"), ("acme", 2, "tool-use"), (["acme"], "m", "c")])
def test_a_question_that_is_not_text_denies(server: FakeEnforcement, gateway: OPEN, question: tuple[Any, ...]) -> None:
    """A missing header arrives as None; it is nobody, not anybody."""
    edge = gateway()
    says(edge, "granted")

    assert edge.decide(*question).reason == "internal-error"


def test_decisions_of_many_threads_agree_and_a_cap_is_never_overdrawn(
    server: FakeEnforcement, gateway: OPEN, request: pytest.FixtureRequest
) -> None:
    """Gateways ask from many threads, while changes arrive and leases are renewed."""
    server.lease_seconds = 0.9
    server.live["grant:acme:lyra-1:tool-use"] = {"terms": True, "cap": {"per_day": 500}}
    edge = gateway()
    says(edge, "granted")
    answers: list[str] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        mine = [edge.decide("acme", "lyra-1", "tool-use").reason for _ in range(200)]
        mine += {edge.decide(*TOOL_USE, region=f"R{n % 50}").reason for n in range(500)}
        answers.extend(mine)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    interval = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(interval))
    sys.setswitchinterval(1e-6)
    for each in threads:
        each.start()
    for n in range(10):
        server.change({"partner:new": {"audience": "general", "n": n}})
    for each in threads:
        each.join()

    assert answers.count("usage-cap") == 1600 - 500
    assert set(answers) == {"granted", "usage-cap"}


def test_a_flood_of_different_questions_does_not_grow_without_bound(
    server: FakeEnforcement, gateway: OPEN, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The region often comes from a request header."""
    monkeypatch.setattr(client, "MEMO_LIMIT", 100)
    edge = gateway()
    says(edge, "granted")
    for n in range(1_000):
        edge.decide(*TOOL_USE, region=f"R{n}")

    assert len(edge._view.memo) <= 100


def test_a_closed_gateway_denies_and_its_threads_end(server: FakeEnforcement, gateway: OPEN) -> None:
    """close() in a reload must not leave a second instance renewing for ever, nor hang on a quiet stream."""
    server.heartbeat = 30.0
    edge = gateway()
    says(edge, "granted")
    streaming(edge)
    began = time.monotonic()
    edge.close()

    assert time.monotonic() - began < 1.5
    assert not any(edge.status()["threads"].values())
    assert edge.decide(*TOOL_USE).reason == "lease-lapsed"
    assert edge.decide("acme", "orion-2", "code-execution").reason == "lease-lapsed"
    with pytest.raises(RuntimeError, match="make a new one"):
        edge.start()


def test_a_gateway_that_was_not_started_denies(server: FakeEnforcement) -> None:
    """Forgetting start() must be noticed by denials, not by its opposite."""
    assert Gateway(server.url, server.token, "gw-1", cache_dir=None).decide(*TOOL_USE).reason == "lease-lapsed"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("andon.example", "t", "n"), "https://andon.example"),
        (("https://andon.example", " ", "n"), "empty"),
    ],
)
def test_wrong_arguments_are_refused_when_it_is_made(arguments: tuple[str, str, str], message: str) -> None:
    """At the start of the gateway, where somebody reads it."""
    with pytest.raises(ValueError, match=message):
        Gateway(*arguments, cache_dir=None)


def test_a_netrc_entry_does_not_replace_the_token(
    server: FakeEnforcement, gateway: OPEN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The HTTP library lets ~/.netrc win over a header; the point would be locked out on that one machine."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    says(gateway(), "granted")


FORK = """
import json, os, stat, sys, time
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import client

def until(condition):
    end = time.monotonic() + 8
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)

question = ("acme", "orion-2", "tool-use")
capped = ("acme", "lyra-1", "tool-use")
gateway = client.Gateway(sys.argv[2], sys.argv[3], "gw-1", cache_dir=None).start()
until(lambda: gateway.decide(*question).allowed and gateway.status()["connected"] == "stream")
seen = {"parent": gateway.status()["instance"], "before": gateway.decide(*question).reason}
while gateway.decide(*capped).allowed:
    pass
line = gateway._line_fd
out, into = os.pipe()
if os.fork() == 0:
    child = {"first": gateway.decide(*question).reason}
    child["silence"] = gateway.decide("acme", "orion-2", "code-execution").reason
    child["line"] = "left" if stat.S_ISCHR(os.fstat(line).st_mode) else "kept open"
    child["instance"] = gateway.status()["instance"]
    until(lambda: gateway.decide(*question).allowed)
    child["later"] = gateway.decide(*question).reason
    child["capped"] = gateway.decide(*capped).reason
    child["threads"] = gateway.status()["threads"]
    os.write(into, json.dumps(child).encode())
    gateway.close()
    os._exit(0)
os.close(into)
seen["child"] = json.loads(os.read(out, 100_000))
os.wait()
seen["after"] = gateway.decide(*question).reason
seen["still"] = gateway.status()["connected"]
gateway.close()
print(json.dumps(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_forked_child_denies_until_it_has_a_lease_of_its_own(server: FakeEnforcement, tmp_path: Path) -> None:
    """Prefork servers copy the process, lease and all; the server waits for instances that it knows."""
    script = tmp_path / "fork.py"
    script.write_text(FORK)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), client.__file__, server.url, server.token],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)

    assert (seen["before"], seen["after"], seen["still"]) == ("granted", "granted", "stream")
    assert (seen["child"]["first"], seen["child"]["silence"]) == ("lease-lapsed", "lease-lapsed")
    assert (seen["child"]["later"], seen["child"]["capped"]) == ("granted", "usage-cap")
    assert seen["child"]["line"] == "left", "else the parent's connection outlives the parent"
    assert seen["child"]["instance"] != seen["parent"]
    assert all(seen["child"]["threads"].values())
    assert {each["instance"] for each in server.leases} == {seen["parent"], seen["child"]["instance"]}
    by_child = [each["usage"] for each in server.leases if each["instance"] == seen["child"]["instance"]]
    assert not any(by_child), "the parent's uses are the parent's to report"


def test_the_file_stands_alone(tmp_path: Path) -> None:
    """Gateways copy it; anything of ours that it imported would be missing there."""
    text = Path(client.__file__).read_text(encoding="utf-8")
    copied = tmp_path / "gateway_client.py"
    copied.write_text(text, encoding="utf-8")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import gateway_client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert not {each.split(".")[0] for each in done.stdout.split()} & {"incidents", "playbooks", "runbooks"}

"""The client's copy of the table: decisions, changes, digests, revocations; beside it usage, disk, stream lines."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.client import Copy, Decision, Disk, EventLines, Unusable, Usage, default_cache_dir, revoked
from tests.support.fake_enforcement import change_bytes, digest_of, sample_table, snapshot_of

TODAY = "2026-11-23"
NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z
GRANT = "grant:acme:orion-2:tool-use"


def copy_of(changes: dict[str, Any] | None = None, without: tuple[str, ...] = (), **more: Any) -> Copy:
    live = {key: value for key, value in (sample_table() | (changes or {})).items() if key not in without}
    return Copy.from_snapshot(snapshot_of(live, **more))


def reason(copy: Copy, region: str | None = None, *, shadow: bool = False) -> str:
    return copy.verdict("acme", "orion-2", "tool-use", region, TODAY, shadow=shadow).reason


REASONS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("unknown-model", "model:orion-2", None),
    ("unknown-capability", "flag:orion-2:tool-use", None),
    ("unknown-partner", "partner:acme", None),
    ("model-halted", "model:orion-2", {"halted": True}),
    ("capability-off", "flag:orion-2:tool-use", {"off": True}),
    ("region-off", "flag:orion-2:tool-use", {"regions": ["EU", "DE"]}),
    ("partner-revoked", "partner:acme", {"revoked": True}),
    ("stage", "model:orion-2", {"stage": "internal"}),
    ("no-grant", GRANT, None),
    ("grant-expired", GRANT, {"expires": "2026-11-22"}),
    ("terms-not-accepted", GRANT, {"terms": False}),
    ("usage-cap", GRANT, {"cap": {"per_day": 0}}),
]


def failing(checks: set[int]) -> Copy:
    """The sample table with these checks failing: a member is added, or the entry is missing."""
    live = sample_table()
    for _, key, members in (REASONS[index] for index in checks):
        live[key] = None if members is None or live[key] is None else live[key] | members
    return Copy.from_snapshot(snapshot_of({key: value for key, value in live.items() if value is not None}))


@pytest.mark.parametrize("check", range(len(REASONS)), ids=[each[0] for each in REASONS])
def test_each_check_denies_with_its_reason(check: int) -> None:
    """The reason is what a partner is told and what an operator acts on."""
    assert reason(failing(set())) == "granted"
    assert reason(failing({check})) == REASONS[check][0]


@settings(deadline=None)
@given(st.sets(st.integers(0, len(REASONS) - 1), min_size=1))
def test_of_several_failing_checks_the_first_in_the_fixed_order_is_the_reason(checks: set[int]) -> None:
    """Server and client must give the same reason for the same table."""
    assert reason(failing(checks)) == REASONS[min(checks)][0]


@pytest.mark.parametrize(
    ("region", "expected"),
    [(None, "region-off"), ("", "region-off"), ("DE", "region-off"), ("de", "region-off"), ("FR", "granted")],
)
def test_a_flag_off_in_regions_denies_there_and_where_the_region_is_not_told(region: str | None, expected: str) -> None:
    """Saying nothing, or writing it in lower case, must not be a way round a regional hold."""
    assert reason(copy_of({"flag:orion-2:tool-use": {"regions": ["EU", "DE"]}}), region) == expected


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("model:orion-2", "general", "unknown-model"),
        ("model:orion-2", {"stage": "beta"}, "stage"),
        ("model:orion-2", {}, "stage"),
        ("partner:acme", {"audience": "everyone"}, "stage"),
        ("ladder", "internal general", "stage"),
        ("flag:orion-2:tool-use", {"regions": "FR"}, "region-off"),
        (GRANT, {"terms": "accepted"}, "terms-not-accepted"),
        (GRANT, {"terms": True, "expires": "31.01.2027"}, "grant-expired"),
        (GRANT, {"terms": True, "expires": 20270131}, "grant-expired"),
        (GRANT, {"terms": True, "cap": {"per_month": 5}}, "usage-cap"),
        (GRANT, {"terms": True, "cap": {"per_day": "5"}}, "usage-cap"),
        (GRANT, {"terms": True, "cap": 5}, "usage-cap"),
    ],
)
def test_what_is_not_understood_denies(key: str, value: object, expected: str) -> None:
    """A newer server may write things this file does not know; none of them may open a gate."""
    assert reason(copy_of({key: value}), "DE") == expected


def test_a_grant_counts_through_its_last_day() -> None:
    """``expires`` is a date that is still included."""
    copy = copy_of({GRANT: {"terms": True, "expires": TODAY}})

    assert reason(copy) == "granted"
    assert copy.verdict("acme", "orion-2", "tool-use", None, "2026-11-24").reason == "grant-expired"


def test_a_shadow_hold_is_seen_by_drills_only() -> None:
    """A drill walks the real path, yet no real partner loses service."""
    copy = copy_of(shadow={"partner:acme": {"audience": "trusted-partner", "revoked": True}})

    assert reason(copy) == "granted"
    assert reason(copy, shadow=True) == "partner-revoked"


def test_a_decision_is_true_only_if_it_allows() -> None:
    """``if gateway.decide(...)`` is what somebody will write; a tuple would always be true."""
    assert Decision(True, "granted", 1)
    assert not Decision(False, "no-grant", 1)


tables = st.dictionaries(
    st.sampled_from([*sample_table(), "partner:zoë"]),
    st.recursive(
        st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
    max_size=6,
)


@settings(deadline=None)
@given(tables, tables, tables, tables)
def test_a_digest_kept_up_change_by_change_is_that_of_the_whole_table(
    live: dict[str, Any], later: dict[str, Any], shadow: dict[str, Any], later_shadow: dict[str, Any]
) -> None:
    """The server compares digests; an increment that drifts would cost every point its lease."""
    change = {
        "revision": 2,
        "live": {"set": later, "remove": [key for key in live if key not in later]},
        "shadow": {"set": later_shadow, "remove": [key for key in shadow if key not in later_shadow]},
        "digest": digest_of(later, later_shadow),
    }
    after = Copy.from_snapshot(snapshot_of(live, shadow=shadow)).after(change)

    assert (after.live, after.shadow, after.revision) == (later, later_shadow, 2)


def test_a_change_does_not_touch_the_copy_it_started_from() -> None:
    """Other threads are still deciding on it."""
    before = copy_of()
    live = sample_table() | {GRANT: {}}
    before.after({"revision": 2, "live": {"set": {GRANT: {}}, "remove": []}, "digest": digest_of(live, {})})

    assert before.live == sample_table()


@pytest.mark.parametrize(
    "spoiled",
    [
        {"digest": "0" * 64},
        {"digest": None},
        {"revision": "12"},
        {"revision": True},
        {"ledger": ""},
        {"live": []},
        {"shadow": None},
    ],
)
def test_a_snapshot_that_does_not_hold_together_is_refused(spoiled: dict[str, Any]) -> None:
    """A proxy's error page or half an answer must never become the table."""
    with pytest.raises(Unusable):
        Copy.from_snapshot(snapshot_of(sample_table()) | spoiled)


@pytest.mark.parametrize(
    ("changes", "without", "expected"),
    [
        ({"model:orion-2": {"stage": "trusted-partner", "halted": True}}, (), {(None, "orion-2", None)}),
        ({"flag:orion-2:tool-use": {"off": True}}, (), {(None, "orion-2", "tool-use")}),
        ({"flag:orion-2:tool-use": {"regions": ["EU"]}}, (), {("acme", "orion-2", "tool-use")}),
        ({"partner:acme": {"audience": "trusted-partner", "revoked": True}}, (), {("acme", None, None)}),
        ({}, ("partner:acme",), {("acme", None, None)}),
        ({}, (GRANT,), {("acme", "orion-2", "tool-use")}),
        (
            {"model:orion-2": {"stage": "internal"}},
            (),
            {("acme", "orion-2", "tool-use"), ("acme", "orion-2", "code-execution")},
        ),
        ({GRANT: {"terms": True, "cap": {"per_day": 0}}}, (), {("acme", "orion-2", "tool-use")}),
        ({GRANT: {"terms": True, "cap": {"per_day": 5}}}, (), set()),
        ({"model:vega-3": {"stage": "internal"}}, (), set()),
    ],
)
def test_revoked_names_what_was_allowed_and_is_no_longer(
    changes: dict[str, Any], without: tuple[str, ...], expected: set[tuple[str | None, ...]]
) -> None:
    """The gateway cuts running streams by it: too little leaves them open, too much cuts the innocent."""
    assert set(revoked(copy_of(), copy_of(changes, without), TODAY)) == expected


def test_revoked_does_not_name_what_was_denied_before() -> None:
    """globex is not admitted at all, so halting the flag takes nothing from it."""
    old = copy_of({}, ("grant:acme:orion-2:tool-use",))
    old = Copy.from_snapshot(snapshot_of(old.live | {"partner:globex": {"audience": "general"}}))
    new = Copy.from_snapshot(snapshot_of(old.live | {"flag:orion-2:tool-use": {"off": True}}))

    assert revoked(old, new, TODAY) == []


# -- partners whom a hold spares

SPARED = {"off": True, "for": {"acme": {}}}


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("flag:orion-2:tool-use", SPARED),
        ("flag:orion-2:tool-use", {"regions": ["DE"], "for": {"acme": {"regions": ["FR"]}}}),
        ("model:orion-2", {"stage": "internal", "halted": True, "for": {"acme": {"stage": "trusted-partner"}}}),
    ],
)
def test_partner_whom_a_hold_spares_is_allowed_and_nobody_else(key: str, entry: dict[str, Any]) -> None:
    """One partner first: the entry is everybody's, the exception is one's own."""
    live = {"partner:globex": {"audience": "trusted-partner"}, key: entry}

    assert reason(copy_of(live), "DE") == "granted"
    assert copy_of(live).verdict("globex", "orion-2", "tool-use", "DE", TODAY).reason != "granted"


@pytest.mark.parametrize(
    "exceptions",
    [None, [], ["acme"], "acme", {}, {"globex": {}}, {"acme": None}, {"acme": True}, {"acme": "on"}, {"ACME": {}}],
)
def test_exception_that_is_not_understood_spares_nobody(exceptions: object) -> None:
    """When in doubt, the entry is as strict as it is for everybody."""
    assert reason(copy_of({"flag:orion-2:tool-use": {"off": True, "for": exceptions}})) == "capability-off"


def test_exception_of_a_model_without_a_stage_admits_nobody() -> None:
    """It stands for the whole entry; what it leaves out is not taken from the strict one."""
    assert reason(copy_of({"model:orion-2": {"stage": "general", "for": {"acme": {}}}})) == "stage"


def test_silence_is_asked_of_the_partners_own_entry() -> None:
    """Whom a hold spares goes on when Andon is silent as far as its own entry says so, and no further."""
    entry = {"off": True, "silence": "allow", "for": {"acme": {}, "globex": {"silence": "allow"}}}
    copy = copy_of({"flag:orion-2:tool-use": entry})

    asked = [copy.allows_on_silence("orion-2", "tool-use", who) for who in (None, "acme", "globex", "initech")]
    assert asked == [True, False, True, True]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (SPARED, {"off": True}, {("acme", "orion-2", "tool-use")}),
        ({}, {"off": True, "for": {"globex": {}}}, {("acme", "orion-2", "tool-use")}),
        ({}, SPARED, set()),
        ({"off": True}, SPARED, set()),
        (SPARED, {"off": True, "for": {"acme": {"regions": ["EU"]}}}, {("acme", "orion-2", "tool-use")}),
    ],
)
def test_revoked_names_the_partner_who_is_spared_no_longer_and_not_the_whole_flag(
    before: dict[str, Any], after: dict[str, Any], expected: set[tuple[str | None, ...]]
) -> None:
    """What others lost before is not lost again."""
    old, new = (copy_of({"flag:orion-2:tool-use": entry}) for entry in (before, after))

    assert set(revoked(old, new, TODAY)) == expected


# -- usage

DAILY = (("day", 3),)


def row(per: str, start: str, count: int) -> dict[str, Any]:
    return {"partner": "acme", "flag": "f", "per": per, "window_start": start, "count": count}


def test_a_cap_allows_as_often_as_it_says() -> None:
    """Counted here and now, without asking anybody."""
    usage = Usage()

    assert [usage.spend("acme", "f", DAILY, NOON) for _ in range(4)] == [True, True, True, False]


def test_a_use_that_one_cap_denies_is_not_counted_against_another() -> None:
    """Else hammering at a minute's cap would use up the day."""
    usage = Usage()
    caps = (("day", 100), ("minute", 1))
    for _ in range(50):
        usage.spend("acme", "f", caps, NOON)

    assert [each["count"] for each in usage.report(NOON)] == [1, 1]


def test_windows_are_aligned_to_utc_and_a_new_one_starts_at_zero() -> None:
    """Server and every instance must mean the same window."""
    usage = Usage()
    usage.spend("acme", "f", (("day", 3), ("hour", 3), ("minute", 1)), NOON + 59.9)

    assert {each["per"]: each["window_start"] for each in usage.report(NOON + 59.9)} == {
        "day": "2026-11-23T00:00:00Z",
        "hour": "2026-11-23T12:00:00Z",
        "minute": "2026-11-23T12:00:00Z",
    }
    assert usage.spend("acme", "f", (("minute", 1),), NOON + 60)


def test_what_other_instances_used_counts_against_the_cap() -> None:
    """Two instances behind one balancer share the partner's cap."""
    usage = Usage()
    usage.spend("acme", "f", DAILY, NOON)
    reported = usage.report(NOON)
    usage.merge(reported, [row("day", "2026-11-23T00:00:00Z", 2)])

    assert usage.spend("acme", "f", DAILY, NOON), "one own, one of others: the third"
    assert not usage.spend("acme", "f", DAILY, NOON)


def test_a_use_between_report_and_answer_is_not_taken_for_somebody_elses() -> None:
    """The total speaks of the count that was reported, not of the count by now."""
    usage = Usage()
    usage.spend("acme", "f", DAILY, NOON)
    reported = usage.report(NOON)
    usage.spend("acme", "f", DAILY, NOON)
    usage.merge(reported, [row("day", "2026-11-23T00:00:00Z", 1)])

    assert usage.spend("acme", "f", DAILY, NOON), "two own, none of others"


def test_an_old_answer_does_not_lower_what_others_used() -> None:
    """Merged by the highest value: answers overtake each other."""
    usage = Usage()
    usage.spend("acme", "f", DAILY, NOON)
    reported = usage.report(NOON)
    for total in (3, 1):
        usage.merge(reported, [row("day", "2026-11-23T00:00:00Z", total)])

    assert not usage.spend("acme", "f", DAILY, NOON)


@pytest.mark.parametrize("totals", [None, "x", [None], [{}], [{"count": "9"}], [{"count": 9}]])
def test_malformed_totals_change_nothing(totals: object) -> None:
    """Usage is telemetry: a fault in it must not cost the lease whose answer it rides on."""
    usage = Usage()
    usage.spend("acme", "f", DAILY, NOON)
    usage.merge(usage.report(NOON), totals)

    assert usage.spend("acme", "f", DAILY, NOON)


def test_an_ended_window_is_reported_until_confirmed_and_then_forgotten() -> None:
    """The last uses of a day belong into the record, and memory must not grow with the days."""
    usage = Usage()
    usage.spend("acme", "f", DAILY, NOON)
    tomorrow = NOON + 43_200
    assert [each["count"] for each in usage.report(tomorrow + 60)] == [1]
    usage.merge(usage.report(tomorrow + 60), [row("day", "2026-11-23T00:00:00Z", 1)])

    assert usage.report(tomorrow + 61) == []


def test_a_window_that_nobody_confirms_is_given_up_an_hour_after_its_end() -> None:
    """A gateway that is cut off for a week must not keep a week of minutes."""
    usage = Usage()
    usage.spend("acme", "f", (("minute", 3),), NOON)

    assert usage.report(NOON + 3_600) != []
    assert usage.report(NOON + 3_661) == []


def test_a_report_is_bounded_and_starts_with_what_is_new() -> None:
    """A thousand partners must not make a request that the server refuses as too large."""
    usage = Usage()
    for number in range(10):
        usage.spend(f"p{number}", "f", DAILY, NOON)
    first = usage.report(NOON, limit=8)
    usage.merge(first, first)

    assert len(first) == 8
    assert {each["partner"] for each in usage.report(NOON, limit=8)[:2]} == {"p8", "p9"}


def test_a_forked_child_counts_from_zero_with_its_parents_uses_as_others() -> None:
    """A fork must not hand out the cap a second time, nor report the parent's uses as its own."""
    parent = Usage()
    for _ in range(2):
        parent.spend("acme", "f", DAILY, NOON)
    child = parent.inherited()

    assert child.report(NOON) == []
    assert [child.spend("acme", "f", DAILY, NOON) for _ in range(2)] == [True, False]


# -- disk


def disk_at(folder: Path | None, said: list[str] | None = None) -> Disk:
    return Disk(
        folder, "http://andon.example", lambda kind, message: (said if said is not None else []).append(message)
    )


def test_copy_and_mark_come_back_private_to_their_owner(tmp_path: Path) -> None:
    """The table names partners; nobody else on the machine may read or write it."""
    folder = tmp_path / "cache"
    disk = disk_at(folder)
    assert disk.mark("ledger-1", 1) == 1
    assert disk.save(copy_of())
    copy, marks = disk_at(folder).load()

    assert copy is not None
    assert (copy.live, marks) == (sample_table(), {"ledger-1": 1})
    assert {stat.S_IMODE(os.stat(folder / name).st_mode) for name in os.listdir(folder)} == {0o600}
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"format": 99}', '{"format": 1, "ledger": "x"}', "[" * 100_000])
def test_a_copy_that_is_not_one_is_ignored_and_said(tmp_path: Path, text: str) -> None:
    """A power cut or another version must cost a snapshot, not the start."""
    disk_at(tmp_path).save(copy_of())
    for path in tmp_path.glob("copy-*.json"):
        path.write_text(text)
    said: list[str] = []

    assert disk_at(tmp_path, said).load()[0] is None
    assert len(said) == 1


def test_a_copy_that_was_tampered_with_is_ignored(tmp_path: Path) -> None:
    """Its digest no longer fits; the server would refuse it anyway, but it must not be decided on before."""
    disk_at(tmp_path).save(copy_of({GRANT: {}}))
    for path in tmp_path.glob("copy-*.json"):
        path.write_text(path.read_text().replace(f'"{GRANT}":{{}}', f'"{GRANT}":{{"terms":true}}'))

    assert disk_at(tmp_path).load()[0] is None


def test_a_copy_older_than_its_mark_is_ignored(tmp_path: Path) -> None:
    """The process died between acknowledging 5 and keeping it; 4 must not come back."""
    disk = disk_at(tmp_path)
    disk.save(copy_of(revision=4))
    disk.mark("ledger-1", 5)

    assert disk_at(tmp_path).load() == (None, {"ledger-1": 5})


def test_a_shared_mark_only_rises(tmp_path: Path) -> None:
    """Several instances share a folder; the slowest must not pull the mark down."""
    assert disk_at(tmp_path).mark("ledger-1", 9) == 9
    assert disk_at(tmp_path).mark("ledger-1", 7) == 9
    assert disk_at(tmp_path).mark("ledger-2", 1) == 1
    assert disk_at(tmp_path).load()[1] == {"ledger-1": 9, "ledger-2": 1}


def test_a_mark_that_can_not_be_written_is_told_with_the_way_out(tmp_path: Path) -> None:
    """The point will deny after its lease; whoever is woken must read why."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    said: list[str] = []
    disk = disk_at(blocked, said)

    assert disk.mark("ledger-1", 1) is None
    assert str(blocked) in str(disk.error)
    assert "cache_dir=None" in said[0]


def test_a_lock_held_by_a_stopped_process_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGSTOP on one worker must not freeze the renewals of its siblings for ever."""
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(Disk, "LOCK_WAIT_S", 0.02)
    with open(tmp_path / "marks.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert disk_at(tmp_path).mark("ledger-1", 1) is None
    assert disk_at(tmp_path).mark("ledger-1", 1) == 1


def test_without_a_folder_marks_are_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway without a disk says so, and then nothing is written anywhere."""
    monkeypatch.chdir(tmp_path)
    disk = disk_at(None)

    assert (disk.mark("ledger-1", 3), disk.mark("ledger-1", 2)) == (3, 3)
    assert disk.save(copy_of())
    assert os.listdir(tmp_path) == []


def test_the_default_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers set these; the first that is set wins."""
    monkeypatch.setenv("ANDON_GATEWAY_CACHE", "/srv/gate")
    monkeypatch.setenv("XDG_CACHE_HOME", "/srv/cache")
    monkeypatch.setenv("HOME", "/home/ada")

    assert default_cache_dir() == "/srv/gate"
    monkeypatch.delenv("ANDON_GATEWAY_CACHE")
    assert default_cache_dir() == "/srv/cache/andon"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == "/home/ada/.cache/andon"


# -- stream lines

CHANGE = {"revision": 7, "live": {"set": {"partner:zoë": {}}}}


@settings(deadline=None)
@given(st.integers(1, 40), st.booleans())
def test_events_are_the_same_however_the_bytes_are_cut(size: int, crlf: bool) -> None:
    """TCP and proxies cut where they like, in the middle of a letter too."""
    text = b"retry: 1000\n\n: hb\n\n" + change_bytes(CHANGE) + b"data: a\ndata: b\n\n"
    text = text.replace(b"\n", b"\r\n") if crlf else text
    lines = EventLines()
    events = [event for at in range(0, len(text), size) for event in lines.feed(text[at : at + size])]

    assert [event.kind for event in events] == ["message", "change", "message"]
    assert json.loads(events[1].data) == CHANGE
    assert events[2].data == "a\nb"


def test_an_endless_event_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken server must not fill the gateway's memory."""
    monkeypatch.setattr(EventLines, "LIMIT", 100)
    lines = EventLines()
    lines.feed(b"data: " + b"x" * 80)

    with pytest.raises(Unusable, match="longer"):
        lines.feed(b"x" * 80)

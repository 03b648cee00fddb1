"""When drills are due, across changes of the clocks; and that each is held once, or is said not to have been."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.decisions import drill_schedule
from incidents.service import Service
from incidents.settings import Settings
from incidents.testing import ADMIN, Workshop
from playbooks.drill_schedule import Schedule, load_schedule, read_schedule
from playbooks.loader import Library
from playbooks.occurrences import Spec, next_occurrences
from tests.support.acting import declare

BOOK = "partner-credential-abuse"
LIBRARY = Library.load()
YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
ZONES = ("Europe/Brussels", "America/New_York", "Australia/Lord_Howe")  # the last one moves by half an hour


def spec(cron: str = "30 10 * * 2", zone: str = "Europe/Brussels", **more: Any) -> Spec:
    more.setdefault("parameters", {"partner": "acme"})
    return Spec(id="weekly", playbook=BOOK, zone=zone, cron=cron, **more)


def due(entry: Spec, after: datetime, until: datetime) -> list[datetime]:
    return [one.due_at for one in next_occurrences(entry, after, until)]


def local(moments: list[datetime], zone: str) -> list[str]:
    return [f"{at.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for at in moments]


# --- clocks that change -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "wanted", "held"),
    [
        ("Europe/Brussels", date(2026, 3, 29), "02:30", "03:00 +0200"),
        ("America/New_York", date(2026, 3, 8), "02:30", "03:00 -0400"),
        ("Australia/Lord_Howe", date(2026, 10, 4), "02:15", "02:30 +1100"),
        ("Europe/Brussels", date(2026, 10, 25), "02:30", "02:30 +0200"),
        ("America/New_York", date(2026, 11, 1), "01:30", "01:30 -0400"),
        ("Australia/Lord_Howe", date(2026, 4, 5), "01:45", "01:45 +1100"),
    ],
)
@pytest.mark.parametrize("by", ["cron", "rhythm"])
def test_a_time_that_is_left_out_or_comes_twice_is_due_once(
    zone: str, day: date, wanted: str, held: str, by: str
) -> None:
    """What does not exist in spring is held when the clocks go on; what comes twice in autumn, the first time alone."""
    here, hour, minute = ZoneInfo(zone), int(wanted[:2]), int(wanted[3:])
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=here).astimezone(UTC)
    rhythm = Spec(
        id="own", playbook=BOOK, zone=zone, every_days=1, since=day - timedelta(days=9), at=hour * 60 + minute
    )
    entry = rhythm if by == "rhythm" else spec(f"{minute} {hour} * * *", zone)
    moments = due(entry, noon - timedelta(hours=36), noon + timedelta(hours=36))

    assert [at.astimezone(here).date() - day for at in moments] == [timedelta(days=n) for n in (-1, 0, 1)]
    before, there, after = (f"{at.astimezone(here):%H:%M %z}" for at in moments)
    assert (before[:5], there, after[:5]) == (wanted, held, wanted)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", ["30 2 * * *", "30 1 * * *", "0 0 * * *"])
def test_a_year_has_a_drill_a_day_in_every_zone(zone: str, cron: str) -> None:
    """Nothing is dropped and nothing doubled at either change, and whoever asks in pieces hears the same."""
    start, end = (datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) for year in (2026, 2027))
    moments = due(spec(cron, zone), start - timedelta(seconds=1), end - timedelta(seconds=1))

    days = Counter(at.astimezone(ZoneInfo(zone)).date() for at in moments)
    assert (len(days), set(days.values())) == (365, {1})
    assert moments == sorted(moments)
    pieces: list[datetime] = []
    at = start - timedelta(seconds=1)
    while at < end - timedelta(seconds=1):
        following = min(at + timedelta(hours=7), end - timedelta(seconds=1))
        pieces += due(spec(cron, zone), at, following)
        at = following
    assert pieces == moments


@given(
    st.sampled_from(ZONES),
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2026, 12, 31), timezones=st.just(UTC)),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_whenever_it_is_asked_the_next_one_comes_after(zone: str, after: datetime, hour: int, minute: int) -> None:
    """In the hour that comes twice too: an occurrence at or before the last one would be held again and again."""
    moments = due(spec(f"{minute} {hour} * * *", zone), after, after + timedelta(days=3))

    assert moments
    assert all(at > after for at in moments)
    assert all(b - a > timedelta(hours=22) for a, b in itertools.pairwise(moments))


def test_the_playbooks_own_rhythm_counts_local_days() -> None:
    """Every 30 days at ten means ten on the wall, in summer and in winter."""
    entry = Spec(id="own", playbook=BOOK, zone="Europe/Brussels", every_days=30, since=date(2026, 1, 5), at=600)

    first = due(entry, *YEAR)[0]
    assert due(entry, first, first + timedelta(days=29)) == [], "the one that it is asked after is not due again"
    assert local(due(entry, *YEAR), "Europe/Brussels")[:4] == [
        "01-05 10:00",
        "02-04 10:00",
        "03-06 10:00",
        "04-05 10:00",
    ]


def test_blackout_days_and_windows_bar_an_occurrence_and_say_why() -> None:
    """What falls out must be seen to fall out."""
    entry = spec("0 8 * * *", blackout=((date(2026, 1, 2), date(2026, 1, 3)),), days=("thu", "fri", "sat"), opens=480)
    closing = next(next_occurrences(spec("0 9 * * *", opens=480, closes=540), *YEAR))
    assert closing.barred == "thu 09:00 is outside its window", "it ends before the minute at which it closes"
    found = list(next_occurrences(entry, YEAR[0], YEAR[0] + timedelta(days=4)))

    assert [one.barred for one in found] == [
        None,
        "2026-01-02 is a blackout day",
        "2026-01-03 is a blackout day",
        "sun 08:00 is outside its window",
    ]


def test_jitter_differs_from_time_to_time_and_stays_within_its_window() -> None:
    """Nobody can learn the time of an unannounced drill, and none begins after hours."""
    entry = spec("0 9 * * *", unannounced=True, jitter_s=7200, closes=10 * 60)
    found = list(next_occurrences(entry, *YEAR, seed=b"s"))

    waits = {(one.starts_at - one.due_at).total_seconds() for one in found}
    assert len(waits) > 300
    assert max(waits) < 3600
    assert found == list(next_occurrences(entry, *YEAR, seed=b"s"))
    assert found != list(next_occurrences(entry, *YEAR, seed=b"another"))


# --- the file ---------------------------------------------------------------------------------------------------------

FILE = """
zone: Europe/Brussels
blackout: [2026-12-24..2027-01-02, 2027-05-01]
drills:
  - id: weekly
    playbook: partner-credential-abuse
    parameters: {partner: acme}
    cron: "30 10 * * 2"
    window: {from: "09:00", until: "17:00"}
    lasts: 20m
  - {id: own, playbook: partner-credential-abuse, parameters: {partner: acme}, since: 2026-11-01, at: "10:00"}
"""


def test_a_schedule_is_read_with_its_defaults() -> None:
    """The zone and the blackout days of the file hold for every entry."""
    found = read_schedule(FILE, "drills.yaml", LIBRARY)

    assert found.problems == ()
    weekly, own = found.specs
    assert (weekly.zone, weekly.opens, weekly.closes, weekly.lasts_s) == ("Europe/Brussels", 540, 1020, 1200)
    assert weekly.blackout == ((date(2026, 12, 24), date(2027, 1, 2)), (date(2027, 5, 1), date(2027, 5, 1)))
    assert (own.every_days, own.at) == (30, 600)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "playbook: partner-credential-abus",
            "drills.yaml:3: unknown playbook 'partner-credential-abus'. Did you mean",
        ),
        ('cron: "30 10 * *"', "has 4 fields"),
        ('cron: "*/5 * * * *"', "fixed minute and hour"),
        ('cron: "61 10 * * *"', "bad minute"),
        ("zone: Europe/Brussel", "Did you mean 'Europe/Brussels'?"),
        ("parameters: {partnr: acme}", "no parameter 'partnr'. Did you mean 'partner'?"),
        ("parameters: {}", "parameter 'partner' is missing"),
        ("mode: loud", "'mode' must be 'tabletop', 'dry-run', 'shadow' or 'live'"),
        ("window: {from: '17:00', until: '09:00'}", "closes before it opens"),
        ("window: {from: '9 am'}", "is not a time of day"),
        ("blackout: [2027-01-02..2026-12-24]", "no day and no span"),
        ("jitter: 2h", "jitter is for unannounced drills"),
        ("lasts: 5 business days", "needs a calendar"),
        ("croon: x", "unknown key 'croon'. Did you mean 'cron'?"),
        ("since: 2026-11-01", "leave it out"),
    ],
)
def test_what_is_wrong_in_a_schedule_is_named_with_its_line(line: str, message: str) -> None:
    """A typo must not mean that nobody rehearses for a year."""
    fields = {"playbook": BOOK, "parameters": "{partner: acme}", "cron": '"30 10 * * 2"'}
    key, _, value = line.partition(": ")
    text = "drills:\n" + "\n".join(
        f"  {'-' if number == 0 else ' '} {name}: {said}"
        for number, (name, said) in enumerate(({"id": "weekly"} | fields | {key: value}).items())
    )
    found = read_schedule(text, "drills.yaml", LIBRARY)

    assert found.specs == ()
    assert any(message in str(problem) for problem in found.problems), found.problems


def test_a_schedule_without_a_time_says_what_to_write(tmp_path: Any) -> None:
    """Neither cron nor a rhythm of the playbook: then it is never due."""
    (tmp_path / "quiet.yaml").write_text(
        "{id: quiet, title: Q, version: 1, severity: sev3, contain: [{halt-model: {model: orion-2}}]}"
    )
    library, entry = Library.load(tmp_path), "drills:\n  - {id: never, playbook: quiet}\n"
    assert "say when: 'cron'" in str(read_schedule(entry, "drills.yaml", library).problems[0])

    entry = f"drills:\n  - {{id: never, playbook: {BOOK}, parameters: {{partner: acme}}}}\n"
    assert "from which day and at what time" in str(read_schedule(entry, "drills.yaml", library).problems[0])


def test_the_schedule_stands_beside_the_playbooks_and_is_none(tmp_path: Any) -> None:
    """It may not be taken for a broken playbook, and a folder without one is no trouble."""
    assert load_schedule(tmp_path, LIBRARY) == Schedule()
    (tmp_path / "drills.yaml").write_text(FILE)

    assert Library.load(tmp_path).problems == ()
    assert len(load_schedule(tmp_path, LIBRARY).specs) == 2


# --- holding them -----------------------------------------------------------------------------------------------------


def scheduled(shop: Workshop, *specs: Spec) -> None:
    shop.service.operations.schedule = Schedule(specs)
    shop.service.operations.hold_schedule()


def tick(shop: Workshop, **step: float) -> None:
    shop.clock.advance(timedelta(**step).total_seconds())
    shop.service.operations.mind_drills()
    shop.service.operations.hold_schedule()


def outcomes(service: Service) -> dict[str, tuple[str, str]]:
    with service.desk.read() as state:
        return {o.id.partition("@")[2]: (o.outcome, o.because) for o in state.drills.occurrences.values()}


# The workshop's clock begins on Monday, 23 November 2026, at 12:00 UTC.
DAILY = "0 14 * * *"  # 13:00 UTC in Brussels


def test_a_drill_that_is_due_is_held_once_however_often_the_clock_is_looked_at(shop: Workshop) -> None:
    """The second look, and a second process, find it handled."""
    scheduled(shop, spec(DAILY))
    again = Service.open(Settings(), ledger=shop.service.ledger, clock=shop.clock)
    again.operations.schedule = shop.service.operations.schedule
    for _ in range(70):
        tick(shop, minutes=1)
        again.desk.follow()
        again.operations.hold_schedule()

    assert outcomes(shop.service) == {"20261123T1300Z": ("started", "")}
    with shop.service.desk.read() as state:
        assert list(state.drills.runs) == ["DRILL-2026-0001"]
        assert state.drills.runs["DRILL-2026-0001"].occurrence == "weekly@20261123T1300Z"


def test_an_occurrence_that_somebody_else_has_handled_meanwhile_is_left_alone(shop: Workshop) -> None:
    """Two processes see the same one due; the second to write finds it handled, whatever it had seen."""
    entry = spec(DAILY)
    scheduled(shop, entry)
    with shop.service.desk.read() as state:
        shop.clock.advance(3600)
        seen = drill_schedule.owed(state, entry, b"", shop.clock.now())
    assert seen is not None
    shop.service.operations.hold_schedule()

    with shop.service.desk.read() as state:
        again = drill_schedule.handle(state, entry, seen, b"", shop.clock.now(), lambda *_: pytest.fail("started"))
    assert again.drafts == []


@pytest.mark.parametrize(("missed", "held"), [("run", 1), ("skip", 0)])
def test_what_was_missed_while_down_is_made_up_for_once_or_not_and_always_said(
    shop: Workshop, missed: str, held: int
) -> None:
    """After a long week-end nobody wants three drills at once, and nobody wants not to know."""
    scheduled(shop, spec(DAILY, missed=missed))
    tick(shop, days=2, hours=23)

    assert [outcome for outcome, _ in outcomes(shop.service).values()] == [
        "missed",
        "missed",
        "started"[: 7 * held] or "missed",
    ]
    with shop.service.desk.read() as state:
        assert len(state.drills.runs) == held


def test_a_drill_that_falls_on_a_real_incident_is_skipped_and_says_so(shop: Workshop) -> None:
    """Without naming it: the line is for everybody, the incident may not be."""
    scheduled(shop, spec(DAILY))
    real = declare(shop, "revoke-partner: {partner: globex}")
    tick(shop, hours=1)

    (found,) = outcomes(shop.service).values()
    assert found == ("skipped", "a real sev1 or sev2 was open")
    assert real not in found[1]


def test_a_barred_drill_is_skipped_and_says_so(shop: Workshop) -> None:
    """A blackout day is a decision, so it leaves its line."""
    scheduled(shop, spec(DAILY, blackout=((date(2026, 11, 23), date(2026, 11, 23)),)))
    tick(shop, hours=1)

    assert list(outcomes(shop.service).values()) == [("skipped", "2026-11-23 is a blackout day")]


def test_a_drill_that_the_core_refuses_is_skipped_with_its_reason(shop: Workshop) -> None:
    """A live one on a partner that is no ghost: the schedule is no way around it."""
    scheduled(shop, spec(DAILY, mode="live"))
    tick(shop, hours=1)

    ((outcome, because),) = outcomes(shop.service).values()
    assert (outcome, "ghost partners alone" in because) == ("skipped", True)


def test_a_changed_entry_owes_nothing_for_the_time_before(shop: Workshop) -> None:
    """Editing the file at three must not start the drill of one o'clock; one that is gone is never due again."""
    scheduled(shop, spec(DAILY))
    tick(shop, minutes=10)
    scheduled(shop, spec("5 13 * * *"))  # 12:05 UTC: it is past already
    tick(shop, minutes=1)
    assert outcomes(shop.service) == {}

    scheduled(shop)
    tick(shop, days=3)
    assert outcomes(shop.service) == {}


def test_an_unannounced_drill_is_known_to_its_control_group_alone(shop: Workshop) -> None:
    """Neither the list nor the log says when it comes."""
    entry = spec(DAILY, unannounced=True, jitter_s=3600, control=("ada",))
    scheduled(shop, entry)
    ada, linus = shop.person("ada", "commander"), shop.person("linus", "responder")

    (told,), (untold,) = (shop.service.operations.coming(who) for who in (ada, linus))
    assert told["starts_at"]
    assert (untold["starts_at"], untold["words"]) == (None, "unannounced")
    written = [e.data for e in shop.service.ledger.read() if e.kind == "drill:plan:scheduled"]
    assert "cron" not in written[0]["spec"]


def test_a_year_of_drills_goes_by_in_seconds_in_three_zones(shop: Workshop) -> None:
    """Every day has one line per entry, no more and no less, across every change of the clocks in each zone."""
    entries = [
        Spec(id=f"z{n}", playbook=BOOK, zone=zone, cron="30 2 * * *", mode="tabletop", lasts_s=600,
             parameters={"partner": partner})
        for n, (zone, partner) in enumerate(zip(ZONES, ("acme", "globex", "initech"), strict=True))
    ]  # fmt: skip
    scheduled(shop, *entries)
    shop.service.clockwork.ticked = True  # their clocks are another test's matter
    over = shop.clock.now() + timedelta(days=365)
    while shop.clock.now() < over:  # from one to the next, and past the end of the drill that it became
        now = shop.clock.now()
        following = min(one.starts_at for e in entries for one in next_occurrences(e, now, now + timedelta(days=2)))
        tick(shop, seconds=(following - now).total_seconds())
        tick(shop, minutes=15)

    kept = [e for e in shop.service.ledger.read() if e.kind.startswith("drill:occurrence:")]
    ids = [e.data["occurrence"] for e in kept]
    assert len(ids) == len(set(ids))
    for entry in entries:
        zone = ZoneInfo(entry.zone)
        days = [
            datetime.fromisoformat(e.data["due_at"]).astimezone(zone).date()
            for e in kept
            if e.data["schedule"] == entry.id
        ]
        assert [b - a for a, b in itertools.pairwise(days)] == [timedelta(days=1)] * (len(days) - 1)
        assert len(days) in (365, 366)
    assert {e.kind for e in kept} <= {"drill:occurrence:due", "drill:occurrence:skipped"}
    assert shop.service.operations.drills(ADMIN, limit=1)["items"]

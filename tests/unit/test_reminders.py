"""When a clock wants to be spoken of: the moments, their keys, and what stays quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from incidents.clockwork import Call
from incidents.docket import Duty
from incidents.reminders import USUAL, next_moment, passed, reminders, stage
from incidents.settings import Settings
from incidents.testing import workshop
from playbooks.rhythm import Deadlines, Prompts, load
from tests.support.clocks import GDPR, assessing

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def duty(hours: float = 72, **more: object) -> Duty:
    found = Duty("INC-2026-0001.r.n", "r", "n", starts=START, due=START + timedelta(hours=hours))
    for name, value in more.items():
        setattr(found, name, value)
    return found


def stages(found: Duty, now: datetime = START) -> list[str]:
    return [stage(reminder.key) for reminder in reminders(found, now)]


def test_a_72_hour_clock_speaks_at_half_at_four_fifths_an_hour_before_when_due_and_after() -> None:
    """Early enough to act, and again when nobody has."""
    found = {stage(r.key): r.moment for r in reminders(duty(), START)}

    assert found["50%"] == START + timedelta(hours=36)
    assert found["80%"] == START + timedelta(hours=57.6)
    assert found["1h"] == START + timedelta(hours=71)
    assert found["due"] == START + timedelta(hours=72)
    assert found["1h-after"] == START + timedelta(hours=73)
    assert found["day-30"] == START + timedelta(hours=72) + 30 * DAY
    assert "day-31" not in found


def test_moments_that_lie_too_near_each_other_are_one() -> None:
    """China's first hour: "one hour before" would come with the start itself."""
    assert stages(duty(1))[:3] == ["50%", "80%", "due"]
    assert stages(duty(0.4))[:2] == ["50%", "due"], "80 % would come seven minutes after half"


def test_a_deadline_that_moved_is_reminded_of_anew() -> None:
    """The keys carry the deadline, so "half-way" of the new one is another message than that of the old one."""
    before, after = duty(72), duty(24)

    assert {r.key for r in reminders(before, START)}.isdisjoint(r.key for r in reminders(after, START))


def test_what_is_settled_stayed_or_only_projected_stays_quiet() -> None:
    """Nobody is told of a duty that is done, suspended or not there yet."""
    assert reminders(duty(submitted_seq=1), START) == []
    assert reminders(duty(decided_seq=1), START) == []
    assert reminders(duty(gone="false-alarm"), START) == []
    assert reminders(duty(projected=True), START) == []
    assert reminders(duty(stayed_seq=1), START) == []
    assert next_moment(duty(submitted_seq=1), START) is None


def test_a_stay_wakes_when_it_ends() -> None:
    """Nobody has to remember the end of the Attorney General's thirty days."""
    stayed = duty(stayed_seq=1, stayed_until=START + 30 * DAY)

    assert next_moment(stayed, START) == START + 30 * DAY
    assert next_moment(duty(stayed_seq=1), START) is None, "without an end only a person ends it"


def test_a_question_is_asked_while_its_answer_can_still_be_acted_on() -> None:
    """A death turns 15 days into 10: at half of the ten somebody has to have asked."""
    found = duty(15 * 24, sooner={"death": START + 10 * DAY})
    asked = {stage(r.key): r.moment for r in reminders(found, START) if r.key.startswith("ask:")}

    assert asked["ask:death:50%"] == START + 5 * DAY
    assert set(asked) == {"ask:death:50%", "ask:death:80%", "ask:death:1h"}


def test_a_duty_under_assessment_asks_instead_of_counting() -> None:
    """It may not be owed at all: the words differ, and nothing is said after the date."""
    assert stages(duty(asks=["covered-entity"])) == [
        "ask:covered-entity:50%", "ask:covered-entity:80%", "ask:covered-entity:1h", "ask:covered-entity:due",
    ]  # fmt: skip


spans = st.floats(min_value=0.2, max_value=2000, allow_nan=False)
moments = st.timedeltas(timedelta(days=-3), timedelta(days=130)).map(lambda d: START + d)


leads = st.sampled_from(["1h", "30m", "2d", "1w", "90m"])
rhythms = st.builds(
    Deadlines,
    before=st.lists(st.one_of(leads, st.integers(1, 99).map(lambda n: f"{n}%")), unique=True, max_size=5).map(tuple),
    after=st.lists(leads, unique=True, max_size=4).map(tuple),
    daily=st.integers(0, 40),
).map(Deadlines.prompts)


@given(spans, moments, moments, st.booleans(), rhythms)
def test_nothing_is_lost_or_said_twice_however_often_it_is_looked_at(
    hours: float, first: datetime, second: datetime, asks: bool, rhythm: Prompts
) -> None:
    """A tick that comes late sees what the ticks between would have seen, each once, whatever a company has written."""
    found = duty(hours, asks=["c"] if asks else [], sooner={"d": START + timedelta(hours=hours / 2)})
    low, high = sorted((first, second))
    middle = low + (high - low) / 3

    told = [*passed(found, low, middle, rhythm), *passed(found, middle, high, rhythm)]
    assert told == passed(found, low, high, rhythm)
    keys = [reminder.key for reminder in reminders(found, START, rhythm)]
    assert len(keys) == len(set(keys))


@given(spans, moments, rhythms)
def test_the_next_moment_is_the_first_that_lies_ahead(hours: float, now: datetime, rhythm: Prompts) -> None:
    """The agenda asks this of every clock, so it takes a short cut; it must come out the same."""
    found = duty(hours, sooner={"d": START + timedelta(hours=hours / 2)})
    ahead = [r.moment for r in reminders(found, now, rhythm) if r.moment >= now]

    assert next_moment(found, now, rhythm) == min(ahead, default=None)


def test_what_ships_is_what_is_used_without_a_file() -> None:
    """A company's own rhythm of before there were deadlines in it says nothing of them."""
    assert load()[0].deadlines.prompts() == USUAL


def test_a_moment_that_is_none_is_named_with_the_way_out(tmp_path: Path) -> None:
    """With a wrong file the shipped moments stay in force: nobody is left without a reminder."""
    (tmp_path / "notices").mkdir()
    own = tmp_path / "notices" / "rhythm.yaml"
    rest = "updates: {role: a}\napprovals: {every: 2h}\nunanswered: [{role: b}]\n"
    for written, why in (
        ("before: [half]", "'half' is no moment before a deadline: write 50% of its time, or 1h, 2d before it"),
        ("before: [100%]", "'100%' is no moment before a deadline"),
        ("before: [2 business days]", "is no moment before a deadline"),
        ("after: [50%]", "'50%' is no moment after a deadline: write 1h or 2d"),
        ("before: [1h, 1h]", "stands there twice"),
    ):
        own.write_text(f"deadlines: {{{written}}}\n{rest}")
        found, problems = load(tmp_path)
        assert why in str(problems[0])
        assert found.deadlines == Deadlines()


def test_a_companys_own_moments_are_those_at_which_its_clocks_speak(tmp_path: Path) -> None:
    """Somebody who needs two working days to file wants to hear of it then, not at half-way."""
    (tmp_path / "notices").mkdir()
    (tmp_path / "notices" / "rhythm.yaml").write_text(
        "deadlines: {before: [2d], after: [], daily: 1}\n"
        "updates: {role: a}\napprovals: {every: 2h}\nunanswered: [{role: b}]\n"
    )
    shop = workshop(settings=Settings(playbooks=tmp_path))
    heard: list[Call] = []
    shop.service.clockwork.on_reminder(heard.extend)
    assessing(shop, GDPR)
    shop.service.every_second()
    for _ in range(24):
        shop.clock.advance(3_600)
        shop.service.every_second()
    assert heard == []
    shop.clock.advance(1)
    shop.service.every_second()

    assert [call.reminder.key for call in heard] == ["2d@2026-11-26T12:00:00.000Z"]

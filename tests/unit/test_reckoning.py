"""
Any row of facts, in any order: the strict moment is what somebody with a calendar and the same facts would find.

The second reckoning knows the Code of Practice and DORA by heart and nothing of dockets, limits or terms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.docket import Docket, Hand, Taken, clock_id
from incidents.reckoning import Reckoned, reckon
from playbooks.register import Register
from tests.support import naive_deadlines as naive

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
REGISTER = Register.load()
CODE, DORA = REGISTER.terms("eu-ai-act-art55-gpai-cop"), REGISTER.terms("eu-dora-art19")
DAYS = {"death": 10, "serious-cybersecurity-breach": 5, "critical-infrastructure": 2}

hours = st.integers(-400, 400).map(lambda h: START + timedelta(hours=h))
tell = st.tuples(st.just("tell"), st.sampled_from(["awareness", "classification"]), hours)
choose = st.tuples(st.just("choose"), st.just("awareness"), st.integers(0, 5))
withdraw = st.tuples(st.just("withdraw"), st.sampled_from(["awareness", "classification"]), st.integers(0, 5))
answer = st.tuples(st.just("answer"), st.sampled_from(sorted(DAYS)), st.booleans())
told = st.lists(st.one_of(tell, choose, withdraw, answer), max_size=12)


@dataclass
class Remembered:
    """What a person with a sheet of paper would keep."""

    times: dict[str, list[datetime]] = field(default_factory=lambda: {"awareness": [START], "classification": []})
    gone: set[tuple[str, int]] = field(default_factory=set)
    chosen: int | None = None
    answers: dict[str, bool] = field(default_factory=dict)

    def moment(self, anchor: str) -> datetime | None:
        left = [(t, n) for n, t in enumerate(self.times[anchor]) if (anchor, n) not in self.gone]
        if anchor == "awareness" and self.chosen is not None and (anchor, self.chosen) not in self.gone:
            return self.times[anchor][self.chosen]
        return min(left)[0] if left else None


def both(rows: list[tuple[str, str, object]]) -> tuple[Docket, Remembered]:
    """The docket by its facts, and the sheet of paper."""
    docket, paper = Docket(), Remembered()
    docket.propose("awareness", START, Hand("ada", START, 1))
    for terms in (CODE, DORA):
        docket.taken[terms.id] = Taken(terms.id, 1, terms.digest, terms.title, "test", START, 1)
    hand = Hand("ada", START, 2)
    for act, name, value in rows:
        match act:
            case "tell":
                assert isinstance(value, datetime)
                paper.times[name].append(value)
                docket.apply(ev.AnchorRecorded(anchor=name, at=rfc3339(value), zone="UTC"), hand)
            case "answer":
                paper.answers[name] = bool(value)
                docket.apply(ev.ConditionAnswered(condition=name, holds=bool(value)), hand)
            case _ if isinstance(value, int) and value < len(paper.times[name]):
                at = rfc3339(paper.times[name][value])
                if act == "choose":
                    paper.chosen = value
                    docket.apply(ev.AnchorChosen(anchor=name, candidate=value + 1, at=at), hand)
                else:
                    paper.gone.add((name, value))
                    docket.apply(ev.AnchorWithdrawn(anchor=name, candidate=value + 1, at=at), hand)
    return docket, paper


def found(docket: Docket, regime: str, name: str) -> Reckoned:
    terms = {t.digest: t for t in (CODE, DORA)}
    return reckon("INC-2026-0001", docket, terms)[clock_id("INC-2026-0001", regime, name)]


@given(told)
def test_the_codes_initial_report_is_due_on_the_earliest_day_that_holds(rows: list[tuple[str, str, object]]) -> None:
    """15 days, fewer where a question was answered yes; from the chosen or else the earliest awareness."""
    docket, paper = both(rows)
    reckoned = found(docket, CODE.id, "initial")
    aware = paper.moment("awareness")
    if aware is None:
        assert reckoned.due is None
        return
    day = aware.astimezone(ZoneInfo("Europe/Brussels")).date()

    def ends(days: int) -> datetime:
        return naive.last_second(naive.days_later(day, days), "Europe/Brussels")

    held = [15, *(DAYS[name] for name, yes in paper.answers.items() if yes)]
    open_ = {name: days for name, days in DAYS.items() if name not in paper.answers and days < min(held)}
    assert reckoned.due == ends(min(held))
    assert dict(reckoned.sooner) == {name: ends(days) for name, days in open_.items()}
    assert reckoned.starts == aware


@given(told)
def test_doras_initial_notice_is_due_by_the_rule_of_article_5(rows: list[tuple[str, str, object]]) -> None:
    """Four hours from classification, a day from awareness, the day alone forgotten where it had passed before."""
    docket, paper = both(rows)
    reckoned = found(docket, DORA.id, "initial")
    aware, major = paper.moment("awareness"), paper.moment("classification")
    limits = [naive.elapsed(major, 4)] if major is not None else []
    if aware is not None:
        day_later = naive.elapsed(aware, 24)
        if major is None or major <= day_later:
            limits.append(day_later)

    assert reckoned.due == min(limits, default=None)
    assert reckoned.projected == (major is None and bool(limits))


@given(told)
def test_reckoning_reads_and_changes_nothing(rows: list[tuple[str, str, object]]) -> None:
    """Twice the same facts are twice the same deadlines, or every start would write a change."""
    docket, _ = both(rows)
    terms = {t.digest: t for t in (CODE, DORA)}
    first = reckon("INC-2026-0001", docket, terms)

    assert reckon("INC-2026-0001", docket, terms) == first
    for clock, reckoned in first.items():
        if reckoned.due is not None and reckoned.latest is not None:
            assert reckoned.due <= reckoned.latest, clock


@given(told, st.sampled_from(["false-alarm", "merged"]))
def test_an_incident_that_was_none_owes_nothing(rows: list[tuple[str, str, object]], ended: str) -> None:
    """Whatever was told before."""
    docket, _ = both(rows)
    made = reckon("INC-2026-0001", docket, {t.digest: t for t in (CODE, DORA)}, ended)

    assert {reckoned.gone for reckoned in made.values()} == {ended}

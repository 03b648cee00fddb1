"""When something is due: worked examples with their sources, then the rules against a second implementation."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.deadlines import Due, due
from playbooks.calendars import FreeDays, check_country
from playbooks.regime_terms import Counting, Period, Rule, Unit, period
from playbooks.register import Register
from tests.support import naive_deadlines as naive

BRUSSELS = Counting(zone="Europe/Brussels", rule=Rule.EU_1182_71, country="BE")
CODE = Counting(zone="Europe/Brussels")
SEC = Register.load().terms("us-sec-8k-105").counting
NOON = Counting(zone="Europe/Berlin", rule=Rule.NOON, country="DE")


def at(written: str, zone: str = "Europe/Brussels") -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone))


def days(found: Due, zone: str = "Europe/Brussels") -> tuple[str, str]:
    """The recipient's dates of both answers."""
    return tuple(moment.astimezone(ZoneInfo(zone)).strftime("%a %d %b %Y") for moment in (found.strict, found.latest))  # type: ignore[return-value]


# --- worked examples ---


@pytest.mark.parametrize(
    ("anchor", "ends"),
    [
        ("2026-10-23 18:00", "2026-10-26 17:00"),  # the clocks go back: on the wall one hour sooner
        ("2027-03-26 18:00", "2027-03-29 19:00"),  # they go forward: one hour later
        ("2026-11-20 18:00", "2026-11-23 18:00"),
    ],
)
def test_72_hours_are_elapsed_hours_also_when_the_clocks_change(anchor: str, ends: str) -> None:
    """Adding to the wall clock would be one hour late in autumn (GDPR Art. 33, counted by hand)."""
    found = due(at(anchor), period("72 hours"), CODE)

    assert found.strict == at(ends)
    assert found.strict - at(anchor).astimezone(UTC) == timedelta(hours=72)


@pytest.mark.parametrize(
    ("anchor", "after", "strict", "latest"),
    [
        # Regulation 1182/71 with the numbers of the AI Act's Article 73, from a Friday
        ("2026-11-20 09:00", "15 days", "Sat 05 Dec 2026", "Mon 07 Dec 2026"),
        ("2026-11-20 09:00", "2 days", "Sun 22 Nov 2026", "Tue 24 Nov 2026"),  # 3(4), then 3(5)
        ("2026-11-20 09:00", "10 days", "Mon 30 Nov 2026", "Mon 30 Nov 2026"),
        ("2026-11-20 09:00", "1 day", "Sat 21 Nov 2026", "Mon 23 Nov 2026"),  # one day: 3(5) says nothing
        ("2026-12-23 09:00", "2 days", "Fri 25 Dec 2026", "Mon 28 Dec 2026"),  # Christmas; Thu and Mon work
        ("2026-12-24 09:00", "2 days", "Sat 26 Dec 2026", "Tue 29 Dec 2026"),
        ("2027-01-31 09:00", "1 month", "Sun 28 Feb 2027", "Mon 01 Mar 2027"),
        ("2027-01-31 09:00", "2 months", "Wed 31 Mar 2027", "Wed 31 Mar 2027"),  # from the anchor, never iterated
        ("2028-01-31 09:00", "1 month", "Tue 29 Feb 2028", "Tue 29 Feb 2028"),  # a leap year
        ("2026-12-31 23:30", "2 months", "Sun 28 Feb 2027", "Mon 01 Mar 2027"),
        ("2027-04-30 09:00", "1 day", "Sat 01 May 2027", "Mon 03 May 2027"),
    ],
)
def test_days_and_months_end_as_regulation_1182_says(anchor: str, after: str, strict: str, latest: str) -> None:
    """Day zero does not count; only the latest moment rolls over, the alarm stays on the strict one."""
    assert days(due(at(anchor), period(after), BRUSSELS)) == (strict, latest)


def test_a_day_ends_with_its_last_second_at_the_recipients() -> None:
    """A deadline that falls on a day runs until that day is over, not until the hour of the anchor."""
    found = due(at("2026-11-20 09:00"), period("15 days"), CODE)

    assert found.strict == at("2026-12-05 23:59:59")
    assert found.latest == found.strict, "the Code is no act of the Council or Commission: nothing rolls over"


def test_the_hour_of_the_event_does_not_count_under_regulation_1182() -> None:
    """Article 3(1); what it allows more is told, the alarm does not wait for it."""
    found = due(at("2026-11-20 14:02:07"), period("24 hours"), BRUSSELS)

    assert found.strict == at("2026-11-21 14:02:07")
    assert found.latest == at("2026-11-21 15:00")
    on_the_hour = due(at("2026-11-20 14:00"), period("24 hours"), BRUSSELS)
    assert on_the_hour.latest == at("2026-11-21 15:00")


@pytest.mark.parametrize(
    ("determined", "due_on"),
    [
        ("2026-11-20 10:00", "2026-11-27"),  # a Friday; Thanksgiving is passed over
        ("2026-11-25 10:00", "2026-12-02"),
        ("2026-11-21 10:00", "2026-11-27"),  # a Saturday: begins on and includes the Monday
        ("2026-11-09 10:00", "2026-11-16"),  # Veterans Day is free for the SEC, open at the exchange
        ("2027-03-24 10:00", "2027-03-30"),  # Good Friday is a business day for the SEC, closed at the exchange
        ("2026-06-30 10:00", "2026-07-07"),  # the Fourth on a Saturday: observed on the Friday
        ("2026-11-20 23:30", "2026-11-27"),  # late at night is still that day
    ],
)
def test_an_8k_is_due_on_the_fourth_business_day_at_half_past_five(determined: str, due_on: str) -> None:
    """8-K General Instruction B.1 for the day, 17 CFR 232.13(a)(2) for the hour; counted by hand."""
    found = due(at(determined, "America/New_York"), period("4 business days"), SEC)

    assert found.strict == found.latest == at(f"{due_on} 17:30", "America/New_York")


def test_the_recipients_zone_decides_which_day_it_was() -> None:
    """At one moment it is the 20th in California and the 21st in Brussels: the days end apart."""
    moment = at("2026-11-21 03:00", "UTC")
    in_california = due(moment, period("15 days"), Counting(zone="America/Los_Angeles"))

    assert in_california.strict == at("2026-12-05 23:59:59", "America/Los_Angeles")
    assert due(moment, period("15 days"), CODE).strict == at("2026-12-06 23:59:59")


def test_what_was_passed_over_is_said() -> None:
    """A later release of the calendar must not leave a deadline that nobody can explain."""
    found = due(at("2026-11-20 10:00", "America/New_York"), period("4 business days"), SEC)

    assert found.skipped == (date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 26))


def test_a_closure_that_no_calendar_has_can_be_added() -> None:
    """Presidents close the government by order; a State has a holiday that the library lacks."""
    closed = Counting(SEC.zone, SEC.rule, SEC.country, closed=("2026-11-27",), opened=("2026-11-26",))
    found = due(at("2026-11-20 10:00", "America/New_York"), period("4 business days"), closed)

    assert days(found, "America/New_York")[0] == "Thu 26 Nov 2026"


def test_a_financial_report_that_falls_on_a_weekend_may_come_by_noon_of_the_next_working_day() -> None:
    """Delegated Regulation 2025/301 Article 5(4): hours too; the alarm stays on the weekend."""
    found = due(at("2026-12-22 20:00", "Europe/Berlin"), period("72 hours"), NOON)  # ends on Christmas Day

    assert found.strict == at("2026-12-25 20:00", "Europe/Berlin")
    assert found.latest == at("2026-12-28 12:00", "Europe/Berlin")
    assert found.skipped == (date(2026, 12, 25), date(2026, 12, 26), date(2026, 12, 27))


def test_the_yearly_log_runs_from_the_end_of_the_year() -> None:
    """45 CFR 164.408(c): 60 days after the calendar year; in a leap year that is still February."""
    counting = Counting(zone="America/New_York")
    common = due(at("2026-11-20 10:00", "UTC"), period("60 days"), counting, from_year_end=True)
    leap = due(at("2027-11-20 10:00", "UTC"), period("60 days"), counting, from_year_end=True)

    assert days(common, "America/New_York")[0] == "Mon 01 Mar 2027"
    assert days(leap, "America/New_York")[0] == "Tue 29 Feb 2028"


def test_an_order_is_due_when_it_says() -> None:
    """An order has no period: the moment that it names is the deadline."""
    moment = at("2026-12-01 12:00")

    assert due(moment, None, CODE) == Due(moment.astimezone(UTC), moment.astimezone(UTC))


def test_a_midnight_that_the_clocks_leave_out_ends_the_day_all_the_same() -> None:
    """In Beirut the clocks go forward at midnight: the day's last second is one before the jump."""
    found = due(at("2022-03-25 12:00", "Asia/Beirut"), period("1 day"), Counting(zone="Asia/Beirut"))

    assert found.strict == datetime(2022, 3, 26, 21, 59, 59, tzinfo=UTC)
    assert found.strict == naive.last_second(date(2022, 3, 26), "Asia/Beirut")


# --- against a second implementation ---

ZONES = ("Europe/Brussels", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Asia/Beirut", "Pacific/Apia",
         "UTC", "Australia/Lord_Howe", "America/Havana")  # fmt: skip
COUNTRIES = (None, "BE", "US", "DE", "IE", "IL")
near_a_change = st.sampled_from(
    [datetime(2026, 10, 25, 1), datetime(2027, 3, 28, 1), datetime(2026, 11, 1, 6), datetime(2027, 3, 14, 7)]
).flatmap(lambda t: st.integers(-300_000, 300_000).map(lambda s: t + timedelta(seconds=s)))
anywhere = st.datetimes(datetime(2024, 1, 1), datetime(2032, 12, 31)).map(lambda t: t.replace(microsecond=0))
at_month_end = st.dates(date(2024, 1, 1), date(2032, 12, 1)).map(
    lambda d: datetime(d.year, d.month, 1) - timedelta(seconds=1)
)
moments = st.one_of(anywhere, near_a_change, at_month_end).map(lambda t: t.replace(tzinfo=UTC))
zones = st.sampled_from(ZONES)
countries = st.sampled_from(COUNTRIES)


def works_in(country: str | None) -> naive.Works:
    """Asked of the library directly, one day at a time."""
    if country is None:
        return lambda day: day.isoweekday() <= 5
    calendar = holidays.country_holidays(country)
    return lambda day: day.weekday() not in calendar.weekend and day not in calendar


@given(moments, st.integers(1, 120), zones, countries)
def test_hours_are_what_counting_minutes_gives(start: datetime, hours: int, zone: str, country: str | None) -> None:
    """Whatever the recipient's clocks do, an hour is an hour."""
    found = due(start, Period(hours, Unit.HOURS), Counting(zone=zone, rule=Rule.EU_1182_71, country=country))

    assert found.strict == naive.elapsed(start, hours)
    assert found.latest == naive.elapsed(naive.hour_that_does_not_count(start, zone), hours)


@given(moments, st.integers(1, 70), zones, countries)
def test_days_are_what_walking_through_the_calendar_gives(
    start: datetime, count: int, zone: str, country: str | None
) -> None:
    """Midnight, month ends, leap days and changes of the clocks included."""
    found = due(start, Period(count, Unit.DAYS), Counting(zone=zone, rule=Rule.EU_1182_71, country=country))
    day = start.astimezone(ZoneInfo(zone)).date()
    last = naive.days_later(day, count)

    assert found.strict == naive.last_second(last, zone)
    assert found.latest == naive.last_second(naive.regulation_1182(day, last, works_in(country)), zone)


@given(moments, st.integers(1, 26), zones, countries)
def test_months_are_what_walking_through_the_calendar_gives(
    start: datetime, count: int, zone: str, country: str | None
) -> None:
    """The same date, or the last that the month has; from the anchor, never from a month in between."""
    found = due(start, Period(count, Unit.MONTHS), Counting(zone=zone, rule=Rule.EU_1182_71, country=country))
    day = start.astimezone(ZoneInfo(zone)).date()
    last = naive.months_later(day, count)

    assert found.strict == naive.last_second(last, zone)
    assert found.latest == naive.last_second(naive.regulation_1182(day, last, works_in(country)), zone)


@given(moments, st.integers(1, 15), zones, countries)
def test_business_days_are_what_ticking_them_off_gives(
    start: datetime, count: int, zone: str, country: str | None
) -> None:
    """Holidays of the recipient's country, its own weekend (Israel's is another), observed days."""
    found = due(start, Period(count, Unit.BUSINESS_DAYS), Counting(zone=zone, rule=Rule.US_FEDERAL, country=country))
    day = start.astimezone(ZoneInfo(zone)).date()

    assert found.strict == naive.last_second(naive.business_days_later(day, count, works_in(country)), zone)


periods = st.builds(Period, st.integers(1, 100), st.sampled_from(Unit))
countings = st.builds(Counting, zone=zones, rule=st.sampled_from(Rule), country=countries)


@given(moments, periods, countings)
def test_the_latest_moment_is_never_before_the_strict_one(start: datetime, after: Period, counting: Counting) -> None:
    """The strict moment is the safe one, by whatever rule; both lie ahead of the anchor."""
    found = due(start, after, counting)

    assert start < found.strict <= found.latest
    assert found.latest - found.strict < timedelta(days=12)


@given(moments, st.integers(0, 400_000), periods, countings)
def test_a_later_anchor_never_makes_a_deadline_earlier(
    start: datetime, seconds: int, after: Period, counting: Counting
) -> None:
    """Otherwise a corrected fact could be chosen for its effect."""
    first, second = (due(moment, after, counting) for moment in (start, start + timedelta(seconds=seconds)))

    assert first.strict <= second.strict
    assert first.latest <= second.latest


# --- calendars ---


@pytest.mark.parametrize("terms", [r.terms() for r in Register.load()], ids=lambda terms: terms.id)
def test_the_calendar_of_every_shipped_regime_is_known(terms) -> None:  # type: ignore[no-untyped-def]
    """A country that the library lacks would be found on the day of the incident."""
    counting = terms.counting
    assert counting.country is None or check_country(counting.country, counting.subdivision) is None


def test_a_country_that_nobody_knows_is_named() -> None:
    """The message is what a company sees that mistyped its authority's country."""
    assert check_country("XX", None) == "no holidays are known for XX"
    assert check_country("DE", "QQ") == "no holidays are known for DE QQ"
    assert check_country("DE", "BY") is None


def test_an_unknown_country_costs_no_deadline() -> None:
    """A kill's clocks must come out whatever a file says; without holidays they come out early."""
    assert FreeDays("XX").nth_working(date(2026, 11, 20), 4) == date(2026, 11, 26)


def test_a_part_of_a_country_has_holidays_of_its_own() -> None:
    """Corpus Christi is free in Munich and not in Hamburg."""
    corpus_christi = date(2026, 6, 4)

    assert not FreeDays("DE", "BY").works(corpus_christi)
    assert FreeDays("DE", "HH").works(corpus_christi)

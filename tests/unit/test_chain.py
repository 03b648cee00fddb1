"""The bytes that are hashed: they are for ever, so they are pinned here."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from incidents.errors import Invalid
from incidents.events import Draft, Event
from incidents.ledger import GENESIS
from incidents.ledger.chain import (
    HEADER_FIELDS,
    Tip,
    canonical,
    digest_of_header,
    from_json,
    from_lines,
    header,
    parsed,
    seal,
    seal_all,
    stamp,
    to_json,
)
from tests.contracts.ledger_facts import ADA, NOON, Noted, noted

_LARGEST = 2**53 - 1
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-_LARGEST, _LARGEST) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=12,
)


def sealed(draft: Draft, **more) -> Event:
    given = {"actor": ADA, "now": NOON, "ledger": "a1", "seq": 1, "prev": GENESIS, "incident_prev": None}
    return seal(draft, **{**given, **more})


@given(json_values)
def test_fast_canonical_form_is_that_of_rfc_8785(value):
    """Outsiders check the log with any JCS library; ours may be faster, never different."""
    assert canonical(value) == rfc8785.dumps(value)


def test_keys_beyond_the_surrogates_are_sorted_as_jcs_wants():
    """UTF-16 order and code point order differ here, the one case that the fast way gets wrong."""
    assert canonical({"\ufb33": 1, "😀": 2}) == '{"😀":2,"\ufb33":1}'.encode()


def test_header_bytes_are_pinned():
    """A release that hashed anything else would call every old log forged."""
    event = sealed(noted(7, incident="INC-2026-0001"), incident_prev="f" * 64)
    data_digest = hashlib.sha256(b'{"number":7,"tags":[]}').hexdigest()
    wanted = (
        '{"actor":{"person":"ada","token":"tok_1","via":"http"},"at":"2026-11-23T12:00:07.123456Z",'
        f'"data_digest":"{data_digest}","incident":"INC-2026-0001","incident_prev":"{"f" * 64}",'
        f'"kind":"test:thing:noted","kind_v":1,"ledger":"a1","prev":"{GENESIS}",'
        '"recorded_at":"2026-11-23T12:00:07.123456Z","seq":1,"text_digest":null,"v":1}'
    ).encode()

    assert canonical(header(event)) == wanted
    assert event.digest == hashlib.sha256(wanted).hexdigest()
    assert tuple(header(event)) == HEADER_FIELDS == tuple(sorted(HEADER_FIELDS))


def test_text_digest_is_salted_anew_each_time():
    """Without a salt, a redacted "yes" or "no" could be guessed back from its digest."""
    one, two = sealed(noted(words="yes")), sealed(noted(words="yes"))

    assert one.salt is not None
    assert len(one.salt) == 16
    assert one.text_digest == hashlib.sha256(one.salt + b'{"note":"yes"}').hexdigest()
    assert one.text_digest != two.text_digest


def test_event_without_text_has_neither_salt_nor_digest():
    """Only so can a redacted text be told from one that never was."""
    event = sealed(noted())

    assert (event.text, event.salt, event.text_digest) == (None, None, None)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 23, 12, tzinfo=UTC), "2026-11-23T12:00:00.000000Z"),
        (datetime(2026, 11, 23, 12, 0, 0, 5, timezone(timedelta(hours=2))), "2026-11-23T10:00:00.000005Z"),
    ],
)
def test_times_are_written_in_utc_and_always_as_wide(moment, text):
    """Text order is time order in every index, and equal times are equal bytes."""
    assert stamp(moment) == text


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (1.5, "anything is 1.5; the log takes no floats"),
        (2**53, "integers go to 2"),
        ({"a": [{"b": float("nan")}]}, r"anything\.a\[0\]\.b is nan"),
        ({1: "x"}, "keys must be text"),
        ("\ud800", "broken character"),
        (b"x", "is a bytes"),
        (NOON, "is a datetime"),
    ],
)
def test_value_without_one_canonical_form_is_refused(value, complaint):
    """What two libraries write differently can't be checked by anybody else later."""
    with pytest.raises(Invalid, match=complaint):
        sealed(noted(anything=value))


def test_enums_and_tuples_are_stored_as_what_they_read_back_as():
    """The event that a decider gets must equal the one that a reader gets."""

    class Colour(StrEnum):
        RED = "red"

    event = sealed(Draft(Noted(tags=("a", "b"), anything={Colour.RED: Colour.RED})))

    assert event.data == {"number": 0, "tags": ["a", "b"], "anything": {"red": "red"}}
    assert type(event.data["anything"]["red"]) is str


def test_time_of_happening_is_kept_beside_time_of_recording():
    """A note about half an hour ago sorts where it belongs and still shows when it was written."""
    earlier = NOON - timedelta(minutes=30)
    event = sealed(Draft(Noted(), at=earlier))

    assert (event.at, event.recorded_at) == (earlier, NOON)


def test_drafts_of_one_append_hang_on_each_other():
    """One decision of several events is a chain like any other, also within an incident."""
    one, two, three = seal_all(
        [noted(1, incident="INC-2026-0001"), noted(2), noted(3, incident="INC-2026-0001")],
        actor=ADA,
        now=NOON,
        ledger="a1",
        tip=Tip(4, "e" * 64, NOON + timedelta(seconds=1)),
        newest_of={"INC-2026-0001": "d" * 64}.get,
    )

    assert (one.seq, one.prev, one.incident_prev) == (5, "e" * 64, "d" * 64)
    assert (two.prev, two.incident_prev) == (one.digest, None)
    assert (three.prev, three.incident_prev) == (two.digest, one.digest)
    assert {one.recorded_at, two.recorded_at, three.recorded_at} == {NOON + timedelta(seconds=1)}


@given(json_values, st.text(max_size=20))
def test_exported_line_gives_the_event_back(value, words):
    """An auditor checks the export, not our database."""
    event = sealed(noted(3, incident="INC-2026-0001", words=words, anything=value))
    line = to_json(event)

    assert "\n" not in line
    assert from_json(line) == event
    assert digest_of_header(from_json(line)) == event.digest


def test_redacted_text_is_null_in_the_export():
    """The words must not come back by another door."""
    line = json.loads(to_json(sealed(noted())))

    assert line["text"] is None
    assert line["salt"] is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda whole: whole.pop("prev"), "'prev' is missing"),
        (lambda whole: whole.update(extra=1), "unknown field 'extra'"),
        (lambda whole: whole.update(v=2), "envelope version 2"),
        (lambda whole: whole.update(at="yesterday"), "yesterday"),
        (lambda whole: whole.update(at="2026-11-23T12:00:00"), "has no zone"),
        (lambda whole: whole.update(seq=1.0), "is a float"),
        (lambda whole: whole.update(actor=None), "not an event"),
    ],
)
def test_line_that_is_no_event_is_refused_with_the_reason(change, complaint):
    """A damaged export must not be mistaken for a forged log, nor crash the check."""
    whole = json.loads(to_json(sealed(noted())))
    change(whole)

    with pytest.raises(Invalid, match=complaint):
        from_json(json.dumps(whole))


def test_exported_log_may_end_with_an_empty_line():
    """Files end with a newline, and people's editors add more."""
    event = sealed(noted())

    assert from_lines([to_json(event) + "\n", "\n"]) == [event]


def test_trailing_rubbish_after_json_is_refused():
    """Half-read values would be hashed as if they were whole."""
    with pytest.raises(ValueError, match="character 3"):
        parsed("{}x")

"""YAML that remembers its lines: what is taken, what is refused, and that every refusal names its place."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from typing import Literal

import pydantic
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from playbooks.source import MAX_DEPTH, Document, Problem, SourceError, check, parse

LIMIT = 10_000


def read(text: str | bytes) -> Document:
    return parse(text, "f.yaml", limit=LIMIT)


def refusal(text: str | bytes) -> str:
    with pytest.raises(SourceError) as caught:
        read(text)
    return str(caught.value)


def test_words_that_yaml_1_1_takes_for_booleans_stay_text():
    """
    NO is Norway: a region list that turns into [False] would switch off nothing.
    """
    document = read("regions: [NO, on, off, yes, n]\nNO: Norway\ntrue: yes\n")

    assert document.value == {"regions": ["NO", "on", "off", "yes", "n"], "NO": "Norway", "true": "yes"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-7", -7),
        ("1.5", 1.5),
        ("2027-01-31", dt.date(2027, 1, 31)),
        ("0123", "0123"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("2027-01-31T10:00:00Z", "2027-01-31T10:00:00Z"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("٣", "٣"),
    ],
)
def test_plain_words_become_the_obvious_value(written, value):
    """
    A phone number, a time of day or a commit must not silently become another number.
    """
    found = read(f"a: {written}").value["a"]

    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: &x 1\nb: *x", 1, "anchor '&x'"),
        ("a: 1\nb: *x", 2, "alias '*x'"),
        ("a:\n  <<: {b: 1}", 2, "merge key '<<'"),
        ("a: 1\nb: !!python/object/apply:os.system [id]", 2, "tag "),
        ("a: !x 1", 1, "tag '!x'"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: 1\nb: 2\na: 3", 3, "'a' is here twice (first on line 1)"),
        ("? [a]\n: 1", 1, "a key must be a plain word"),
        ("x: {{ partner }}", 1, "a key must be a plain word"),
        ("a:\n\t- b", 2, "tabs"),
        ("a: 1\nb: c: d", 2, "not YAML"),
        ('a: 1\nb: "x', 2, "not YAML"),
        ("a: 99999999999999999999", 1, "beyond 9007199254740991"),
        ("a: " + "9" * 5000, 1, "beyond 9007199254740991"),
        ("a: 1.0e999", 1, "too large"),
        ("a: 1\nd: 2027-02-30", 2, "there is no day 2027-02-30"),
        ("a: 1\nb: \x00", 2, "U+0000"),
        ('a: 1\nb: "\\0"', 2, "U+0000"),
        ("a: \x1b[31m", 1, "U+001B"),
        ("a: 1\nb: \ufeffx", 2, "U+FEFF"),
        ("a: \ud800", 1, "U+D800"),
        (b"a: 1\nb: \xff", 2, "not UTF-8 (byte 0xff)"),
        ("a: 1\n".encode("utf-16"), 1, "not UTF-8"),
        ("a: " + "x" * LIMIT, 1, f"the limit is {LIMIT:,}"),
        ("'': 1", 1, "a key is empty"),
    ],
)
def test_what_is_not_taken_is_refused_with_its_line(text, line, words):
    """
    A file that reads differently to two people must not be taken at all, and the author must find the place at once.
    """
    message = refusal(text)

    assert message.startswith(f"f.yaml:{line}: ")
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_before_it_costs_anything(opening):
    """
    A few kilobytes of brackets must not exhaust the stack of the service that reads them.
    """
    assert f"deeper than {MAX_DEPTH}" in refusal(opening * 1000) or "plain word" in refusal(opening * 1000)


def test_a_billion_laughs_stay_a_small_file():
    """
    Aliases that multiply are the classic way to fill memory with a tiny file.
    """
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    tracemalloc.start()
    refusal(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 5_000_000


def test_a_byte_order_mark_at_the_start_is_passed_over():
    """
    Windows editors write one; it is no mistake of the author.
    """
    assert read(b"\xef\xbb\xbfa: 1").value == {"a": 1}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\n\n"])
def test_an_empty_file_is_a_document_without_a_value(text):
    """
    What to say about an empty file is for whoever knows what should be in it.
    """
    assert read(text).value is None


def test_both_parsers_are_read_alike(monkeypatch):
    """
    Where libyaml is missing the pure Python parser takes over; a catalog must mean the same there.
    """
    text = "a: [NO, 'on', \"x\", 1, 2027-01-31]\nb: |\n  two\n  lines\nc: {d: true}\n<: 1\n"
    with_libyaml = read(text)
    monkeypatch.setattr("playbooks.source._LOADER", yaml.SafeLoader)
    without = read(text)

    assert (without.value, without.lines) == (with_libyaml.value, with_libyaml.lines)
    assert "merge key" in refusal("<<: {a: 1}")


def test_lines_are_known_for_keys_entries_and_what_lies_below():
    """
    Every later message about the file counts on these.
    """
    document = read("a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n")

    assert document.line(("a",)) == 1
    assert document.line(("b", 1)) == 4
    assert document.line(("b", 1, "d")) == 5
    assert document.line(("b", 1, "missing")) == 4
    assert document.line(("b", 7)) == 2
    assert document.line(()) == 1


class Grant(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    revoke: str
    count: int = pydantic.Field(default=0, ge=0)
    until: dt.date | None = None
    only: list[str | bool] = pydantic.Field(default=[], max_length=2)
    name: str | None = pydantic.Field(default=None, min_length=2, max_length=4, pattern="^[a-z]+$")
    rate: float = pydantic.Field(default=1, gt=0, lt=9, le=9)
    mode: Literal["fast", "slow"] = "slow"


class Book(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    grants: list[Grant] = []
    named: dict[str, Grant | None] = {}


def problems(text: str) -> list[str]:
    with pytest.raises(SourceError) as caught:
        check(read(text), Book)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


def test_an_unknown_key_is_named_with_the_nearest_that_may_stand_there():
    """
    A misspelt key that is passed over would leave a safeguard off in silence.
    """
    assert problems("grants:\n  - revoke: a\n    cuont: 1") == ["f.yaml:3: unknown key 'cuont'. Did you mean 'count'?"]
    assert problems("named:\n  x:\n    {revoke: a, utnil: 1}") == [
        "f.yaml:3: unknown key 'utnil'. Did you mean 'until'?"
    ]
    assert problems("zzz: 1") == ["f.yaml:1: unknown key 'zzz'. Here go: grants, named."]


def test_wrong_values_are_told_in_plain_words_and_all_at_once():
    """
    The author fixes a file in one go, without knowing the library that checks it.
    """
    assert problems("grants:\n- {revoke: 3}\n- {}\n- {revoke: a, count: -1}\n- {revoke: a, until: soon}\n- x") == [
        "f.yaml:2: 'revoke' must be text, not 3 (put it in quotes)",
        "f.yaml:3: 'revoke' is missing",
        "f.yaml:4: 'count' must be 0 or more, not -1",
        "f.yaml:5: 'until' must be a date like 2027-01-31, not 'soon'",
        "f.yaml:6: 'grants' (entry 5) must be a mapping (key: value), not 'x'",
    ]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("only: [[1]]", "'only' (entry 1) must be text or true or false, not a list"),
        ("only: [a, b, c]", "'only' may have at most 2 entries"),
        ("name: a", "'name' must have at least 2 characters, not 'a'"),
        ("name: abcde", "'name' may have at most 4 characters, not 'abcde'"),
        ("name: A1", "'name' must look like ^[a-z]+$, not 'A1'"),
        ("rate: 0", "'rate' must be more than 0.0, not 0"),
        ("rate: 9", "'rate' must be less than 9.0, not 9"),
        ("mode: fats", "'mode' must be 'fast' or 'slow', not 'fats'. Did you mean 'fast'?"),
        ("mode: 3", "'mode' must be 'fast' or 'slow', not 3."),
        ("count: 1.5", "'count' must be a whole number, not 1.5"),
    ],
)
def test_each_kind_of_mistake_has_its_sentence(field, message):
    """
    Jargon of a validation library helps nobody who writes YAML.
    """
    assert problems(f"grants:\n  - revoke: a\n    {field}") == [f"f.yaml:3: {message}"]


def test_an_empty_file_that_should_hold_something_is_told_so():
    """
    An empty catalog applied by mistake would take every partner's access.
    """
    assert problems("") == ["f.yaml:1: the file must be a mapping (key: value), not nothing"]


def test_a_good_document_becomes_the_model():
    """
    The point of it all.
    """
    assert check(read("grants: [{revoke: a, until: 2027-01-31}]"), Book).grants[0].until == dt.date(2027, 1, 31)


def test_problems_sort_by_place_and_read_like_a_compiler_message():
    """
    Editors jump to file:line: message.
    """
    assert sorted([Problem("b", 1, "x"), Problem("a", 9, "x"), Problem("a", 2, "x")])[0] == Problem("a", 2, "x")
    assert str(Problem("a.yaml", 2, "x")) == "a.yaml:2: x"


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcNO<*&: ", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(value=plain)
def test_what_yaml_writes_is_read_back_or_refused_but_never_changed(value):
    """
    A reader that changes a value in silence is worse than one that refuses it.
    """
    written = yaml.safe_dump({"value": value}, allow_unicode=False, default_flow_style=False)
    try:
        found = read(written).value
    except SourceError:
        return  # Control characters and anchors on repeated values are refused, which is fine.
    assert found == {"value": value}


@given(octets=st.binary(max_size=300))
def test_no_bytes_do_worse_than_a_refusal(octets):
    """
    Files come from people and from attackers; nothing but the one error may come out.
    """
    try:
        lines = [read(octets).line(("anything",))]
    except SourceError as refused:
        lines = [problem.line for problem in refused.problems]

    assert min(lines) >= 1

"""
Reading JSON strictly, and queries: the pure parts of the API's edge.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.api.bodies import NotJson, digest_of, read_form, read_json, where
from incidents.api.forms import Declaration, RestoreAsk
from incidents.api.queries import Query, limit, read_queries
from incidents.errors import Invalid

PLAIN = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_what_can_be_stored_comes_through_unchanged(value: Any) -> None:
    """Strictness must not cost a single good body."""
    assert read_json(json.dumps(value).encode()) == value


@given(st.dictionaries(PLAIN, VALUES, max_size=4))
def test_the_digest_does_not_depend_on_order(value: dict[str, Any]) -> None:
    """A retry is the same request however its keys are ordered."""
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


def test_a_doubled_key_deep_inside_is_refused_by_name() -> None:
    """Two parsers would read two different orders."""
    with pytest.raises(Invalid, match="'partner' is there twice"):
        read_json(b'{"parameters": {"partner": "acme", "partner": "globex"}}')


def test_depth_is_refused_however_it_is_built() -> None:
    """Below Python's own limit as well as beyond it."""
    for depth in (40, 100_000):
        with pytest.raises(NotJson, match="nested deeper"):
            read_json(b"[" * depth + b"]" * depth)


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        ({"playbook": "p", "parameters": {"a": 1}}, "parameters.a", "must be text"),
        ({"playbook": "p", "tilte": "x"}, "tilte", "Did you mean 'title'?"),
        ({}, "playbook", "is missing"),
    ],
)
def test_a_fault_is_told_by_place_and_in_plain_words(body: dict[str, Any], place: str, words: str) -> None:
    """Nobody should have to know pydantic to mend a request."""
    with pytest.raises(Invalid) as caught:
        read_form(body, Declaration)

    assert any(e.where == place and words in e.message for e in caught.value.errors)


@pytest.mark.parametrize("wrong", [True, 1.0, "1", 0, -1, 10_001, None])
def test_action_numbers_are_whole_numbers_and_nothing_like_them(wrong: Any) -> None:
    """`true` is no action number, although Python thinks that it is 1."""
    with pytest.raises(Invalid) as caught:
        read_form({"reason": "x", "only": [1, wrong]}, RestoreAsk)

    assert caught.value.errors[0].where == "only[1]"


def test_a_place_is_written_so_that_a_reader_finds_it() -> None:
    """Control characters in a key must not reach a terminal."""
    assert where(("only", 2)) == "only[2]"
    assert where(("parameters", "a\x1b[31m")) == "parameters.a\\x1b[31m"


@given(st.lists(st.tuples(st.sampled_from(["limit", "q", "check", "odd"]), st.text(max_size=12)), max_size=4))
def test_any_query_is_read_or_refused(given_pairs: list[tuple[str, str]]) -> None:
    """Nothing between a clean value and a refusal that names the parameter."""
    queries = (limit(), Query(name="q", about=""), Query(name="check", about="", switch=True, default=False))
    try:
        found = read_queries(queries, given_pairs)
    except Invalid as error:
        found, named = None, error.errors
    else:
        named = ()

    assert named or (found is not None and 1 <= found["limit"] <= 200 and isinstance(found["check"], bool))

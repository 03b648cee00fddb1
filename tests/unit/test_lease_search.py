"""
The lease protocol, searched: no order of events opens a gate, and without any one rule some order does.

The model and what it leaves out are told in ``tests/support/search/world.py``.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache

import pytest

from tests.support.search.explore import Found, explore
from tests.support.search.mutations import MUTATIONS, REDUNDANT
from tests.support.search.scopes import SCOPES, STATES


@cache
def searched(name: str) -> Found:
    return explore(SCOPES[name])


@pytest.mark.parametrize("name", SCOPES)
def test_no_order_of_events_opens_a_gate(name: str) -> None:
    """In no state does an instance allow a held thing after the bound, or while the kill is said to be contained."""
    found = searched(name)

    assert found.wrong is None, str(found)


@pytest.mark.parametrize("name", SCOPES)
def test_search_sees_what_it_is_about(name: str) -> None:
    """A search that never sees an allow, a confirmation or a lapse proves nothing; nor does one that became small."""
    found = searched(name)

    assert found.shown >= SCOPES[name].shows, f"never seen: {sorted(SCOPES[name].shows - found.shown)}"
    assert found.states >= 0.8 * STATES[name], "the model has shrunk: find out why, then write down the new number"


@pytest.mark.parametrize("rule", MUTATIONS)
def test_search_finds_the_hole_without_rule(rule: str) -> None:
    """Each rule is there for a reason, and the search is sharp enough to find it."""
    mutation = MUTATIONS[rule]
    found = explore(SCOPES[mutation.scope], mutation=mutation.mutate)

    assert found.wrong is not None, f"nothing happens without the rule in the scope '{mutation.scope}': {found}"
    assert found.trace


@pytest.mark.parametrize("rule", REDUNDANT)
def test_rule_that_backs_up_another_matters_once_that_one_is_gone(rule: str) -> None:
    """Two rules against one hole: either alone closes it, so both have to go before the search can find it."""
    scope, first, second = REDUNDANT[rule]

    def both(stack: ExitStack) -> None:
        first(stack)
        second(stack)

    assert explore(SCOPES[scope], mutation=first).wrong is None, "it is needed by itself: list it as a mutation"
    assert explore(SCOPES[scope], mutation=both).wrong is not None

"""
What the parts of a regime must say about each other: each complaint names the place in the file that breaks a rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from playbooks.anchors import ANCHORS, EACH
from playbooks.regime_schema import FACTS, DeadlineForm, LimitForm, Regime, Status
from playbooks.source import Document, Loc, SourceError, check
from playbooks.words import nearest, shown


def read_regime(document: Document) -> Regime:
    """
    A parsed document as a regime.

    Raises:
        SourceError: With every problem found, each with its line.
    """
    regime = check(document, Regime)
    found = [document.problem(loc, message) for loc, message in _complaints(regime)]
    if found:
        raise SourceError(sorted(found))
    return regime


def _complaints(regime: Regime) -> Iterator[tuple[Loc, str]]:
    names = [deadline.name for deadline in regime.deadlines]
    for number, deadline in enumerate(regime.deadlines):
        here: Loc = ("deadlines", number)
        if deadline.name in names[:number]:
            yield (*here, "name"), f"deadline '{deadline.name}' is here twice"
        yield from _of_deadline(regime, deadline, here, names[:number])
    yield from _of_regime(regime)


def _of_regime(regime: Regime) -> Iterator[tuple[Loc, str]]:
    used = {
        name
        for deadline in regime.deadlines
        for name in (deadline.when, *(limit.when for limit in deadline.limits), *(i.fill for i in deadline.content))
    }
    for name in regime.asks:
        if name not in used:
            yield ("asks", name), f"nothing depends on the condition '{name}': use it under 'when', or leave it out"
        if name in ANCHORS or name in FACTS:
            yield ("asks", name), f"'{name}' is a fact of every incident: call the condition otherwise"
    if not regime.deadlines:
        yield ("deadlines",), "a regime holds at least one deadline"
    if regime.status is Status.ENACTED and regime.applies_from is None:
        yield ("status",), "an enacted regime needs 'applies_from': the day from which it binds"
    if regime.instead_of is not None and regime.partner is None:
        yield ("instead_of",), "'instead_of' needs 'partner': for whom this replaces the other regime"


def _of_deadline(regime: Regime, deadline: DeadlineForm, here: Loc, before: list[str]) -> Iterator[tuple[Loc, str]]:
    if not deadline.limits and deadline.undated is None:
        yield here, f"deadline '{deadline.name}' needs 'limits', or 'undated' with the words that give no number"
    if deadline.follows is not None and deadline.follows not in before:
        yield (
            (*here, "follows"),
            f"unknown earlier deadline {shown(deadline.follows)}.{nearest(deadline.follows, before)}",
        )
    if deadline.when is not None:
        yield from _condition(regime, deadline.when, (*here, "when"))
    for number, limit in enumerate(deadline.limits):
        yield from _of_limit(regime, limit, (*here, "limits", number), [*before, deadline.name])
    if deadline.repeats == EACH and len({limit.from_ for limit in deadline.limits}) != 1:
        yield (*here, "repeats"), "'repeats: each' counts the facts of one anchor: give every limit the same 'from'"
    for number, item in enumerate(deadline.content):
        if item.fill is not None and item.fill not in (*FACTS, *ANCHORS, *regime.asks):
            known = (*FACTS, *ANCHORS, *regime.asks)
            yield (*here, "content", number, "fill"), f"unknown fact {shown(item.fill)}.{nearest(item.fill, known)}"


def _of_limit(regime: Regime, limit: LimitForm, here: Loc, before: list[str]) -> Iterator[tuple[Loc, str]]:
    if (limit.from_ is None) == (limit.from_report is None):
        yield here, "a limit runs 'from' an anchor or 'from_report' of another deadline: name one of the two"
    if limit.from_report is not None and limit.from_report not in before:
        hint = nearest(limit.from_report, before)
        yield (*here, "from_report"), f"unknown earlier deadline {shown(limit.from_report)}.{hint}"
    if limit.after is None and limit.from_report is not None:
        yield here, "a limit after a report needs 'after'"
    if limit.when is not None:
        yield from _condition(regime, limit.when, (*here, "when"))


def _condition(regime: Regime, name: str, here: Loc) -> Iterator[tuple[Loc, str]]:
    if name not in regime.asks:
        yield here, f"condition {shown(name)} has no question under 'asks'.{nearest(name, regime.asks)}"

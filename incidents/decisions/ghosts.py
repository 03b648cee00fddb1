"""
What a drill may really switch off: the own access of partners that the catalog marks as ghosts, and nothing else.

The one place that says so. Asked where a drill's holds are placed and again where they are lifted without a second
person.
"""

from __future__ import annotations

from collections.abc import Iterable

from incidents.errors import Forbidden
from incidents.holds import LIVE, SHADOW, Hold, HoldKind
from incidents.state import State
from playbooks import actions as act
from playbooks.plan import PlannedAction


def is_ghost(state: State, partner: str | None) -> bool:
    known = state.catalog.partners.get(partner or "")
    return known is not None and known.ghost


def only_ghosts(state: State, hold: Hold) -> bool:
    """Whether a hold binds the own access of one ghost partner alone."""
    return hold.kind in (HoldKind.PARTNER, HoldKind.CAP) and is_ghost(state, hold.partner)


def check_only_ghosts(state: State, actions: Iterable[PlannedAction]) -> None:
    """
    Of a plan that a drill would carry out for real, those that wait for a word included.

    Raises:
        Forbidden: One of its actions touches anything but a ghost partner's own access; names each.
    """
    wrong = [a.action.describe() for a in actions if not a.skipped and not _touches_only_ghosts(state, a.action)]
    if wrong:
        ghosts = ", ".join(sorted(p.id for p in state.catalog.partners.values() if p.ghost)) or "none in this catalog"
        raise Forbidden(
            f"a live drill touches ghost partners alone ({ghosts}), and this one would: {'; '.join(wrong)}."
            " Hold it in shadow: the same path, without changing one live answer",
            code="not-a-ghost",
        )


def _touches_only_ghosts(state: State, action: act.Action) -> bool:
    match action:
        case act.RevokePartner(partner=partner):
            return is_ghost(state, partner)
        case act.TightenCap(partner=partner):
            return is_ghost(state, partner)
        case act.Call():
            return True  # no drill calls anything outside
    return False


def may_lift_alone(state: State, kind: str, hold: Hold) -> bool:
    """
    Whether the end of a drill lifts a hold without a second person.

    Only what never took anything from anybody real: a drill's shadow hold, or its live hold on a ghost partner.
    """
    return kind == "drill" and (hold.table == SHADOW or (hold.table == LIVE and only_ghosts(state, hold)))

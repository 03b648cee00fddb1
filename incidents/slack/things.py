"""
What can be killed by its bare name: looked up one at a time, because a catalog may hold thousands of partners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from incidents.catalog import Catalog
from incidents.desk import Desk


class Things(Mapping[str, str]):
    """Id -> ``partner``, ``capability`` or ``model``; only ids that mean one of these alone."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __getitem__(self, id: str) -> str:
        with self._desk.read() as state:
            kinds = _kinds(state.catalog, id)
        if len(kinds) != 1:
            raise KeyError(id)
        return kinds[0]

    def __iter__(self) -> Iterator[str]:
        """All of them; only for saying what is nearest to a wrong one."""
        with self._desk.read() as state:
            catalog = state.catalog
            ids = [*catalog.partners, *catalog.models, *catalog.capabilities, *catalog.flags()]
            return iter([id for id in dict.fromkeys(ids) if len(_kinds(catalog, id)) == 1])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _kinds(catalog: Catalog, id: str) -> list[str]:
    found = {
        "partner": id in catalog.partners,
        "model": id in catalog.models,
        "capability": id in catalog.capabilities or catalog.has_flag(id),
    }
    return [kind for kind, known in found.items() if known]

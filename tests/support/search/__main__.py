"""``python -m tests.support.search``: every scope with its size, every rule with the shortest trace without it."""

from __future__ import annotations

from tests.support.search.explore import explore
from tests.support.search.mutations import MUTATIONS
from tests.support.search.scopes import SCOPES

for name, scope in SCOPES.items():
    found = explore(scope)
    print(f"{found.states:7,} states  {name}: {found.wrong or 'no gate opens'}")
for rule, mutation in MUTATIONS.items():
    print(f"\nwithout: {rule} [{mutation.scope}]\n{explore(SCOPES[mutation.scope], mutation=mutation.mutate)}")

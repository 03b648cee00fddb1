"""
The small worlds. Each is searched to its end; together they cover every fault that ``lease.md`` names, two or three
at a time. The number of states is asserted, so that a search which has become empty is noticed.
"""

from __future__ import annotations

from tests.support.search.explore import Scope

_KILL = ("kill f",)
_NO_CLAIM = frozenset({"allow", "lapsed"})

SCOPES: dict[str, Scope] = {
    scope.name: scope
    for scope in (
        Scope("one kill", _KILL),
        Scope("two kills", ("kill f", "kill g"), leased=("a",), idle=("b",), hears=False),
        Scope("kill, lift, kill", ("kill f", "lift f", "kill f"), leased=("a",)),
        Scope("slow clock", _KILL, slow=("a",), hears=False, leased=("a",), exact=True),
        Scope("the line", _KILL, leased=(), idle=("a",), line=True, faults={"ask": 3, "repeat": 1}, hears=False),
        Scope("old snapshots", ("kill f", "lift f"), leased=("a",), faults={"old snapshot": 1, "old change": 1}, line=True),
        Scope(
            "two services", _KILL, servers=("A", "B"), leased=("a",), slow=("a", "A"), claims=False, hears=False, exact=True,
            shows=_NO_CLAIM,
        ),
        Scope("slow look", _KILL, leased=("a",), faults={"slow look": 4}, hears=False),
        Scope("service restarts", _KILL, faults={"restart": 1}, hears=False),
        Scope("first grant", _KILL, leased=("a",), idle=("b",), faults={"write down": 1, "restart": 1}, hears=False),
        Scope("forgotten instances", _KILL, faults={"forget": 1}, hears=False),
        Scope("restored ledger", ("restore", "kill f"), faults={"start": 1}, hears=False),
        Scope(
            "restored ledger, again", ("kill g", "restore", "kill f", "kill g"), leased=("a",), idle=("b",),
            faults={"start": 1, "restart": 1}, hears=False, shows=frozenset({"allow"}),
        ),
        Scope("lease shortened", ("lease short", *_KILL), leased=("a",), slow=("a",), hears=False, exact=True),
        Scope("lease lengthened", ("lease long", *_KILL), leased=("a",), slow=("a",), hears=False),
        Scope("writer's clock behind", _KILL, leased=("a",), behind=5, hears=False),
        Scope("unwritable", (), leased=("a",), faults={"unwritable": 1}, hears=False, shows=frozenset({"allow"})),
        Scope("restarts", _KILL, faults={"process": 1, "save": 1}, hears=False),
        Scope(
            "restart and an old ledger", _KILL, leased=("a",), servers=("A", "B"), claims=False, shows=_NO_CLAIM,
            faults={"process": 1, "save": 1, "disk full": 1},
        ),
        Scope("fork", _KILL, leased=("a",), faults={"fork": 1}),
        Scope("sleep", _KILL, leased=("a",), faults={"sleep": 6}, hears=False),
        Scope("wall clock", _KILL, leased=("a",), faults={"wall": 2}, hears=False),
        Scope("damaged copy", _KILL, leased=("a",), idle=("b",), faults={"corrupt": 1}),
        Scope(
            "damaged change", ("kill f", "kill g"), faults={"damage": 1, "restart": 1}, leased=("a",), idle=(),
        ),
        Scope("gap in the stream", ("kill f", "kill g"), leased=("a",), faults={"gap": 1, "restart": 1}),
        Scope("another point's token", _KILL, leased=("a",), idle=("b",), faults={"impostor": 1}, hears=False),
        Scope("token revoked", ("token gone", *_KILL), shows=_NO_CLAIM),
        Scope("goes on when silent", _KILL, before=("silence f",), faults={"process": 1, "forget": 1}, leased=("a",),
              idle=("b",), hears=False, shows=frozenset({"allow", "confirmed"})),
        Scope("silence withdrawn", ("unsilence f", *_KILL), before=("silence f",), leased=("a",), hears=False),
        Scope("asked live before", _KILL, leased=(), idle=("a",), faults={"restart": 1, "flush": 1}, asked_before=True,
              hears=False),
    )
}  # fmt: skip

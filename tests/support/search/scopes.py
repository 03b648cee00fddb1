"""
The small worlds. Each is searched to its end; together they cover every fault that ``lease.md`` names, two or three
at a time. ``STATES`` says how many states each had, so
that a search which has become empty is noticed.
"""

from __future__ import annotations

from tests.support.search.explore import Scope
from tests.support.search.tables import LONG

_KILL = ("kill f",)
_NO_CLAIM = frozenset({"allow", "lapsed"})

_SILENT = frozenset({"allow", "confirmed"})

SCOPES: dict[str, Scope] = {
    scope.name: scope
    for scope in (
        Scope("one kill", _KILL),
        Scope("two kills", ("kill f", "kill g"), leased=("a",), idle=("b",), hears=False),
        Scope("kill, lift, kill", ("kill f", "lift f", "kill f"), leased=("a",)),
        Scope("eased and tightened", ("kill f", "ease f", "tighten f"), leased=("a",)),
        Scope("slow clock", _KILL, leased=("a",), idle=("b",), slow=("a",), hears=False, lease=LONG),
        Scope("the line", _KILL, leased=(), idle=("a",), line=True, faults={"ask": 2, "repeat": 1}, depth=9),
        Scope("old copies", ("kill f", "lift f"), leased=("a",), line=True, shows=_NO_CLAIM,
              faults={"ask": 1, "old snapshot": 1, "old change": 1}, depth=8),
        Scope("two services", _KILL, servers=("A", "B"), leased=("a",), slow=("a", "A"), claims=False, hears=False,
              age=2, lease=LONG, shows=frozenset({"allow"}), depth=7),
        Scope("slow service", _KILL, leased=("a",), slow=("a", "A"), claims=False, hears=False, age=2, lease=LONG,
              shows=_NO_CLAIM),
        Scope("slow look", _KILL, leased=("a",), faults={"slow look": 4}, hears=False),
        Scope("service restarts", _KILL, faults={"restart": 1}, hears=False),
        Scope("first grant", _KILL, leased=("a",), idle=("b",), faults={"write down": 1, "restart": 1}, hears=False,
              depth=8),
        Scope("forgotten instances", _KILL, leased=("a",), idle=("b",), faults={"forget": 1}, hears=False, depth=10),
        Scope("restored ledger", ("restore", "kill f"), faults={"start": 1}, lease=LONG, depth=8,
              shows=frozenset({"allow"})),
        Scope("restored ledger, same revisions", ("restore", "kill f", "lift g"), before=("kill g", "lift g"),
              leased=("a",), line=True, faults={"start": 1, "ask": 1}, hears=False, lease=LONG, depth=9,
              shows=frozenset({"allow"})),
        Scope("lease shortened", ("lease short", *_KILL), leased=("a",), slow=("a",), hears=False, lease=LONG),
        Scope("lease lengthened", ("lease long", *_KILL), leased=("a",), slow=("a",), hears=False),
        Scope("writer's clock behind", _KILL, leased=("a",), behind=5, hears=False),
        Scope("unwritable", (), leased=("a",), faults={"unwritable": 1}, hears=False, shows=frozenset({"allow"})),
        Scope("point restarts", _KILL, faults={"process": 1}, hears=False),
        Scope("point restarts on its disk", ("kill f", "lift f"), leased=("a",), servers=("A", "B"), claims=False,
              shows=_NO_CLAIM, faults={"process": 1, "save": 1}, depth=6),
        Scope("point restarts, its disk full", ("kill f", "lift f"), leased=("a",), servers=("A", "B"), claims=False,
              shows=_NO_CLAIM, faults={"process": 1, "disk full": 1}, depth=6),
        Scope("machine restarts", _KILL, leased=("a",), faults={"reboot": 1}, hears=False),
        Scope("fork", _KILL, leased=("a",), faults={"fork": 1}),
        Scope("sleep", _KILL, leased=("a",), faults={"sleep": 3}, hears=False, depth=9),
        Scope("wall clock", _KILL, leased=("a",), faults={"wall": 2}, hears=False),
        Scope("damaged copy", _KILL, leased=("a",), idle=("b",), faults={"corrupt": 1}),
        Scope("damaged change", ("kill f", "kill g"), faults={"damage": 1, "restart": 1}, leased=("a",), hears=False),
        Scope("gap in the stream", ("kill f", "kill g", "lift g"), leased=("a",), faults={"gap": 1, "restart": 1},
              hears=False, depth=8),
        Scope("another point's token", _KILL, leased=("a",), idle=("b",), faults={"impostor": 1}, hears=False),
        Scope("token revoked", ("token gone", *_KILL), shows=_NO_CLAIM),
        Scope("silence", _KILL, before=("silence f",), faults={"forget": 1}, leased=("a",), idle=("b",), hears=False,
              shows=_SILENT, depth=9),
        Scope("silence, fresh start", _KILL, before=("silence f",), faults={"process": 1}, leased=("a",), idle=("b",),
              hears=False, shows=_SILENT),
        Scope("silence withdrawn", ("unsilence f", *_KILL), before=("silence f",), leased=("a",), hears=False),
        Scope("asked live before", _KILL, leased=(), idle=("a",), faults={"restart": 1, "flush": 1}, asked_before=True,
              hears=False),
    )
}  # fmt: skip

STATES: dict[str, int] = {
    "one kill": 269,
    "two kills": 6967,
    "kill, lift, kill": 1493,
    "eased and tightened": 1493,
    "slow clock": 5752,
    "the line": 22747,
    "old copies": 9056,
    "two services": 9990,
    "slow service": 1982,
    "slow look": 973,
    "service restarts": 1260,
    "first grant": 5348,
    "forgotten instances": 10314,
    "restored ledger": 3144,
    "restored ledger, same revisions": 10154,
    "lease shortened": 6749,
    "lease lengthened": 6260,
    "writer's clock behind": 94,
    "unwritable": 18,
    "point restarts": 1299,
    "point restarts on its disk": 3942,
    "point restarts, its disk full": 3748,
    "machine restarts": 361,
    "fork": 768,
    "sleep": 3999,
    "wall clock": 384,
    "damaged copy": 1190,
    "damaged change": 8303,
    "gap in the stream": 4256,
    "another point's token": 1188,
    "token revoked": 197,
    "silence": 5900,
    "silence, fresh start": 3349,
    "silence withdrawn": 206,
    "asked live before": 2881,
}
"""States seen in each when this was written: a search that shrinks by much has lost something."""

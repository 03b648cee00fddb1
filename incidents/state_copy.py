"""
The folded state as bytes and back, so that a start replays only the tail of the log.

Never evidence: a copy that another version of the fold wrote is not read, and one that doesn't match the chain is
refused by the desk.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
from functools import cache

from pydantic import TypeAdapter

from incidents import catalog, chat, docket, drill_runs, events, holds, life, notices, outbox, state
from incidents.state import State
from playbooks import regime_terms

# Any change to what a fold means gives another version, without anybody having to remember it.
FOLD_VERSION = hashlib.sha256(
    "".join(
        inspect.getsource(m)
        for m in (catalog, chat, docket, drill_runs, events, holds, life, notices, outbox, state, regime_terms)
    ).encode()
).hexdigest()


@cache
def _adapter() -> TypeAdapter[State]:
    return TypeAdapter(State)


def dump_state(current: State) -> bytes:
    """JSON; the hold index is derived and left out."""
    return _adapter().dump_json(dataclasses.replace(current, by_target={}))


def load_state(kept: bytes) -> State:
    loaded = _adapter().validate_json(kept)
    loaded.index_holds()
    return loaded

"""
Whatever is about a drill or a test says so at both ends, also where only one person reads it. Pure.

Looks at the ids that are read: where a real incident is spoken of too, each line says for itself which is which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from incidents.slack import limits
from incidents.slack.blocks import Message, context

Json = dict[str, Any]
ID = re.compile(r"\b(INC|DRILL|TEST)-\d{4}-\d+")
BANDS = {
    "DRILL": ":construction: *DRILL* · a rehearsal: no real partner loses anything :construction:",
    "TEST": ":test_tube: *TEST* · nothing is held, nobody is told :test_tube:",
}


def marked(message: Message) -> Message:
    """With a band above and below, and a notification that says it at both ends."""
    kind = _kind(message.text, message.blocks)
    if not kind:
        return message
    text = message.text if message.text.startswith(f"{kind} ·") else f"{kind} · {message.text} ({kind})"
    return Message(text[: limits.TEXT], tuple(between_bands(kind, message.blocks)) if message.blocks else ())


def marked_blocks(about: str, blocks: Sequence[Json]) -> list[Json]:
    """The same for a form; ``about``: the id that it is about."""
    kind = _kind(about, ())
    return between_bands(kind, blocks) if kind else list(blocks)


def between_bands(kind: str, blocks: Sequence[Json]) -> list[Json]:
    band, kept = context(BANDS[kind]), list(blocks)
    if any(_is_band(kind, block) for block in kept):
        return kept
    while len(kept) > limits.BLOCKS - 2 or limits.characters([band, *kept, band]) > limits.ALL_BLOCKS:
        kept.pop()
    return [band, *kept, band]


def _is_band(kind: str, block: Json) -> bool:
    return block["type"] == "context" and any(f"*{kind}*" in element.get("text", "") for element in block["elements"])


def _kind(text: str, blocks: Iterable[Json]) -> str:
    kinds = set(ID.findall(text)).union(*(ID.findall(words) for words in _texts(blocks)))
    return kinds.pop() if len(kinds) == 1 and kinds != {"INC"} else ""


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)

"""
What a redaction takes out beside the event itself: the same words in answers that are kept for repeated requests.

Pure. An answer is never dropped for it: a request that finds none would be carried out a second time.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

REDACTED = "[redacted]"
_LONG = 8  # characters from which on words are also taken out of the middle of a longer text


def without(answer: str, said: Collection[str]) -> str:
    """The JSON text of an answer without these words; as it was where they are not in it."""
    value = json.loads(answer)
    cleaned = _cleaned(value, [words for words in said if words])
    return answer if cleaned == value else json.dumps(cleaned, separators=(",", ":"))


def _cleaned(value: Any, said: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {name: _cleaned(inner, said) for name, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner, said) for inner in value]
    if isinstance(value, str):
        for words in said:
            if value == words:
                return REDACTED
            if len(words) >= _LONG:
                value = value.replace(words, REDACTED)
    return value

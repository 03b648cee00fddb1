"""
Messages and forms as Slack takes them: the pieces, escaped and cut, and the whole, within every limit.

Pure; knows no incident. Whatever people wrote goes through ``esc``, else ``<!channel>`` in a title wakes everybody.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from incidents.clock import parse_rfc3339
from incidents.slack import limits

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """``text`` is what notifications, screen readers and old clients show."""

    text: str
    blocks: tuple[Json, ...] = ()

    @property
    def digest(self) -> str:
        """Equal messages have equal digests, so that nothing is sent to change nothing."""
        whole = json.dumps([self.text, self.blocks], sort_keys=True)
        return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()

    def wire(self) -> Json:
        """What Slack's methods and answers take."""
        return {"text": self.text, **({"blocks": list(self.blocks)} if self.blocks else {})}


def message(text: str, blocks: Sequence[Json], more: str) -> Message:
    """
    A message that Slack takes, whatever was put into it.

    Args:
        more: A link (``<url|words>``) to the whole, shown where blocks had to be left out.
    """
    kept = list(blocks)
    if limits.message_faults("x", kept):
        tail = context(f"There is more: {more}")
        kept = kept[: limits.BLOCKS - 1]
        while kept and limits.characters([*kept, tail]) > limits.ALL_BLOCKS:
            kept.pop()
        kept.append(tail)
    if limits.message_faults("x", kept):  # a fault of ours in one block must not keep the words from arriving
        kept = []
    return Message(cut(text.strip() or "Andon", limits.TEXT), tuple(kept))


# --- words ----------------------------------------------------------------------------------------------------------


def esc(text: object) -> str:
    """Somebody's words as Slack shows them: no mention, link or command in them works."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int, more: str = "") -> str:
    """At most ``limit`` characters; what is left out is marked, with a link to the whole where there is one."""
    if len(text) <= limit:
        return text
    tail = f"… {more}" if more else "…"
    return _whole_marks(text[: limit - len(tail)]) + tail


def _whole_marks(text: str) -> str:
    """Not ending inside ``&amp;`` or ``<url|words>``."""
    for opened, closed in (("&", ";"), ("<", ">")):
        at = text.rfind(opened)
        if at > text.rfind(closed) and len(text) - at < (8 if opened == "&" else 3_000):
            text = text[:at]
    return text


def one_line(text: str) -> str:
    return " ".join(text.split())


def plain_words(text: str) -> str:
    """Text for Slack as any page can show it: no marks, no emoji names, links as their words."""
    text = re.sub(r"<[^|>]*\|([^>]*)>", r"\1", re.sub(r":[a-z_]+: ?", "", text))
    return html.unescape(text.replace("*", "").replace("`", ""))


def link(url: str, words: str) -> str:
    return f"<{url}|{esc(words)}>"


def moment(at: str | datetime, now: datetime) -> str:
    """``14:02:07 UTC``, with the day where it is not today."""
    when = parse_rfc3339(at) if isinstance(at, str) else at.astimezone(UTC)
    day = "" if when.date() == now.date() else f"{when:%d %b} " if when.year == now.year else f"{when:%d %b %Y} "
    return f"{day}{when:%H:%M:%S} UTC"


# --- blocks ---------------------------------------------------------------------------------------------------------


def plain(text: str, limit: int) -> Json:
    return {"type": "plain_text", "text": cut(one_line(text), limit) or "-", "emoji": True}


def marked(text: str, limit: int = limits.SECTION, more: str = "") -> Json:
    return {"type": "mrkdwn", "text": cut(text, limit, more) or "-"}


def header(text: str) -> Json:
    return {"type": "header", "text": plain(text, limits.HEADER)}


def section(text: str, accessory: Json | None = None, *, more: str = "", block_id: str = "") -> Json:
    found: Json = {"type": "section", "text": marked(text, more=more)}
    return found | ({"accessory": accessory} if accessory else {}) | ({"block_id": block_id} if block_id else {})


def context(text: str) -> Json:
    return {"type": "context", "elements": [marked(text)]}


def divider() -> Json:
    return {"type": "divider"}


def actions(block_id: str, *elements: Json) -> Json:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def button(
    action: str, label: str, value: Mapping[str, Any] | None = None, *, style: str = "", confirm: Json | None = None
) -> Json:
    """``value`` comes back when it is pressed."""
    found: Json = {"type": "button", "action_id": action, "text": plain(label, limits.BUTTON)}
    if value is not None:
        found["value"] = compact(value)
    return found | ({"style": style} if style else {}) | ({"confirm": confirm} if confirm else {})


def link_button(action: str, label: str, url: str) -> Json:
    return {"type": "button", "action_id": action, "text": plain(label, limits.BUTTON), "url": url}


def overflow(action: str, options: Sequence[tuple[str, Mapping[str, Any]]]) -> Json:
    """The rest under "More"; each entry's value comes back when it is chosen."""
    shown = [{"text": plain(label, limits.OPTION), "value": compact(value)} for label, value in options]
    return {"type": "overflow", "action_id": action, "options": shown[: limits.OVERFLOW]}


def confirm(title: str, text: str, yes: str, no: str = "Not now") -> Json:
    return {
        "title": plain(title, limits.CONFIRM_TITLE),
        "text": marked(text, limits.CONFIRM_TEXT),
        "confirm": plain(yes, limits.CONFIRM_BUTTON),
        "deny": plain(no, limits.CONFIRM_BUTTON),
    }


def compact(value: Mapping[str, Any]) -> str:
    """As it is counted: an emoji is one character, where JSON's own escapes would make twelve of it."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


# --- forms ----------------------------------------------------------------------------------------------------------


def view(callback: str, title: str, blocks: Sequence[Json], *, submit: str = "", metadata: Json | None = None) -> Json:
    """A modal; without ``submit`` there is only a way out."""
    found: Json = {
        "type": "modal",
        "callback_id": callback,
        "title": plain(title, limits.VIEW_TITLE),
        "close": plain("Cancel" if submit else "Close", limits.VIEW_BUTTON),
        "blocks": list(blocks)[: limits.VIEW_BLOCKS],
    }
    if submit:
        found["submit"] = plain(submit, limits.VIEW_BUTTON)
    return found | ({"private_metadata": compact(metadata)} if metadata is not None else {})


def field(name: str, label: str, element: Json, *, optional: bool = False, hint: str = "") -> Json:
    """One field of a form; ``name`` is its block and its action, so that an error can be put beside it."""
    found: Json = {"type": "input", "block_id": name, "label": plain(label, limits.LABEL), "element": element}
    found["element"]["action_id"] = name
    return found | {"optional": optional} | ({"hint": plain(hint, limits.HINT)} if hint else {})


def text_input(initial: str = "", *, long: bool = False, most: int = limits.INPUT, placeholder: str = "") -> Json:
    found: Json = {"type": "plain_text_input", "multiline": long, "max_length": min(most, limits.INPUT)}
    if initial:
        found["initial_value"] = initial[: found["max_length"]]
    return found | ({"placeholder": plain(placeholder, limits.PLACEHOLDER)} if placeholder else {})


def option(label: str, value: str, about: str = "") -> Json:
    found: Json = {"text": plain(label, limits.OPTION), "value": value}
    return found | ({"description": plain(about, limits.OPTION)} if about else {})


def select(options: Sequence[Json], initial: str = "") -> Json:
    found: Json = {"type": "static_select", "options": list(options)[: limits.OPTIONS]}
    chosen = [o for o in found["options"] if o["value"] == initial]
    return found | ({"initial_option": chosen[0]} if chosen else {})


def checkboxes(options: Sequence[Json]) -> Json:
    return {"type": "checkboxes", "options": list(options)[: limits.CHECKBOXES]}

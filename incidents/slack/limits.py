"""
What Slack takes, checked before anything is sent: slack-sdk's own check lets 51 blocks and whole novels through.

Pure. From Slack's reference for blocks, objects and views; where practice is stricter than the reference (length of
``text``, of all blocks together), practice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

TEXT = 3_000  # the notification's text: 40,000 on paper, refused above some 4,000
BLOCKS, VIEW_BLOCKS = 50, 100
ALL_BLOCKS = 9_000  # characters of text in all blocks: nowhere written, refused above some 11,000
SECTION, FIELD, FIELDS, HEADER, CONTEXT_ELEMENTS, ACTIONS = 3_000, 2_000, 10, 150, 10, 25
BUTTON, VALUE, URL, ID, OPTION, OPTION_VALUE, OPTIONS, OVERFLOW = 75, 2_000, 3_000, 255, 75, 150, 100, 5
CHECKBOXES, LABEL, HINT, PLACEHOLDER, INPUT = 10, 2_000, 2_000, 150, 3_000
CONFIRM_TITLE, CONFIRM_TEXT, CONFIRM_BUTTON = 100, 300, 30
VIEW_TITLE, VIEW_BUTTON, METADATA = 24, 24, 3_000
TOPIC, CHANNEL_NAME, BOOKMARK = 250, 80, 255


def message_faults(text: str, blocks: Iterable[Json]) -> list[str]:
    """What Slack would refuse in a message; each fault names the block and the limit."""
    known = list(blocks)
    found = [] if text.strip() else ["the text for notifications is empty"]
    found += _longer(text, TEXT, "the text")
    if len(known) > BLOCKS:
        found.append(f"{len(known)} blocks, {BLOCKS} are taken")
    if (length := characters(known)) > ALL_BLOCKS:
        found.append(f"{length} characters in all blocks, {ALL_BLOCKS} are taken")
    return found + _block_faults(known)


def view_faults(view: Json) -> list[str]:
    """The same for a modal."""
    blocks = list(view.get("blocks", ()))
    found = _text(view.get("title"), VIEW_TITLE, "title", plain=True)
    for part in ("submit", "close"):
        if part in view:
            found += _text(view[part], VIEW_BUTTON, part, plain=True)
    found += _longer(str(view.get("private_metadata", "")), METADATA, "private_metadata")
    found += _longer(str(view.get("callback_id", "")), ID, "callback_id")
    if len(blocks) > VIEW_BLOCKS:
        found.append(f"{len(blocks)} blocks, {VIEW_BLOCKS} are taken")
    if any(b.get("type") == "input" for b in blocks) and "submit" not in view:
        found.append("there are inputs, but no button to send them")
    return found + _block_faults(blocks)


def characters(value: Any) -> int:
    """All text in blocks, however deep."""
    if isinstance(value, Mapping):
        own = value.get("text")
        return (len(own) if isinstance(own, str) else 0) + sum(characters(v) for v in value.values())
    return sum(characters(v) for v in value) if isinstance(value, list | tuple) else 0


def _block_faults(blocks: Iterable[Json]) -> list[str]:
    found: list[str] = []
    ids: set[str] = set()
    for number, block in enumerate(blocks, 1):
        if (id := block.get("block_id", "")) and id in ids:
            found.append(f"block {number}: the block_id '{id}' is there twice")
        ids.add(id)
        found += [f"block {number}: {fault}" for fault in _block(block)]
    return found


def _block(block: Json) -> Iterator[str]:
    yield from _longer(str(block.get("block_id", "")), ID, "block_id")
    match block.get("type"):
        case "header":
            yield from _text(block.get("text"), HEADER, "header", plain=True)
        case "section":
            if "text" not in block and not block.get("fields"):
                yield "a section needs text or fields"
            if "text" in block:
                yield from _text(block["text"], SECTION, "section")
            yield from _many(block.get("fields", ()), FIELDS, "fields", least=0)
            for field in block.get("fields", ()):
                yield from _text(field, FIELD, "field")
            if "accessory" in block:
                yield from _element(block["accessory"])
        case "context":
            yield from _many(block.get("elements", ()), CONTEXT_ELEMENTS, "elements")
            for element in block.get("elements", ()):
                yield from _text(element, SECTION, "context")
        case "actions":
            elements = block.get("elements", ())
            yield from _many(elements, ACTIONS, "elements")
            names = [e.get("action_id") for e in elements]
            if len(names) != len(set(names)):
                yield "an action_id is there twice"
            for element in elements:
                yield from _element(element)
        case "input":
            yield from _text(block.get("label"), LABEL, "label", plain=True)
            if "hint" in block:
                yield from _text(block["hint"], HINT, "hint", plain=True)
            yield from _element(block.get("element", {}))
        case "divider":
            return
        case other:
            yield f"Andon sends no block of type '{other}'"


def _element(element: Json) -> Iterator[str]:
    yield from _longer(str(element.get("action_id", "")), ID, "action_id")
    yield from _longer(str(element.get("value", "")), VALUE, "value")
    yield from _longer(str(element.get("url", "")), URL, "url")
    if "placeholder" in element:
        yield from _text(element["placeholder"], PLACEHOLDER, "placeholder", plain=True)
    if "confirm" in element:
        yield from _confirm(element["confirm"])
    match element.get("type"):
        case "button":
            yield from _text(element.get("text"), BUTTON, "button", plain=True)
            if element.get("style", "primary") not in ("primary", "danger"):
                yield f"a button's style is primary or danger, not '{element['style']}'"
        case "overflow":
            yield from _options(element, OVERFLOW)
        case "static_select":
            yield from _options(element, OPTIONS)
        case "checkboxes" | "radio_buttons":
            yield from _options(element, CHECKBOXES)
        case "plain_text_input":
            yield from _longer(str(element.get("initial_value", "")), INPUT, "initial_value")
            if not 0 <= int(element.get("max_length", 1)) <= INPUT:
                yield f"max_length is at most {INPUT}"
        case "users_select":
            return
        case other:
            yield f"Andon sends no element of type '{other}'"


def _options(element: Json, most: int) -> Iterator[str]:
    options = element.get("options", ())
    yield from _many(options, most, "options")
    values = [o.get("value") for o in options]
    if len(values) != len(set(values)):
        yield "two options have the same value"
    for option in options:
        yield from _text(option.get("text"), OPTION, "option", plain=element.get("type") != "checkboxes")
        yield from _longer(str(option.get("value", "")), OPTION_VALUE, "an option's value")
        if "description" in option:
            yield from _text(option["description"], OPTION, "an option's description")


def _confirm(confirm: Json) -> Iterator[str]:
    for part, limit in (("title", CONFIRM_TITLE), ("text", CONFIRM_TEXT)):
        yield from _text(confirm.get(part), limit, f"confirm {part}")
    for part in ("confirm", "deny"):
        yield from _text(confirm.get(part), CONFIRM_BUTTON, f"confirm {part}", plain=True)


def _text(text: Any, limit: int, what: str, *, plain: bool = False) -> list[str]:
    if not isinstance(text, Mapping) or not text.get("text"):
        return [f"{what}: there is no text"]
    if plain and text.get("type") != "plain_text":
        return [f"{what}: only plain text is taken"]
    return _longer(text["text"], limit, what)


def _longer(text: str, limit: int, what: str) -> list[str]:
    return [f"{what}: {len(text)} characters, {limit} are taken"] if len(text) > limit else []


def _many(things: Any, most: int, what: str, *, least: int = 1) -> list[str]:
    return [] if least <= len(things) <= most else [f"{len(things)} {what}, {least} to {most} are taken"]

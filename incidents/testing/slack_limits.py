"""
What Slack refuses in blocks and views, as its Web API would say it.

Written down a second time on purpose, from Slack's reference and not from what we send: the fake must be able to
refuse what our own check lets through.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

BLOCKS = {"message": 50, "modal": 100, "home": 100}
TEXT_OF = {  # where a text object may stand -> its longest text
    ("header", "text"): 150,
    ("section", "text"): 3000,
    ("section", "fields"): 2000,
    ("context", "elements"): 3000,
    ("button", "text"): 75,
    ("option", "text"): 75,
    ("option", "description"): 75,
    ("confirm", "title"): 100,
    ("confirm", "text"): 300,
    ("confirm", "confirm"): 30,
    ("confirm", "deny"): 30,
    ("input", "label"): 2000,
    ("input", "hint"): 2000,
    ("view", "title"): 24,
    ("view", "submit"): 24,
    ("view", "close"): 24,
    ("element", "placeholder"): 150,
}
ELEMENTS = {"actions": 25, "context": 10}
PLAIN_ONLY = {("header", "text"), ("button", "text"), ("input", "label"), ("view", "title"), ("view", "submit")}
STRINGS = {"action_id": 255, "block_id": 255, "value": 2000, "url": 3000, "callback_id": 255, "private_metadata": 3000}
KNOWN = {
    "header",
    "section",
    "context",
    "actions",
    "divider",
    "input",
    "image",
    "rich_text",
    "markdown",
    "video",
    "file",
}


def faults(blocks: object, surface: str = "message") -> list[str]:
    """Everything that Slack would put into ``response_metadata.messages``; empty where it takes them."""
    if not isinstance(blocks, list):
        return ["[ERROR] must be an array [json-pointer:/blocks]"]
    found = []
    if len(blocks) > BLOCKS[surface]:
        found.append(f"[ERROR] no more than {BLOCKS[surface]} items allowed [json-pointer:/blocks]")
    names: set[str] = set()
    for number, block in enumerate(blocks):
        at = f"/blocks/{number}"
        kind = block.get("type")
        if kind not in KNOWN:
            found.append(f"[ERROR] unsupported type: {kind} [json-pointer:{at}/type]")
            continue
        if (name := block.get("block_id")) is not None:
            if name in names:
                found.append(f"[ERROR] block_id {name} already exists [json-pointer:{at}/block_id]")
            names.add(name)
        found += _block(block, kind, at)
    return found


def view_faults(view: object) -> list[str]:
    """The same for a modal."""
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        return ["[ERROR] missing or wrong type [json-pointer:/view/type]"]
    found = [*_strings(view, "/view"), *faults(view.get("blocks"), str(view["type"]))]
    for part in ("title", "submit", "close"):
        if part in view:
            found += _text(view[part], ("view", part), f"/view/{part}")
    if view["type"] == "modal" and "title" not in view:
        found.append("[ERROR] missing required field: title [json-pointer:/view]")
    if any(b.get("type") == "input" for b in view.get("blocks", [])) and "submit" not in view:
        found.append("[ERROR] missing required field: submit, there are inputs [json-pointer:/view]")
    return found


def _block(block: Json, kind: str, at: str) -> Iterator[str]:
    yield from _strings(block, at)
    if kind == "section":
        if "text" not in block and not block.get("fields"):
            yield f"[ERROR] missing required field: text or fields [json-pointer:{at}]"
        if len(block.get("fields", [])) > 10:
            yield f"[ERROR] no more than 10 items allowed [json-pointer:{at}/fields]"
        for number, field in enumerate(block.get("fields", [])):
            yield from _text(field, ("section", "fields"), f"{at}/fields/{number}")
    if "text" in block and kind in ("section", "header"):
        yield from _text(block["text"], (kind, "text"), f"{at}/text")
    if kind == "input":
        yield from _text(block.get("label"), ("input", "label"), f"{at}/label")
        if "hint" in block:
            yield from _text(block["hint"], ("input", "hint"), f"{at}/hint")
        yield from _element(block.get("element") or {}, f"{at}/element")
    if kind in ELEMENTS:
        elements = block.get("elements") or []
        if not 1 <= len(elements) <= ELEMENTS[kind]:
            yield f"[ERROR] 1 to {ELEMENTS[kind]} items allowed [json-pointer:{at}/elements]"
        ids = [e.get("action_id") for e in elements if e.get("action_id")]
        if len(ids) != len(set(ids)):
            yield f"[ERROR] action_id is there twice [json-pointer:{at}/elements]"
        for number, element in enumerate(elements):
            if kind == "context":
                yield from _text(element, ("context", "elements"), f"{at}/elements/{number}")
            else:
                yield from _element(element, f"{at}/elements/{number}")
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _element(element: Json, at: str) -> Iterator[str]:
    yield from _strings(element, at)
    if element.get("type") == "button":
        yield from _text(element.get("text"), ("button", "text"), f"{at}/text")
        if element.get("style", "danger") not in ("primary", "danger"):
            yield f"[ERROR] style is primary or danger [json-pointer:{at}/style]"
    if "placeholder" in element:
        yield from _text(element["placeholder"], ("element", "placeholder"), f"{at}/placeholder")
    options = element.get("options")
    if options is not None:
        most = 5 if element.get("type") == "overflow" else 10 if element.get("type") in BOXES else 100
        if not 1 <= len(options) <= most:
            yield f"[ERROR] 1 to {most} options allowed [json-pointer:{at}/options]"
        for number, option in enumerate(options):
            here = f"{at}/options/{number}"
            limit = 150 if element.get("type") in ("static_select", "overflow") else 2000
            if len(option.get("value", "")) > limit:
                yield f"[ERROR] must be less than {limit + 1} characters [json-pointer:{here}/value]"
            yield from _text(option.get("text"), ("option", "text"), f"{here}/text")
    if "confirm" in element:
        for part in ("title", "text", "confirm", "deny"):
            yield from _text(element["confirm"].get(part), ("confirm", part), f"{at}/confirm/{part}")
    if len(element.get("initial_value") or "") > 3000:
        yield f"[ERROR] must be less than 3001 characters [json-pointer:{at}/initial_value]"


BOXES = ("checkboxes", "radio_buttons")


def _strings(thing: Json, at: str) -> Iterator[str]:
    for name, most in STRINGS.items():
        value = thing.get(name)
        if isinstance(value, str) and len(value) > most:
            yield f"[ERROR] must be less than {most + 1} characters [json-pointer:{at}/{name}]"


def _text(text: object, where: tuple[str, str], at: str) -> Iterator[str]:
    if not isinstance(text, dict) or not isinstance(text.get("text"), str):
        yield f"[ERROR] missing required field: text [json-pointer:{at}]"
        return
    if text.get("type") not in (("plain_text",) if where in PLAIN_ONLY else ("plain_text", "mrkdwn")):
        yield f"[ERROR] unsupported type: {text.get('type')} [json-pointer:{at}/type]"
    if not text["text"]:
        yield f"[ERROR] must be more than 0 characters [json-pointer:{at}/text]"
    if len(text["text"]) > TEXT_OF[where]:
        yield f"[ERROR] must be less than {TEXT_OF[where] + 1} characters [json-pointer:{at}/text]"

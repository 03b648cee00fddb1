"""
A Slack message or modal as a person reads it: plain lines, for snapshots in tests and for eyes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def as_read(message: Json) -> str:
    """
    The blocks of a message as lines; its text where it has no blocks.

    ``# header``, text as it is, ``| field``, ``~ context``, ``---``, ``[Button]``, ``[Button!]`` for a red one.
    """
    blocks = message.get("blocks")
    return "\n".join(_lines(blocks) if blocks else [str(message.get("text", ""))])


def view_as_read(view: Json) -> str:
    """A modal: title, what is in it, and what its button says."""
    head = f"== {view['title']['text']} =="
    foot = f"[{view['submit']['text']}]" if "submit" in view else "(nothing to send)"
    return "\n".join([head, *_lines(view["blocks"]), foot])


def _lines(blocks: Any) -> Iterator[str]:
    for block in blocks:
        match block["type"]:
            case "header":
                yield f"# {block['text']['text']}"
            case "divider":
                yield "---"
            case "section":
                if "text" in block:
                    yield block["text"]["text"]
                for field in block.get("fields", ()):
                    yield f"| {field['text']}"
                if "accessory" in block:
                    yield _element(block["accessory"])
            case "context":
                yield "~ " + " ".join(e["text"] for e in block["elements"])
            case "actions":
                yield " ".join(_element(e) for e in block["elements"])
            case "input":
                yield f"{block['label']['text']}{'' if block.get('optional') else ' *'}: {_element(block['element'])}"
                if "hint" in block:
                    yield f"  ({block['hint']['text']})"
            case other:
                yield f"<{other}>"


def _element(element: Json) -> str:
    match element["type"]:
        case "button":
            alarm = "!" if element.get("style") == "danger" else ""
            link = f" -> {element['url']}" if element.get("url") else ""
            return f"[{element['text']['text']}{alarm}{link}]"
        case "overflow":
            return "[More: " + " / ".join(o["text"]["text"] for o in element["options"]) + "]"
        case "static_select" | "multi_static_select" | "checkboxes" | "radio_buttons":
            options = element["options"]
            shown = [o["text"]["text"] for o in options[:8]]
            rest = [f"... {len(options) - 8} more"] if len(options) > 8 else []
            chosen = element.get("initial_option")
            return "<" + " / ".join(shown + rest) + (f"; now {chosen['text']['text']}" if chosen else "") + ">"
        case "plain_text_input":
            return f"_{element.get('initial_value') or ''}_" + (" (long)" if element.get("multiline") else "")
        case other:
            return f"<{other}>"

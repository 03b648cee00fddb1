"""
What a person's hands do: find the button that reads like that, choose an option, fill a field.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def _elements(message: Json) -> Any:
    for block in message.get("blocks", ()):
        for element in [*block.get("elements", ()), block.get("accessory")]:
            if element is not None:
                yield block, element


def pressed(message: Json, label: str) -> Json:
    seen = []
    for block, element in _elements(message):
        base = {"block_id": block.get("block_id", ""), "action_id": element.get("action_id", "")}
        if element["type"] == "button":
            seen.append(element["text"]["text"])
            if element["text"]["text"] == label:
                return base | {"type": "button", "value": element.get("value", ""), "text": element["text"]}
        for option in element.get("options", ()) if element["type"] == "overflow" else ():
            seen.append(option["text"]["text"])
            if option["text"]["text"] == label:
                return base | {"type": "overflow", "selected_option": option}
    raise AssertionError(f"there is no '{label}' to press; there is {', '.join(seen) or 'nothing'}")


def chosen(view: Json, label: str, value: str) -> Json:
    for block in view["blocks"]:
        element = block.get("element") or block.get("accessory") or {}
        for option in element.get("options", ()):
            if (block.get("label") or block.get("text"))["text"] == label and option["value"] == value:
                base = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"]}
                return base | {"selected_option": option}
    raise AssertionError(f"'{label}' has no choice '{value}'")


def filled(element: Json, given: Any) -> Json:
    kind = element["type"]
    if kind == "plain_text_input":
        value = given if given is not None else element.get("initial_value")
        return {"type": kind, "value": value or None}
    if kind in ("static_select", "radio_buttons"):
        option = next((o for o in element["options"] if o["value"] == given), element.get("initial_option"))
        return {"type": kind, "selected_option": option}
    if kind in ("checkboxes", "multi_static_select"):
        chosen = [o for o in element["options"] if o["value"] in (given or ())]
        return {"type": kind, "selected_options": chosen}
    if kind == "users_select":
        return {"type": kind, "selected_user": given or element.get("initial_user")}
    raise AssertionError(f"the driver can't fill in a {kind}")


def sent_view(view: Json, state: Json) -> Json:
    return {k: v for k, v in view.items() if k != "_user"} | {"state": state}

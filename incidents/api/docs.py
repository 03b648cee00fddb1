"""
The document as one page for people: no script, nothing from elsewhere, light and dark as the reader's system has it.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, Template
from markupsafe import Markup, escape

from incidents.api.openapi import ABOUT, FAULTS, document, sections

CATALOG_LINE = "--data-binary @catalog.yaml -H 'Content-Type: application/yaml'"


@cache
def docs_page(url: str) -> str:
    """The page, with examples that name this service's own address."""
    grouped = [
        {"name": name, "anchor": _anchor(name), "operations": [o for o in _operations(url) if o["section"] == name]}
        for name in sections()
    ]
    about = [" ".join(part.split()) for part in ABOUT.split("\n\n")]
    return _template().render(about=about, sections=grouped, faults=FAULTS)


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["ticks"] = ticks
    return environment.from_string(files("incidents.api").joinpath("docs.html").read_text(encoding="utf-8"))


def ticks(text: str) -> Markup:
    """Escaped text in which `words between backticks` are code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z]+", "-", name.lower())


def _operations(url: str) -> list[dict[str, Any]]:
    return [
        _told(url, method.upper(), path, operation)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]


def _told(url: str, method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    words = [part for part in operation.get("description", "").split("\n\n") if part]
    if operation.get("security") == []:
        words.append("Needs no token.")
    answers = [
        {"status": status, "words": answer["description"], "usual": _usual(status, answer["description"])}
        for status, answer in operation["responses"].items()
    ]
    return {
        "section": operation["tags"][0],
        "name": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "words": words,
        "fields": [*_body_fields(operation), *_parameters(operation)],
        "example": _curl(url, method, path, operation),
        "answers": [answer for answer in answers if not answer["usual"]],
        "faults": ", ".join(answer["status"] for answer in answers if answer["usual"]),
    }


def _usual(status: str, words: str) -> bool:
    """A refusal that means here what it means everywhere: told once, for all."""
    return FAULTS.get(int(status)) == words


def _body_fields(operation: dict[str, Any]) -> list[dict[str, str]]:
    schema = _body_schema(operation)
    needed = schema.get("required", [])
    return [
        {"name": name, "about": f"{_kind(field)}{', needed' if name in needed else ''}"}
        for name, field in schema.get("properties", {}).items()
    ]


def _body_schema(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    first: dict[str, Any] = next(iter(content.values()), {})
    named = first.get("schema", {}).get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document()["components"]["schemas"].get(named, {})
    return found


def _kind(field: dict[str, Any]) -> str:
    if "enum" in field:
        return "one of " + ", ".join(f"`{choice}`" for choice in field["enum"])
    inner = [_kind(choice) for choice in field.get("anyOf", []) if choice.get("type") != "null"]
    if inner:
        return " or ".join(inner) + (", or left out" if len(inner) < len(field["anyOf"]) else "")
    words = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    word = words.get(field.get("type", ""), "object")
    if "items" in field:
        word = f"list, each a {_kind(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        word = f"object, each value a {_kind(field['additionalProperties'])}"
    return f"{word} of at most {field['maxLength']} characters" if "maxLength" in field else word


def _parameters(operation: dict[str, Any]) -> list[dict[str, str]]:
    found = []
    for parameter in operation.get("parameters", []):
        mark = "?" if parameter["in"] == "query" else ""
        schema = parameter["schema"]
        more = ", ".join(f"`{choice}`" for choice in schema.get("enum", []))
        if schema.get("type") == "integer" and "default" in schema:
            more = f"{schema['minimum']} to {schema['maximum']}, default {schema['default']}"
            more = more if parameter["name"] == "limit" else ""
        words = [parameter["description"], more, "needed" if parameter["required"] else ""]
        found.append({"name": mark + parameter["name"], "about": "; ".join(word for word in words if word)})
    return found


def _curl(url: str, method: str, path: str, operation: dict[str, Any]) -> str:
    parts = ["curl -sS"] + ([f"-X {method}"] if method != "GET" else [])
    if operation.get("security") != []:
        parts.append('-H "Authorization: Bearer $ANDON_TOKEN"')
    content = operation.get("requestBody", {}).get("content", {})
    first: dict[str, Any] = next(iter(content.values()), {})
    example = first.get("example")
    if method == "PUT":
        parts.append(CATALOG_LINE)
    elif example is not None:
        text = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
        parts.append(f"-H 'Content-Type: application/json' \\\n  -d '{text}' \\\n ")
    query = "&".join(f"{p['name']}=…" for p in operation.get("parameters", []) if p["in"] == "query" and p["required"])
    return " ".join([*parts, f"'{url}{path}{'?' if query else ''}{query}'"])

"""
Markdown into HTML that is safe to put on a page.

Two walls: the renderer takes no raw HTML, and a sanitiser with a closed list drops whatever comes through all the same.
Knows no files; a link to ``other.md#part`` or ``other#part`` becomes ``/runbooks/other#part``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

_INTERNAL = re.compile(r"([a-z0-9][a-z0-9-]*)(?:\.md)?(#[a-z0-9][a-z0-9_-]*)?", re.ASCII)
_PAGE = re.compile(r"/(?![/\\])[A-Za-z0-9/._~:#?&=%-]*|#[A-Za-z0-9_-]+", re.ASCII)
_OUTSIDE = re.compile(r"https?://[^/\\]|mailto:", re.ASCII | re.IGNORECASE)

_INLINE = {"a", "p", "br", "strong", "em", "code", "pre", "blockquote", "ul", "ol", "li"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
_REL = "noopener noreferrer"

_runbooks = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_notes = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(["image", "heading", "lheading", "hr"])


def render(markdown: str) -> str:
    """A runbook as HTML: headings carry the ids that ``headings`` names, links to runbooks lead to their pages."""
    tokens = _runbooks.parse(markdown)
    _name_headings(tokens)
    _lead_links(tokens)
    return nh3.clean(
        str(_runbooks.renderer.render(tokens, _runbooks.options, {})),
        tags=_INLINE | _HEADINGS | _TABLE | {"hr"},
        attributes={"a": {"href", "title"}, "ol": {"start"}, **{heading: {"id"} for heading in _HEADINGS}},
        url_schemes={"http", "https", "mailto"},
        link_rel=_REL,
    )


def render_note(text: str) -> str:
    """A person's note as HTML: emphasis, lists, code, quotes and links, but neither headings nor images nor tables."""
    tokens = _notes.parse(text)
    _lead_links(tokens, internal=False)
    return nh3.clean(
        str(_notes.renderer.render(tokens, _notes.options, {})),
        tags=_INLINE,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel=_REL,
    )


def headings(markdown: str) -> tuple[tuple[str, str], ...]:
    """``(anchor, text)`` of every heading, in order; the anchors are unique."""
    tokens = _runbooks.parse(markdown)
    _name_headings(tokens)
    return tuple(
        (str(token.attrs["id"]), _words(tokens[index + 1]))
        for index, token in enumerate(tokens)
        if token.type == "heading_open"
    )


def internal_links(markdown: str) -> Iterator[tuple[int, str, str]]:
    """``(line, slug, anchor)`` of every link to a runbook; no slug means this page, no anchor its top."""
    for block in _runbooks.parse(markdown):
        for token in block.children or ():
            target = str(token.attrs.get("href", "")) if token.type == "link_open" else ""
            line = block.map[0] + 1 if block.map else 1
            if target.startswith("#"):
                yield line, "", target[1:]
            elif found := _INTERNAL.fullmatch(target):
                yield line, found[1], (found[2] or "")[1:]


def anchor(text: str) -> str:
    """The anchor of a heading: ``Verify the partner!`` becomes ``verify-the-partner``."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "section"


def _name_headings(tokens: Sequence[Token]) -> None:
    taken: set[str] = set()
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            name = _free(anchor(_words(tokens[index + 1])), taken)
            taken.add(name)
            token.attrs["id"] = name


def _free(name: str, taken: set[str]) -> str:
    """The name, numbered from 2 if another heading has it."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate


def _words(inline: Token) -> str:
    return "".join(child.content if child.type in ("text", "code_inline") else " " * (child.type == "softbreak")
                   for child in inline.children or ())  # fmt: skip


def _lead_links(tokens: Sequence[Token], *, internal: bool = True) -> None:
    """Send links between runbooks to their pages, and take away any target of a kind that is not expected."""
    for block in tokens:
        for token in block.children or ():
            if token.type == "link_open":
                target = _target(str(token.attrs.get("href", "")), internal=internal)
                token.attrs.pop("href", None)
                if target:
                    token.attrs["href"] = target


def _target(written: str, *, internal: bool) -> str:
    if _OUTSIDE.match(written) or _PAGE.fullmatch(written):
        return written
    found = _INTERNAL.fullmatch(written) if internal else None
    return f"/runbooks/{found[1]}{found[2] or ''}" if found else ""

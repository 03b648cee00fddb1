"""
Markdown into HTML that is safe to put on a page.

Two walls: the renderer takes no raw HTML, and a sanitiser with a closed list drops whatever comes through all the same.
Knows no files; a link to ``other.md#part`` or ``other#part`` becomes ``/runbooks/other#part``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

_INTERNAL = re.compile(r"([a-z0-9][a-z0-9-]*)(?:\.md)?(#[a-z0-9][a-z0-9_-]*)?", re.ASCII)
_PAGE = re.compile(r"/(?![/\\])[A-Za-z0-9/._~:#?&=%-]*|#[A-Za-z0-9_-]+", re.ASCII)
_OUTSIDE = re.compile(r"https?://[^/\\]|mailto:", re.ASCII | re.IGNORECASE)

_INLINE = {"a", "p", "br", "strong", "em", "code", "pre", "blockquote", "ul", "ol", "li"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
_WIDE = '<div class="scroll" tabindex="0" role="group" aria-label="Table">'  # a keyboard can reach all of it
_REL = "noopener noreferrer"

_runbooks = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_notes = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(["image", "heading", "lheading", "hr"])


def render(markdown: str) -> str:
    """A runbook as HTML: headings carry the ids that ``headings`` names, links to runbooks lead to their pages."""
    tokens = _runbooks.parse(markdown)
    _name_headings(tokens)
    _lead_links(tokens)
    return _cleaned(tokens)


def _cleaned(tokens: Sequence[Token]) -> str:
    return nh3.clean(
        str(_runbooks.renderer.render(tokens, _runbooks.options, {})),
        tags=_INLINE | _HEADINGS | _TABLE | {"hr"},
        attributes={"a": {"href", "title"}, "ol": {"start"}, **{heading: {"id"} for heading in _HEADINGS}},
        url_schemes={"http", "https", "mailto"},
        link_rel=_REL,
    )


def render_document(markdown: str, *, below: int = 1, name: str = "doc", here: str = "", site: str = "") -> str:
    """
    What people wrote together (a review) as HTML: headings stand ``below`` so many ranks of the page's own.

    Args:
        name: What the anchors of its headings begin with, so that two documents can stand on one page.
        here: The path of the page about the same thing; links to a part of it stay on this page.
        site: What other links to our pages begin with, where this is read elsewhere.
    """
    tokens = _runbooks.parse(markdown)
    _name_headings(tokens, before=f"{name}-")
    _lead_links(tokens)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + below)}"
        for child in token.children or ():
            href = str(child.attrs.get("href", ""))
            if here and href.startswith((f"{here}#", f"{here}?")):
                child.attrs["href"] = f"#{href.partition('#')[2]}"
            elif site and href.startswith("/"):
                child.attrs["href"] = f"{site}{href}"
    return _cleaned(tokens).replace("<table>", f"{_WIDE}<table>").replace("</table>", "</table></div>")


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


@lru_cache(maxsize=2048)  # a picture names the same notes again and again; whoever redacts one clears it
def plain(text: str) -> str:
    """The words of a note on one line, for where no markup can stand; a link gives its text."""
    tokens = _notes.parse(text)
    return " ".join(" ".join(_words(t) if t.type == "inline" else t.content for t in tokens).split())


def headings(markdown: str) -> tuple[tuple[str, str], ...]:
    """``(anchor, text)`` of every heading, in order; the anchors are unique."""
    tokens = _runbooks.parse(markdown)
    _name_headings(tokens)
    return tuple(
        (str(token.attrs["id"]), _words(tokens[index + 1]))
        for index, token in enumerate(tokens)
        if token.type == "heading_open"
    )


class Section(NamedTuple):
    """``own`` ends with the next heading, ``whole`` with the next one of the same rank or a higher one."""

    heading: str
    own: str
    whole: str


def sections(markdown: str) -> tuple[Section, ...]:
    """
    A text by its headings, in order; what stands before the first comes first, under an empty one.

    What looks like a heading in code or in a list is none.
    """
    lines = markdown.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # lines as the parser counts them
    tokens = _runbooks.parse(markdown)
    found = [
        (token.map[0], token.map[1], int(token.tag[1:]), _words(tokens[index + 1]))
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and token.map
    ]
    starts = [start for start, *_ in found] + [len(lines)]
    before = "\n".join(lines[: starts[0]])
    made = [Section("", before, before)]
    for number, (_, begins, rank, heading) in enumerate(found):
        ends = next((start for start, _, other, _ in found[number + 1 :] if other <= rank), len(lines))
        own = lines[begins : starts[number + 1]]
        made.append(Section(heading, "\n".join(own), "\n".join(lines[begins:ends])))
    return tuple(made)


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


def _name_headings(tokens: Sequence[Token], before: str = "") -> None:
    taken: set[str] = set()
    counts: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            name = _free(before + anchor(_words(tokens[index + 1])), taken, counts)
            taken.add(name)
            token.attrs["id"] = name


def _free(name: str, taken: set[str], counts: dict[str, int]) -> str:
    """The name, numbered from 2 if another heading has it."""
    candidate, number = name, counts.get(name, 1)
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    counts[name] = number
    return candidate


def _words(inline: Token) -> str:
    children = inline.children or ()
    return "".join(c.content if c.type in ("text", "code_inline") else " " * c.type.endswith("break") for c in children)


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

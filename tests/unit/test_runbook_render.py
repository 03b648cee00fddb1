"""Markdown into HTML: readable, with anchors, and nothing that a page would carry out."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runbooks.render import anchor, headings, internal_links, render, render_document, render_note, sections

PLAIN = {"p", "br", "strong", "em", "code", "pre", "blockquote", "ul", "li", "hr"}
TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
ALLOWED: dict[str, set[str]] = {
    "a": {"href", "title", "rel"},
    "ol": {"start"},
    **{f"h{level}": {"id"} for level in range(1, 7)},
    **{tag: set() for tag in PLAIN | TABLE},
}


class Found(HTMLParser):
    """Every tag with its attributes, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def assert_harmless(html: str) -> None:
    for tag, attributes in Found(html).tags:
        assert tag in ALLOWED, html
        assert set(attributes) <= ALLOWED[tag], html
        if tag == "a":
            assert attributes["rel"] == "noopener noreferrer"
            assert re.match(r"https?://[^/\\]|mailto:|/(?![/\\])|#|$", attributes.get("href") or "", re.I), html


def test_a_runbook_keeps_its_shape():
    """
    Steps, tables and commands are what a responder reads.
    """
    html = render("# Title\n\n1. do `x`\n2. **then**\n\n|a|b|\n|-|-|\n|1|2|\n\n```\ncode\n```\n")

    for part in ('<h1 id="title">', "<ol>", "<code>x</code>", "<strong>", "<td>1</td>", "<pre><code>code"):
        assert part in html


def test_headings_have_anchors_that_are_unique_and_plain():
    """
    Playbooks link to them, so they must be predictable.
    """
    text = "# Verify the partner!\n## Über *alles* `x`\n## Über alles x\n# ###\n"

    assert headings(text) == (
        ("verify-the-partner", "Verify the partner!"),
        ("uber-alles-x", "Über alles x"),
        ("uber-alles-x-2", "Über alles x"),
        ("section", ""),
    )
    for name, _ in headings(text):
        assert f'id="{name}"' in render(text)


def test_links_between_runbooks_lead_to_their_pages():
    """
    The same file must work in a repository and on the page.
    """
    html = render("[a](restore-access.md#ask) [b](break-glass) [c](#here) [d](https://x.example/y) [e](/points)")

    hrefs = [attributes.get("href") for tag, attributes in Found(html).tags if tag == "a"]
    assert hrefs == ["/runbooks/restore-access#ask", "/runbooks/break-glass", "#here", "https://x.example/y", "/points"]


def test_internal_links_are_found_with_their_lines():
    """
    A dead link is found when the library is loaded, not at three in the morning.
    """
    text = "# T\n\n[a](other.md#x)\n\n- [b](#t)\n- [c](https://other)\n"

    assert list(internal_links(text)) == [(3, "other", "x"), (5, "", "t")]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://evil.example/pixel.png)",
        "![x](javascript:alert(1))",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](javascript&colon;alert(1))",
        "[x](&#x6A;avascript:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](vbscript:x)",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](data:image/png;base64,AAAA)",
        "[x](file:///etc/passwd)",
        "[x](//evil.example)",
        "[x](/\\evil.example)",
        "[x](\\\\evil.example)",
        "[x](https:///evil.example)",
        '[x](https://a.example "onmouseover=alert(1)")',
        '[x](https://a.example/"onmouseover="alert(1))',
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        "<a href='javascript:alert(1)'>x</a>",
        "<svg/onload=alert(1)>",
        "<style>*{display:none}</style>",
        "<iframe src=//evil.example>",
        "# <a id=x>",
        "```html\n</code></pre><script>alert(1)</script>\n```",
        "| <script> | b |\n|---|---|\n| <img src=x onerror=y> | 2 |",
        "<!-- --><script>alert(1)</script>",
        "`<script>`",
    ],
)
def test_hostile_markdown_comes_out_harmless(hostile):
    """
    Notes come from chat, and a runbook folder may be shared; neither may act in a responder's session.
    """
    for html in (render(hostile), render_note(hostile)):
        assert_harmless(html)


def test_raw_html_is_shown_as_the_text_that_it_is():
    """
    The first wall alone: even a harmless tag is not taken, so nobody can dress a note up as part of the page.
    """
    for html in (render("<em>x</em>"), render_note("<em>x</em>")):
        assert "&lt;em&gt;x&lt;/em&gt;" in html


def test_the_sanitiser_holds_alone_if_the_renderer_let_html_through(monkeypatch):
    """
    The second wall alone: a changed default or a bug in the renderer must not open the page.
    """
    monkeypatch.setattr("runbooks.render._runbooks", MarkdownIt("commonmark", {"html": True}))
    monkeypatch.setattr("runbooks.render._notes", MarkdownIt("commonmark", {"html": True}))
    hostile = "<script>alert(1)</script><img src=x onerror=y><a href='javascript:x' onclick=y>z</a><p id=x>"

    assert_harmless(render(hostile))
    assert_harmless(render_note(hostile))


@given(text=st.text("<>()[]!#`*_|\"'=:/\\&;\n -javscriptdonel0", max_size=80))
def test_no_text_makes_a_tag_that_is_not_on_the_list(text):
    """
    The list is closed whatever the renderer does with strange input.
    """
    assert_harmless(render(text))
    assert_harmless(render_note(text))


def test_a_note_has_neither_headings_nor_pictures_nor_tables():
    """
    A note is one row of the timeline and must not be able to look like the page itself.
    """
    html = render_note("# Big\n\nTitle\n=====\n\n![x](https://e.example/x.png)\n\n|a|\n|-|\n|1|\n\n---\n\nline\nline")

    assert {tag for tag, _ in Found(html).tags} <= {"p", "br", "a"}
    assert "line<br>" in html


def test_a_note_links_outside_but_never_to_a_runbook_by_a_bare_word():
    """
    What a person writes is taken as it stands.
    """
    html = render_note("[a](break-glass) **b** <https://x.example>")

    assert [attributes.get("href") for tag, attributes in Found(html).tags if tag == "a"] == [
        None,
        "https://x.example",
    ]


@pytest.mark.parametrize("piece", ["[", "*a **a ", ">", "- ", "[a](<", "![", "<", "_a__", "`a``b```c", "[a]: x\n"])
def test_a_note_of_full_length_is_rendered_quickly_whatever_it_repeats(piece):
    """
    A note of 20,000 characters that takes a minute to render would stop everybody's page.
    """
    text = (piece * 20_000)[:20_000]
    began = time.process_time()
    render_note(text)

    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "name"), [("A  b", "a-b"), ("--x--", "x"), ("日本", "section"), ("4.2 Roles", "4-2-roles")]
)
def test_anchors_are_made_of_plain_letters(text, name):
    """
    They travel in addresses and in YAML.
    """
    assert anchor(text) == name


# --- documents that people write together -------------------------------------------------------------------------


def test_document_stands_below_the_page_and_its_anchors_collide_with_nothing() -> None:
    """A heading called "Main" must not take the page's own anchor, nor its rank."""
    page = render_document("# Main\n\n###### Deep\n\n# Main\n")

    assert '<h2 id="doc-main">Main</h2>' in page
    assert '<h2 id="doc-main-2">Main</h2>' in page
    assert '<h6 id="doc-deep">Deep</h6>' in page


@pytest.mark.parametrize(
    ("written", "leads_to"),
    [
        ("[x](/incidents/INC-1#line-7)", "#line-7"),
        ("[x](/incidents/INC-12#line-7)", "https://a.example/incidents/INC-12#line-7"),
        ("[x](restore-access#verify)", "https://a.example/runbooks/restore-access#verify"),
        ("[x](https://elsewhere.example/)", "https://elsewhere.example/"),
    ],
)
def test_links_of_a_document_that_is_read_elsewhere_still_lead_somewhere(written: str, leads_to: str) -> None:
    """In an exported file a path of ours leads nowhere, and a line of the same incident is further down."""
    page = render_document(written, here="/incidents/INC-1", site="https://a.example")

    assert f'href="{leads_to}"' in page


def test_many_headings_of_one_name_take_no_time() -> None:
    """200,000 characters of headings must not keep a thread busy for minutes."""
    began = time.perf_counter()
    render_document("# a\n" * 20_000)

    assert time.perf_counter() - began < 10


# --- sections ---------------------------------------------------------------------------------------------------------


def test_sections_hold_what_stands_below_each_heading() -> None:
    """Whether a question is answered is read off the part below it."""
    found = sections("before\n# A\na\n## B\nb\n# C\nc\n```\n# no\n```\n- # neither\n")

    assert [(s.heading, s.own.split(), s.whole.split()) for s in found] == [
        ("", ["before"], ["before"]),
        ("A", ["a"], ["a", "##", "B", "b"]),
        ("B", ["b"], ["b"]),
        ("C", ["c", "```", "#", "no", "```", "-", "#", "neither"], ["c", "```", "#", "no", "```", "-", "#", "neither"]),
    ]


def test_odd_line_ends_do_not_shift_the_sections() -> None:
    """A pasted text may hold characters that some programs take for the end of a line and others don't."""
    found = sections("a\u2028b\x0bc\r# A\r\nanswer\r# B\n")

    assert [(s.heading, s.own.strip()) for s in found] == [("", "a\u2028b\x0bc"), ("A", "answer"), ("B", "")]


@given(st.text(max_size=300))
def test_sections_of_any_text_lose_no_word(text: str) -> None:
    """A part that fell between two sections would be an answer that nobody sees."""
    words = {word for s in sections(text) for word in (s.heading + " " + s.own).split()}
    plain = {word for word in text.split() if word.isalnum()}

    assert plain <= words | {word for s in sections(text) for word in re.findall(r"\w+", s.heading)}

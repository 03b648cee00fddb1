"""
A notice or reminder from the outbox as a message: its words unchanged, and what a person can press.

Pure. What was approved is shown letter by letter; only what Slack would not take is left to the page.
"""

from __future__ import annotations

from collections.abc import Iterator

from incidents.connectors import Letter
from incidents.outbox import Lane
from incidents.slack.blocks import Message, actions, button, cut, esc, link, link_button, message, one_line, section

URGENT = (Lane.CONTAINMENT, Lane.SEV1)
PIECE = 2_900  # characters of one block


def letter_message(letter: Letter, page: str) -> Message:
    """``page``: what the letter is about, or the front page."""
    mark = ":rotating_light: " if letter.lane in URGENT else ":memo: "
    subject = esc(one_line(letter.subject))
    blocks = [section(f"{mark}*{cut(subject, PIECE)}*"), *(section(piece) for piece in pieces(esc(letter.body)))]
    return message(f"{mark}{subject}", [*blocks, _buttons(letter, page)], link(page, "the whole text"))


def _buttons(letter: Letter, page: str) -> dict[str, object]:
    acts = []
    if letter.template == "escalation" and letter.thread:
        acts = [
            button("andon.ack.0", "Acknowledge", {"a": "ack", "i": letter.thread}, style="primary"),
            button("andon.take.1", "Take command", {"a": "take", "i": letter.thread}),
        ]
    return actions("andon.acts", *acts, link_button("andon.link", "Open the page", page))


def pieces(text: str) -> Iterator[str]:
    """In parts that one block takes, between paragraphs or lines where that goes."""
    rest = text.strip()
    while len(rest) > PIECE:
        at = next((at for mark in ("\n\n", "\n", " ") if (at := rest.rfind(mark, 1, PIECE)) > 0), PIECE)
        if at == PIECE and (marked := rest.rfind("&", PIECE - 6, PIECE)) > 0 and ";" not in rest[marked:PIECE]:
            at = marked  # not inside ``&amp;``
        yield rest[:at]
        rest = rest[at:].strip()
    if rest:
        yield rest

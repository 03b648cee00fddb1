"""
Who reads: names for ids, this moment, where pages are, and how the slash command is called here. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incidents.slack.blocks import esc, link
from incidents.slack.blocks import moment as moment_of
from incidents.slack.verbs import ROOT, named

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """``accounts``: person id -> Slack user id, so that whoever has to act is called."""

    now: datetime
    url: str
    root: str = ROOT
    names: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)

    def who(self, person: str | None, nobody: str = "nobody yet") -> str:
        return esc(self.names.get(person, person)) if person else nobody

    def call(self, person: str | None, nobody: str = "nobody yet") -> str:
        """A mention where the person is known in Slack, else their name."""
        account = self.accounts.get(person or "")
        return f"<@{account}>" if account else self.who(person, nobody)

    def moment(self, at: str | datetime) -> str:
        return moment_of(at, self.now)

    def page(self, incident: str, part: str = "") -> str:
        return f"{self.url}/incidents/{incident}{f'#{part}' if part else ''}"

    def link(self, incident: str, words: str = "", part: str = "") -> str:
        return link(self.page(incident, part), words or incident)

    def type(self, line: str) -> str:
        """A line to type, as code."""
        return f"`{named(ROOT, self.root)} {esc(line)}`"

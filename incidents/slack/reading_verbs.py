"""
Verbs that change nothing: help, list, show, check, the review, who one is.
"""

from __future__ import annotations

from incidents.slack import answers, asked, plan_answers
from incidents.slack.blocks import Message
from incidents.slack.drilling_verbs import viewed
from incidents.slack.incident_message import incident_message
from incidents.slack.turn import Turn

LISTED = 20


def help_(turn: Turn, wanted: asked.Help) -> Message:
    return answers.help_answer(wanted.topic, turn.reader)


def list_(turn: Turn, wanted: asked.ListThem) -> Message:
    if wanted.search:
        found = turn.operations.incidents(turn.asker, search=wanted.search, limit=LISTED)["items"]
        return answers.matching(found, wanted.search, turn.reader)
    standing = turn.operations.open_incidents(turn.asker, LISTED)
    return answers.listed(standing["open"], standing["count"], standing["recent"], turn.reader)


def show(turn: Turn, wanted: asked.Show) -> Message:
    return incident_message(viewed(turn.service, turn.asker, turn.incident(wanted)), turn.reader)


def check(turn: Turn, wanted: asked.Check) -> Message:
    model, _, capability = wanted.flag.partition(":")
    decision = turn.operations.check(turn.asker, wanted.partner, model, capability, wanted.region or None)
    return plan_answers.checked({"partner": wanted.partner, "flag": wanted.flag}, decision, turn.reader)


def postmortem(turn: Turn, wanted: asked.Postmortem) -> Message:
    return plan_answers.review(turn.operations.incident(turn.asker, turn.incident(wanted)), turn.reader)


def link(turn: Turn, wanted: asked.Link) -> Message:
    """Who one is; and the link, because an account that somebody else wrote into the catalog is also their hand."""
    url = turn.service.account_links.make(turn.place.user, turn.place.team, turn.place.channel, "")
    return answers.linked(turn.person, url, turn.reader)

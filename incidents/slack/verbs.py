"""
The verbs of the slash command: usage, one line, an example. Help, usage on error and the README come from here.

Pure. The root command may have any name, so texts hold ``/incident`` and ``named`` puts in what was typed.
"""

from __future__ import annotations

from dataclasses import dataclass

ROOT = "/incident"


@dataclass(frozen=True, slots=True)
class Verb:
    """``usage`` without the root; ``[id]`` means an incident's id, or nothing inside its own channel."""

    name: str
    usage: str
    about: str
    example: str


VERBS = {
    verb.name: verb
    for verb in (
        Verb("help", "help [verb]", "this list, or one verb with an example", "help kill"),
        Verb("list", "list [words]", "open incidents, or those with these words", "list acme"),
        Verb(
            "kill",
            "kill partner|capability|model NAME REASON",
            "switch one thing off, now; needs a reason and nothing else",
            "kill partner acme their key is on a paste site",
        ),
        Verb(
            "declare",
            "declare PLAYBOOK [key=value ...] [text]",
            "declare by a playbook; without a playbook it opens a form",
            "declare partner-credential-abuse partner=acme calls from two countries at once",
        ),
        Verb(
            "preview",
            "preview PLAYBOOK [key=value ...]",
            "who would go dark; changes nothing",
            "preview partner-credential-abuse partner=acme",
        ),
        Verb("show", "show [id]", "where an incident stands", "show INC-2026-0001"),
        Verb("note", "note [id] [at=14:02] TEXT", "write on the timeline", "note Called Acme on the known number"),
        Verb("update", "update [id] TEXT", "tell everybody who waits where things stand", "update gateways all deny"),
        Verb("ack", "ack [id]", "say that you have seen it and are on it", "ack"),
        Verb(
            "status",
            "status [id] mitigated|resolved|closed|false-alarm|merged|reopened [at=14:02] [into=ID]"
            " [clocks=go-on] [reason]",
            "bring it to another status; contained and reviewed come from evidence; clocks=go-on: duties are owed",
            "status mitigated the old key is dead",
        ),
        Verb(
            "take",
            "take [id] [role] [over REASON]",
            "take a role yourself, command if none is named; over: from whoever can't be reached",
            "take",
        ),
        Verb("assign", "assign [id] ROLE @PERSON", "offer a role to somebody", "assign comms @grace"),
        Verb(
            "task",
            "task [id] NUMBER done|skip [reason]",
            "close a task; skipping takes a reason",
            "task 2 done",
        ),
        Verb("validate", "validate [id] ACTION", "give the word for an action that waits", "validate 4"),
        Verb(
            "restore",
            "restore [id] [only=1,2] [canary=PARTNER] [soak=30m] REASON",
            "ask to give back what is off, perhaps one partner first; another person approves",
            "restore new key issued and attested",
        ),
        Verb("approve", "approve [REQUEST]", "read a restore's exact plan and approve it", "approve INC-2026-0001-R1"),
        Verb("refuse", "refuse [REQUEST] REASON", "refuse a restore", "refuse the old key still works"),
        Verb(
            "stop",
            "stop [REQUEST] [keep=yes] REASON",
            "end a running restore; what it gave back is held again, unless it is kept",
            "stop errors are back",
        ),
        Verb("clocks", "clocks [id|all]", "duties with their deadlines, the next one first", "clocks"),
        Verb(
            "fact",
            "fact [id] ANCHOR at=TIME [evidence]",
            "record when something became known; clocks run from it",
            "fact awareness at=14:02 the partner's mail",
        ),
        Verb("submit", "submit CLOCK [at=TIME] RECEIPT", "a notice has gone out", "submit gdpr-art33 case 4711"),
        Verb("postmortem", "postmortem [id]", "the review: what it asks, when it is due, where it is", "postmortem"),
        Verb(
            "drill",
            "drill PLAYBOOK [key=value ...] [mode=tabletop] [lasts=20m] [compress=60]"
            " | drill join [id] [@PERSON] [as facilitator|observer] | drill leave [id] [@PERSON]"
            " | drill real|stop|abort [id] [words]",
            "rehearse a playbook; no live access is touched; real: it is no drill any more",
            "drill partner-credential-abuse partner=acme",
        ),
        Verb(
            "check", "check PARTNER MODEL:CAPABILITY [region]", "may they, and why not", "check acme orion-2:tool-use"
        ),
        Verb("link", "link", "say who you are, once, with a link", "link"),
    )
}

# What people type elsewhere -> what it is here.
OTHER_WORDS = {
    "new": "declare",
    "create": "declare",
    "start": "declare",
    "open": "declare",
    "report": "declare",
    "revoke": "kill",
    "halt": "kill",
    "off": "kill",
    "acknowledge": "ack",
    "seen": "ack",
    "false": "status false-alarm",
    "reopen": "status reopened",
    "resolve": "status resolved",
    "resolved": "status resolved",
    "mitigate": "status mitigated",
    "mitigated": "status mitigated",
    "close": "status closed",
    "end": "status resolved",
    "lead": "take",
    "commander": "take",
    "claim": "take",
    "role": "assign",
    "todo": "task",
    "done": "task",
    "timeline": "show",
    "log": "note",
    "undo": "restore",
    "unkill": "restore",
    "deadlines": "clocks",
    "review": "postmortem",
    "retro": "postmortem",
    "rehearse": "drill",
    "whoami": "link",
    "info": "show",
    "who": "show",
    "ls": "list",
    "all": "list",
}


def named(text: str, root: str) -> str:
    """The text with the root command as it was typed."""
    return text.replace(ROOT, root) if root != ROOT else text

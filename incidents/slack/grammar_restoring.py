"""
What can be typed on the way back: restore, approve, refuse, stop. Pure.
"""

from __future__ import annotations

import re

from incidents.slack.asked import Approve, Asked, Refuse, Restore, Stop
from incidents.slack.grammar_declaring import KILL_KINDS
from incidents.slack.line import Line, yes


def restore(line: Line) -> Asked:
    incident = line.incident()
    said = line.pairs("only", "canary", "soak", "break-glass")
    listed = said.get("only", "")
    numbers = [n for n in re.split(r"[,;]", listed) if n]
    if any(not (n.isascii() and n.isdigit() and len(n) < 5) for n in numbers):
        raise line.wrong(f"only={listed[:40]} is no list of action numbers, like only=1,3.")
    reason = line.rest("Why is it safe again? A restore needs a reason.")
    return Restore(
        incident=incident,
        only=tuple(int(n) for n in numbers),
        canary=said.get("canary", "").lower(),
        soak=said.get("soak", "").lower(),
        break_glass=yes(said.get("break-glass", "")),
        reason=reason,
    )


def approve(line: Line) -> Asked:
    request = line.request()
    incident = "" if request else line.incident()
    line.end()
    return Approve(incident=incident, request=request)


def refuse(line: Line) -> Asked:
    request = line.request()
    incident = "" if request else line.incident()
    reason = line.rest("Refusing a restore takes a reason.")
    return Refuse(incident=incident, request=request, reason=reason)


def stop(line: Line) -> Asked:
    word = line.next
    if word is not None and (word.text.lower() in KILL_KINDS or word.text.lower() in line.known.things):
        raise line.wrong("'stop' ends a restore that runs. To switch something off: 'kill'.")
    request = line.request()
    incident = "" if request else line.incident()
    keep = yes(line.pairs("keep").get("keep", ""))
    reason = line.rest("Why is the restore stopped? Stopping it needs a reason.")
    return Stop(incident=incident, request=request, keep=keep, reason=reason)

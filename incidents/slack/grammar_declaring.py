"""
What can be typed to switch something off, or to rehearse it: declare, preview, drill, kill, validate. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace

from incidents.errors import nearest
from incidents.slack.asked import Asked, Declare, DrillEnd, DrillPart, DrillReal, Kill, Validate
from incidents.slack.line import Line, yes
from incidents.slack.typed import Kind

SEVERITY = re.compile(r"sev-?([1-4])", re.IGNORECASE)
KILL_KINDS = ("partner", "capability", "model")
RESERVED = ("title", "severity", "kind", "separate")
OF_DRILLS = ("mode", "lasts", "compress")


def declare(line: Line) -> Asked:
    word = line.next
    if word is None or word.kind is not Kind.WORD:
        return Declare(text=line.rest())
    name = word.text.lower()
    if name not in line.known.playbooks:
        guess = nearest(name, line.known.playbooks)
        if guess or word.pair is not None or len(line.typed.words) == 2:
            raise line.wrong(f"There is no playbook '{word.text[:40]}'.{guess or _shelf(line.known.playbooks)}")
        return Declare(text=line.rest())
    line.at += 1
    return _with_playbook(line, name, "real")


def _shelf(shelf: Collection[str]) -> str:
    return f" There is {', '.join(shelf)}." if shelf else " There is none at all."


def _with_playbook(line: Line, playbook: str, kind: str) -> Declare:
    parameters: dict[str, str] = {}
    said: dict[str, str] = {}
    known = line.known.playbooks[playbook]
    reserved = (*RESERVED, *OF_DRILLS) if kind == "drill" else RESERVED
    while (word := line.next) is not None:
        severity = SEVERITY.fullmatch(word.text)
        if word.pair is not None:
            key, value = word.pair
            if key in known:
                parameters[key] = value
            elif key in reserved:
                said[key] = value
            else:
                guess = nearest(key, [*known, *reserved])
                raise line.wrong(f"{playbook} has no parameter '{key}'.{guess} It has {', '.join(known) or 'none'}.")
        elif severity is not None and not word.quoted:
            said["severity"] = word.text
        else:
            break
        line.at += 1
    title, text = said.get("title", ""), line.rest()
    return Declare(
        playbook=playbook,
        parameters=parameters,
        title=title,
        text=text,
        severity=_severity(line, said.get("severity", "")),
        kind=_kind(line, said.get("kind", kind)),
        separate=yes(said.get("separate", "")),
        mode=said.get("mode", ""),
        lasts=said.get("lasts", ""),
        compress=said.get("compress", ""),
    )


def _severity(line: Line, text: str) -> str:
    found = re.fullmatch(r"(?:sev-?)?([1-4])", text, re.IGNORECASE)
    if text and found is None:
        raise line.wrong(f"'{text[:40]}' is no severity: sev1, sev2, sev3 or sev4.")
    return f"sev{found[1]}" if found is not None else ""


def _kind(line: Line, text: str) -> str:
    if text not in ("real", "drill", "test"):
        raise line.wrong(f"'{text[:40]}' is no kind: real, drill or test.")
    return text


def _named_playbook(line: Line) -> str:
    word = line.take("Which playbook?" + _shelf(line.known.playbooks))
    name = word.text.lower()
    if name not in line.known.playbooks:
        guess = nearest(name, line.known.playbooks) or _shelf(line.known.playbooks)
        raise line.wrong(f"There is no playbook '{word.text[:40]}'.{guess}")
    return name


def preview(line: Line) -> Asked:
    return replace(_with_playbook(line, _named_playbook(line), "real"), preview=True)


def drill(line: Line) -> Asked:
    word = line.next
    act = word.text.lower() if word is not None else ""
    if act in _DRILL_ACTS and act not in line.known.playbooks:
        line.at += 1
        return _DRILL_ACTS[act](line)
    line.at += act == "run" and act not in line.known.playbooks
    asked = _with_playbook(line, _named_playbook(line), "drill")
    if asked.kind != "drill":
        raise line.wrong(f"A drill is of kind drill, not {asked.kind}.")
    return asked


def _drill_abort(line: Line) -> Asked:
    incident = line.incident()
    return DrillEnd(incident=incident, abort=True, reason=line.rest("Aborting a drill needs a reason."))


def _drill_join(line: Line) -> Asked:
    incident = line.incident()
    account, person = _mentioned(line)
    word = line.next
    line.at += word is not None and word.text.lower() == "as"
    part = line.next
    line.at += part is not None
    line.end()
    return DrillPart(
        incident=incident, account=account, person=person, part=part.text.lower() if part is not None else ""
    )


def _drill_leave(line: Line) -> Asked:
    incident = line.incident()
    account, person = _mentioned(line)
    line.end()
    return DrillPart(incident=incident, leave=True, account=account, person=person)


def _mentioned(line: Line) -> tuple[str, str]:
    """Account and name of somebody who is named at this place, like @grace; both empty where nobody is."""
    word = line.next
    if word is None or not (word.kind is Kind.PERSON or word.text.startswith("@")):
        return "", ""
    line.at += 1
    return word.id, word.text.lstrip("@").lower()


def kill(line: Line) -> Asked:
    word = line.take("Kill what? A partner, a capability or a model.")
    what = word.text.lower()
    if what in KILL_KINDS:
        name = line.take(f"Which {what}?").text.lower()
    elif what in line.known.things:
        what, name = line.known.things[what], what
    else:
        guess = nearest(what, [*KILL_KINDS, *line.known.things]) or " Kill a partner, a capability or a model."
        raise line.wrong(f"'{word.text[:40]}' is nothing that can be killed.{guess}")
    return Kill(what=what, name=name, reason=line.rest("A kill needs a reason: say why, in a few words."))


def validate(line: Line) -> Asked:
    incident = line.incident()
    asked = Validate(incident=incident, number=line.number("Which action? Give its number."))
    line.end()
    return asked


_DRILL_ACTS: dict[str, Callable[[Line], Asked]] = {
    "real": lambda line: DrillReal(incident=line.incident(), text=line.rest()),
    "stop": lambda line: DrillEnd(incident=line.incident(), reason=line.rest()),
    "end": lambda line: DrillEnd(incident=line.incident(), reason=line.rest()),
    "abort": _drill_abort,
    "join": _drill_join,
    "leave": _drill_leave,
}

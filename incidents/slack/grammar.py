"""
From a typed line to what is asked for, or to the usage that would have been right.

Pure: knows verbs and the shape of ids, and is told which playbooks there are with their parameters. Whether somebody
may do it, and whether the incident exists, is looked at by others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace

from incidents.errors import nearest
from incidents.slack.asked import (
    Acknowledge,
    Approve,
    Asked,
    Assign,
    Check,
    Clocks,
    CloseTask,
    Declare,
    DrillEnd,
    DrillReal,
    Help,
    Kill,
    Known,
    Link,
    ListThem,
    Note,
    Postmortem,
    RecordFact,
    Refuse,
    Restore,
    SetStatus,
    Show,
    Stop,
    Submit,
    Take,
    Update,
    Validate,
    WrongUsage,
)
from incidents.slack.line import Line, incident_id
from incidents.slack.typed import Kind, Word, read
from incidents.slack.verbs import OTHER_WORDS, VERBS

SEVERITY = re.compile(r"sev-?([1-4])", re.IGNORECASE)
KILL_KINDS = ("partner", "capability", "model")
STATUSES = ("mitigated", "resolved", "closed", "false-alarm", "merged", "reopened")
FROM_EVIDENCE = ("declared", "contained", "reviewed")
RESERVED = ("title", "severity", "kind", "separate")
OF_DRILLS = ("mode", "lasts")


def parse(text: str, known: Known) -> Asked:
    """
    What a line asks for.

    Raises:
        WrongUsage: With the usage of the verb, or the nearest verb.
    """
    typed = read(text)
    if not typed.words:
        return Help()
    name = typed.words[0].text.lower()
    if name not in VERBS:
        raise WrongUsage(_no_such_verb(name))
    return _READERS[name](Line(VERBS[name], typed, known))


def _no_such_verb(name: str) -> str:
    known = OTHER_WORDS.get(name)
    guess = f" Did you mean '{known}'?" if known else nearest(name, VERBS)
    return f"There is no verb '{name[:40]}'.{guess}"


# --- one reader a verb ----------------------------------------------------------------------------------------------


def _help(line: Line) -> Asked:
    word = line.next
    topic = word.text.lower() if word is not None else ""
    if topic and topic not in VERBS:
        raise WrongUsage(_no_such_verb(topic), "help")
    return Help(topic=topic)


def _list(line: Line) -> Asked:
    return ListThem(search=line.rest())


def _declare(line: Line) -> Asked:
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
        separate=_yes(said.get("separate", "")),
        mode=said.get("mode", ""),
        lasts=said.get("lasts", ""),
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


def _preview(line: Line) -> Asked:
    return replace(_with_playbook(line, _named_playbook(line), "real"), preview=True)


def _drill(line: Line) -> Asked:
    word = line.next
    act = word.text.lower() if word is not None else ""
    if act in _DRILL_ACTS and act not in line.known.playbooks:
        line.at += 1
        return _DRILL_ACTS[act](line)
    asked = _with_playbook(line, _named_playbook(line), "drill")
    if asked.kind != "drill":
        raise line.wrong(f"A drill is of kind drill, not {asked.kind}.")
    return asked


def _drill_abort(line: Line) -> Asked:
    incident = line.incident()
    return DrillEnd(incident=incident, abort=True, reason=line.rest("Aborting a drill needs a reason."))


_DRILL_ACTS: dict[str, Callable[[Line], Asked]] = {
    "real": lambda line: DrillReal(incident=line.incident(), text=line.rest()),
    "stop": lambda line: DrillEnd(incident=line.incident(), reason=line.rest()),
    "end": lambda line: DrillEnd(incident=line.incident(), reason=line.rest()),
    "abort": _drill_abort,
}


def _kill(line: Line) -> Asked:
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


def _show(line: Line) -> Asked:
    asked = Show(incident=line.incident())
    line.end()
    return asked


def _note(line: Line) -> Asked:
    incident = line.incident()
    at = line.pairs("at").get("at", "")
    return Note(incident=incident, at=at, text=line.rest("The note is empty."))


def _update(line: Line) -> Asked:
    return Update(incident=line.incident(), text=line.rest("Where do things stand? The update is empty."))


def _ack(line: Line) -> Asked:
    asked = Acknowledge(incident=line.incident())
    line.end()
    return asked


def _status(line: Line) -> Asked:
    incident = line.incident()
    word = line.take(f"Which status? One of {', '.join(STATUSES)}.")
    status = word.text.lower().replace("_", "-")
    if status in FROM_EVIDENCE:
        raise line.wrong(f"'{status}' is never typed: it comes from evidence. You can type {', '.join(STATUSES)}.")
    if status not in STATUSES:
        raise line.wrong(
            f"'{word.text[:40]}' is no status.{nearest(status, STATUSES)} It is one of {', '.join(STATUSES)}."
        )
    said = line.pairs("at", "into")
    into = incident_id(Word(said["into"], 0)) if "into" in said else ""
    if status == "merged" and not into:
        raise line.wrong("Merged into which incident? Write into=INC-2026-0001.")
    return SetStatus(incident=incident, status=status, at=said.get("at", ""), into=into, reason=line.rest())


def _take(line: Line) -> Asked:
    incident = line.incident()
    role = "commander"
    word = line.next
    if word is not None and word.text.lower() != "over":
        role = word.text.lower()
        line.at += 1
        word = line.next
    over = word is not None and word.text.lower() == "over"
    line.at += over
    reason = line.rest("Taking a role over needs a reason.") if over else ""
    line.end()
    role = "commander" if role in ("command", "lead", "ic") else role
    return Take(incident=incident, role=role, over=over, reason=reason)


def _assign(line: Line) -> Asked:
    incident = line.incident()
    role = line.take("Which role, and to whom?").text.lower()
    word = line.take(f"Who is to be {role}? Mention somebody, like @grace.")
    line.end()
    if word.kind is Kind.PERSON:
        return Assign(incident=incident, role=role, account=word.id, person=word.text.lstrip("@"))
    return Assign(incident=incident, role=role, person=word.text.lstrip("@").lower())


def _task(line: Line) -> Asked:
    incident = line.incident()
    number = line.number("Which task? Give its number.")
    word = line.take("Is it done, or is it skipped?")
    outcome = {"skipped": "skip", "finished": "done"}.get(word.text.lower(), word.text.lower())
    if outcome not in ("done", "skip"):
        raise line.wrong(f"'{word.text[:40]}' is neither done nor skip.")
    reason = line.rest("Skipping a task takes a reason." if outcome == "skip" else "")
    return CloseTask(incident=incident, number=number, outcome=outcome, reason=reason)


def _validate(line: Line) -> Asked:
    incident = line.incident()
    asked = Validate(incident=incident, number=line.number("Which action? Give its number."))
    line.end()
    return asked


def _restore(line: Line) -> Asked:
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
        break_glass=_yes(said.get("break-glass", "")),
        reason=reason,
    )


def _yes(text: str) -> bool:
    return text.lower() in ("yes", "true", "1")


def _approve(line: Line) -> Asked:
    request = line.request()
    incident = "" if request else line.incident()
    line.end()
    return Approve(incident=incident, request=request)


def _refuse(line: Line) -> Asked:
    request = line.request()
    incident = "" if request else line.incident()
    reason = line.rest("Refusing a restore takes a reason.")
    return Refuse(incident=incident, request=request, reason=reason)


def _stop(line: Line) -> Asked:
    word = line.next
    if word is not None and (word.text.lower() in KILL_KINDS or word.text.lower() in line.known.things):
        raise line.wrong("'stop' ends a restore that runs. To switch something off: 'kill'.")
    request = line.request()
    incident = "" if request else line.incident()
    keep = _yes(line.pairs("keep").get("keep", ""))
    reason = line.rest("Why is the restore stopped? Stopping it needs a reason.")
    return Stop(incident=incident, request=request, keep=keep, reason=reason)


def _clocks(line: Line) -> Asked:
    word = line.next
    everything = word is not None and word.text.lower() == "all"
    line.at += everything
    asked = Clocks(incident=line.incident(), everything=everything)
    line.end()
    return asked


def _fact(line: Line) -> Asked:
    incident = line.incident()
    anchor = line.take("Which anchor? Awareness, discovery, determination ...").text.lower()
    at = line.pairs("at").get("at", "")
    if not at:
        raise line.wrong(f"When was {anchor[:40]}? Write at=14:02 for today (UTC), or at=2026-11-23T14:02Z.")
    return RecordFact(incident=incident, anchor=anchor, at=at, evidence=line.rest())


def _submit(line: Line) -> Asked:
    incident = line.incident()
    clock = line.take("Which clock has been met?").text
    at = line.pairs("at").get("at", "")
    receipt = line.rest("What proves it? Give the receipt: a case number, a message id, who took it.")
    return Submit(incident=incident, clock=clock, at=at, receipt=receipt)


def _postmortem(line: Line) -> Asked:
    asked = Postmortem(incident=line.incident())
    line.end()
    return asked


def _check(line: Line) -> Asked:
    partner = line.take("Which partner, and which flag?").text.lower()
    flag = line.take("Which flag? Like orion-2:tool-use.").text.lower()
    if ":" not in flag.strip(":"):
        raise line.wrong(f"'{flag[:60]}' is no flag; it is a model and a capability, like orion-2:tool-use.")
    region = line.next
    line.at += region is not None
    line.end()
    return Check(partner=partner, flag=flag, region=region.text if region is not None else "")


def _link(line: Line) -> Asked:
    line.end()
    return Link()


_READERS: dict[str, Callable[[Line], Asked]] = {
    "help": _help,
    "list": _list,
    "declare": _declare,
    "preview": _preview,
    "kill": _kill,
    "show": _show,
    "note": _note,
    "update": _update,
    "ack": _ack,
    "status": _status,
    "take": _take,
    "assign": _assign,
    "task": _task,
    "validate": _validate,
    "restore": _restore,
    "approve": _approve,
    "refuse": _refuse,
    "stop": _stop,
    "clocks": _clocks,
    "fact": _fact,
    "submit": _submit,
    "postmortem": _postmortem,
    "drill": _drill,
    "check": _check,
    "link": _link,
}

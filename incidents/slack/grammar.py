"""
From a typed line to what is asked for, or to the usage that would have been right.

Pure: knows verbs and the shape of ids, and is told which playbooks there are with their parameters. Whether somebody
may do it, and whether the incident exists, is looked at by others.
"""

from __future__ import annotations

from collections.abc import Callable

from incidents.errors import nearest
from incidents.slack import grammar_declaring as declaring
from incidents.slack import grammar_restoring as restoring
from incidents.slack import grammar_working as working
from incidents.slack.asked import Asked, Check, Help, Known, Link, ListThem, Postmortem, Show, WrongUsage
from incidents.slack.line import Line
from incidents.slack.typed import read
from incidents.slack.verbs import OTHER_WORDS, VERBS


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


# --- readers of verbs that change nothing -----------------------------------------------------------------------------


def _help(line: Line) -> Asked:
    word = line.next
    topic = word.text.lower() if word is not None else ""
    if topic and topic not in VERBS:
        raise WrongUsage(_no_such_verb(topic), "help")
    return Help(topic=topic)


def _list(line: Line) -> Asked:
    return ListThem(search=line.rest())


def _show(line: Line) -> Asked:
    asked = Show(incident=line.incident())
    line.end()
    return asked


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
    "declare": declaring.declare,
    "preview": declaring.preview,
    "kill": declaring.kill,
    "show": _show,
    "note": working.note,
    "update": working.update,
    "ack": working.ack,
    "status": working.status,
    "take": working.take,
    "assign": working.assign,
    "task": working.task,
    "validate": declaring.validate,
    "restore": restoring.restore,
    "approve": restoring.approve,
    "refuse": restoring.refuse,
    "stop": restoring.stop,
    "clocks": working.clocks,
    "fact": working.fact,
    "submit": working.submit,
    "postmortem": _postmortem,
    "drill": declaring.drill,
    "check": _check,
    "link": _link,
}

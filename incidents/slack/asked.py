"""
What a line can ask for: one value type a verb, and the error of a line that can't be understood.

Pure. Nothing here says whether somebody may do it, or whether the incident exists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from incidents.errors import Invalid
from incidents.slack.verbs import VERBS


@dataclass(frozen=True, slots=True)
class Known:
    """
    What words can stand for: ``playbooks`` with their parameters, and what can be killed by its bare name.

    ``things``: id -> partner, capability or model, for ids that mean one thing only.
    """

    playbooks: Mapping[str, Collection[str]] = field(default_factory=dict)
    things: Mapping[str, str] = field(default_factory=dict)


class WrongUsage(Invalid):
    """The line can't be understood. The message says why; ``verb`` has the usage, None where it is no verb of ours."""

    code = "wrong-usage"

    def __init__(self, message: str, verb: str | None = None) -> None:
        super().__init__(message)
        self.verb = VERBS.get(verb or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every line may name. ``incident``: an id, or empty for the channel's own."""

    incident: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Help(Asked):
    topic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListThem(Asked):
    search: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declare(Asked):
    """
    Also a preview and a drill: ``mode``, ``lasts`` like ``20m``, ``compress``: its clocks run so many times as fast.

    An empty ``playbook`` asks for the form.
    """

    playbook: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    title: str = ""
    text: str = ""
    severity: str = ""
    kind: str = "real"
    separate: bool = False
    preview: bool = False
    mode: str = ""
    lasts: str = ""
    compress: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReal(Asked):
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillEnd(Asked):
    abort: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPart(Asked):
    """Take part as ``part`` (empty: participant), or no longer: oneself, or whoever is named as in ``Assign``."""

    leave: bool = False
    part: str = ""
    account: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill(Asked):
    what: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Show(Asked):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Asked):
    text: str
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Asked):
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge(Asked):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStatus(Asked):
    """``into``: the incident that it is merged into; ``clocks_go_on``: closed although duties are owed still."""

    status: str
    reason: str = ""
    at: str = ""
    into: str = ""
    clocks_go_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Take(Asked):
    """``over``: from whoever has it, without being handed it; takes a reason."""

    role: str = "commander"
    over: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign(Asked):
    """``account`` is a Slack user's id; ``person`` what was written where nobody was mentioned."""

    role: str
    account: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTask(Asked):
    number: int
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validate(Asked):
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore(Asked):
    """``canary``: the partner that goes first; ``soak``: how long the rest waits after it, like ``30m``."""

    reason: str
    only: tuple[int, ...] = ()
    canary: str = ""
    soak: str = ""
    break_glass: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve(Asked):
    """An empty ``request``: the one that is open on the incident."""

    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Asked):
    reason: str
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Asked):
    reason: str
    request: str = ""
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks(Asked):
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFact(Asked):
    anchor: str
    at: str
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit(Asked):
    clock: str
    receipt: str
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmortem(Asked):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Asked):
    partner: str
    flag: str
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Asked):
    pass

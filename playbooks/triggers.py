"""
Which playbooks a signal proposes, and with which parameters.

Pure. A signal is a flat mapping of what somebody outside saw; nothing in it is believed beyond filling a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from playbooks.schema import Playbook, Trigger
from playbooks.templates import Absent, fill

Signal = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A playbook that fits a signal. ``auto``: it is declared without asking, unless ``missing`` names something."""

    playbook: str
    parameters: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    auto: bool


def proposals(signal: Signal, playbooks: Iterable[Playbook]) -> Iterator[Proposal]:
    """What fits, in the order of the playbooks; a playbook at most once, by its first trigger that fits."""
    for playbook in playbooks:
        trigger = next((trigger for trigger in playbook.triggers if _fits(trigger, signal)), None)
        if trigger is not None:
            yield _proposal(playbook, trigger, signal)


def _fits(trigger: Trigger, signal: Signal) -> bool:
    # The type counts too: in Python True equals 1, and a signal that says 1 has not said true.
    return all(name in signal and (type(signal[name]), signal[name]) == (type(want), want)
               for name, want in trigger.when.items())  # fmt: skip


def _proposal(playbook: Playbook, trigger: Trigger, signal: Signal) -> Proposal:
    values = {f"signal.{name}": str(value) for name, value in signal.items()}
    given: dict[str, str] = {}
    for name, text in trigger.parameters.items():
        try:
            given[name] = fill(text, values)
        except Absent:
            continue  # An optional one stays away; a required one is named below.
    required = (name for name, parameter in playbook.parameters.items() if parameter.required)
    missing = tuple(name for name in required if name not in given)
    return Proposal(playbook.id, tuple(sorted(given.items())), missing, trigger.auto and not missing)

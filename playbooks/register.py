"""
The register of regimes: those that ship, and those of the company's own folder (``regimes/`` beside its playbooks).

Decides which of them may be shown as an obligation: never a bill, nothing before it applies, nothing whose timing
was not checked, unless the company switches it on. ``switches.yaml`` there says which apply to it, each with a reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from playbooks.calendars import check_country
from playbooks.forms import Form, Slug
from playbooks.reading import octets_of, yaml_files
from playbooks.regime_rules import read_regime
from playbooks.regime_schema import Regime, Status
from playbooks.regime_terms import Terms
from playbooks.source import Document, Problem, SourceError, check, parse
from playbooks.templates import Literally
from playbooks.words import nearest, shown

SHIPPED = Path(__file__).parent / "regimes"
SWITCHES = "switches.yaml"
SIZE_LIMIT = 64 * 1024
NOT_LAW = {Status.BILL: "is a bill, not law", Status.PROPOSED: "is a proposal, not law"}


class UnknownRegime(LookupError):
    """No regime has this id."""


class SwitchesForm(Form):
    """Which regimes the company says apply to it, and which do not; each with who decided that, or why."""

    on: dict[Slug, Literally] = Field(default_factory=dict)
    off: dict[Slug, Literally] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One regime and where it came from."""

    regime: Regime
    terms: Terms
    path: Path
    shipped: bool
    replaces_shipped: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a regime may be shown as an obligation, and why (not)."""

    enabled: bool
    because: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A regime that an incident should assess. ``because``: what brought it in."""

    terms: Terms
    because: str


class Register:
    """Regimes by id. A file with a problem is not taken, but its name stays known, so no playbook falls with it."""

    def __init__(
        self, entries: Mapping[str, Entry], switches: SwitchesForm, problems: Iterable[Problem], broken: Iterable[str]
    ) -> None:
        self._entries = dict(sorted(entries.items()))
        self._switches = switches
        self._broken = frozenset(broken) - frozenset(entries)
        self.problems = tuple(sorted(problems))

    @classmethod
    def load(cls, extra: Path | None = None) -> Register:
        """
        Read the shipped register, then the company's: a file there replaces a shipped one of the same name.

        Args:
            extra: The company's folder of playbooks; its regimes stand in ``regimes`` below it.
        """
        entries: dict[str, Entry] = {}
        problems: list[Problem] = []
        broken: set[str] = set()
        for folder in (SHIPPED, *([extra / "regimes"] if extra is not None else [])):
            for path in yaml_files(folder):
                if path.name == SWITCHES and folder is not SHIPPED:
                    continue
                try:
                    entry = _read(path, shipped=folder is SHIPPED, replaces=path.stem in entries)
                except SourceError as error:
                    problems += error.problems
                    broken.add(path.stem)
                else:
                    entries[entry.regime.id] = entry
        switches, wrong = _switches(extra, entries)
        return cls(entries, switches, [*problems, *wrong, *_unanswered(entries)], broken)

    def __iter__(self) -> Iterator[Regime]:
        return (entry.regime for entry in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def ids(self) -> tuple[str, ...]:
        """What a playbook may name, sorted: files that could not be read count, so that their playbooks go on."""
        return tuple(sorted({*self._entries, *self._broken}))

    @property
    def deadlines(self) -> dict[str, tuple[str, ...]]:
        """The names of each regime's deadlines, by its id; none where its file could not be read."""
        return {id: tuple(d.name for d in self.terms(id).deadlines) if id in self._entries else () for id in self.ids}

    @property
    def remarks(self) -> tuple[str, ...]:
        """Which shipped regimes are replaced, and by which file."""
        return tuple(
            f"regime '{id}' is taken from {entry.path}, not from the shipped one"
            for id, entry in self._entries.items()
            if entry.replaces_shipped
        )

    def entry(self, id: str) -> Entry:
        """
        Raises:
            UnknownRegime: There is none; the message names the nearest.
        """
        if id not in self._entries:
            if id in self._broken:
                raise UnknownRegime(f"regime {shown(id)} can't be read; `andon playbooks check` says why")
            raise UnknownRegime(f"unknown regime {shown(id)}.{nearest(id, self._entries)}")
        return self._entries[id]

    def get(self, id: str) -> Regime:
        """One regime; raises UnknownRegime like ``entry``."""
        return self.entry(id).regime

    def terms(self, id: str) -> Terms:
        return self.entry(id).terms

    def standing(self, id: str, on: dt.date) -> Standing:
        """Whether this may be shown as an obligation on that day; raises UnknownRegime like ``entry``."""
        regime = self.get(id)
        if id in self._switches.off:
            return Standing(False, f"switched off here: {self._switches.off[id]}")
        if regime.status in NOT_LAW:
            return Standing(False, f"{NOT_LAW[regime.status]}, so it is no obligation")
        if regime.applies_from is not None and on < regime.applies_from:
            return Standing(False, f"applies from {regime.applies_from}, not yet")
        if id in self._switches.on:
            return Standing(True, f"switched on here: {self._switches.on[id]}")
        if not regime.verified:
            return Standing(False, f"its timing was not checked against the text: {regime.verification}")
        return Standing(True, _firm(regime))

    def unknown_calendars(self) -> list[Problem]:
        """Countries whose holidays nobody knows; only asked at a check or a start, because it loads them."""
        found = []
        for entry in self._entries.values():
            count = entry.regime.count
            if count.country is not None and (wrong := check_country(count.country, count.subdivision)):
                found.append(
                    Problem(entry.path.name, 1, f"'count': {wrong}; Saturdays and Sundays alone count as free")
                )
        return found

    def stale(self, on: dt.date) -> list[Regime]:
        """Those whose last review is too long ago on that day, the oldest first; but not what is switched off."""
        old = [r for r in self if r.reviewed.until < on and self.standing(r.id, on).enabled]
        return sorted(old, key=lambda regime: (regime.reviewed.until, regime.id))

    def proposals(
        self, playbook: str, clocks: Iterable[str], partner: str | None, on: dt.date
    ) -> tuple[list[Proposal], list[tuple[str, str]]]:
        """
        What an incident should assess, and what was left out with the reason.

        A regime that stands in for another (``instead_of``) takes its place for its partner; one that names playbooks
        under ``assess_in`` (or ``all``) comes in without being named by them.
        """
        taken: dict[str, Proposal] = {}
        left_out: list[tuple[str, str]] = []
        wanted = [(clock, f"playbook {playbook}") for clock in clocks]
        wanted += [(r.id, "assess_in") for r in self if {playbook, "all"} & set(r.assess_in)]
        for clock, because in wanted:
            id = self._in_place_of(clock, partner)
            if id not in self._entries:
                left_out.append((id, "there is no such regime in the register that is in use"))
                continue
            standing, whose = self.standing(id, on), self.get(id).partner
            if whose is not None and whose != partner:
                continue
            if standing.enabled:
                taken.setdefault(id, Proposal(self.terms(id), because))
            else:
                left_out.append((id, standing.because))
        return list(taken.values()), left_out

    def in_force(self, clocks: Iterable[str], partner: str | None, on: dt.date) -> list[str]:
        """
        Of these clocks (``regime`` or ``regime.deadline``) those that may run here on that day.

        Where a partner's own regime stands in for one, any of its clocks.
        """
        found = []
        for clock in clocks:
            regime = clock.partition(".")[0]
            id = self._in_place_of(regime, partner)
            if id in self._entries and self.standing(id, on).enabled:
                found.append(clock if id == regime else id)
        return found

    def _in_place_of(self, clock: str, partner: str | None) -> str:
        own = (r.id for r in self if r.instead_of == clock and partner is not None and r.partner == partner)
        return next(own, clock)


def check_folder(folder: Path) -> list[Problem]:
    """What is wrong with the regimes of a company's folder of playbooks, or with the shipped ones."""
    register = Register.load(folder)
    return sorted({*register.problems, *register.unknown_calendars()})


def _firm(regime: Regime) -> str:
    return {Status.VOLUNTARY: "a promise of ours", Status.CONTRACTUAL: "agreed by contract"}.get(
        regime.status, "in force"
    )


def _read(path: Path, *, shipped: bool, replaces: bool) -> Entry:
    document = parse(octets_of(path, SIZE_LIMIT, "regime"), path.name, limit=SIZE_LIMIT)
    regime = read_regime(document)
    if regime.id != path.stem:
        message = f"id '{regime.id}' and file name differ: call the file '{regime.id}.yaml'"
        raise SourceError([document.problem(("id",), message)])
    return Entry(regime, regime.terms(), path, shipped, replaces and not shipped)


def _switches(extra: Path | None, entries: Mapping[str, Entry]) -> tuple[SwitchesForm, list[Problem]]:
    path = extra / "regimes" / SWITCHES if extra is not None else None
    if path is None or not path.exists():
        return SwitchesForm(), []
    try:
        document = parse(octets_of(path, SIZE_LIMIT, "regime"), SWITCHES, limit=SIZE_LIMIT)
        form = check(document, SwitchesForm)
    except SourceError as error:
        return SwitchesForm(), list(error.problems)
    wrong = list(_wrong_switches(document, form, entries))
    good = {id: why for id, why in form.on.items() if id in entries and entries[id].regime.status not in NOT_LAW}
    return SwitchesForm(on=good, off=form.off), wrong


def _wrong_switches(document: Document, form: SwitchesForm, entries: Mapping[str, Entry]) -> Iterator[Problem]:
    for side, named in (("on", form.on), ("off", form.off)):
        for id in named:
            if id not in entries:
                yield document.problem((side, id), f"unknown regime {shown(id)}.{nearest(id, entries)}")
            elif side == "on" and entries[id].regime.status in NOT_LAW:
                is_what = NOT_LAW[entries[id].regime.status]
                message = f"'{id}' {is_what}: to follow it anyway, write it as a regime of your own, status voluntary"
                yield document.problem((side, id), message)
            elif side == "on" and id in form.off:
                yield document.problem((side, id), f"'{id}' is under 'on' and under 'off'")


def _unanswered(entries: Mapping[str, Entry]) -> Iterator[Problem]:
    """Regimes that stand in for one that does not exist."""
    for entry in entries.values():
        other = entry.regime.instead_of
        if other is not None and other not in entries:
            yield Problem(entry.path.name, 1, f"'instead_of': unknown regime {shown(other)}.{nearest(other, entries)}")

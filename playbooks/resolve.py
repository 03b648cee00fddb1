"""
One written action and the values that were given, made into a real action, or a reason why not.

Pure. A literal id that this catalog does not have makes an action not apply here; an id that somebody gave must exist.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from playbooks import actions, forms
from playbooks.templates import fill, names_in
from playbooks.values import World, flags_of, unknown_capability
from playbooks.words import nearest, shown


class NotHere(Exception):
    """The playbook names something that this catalog does not have; the action is skipped. The message says what."""


class Wrong(Exception):
    """A value that was given does not fit here. The message says why."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """
    Fills in parameters and checks the outcome against the world.

    ``lowered`` is the stage to which earlier actions of the same plan bring a model: two roll-backs go down two.
    """

    values: Mapping[str, str]
    world: World
    lowered: dict[str, str] = field(default_factory=dict)

    def action(self, form: forms.ActionForm) -> actions.Action:
        """
        The action as it would be carried out now.

        Raises:
            Absent: It needs a parameter that was not given.
            NotHere: It names a literal that does not exist here.
            Wrong: A given value leads to something that does not exist.
        """
        match form:
            case forms.RevokePartnerForm():
                return actions.RevokePartner(self._partner(form.partner))
            case forms.SwitchOffForm():
                regions = tuple(dict.fromkeys(self._region(region) for region in form.regions or ()))
                return actions.SwitchOff(*self._capability(form.capability), regions)
            case forms.RollBackStageForm():
                return self._roll_back(self._model(form.model), form.stages)
            case forms.HaltModelForm():
                return actions.HaltModel(self._model(form.model))
            case forms.TightenCapForm():
                partner = None if form.partner is None else self._partner(form.partner)
                capability, flags = self._capability(form.capability)
                return actions.TightenCap(capability, form.cap.cap(), flags, partner)
            case forms.FreezePromotionForm():
                return actions.FreezePromotion(self._model(form.model))
            case forms.CallForm():
                return actions.Call(form.connector, form.action, self._arguments(form))
            case _:
                assert_never(form)

    def text(self, written: str) -> str:
        """A text with its parameters put in; raises Absent."""
        return fill(written, self.values)

    def _partner(self, written: str) -> str:
        return self._known("partner", written, self.world.partners)

    def _model(self, written: str) -> str:
        return self._known("model", written, self.world.models)

    def _known(self, kind: str, written: str, known: Collection[str]) -> str:
        value = self.text(written)
        if value not in known:
            self._miss(written, f"unknown {kind} {shown(value)}.{nearest(value, known)}")
        return value

    def _capability(self, written: str) -> tuple[str, tuple[str, ...]]:
        capability = _without_double_model(self.text(written))
        flags = flags_of(capability, self.world)
        if not flags:
            self._miss(written, unknown_capability(capability, self.world))
        return capability, flags

    def _region(self, written: str) -> str:
        value = self.text(written)
        if forms.REGION.fullmatch(value) is None:
            raise Wrong(f"{shown(value)} is not a region: a country (DE) or a group (EU)")
        return value

    def _roll_back(self, model: str, stages: int) -> actions.RollBackStage:
        before = self.lowered.get(model) or self.world.stage_in_force(model)
        return actions.RollBackStage(model, stages, _stage_below(self.world.ladder, before, stages), before)

    def _arguments(self, form: forms.CallForm) -> tuple[tuple[str, actions.Scalar], ...]:
        return tuple(
            (name, self.text(value) if isinstance(value, str) else value)
            for name, value in sorted(form.arguments.items())
        )

    def _miss(self, written: str, message: str) -> None:
        raise Wrong(message) if names_in(written) else NotHere(message)


def as_written(form: forms.ActionForm) -> actions.Action:
    """The action as the file has it, for one that is skipped: a parameter shows as its name in angle brackets."""

    def shape(text: str) -> str:
        return fill(text, {name: f"<{name}>" for name in names_in(text)})

    match form:
        case forms.RevokePartnerForm():
            return actions.RevokePartner(shape(form.partner))
        case forms.SwitchOffForm():
            return actions.SwitchOff(shape(form.capability), (), tuple(shape(region) for region in form.regions or ()))
        case forms.RollBackStageForm():
            return actions.RollBackStage(shape(form.model), form.stages)
        case forms.HaltModelForm():
            return actions.HaltModel(shape(form.model))
        case forms.TightenCapForm():
            partner = None if form.partner is None else shape(form.partner)
            return actions.TightenCap(shape(form.capability), form.cap.cap(), (), partner)
        case forms.FreezePromotionForm():
            return actions.FreezePromotion(shape(form.model))
        case forms.CallForm():
            given = (
                (name, shape(value) if isinstance(value, str) else value) for name, value in form.arguments.items()
            )
            return actions.Call(form.connector, form.action, tuple(sorted(given)))
        case _:
            assert_never(form)


def _stage_below(ladder: Sequence[str], stage: str, stages: int) -> str | None:
    """The stage so many rungs down; None below the first, and for a stage that is on no rung."""
    if stage not in ladder:
        return None
    rung = list(ladder).index(stage) - stages
    return ladder[rung] if rung >= 0 else None


def _without_double_model(text: str) -> str:
    """``orion-2:orion-2:tool-use`` as ``orion-2:tool-use``: people give the flag where only its capability is asked."""
    model, _, rest = text.partition(":")
    return rest if rest.startswith(f"{model}:") else text

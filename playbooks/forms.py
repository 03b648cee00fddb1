"""
How actions are written in a playbook file: ``- {switch-off: {capability: tool-use}, after: validated}``.

Only the shape is checked here; which partner or flag a parameter stands for is known when a plan is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator

from playbooks.actions import ACTIONS, Cap
from playbooks.complaints import NamesItsKeys
from playbooks.templates import Literally, Templated, names_in
from playbooks.words import either, shown

MODEL_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
CAPABILITY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,99}", re.ASCII)
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}", re.ASCII)
REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", re.ASCII)


class Form(BaseModel):
    """Base of everything in a playbook file: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


def slug(text: str) -> str:
    """Text that can name a thing: lower-case letters, digits and hyphens."""
    if SLUG.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is not a name: lower-case letters, digits and '-', at most 100")
    return text


def flag_or_capability(text: str) -> str:
    """``orion-2:tool-use`` or ``tool-use``; what holds a parameter is looked at when the plan is made."""
    if names_in(text):
        return text
    model, colon, capability = text.rpartition(":")
    if CAPABILITY_ID.fullmatch(capability) is None or (colon and MODEL_ID.fullmatch(model) is None):
        raise ValueError(f"{shown(text)} is neither a flag (orion-2:tool-use) nor a capability (tool-use)")
    return text


def _region(text: str) -> str:
    if not names_in(text) and REGION.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is not a region: a country (DE) or a group (EU)")
    return text


Slug = Annotated[str, AfterValidator(slug)]
CapabilityText = Annotated[Templated, AfterValidator(flag_or_capability)]
RegionText = Annotated[Templated, AfterValidator(_region)]
Count = Annotated[StrictInt, Field(ge=0, le=10**12)]


class CapForm(Form):
    """At least one window; 0 means none at all."""

    per_minute: Count | None = None
    per_hour: Count | None = None
    per_day: Count | None = None

    @model_validator(mode="after")
    def _some_window(self) -> CapForm:
        if self.per_minute is None and self.per_hour is None and self.per_day is None:
            raise ValueError("a cap needs per_minute, per_hour or per_day")
        return self

    def cap(self) -> Cap:
        return Cap(self.per_minute, self.per_hour, self.per_day)


class RevokePartnerForm(Form):
    partner: Templated


class SwitchOffForm(Form):
    capability: CapabilityText
    # An empty list would read as "nowhere" to one and "everywhere" to another.
    regions: Annotated[tuple[RegionText, ...], Field(min_length=1)] | None = None


class RollBackStageForm(Form):
    model: Templated
    stages: Annotated[StrictInt, Field(ge=1, le=100)] = 1


class HaltModelForm(Form):
    model: Templated


class TightenCapForm(Form):
    partner: Templated | None = None
    capability: CapabilityText
    cap: CapForm


class FreezePromotionForm(Form):
    model: Templated


class CallForm(Form):
    connector: Slug
    action: Slug
    arguments: dict[Literally, Templated | StrictBool | StrictInt] = Field(default_factory=dict)


ActionForm: TypeAlias = (
    RevokePartnerForm | SwitchOffForm | RollBackStageForm | HaltModelForm | TightenCapForm
    | FreezePromotionForm | CallForm
)  # fmt: skip


# Not Optional: an action that is named without its settings (`- halt-model:`) is a mistake, not an action left out.
_LEFT_OUT: Any = None


class ContainItem(Form, NamesItsKeys):
    """One entry of ``contain``: exactly one action, perhaps with ``after`` beside it."""

    key_word: ClassVar[str] = "action"

    revoke_partner: RevokePartnerForm = Field(default=_LEFT_OUT, alias="revoke-partner")
    switch_off: SwitchOffForm = Field(default=_LEFT_OUT, alias="switch-off")
    roll_back_stage: RollBackStageForm = Field(default=_LEFT_OUT, alias="roll-back-stage")
    halt_model: HaltModelForm = Field(default=_LEFT_OUT, alias="halt-model")
    tighten_cap: TightenCapForm = Field(default=_LEFT_OUT, alias="tighten-cap")
    freeze_promotion: FreezePromotionForm = Field(default=_LEFT_OUT, alias="freeze-promotion")
    call: CallForm = Field(default=_LEFT_OUT)
    after: Literal["validated"] | None = None

    @model_validator(mode="after")
    def _one_action(self) -> ContainItem:
        named = self.model_fields_set - {"after"}
        if not named:
            raise ValueError(f"an entry of 'contain' names an action: {either(kind.name for kind in ACTIONS)}")
        if len(named) > 1:
            raise ValueError("an entry of 'contain' holds one action: begin a new '- ' for the next")
        return self

    @property
    def form(self) -> ActionForm:
        """The action that this entry holds."""
        (field,) = self.model_fields_set - {"after"}
        form: ActionForm = getattr(self, field)
        return form

    @property
    def action_name(self) -> str:
        """The action's name as it stands in the file."""
        (field,) = self.model_fields_set - {"after"}
        return field.replace("_", "-")


def texts_of(form: ActionForm) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text of an action that may hold parameters, and where it stands below the action's name."""
    for name, value in form:
        if isinstance(value, tuple):
            yield from (((name, index), text) for index, text in enumerate(value))
        elif isinstance(value, dict):
            yield from (((name, key), text) for key, text in value.items() if isinstance(text, str))
        elif isinstance(value, str):
            yield (name,), value

"""What a suspended step asks, as the fields of a form, and the answer read from what a browser sends.

The description comes from the user's code, or from a model: it is taken as far as it makes sense, and what does not is
left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

LONGEST: Final = 20_000
"""Characters of one answer."""


class Option(BaseModel):
    """A choice."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    value: str
    label: str = ""


class FormField(BaseModel):
    """An input. Its value comes back under `key`, which may also be called `name`."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    key: str = Field(min_length=1)
    type: Literal["text", "textarea", "number", "boolean", "select", "multiselect"] = "text"
    label: str | None = None
    description: str | None = None
    required: bool = False
    options: list[Option] | None = None
    default: Any = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {"key": data["name"], **data} if isinstance(data, dict) and "name" in data else data


class Form(BaseModel):
    """What is shown to who answers. `context` is further data, shown as it is."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    title: str = "An answer is needed"
    description: str = ""
    fields: list[FormField] = []
    context: Any = None

    @property
    def decides(self) -> bool:
        """Whether it asks for a yes or no, which two buttons give."""
        return any(_decision(field) for field in self.fields)

    @property
    def inputs(self) -> list[tuple[int, FormField]]:
        """The fields that are not buttons, with their numbers."""
        return [(number, field) for number, field in enumerate(self.fields) if not _decision(field)]


_DEFAULT: Final = (
    {"key": "approved", "type": "boolean", "required": True},
    {"key": "feedback", "type": "textarea", "label": "Feedback"},
)


def form_of(data: Any) -> Form:
    """The form that a suspension's data describe; for data that describe none: approve or reject, with feedback."""
    described = data.get("_form") if isinstance(data, Mapping) else None
    if isinstance(described, Mapping):
        try:
            form = Form.model_validate(described)
        except ValidationError:
            form = Form(fields=[], context=described)
        return form if form.fields else form.model_copy(update={"fields": _default()})
    return Form(context=data, fields=_default())


def read_answer(form: Form, sent: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], dict[int, str]]:
    """The answer, and what is wrong with it by the number of the field: it counts only if that is empty."""
    answer: dict[str, Any] = {}
    wrong: dict[int, str] = {}
    for number, field in enumerate(form.fields):
        try:
            value = _read(field, sent.get(f"f{number}", ()))
        except ValueError as error:
            wrong[number] = str(error)
            continue
        if value is not None:
            answer[field.key] = value
    return answer, wrong


def _default() -> list[FormField]:
    return [FormField.model_validate(field) for field in _DEFAULT]


def _decision(field: FormField) -> bool:
    return field.key == "approved" and field.type == "boolean"


def _read(field: FormField, sent: Sequence[str]) -> Any:
    values = [value.strip() for value in sent if value.strip()]
    if any(len(value) > LONGEST for value in values):
        raise ValueError(f"at most {LONGEST} characters")
    if field.type == "boolean":
        return values[:1] == ["true"]
    if not values:
        if field.required:
            raise ValueError("an answer is needed")
        return None
    match field.type:
        case "number":
            return _number(values[0])
        case "select" | "multiselect":
            return _chosen(field, values)
        case _:
            return values[0]


def _number(text: str) -> int | float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("a number is needed") from None
    if not math.isfinite(number):
        raise ValueError("a number is needed")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _chosen(field: FormField, values: Sequence[str]) -> Any:
    known = {option.value for option in field.options or []}
    if not set(values) <= known:
        raise ValueError("choose one of the options")
    return list(values) if field.type == "multiselect" else values[0]

"""Structured output: the schema that a model is bound to, and what is made of its answer."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError

from polos.agents.offers import callable_name
from polos.agents.results import schema_name
from polos.errors import InvalidDefinition
from polos.llm.errors import InvalidModelOutput
from polos.llm.parsing import parse_output
from polos.llm.request import OutputSpec

_SHOWN: int = 8


class Output:
    """What an agent's answers have to be: a pydantic model, or anything else that pydantic can make a schema of."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self.name = schema_name(schema)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        try:
            return TypeAdapter(self.schema)
        except Exception as error:
            raise InvalidDefinition(
                f"output_schema={self.name}: pydantic has no schema for it; give a model with annotated fields"
            ) from error

    @cached_property
    def spec(self) -> OutputSpec:
        """What the provider is told."""
        name = callable_name(self.name.rpartition(".")[2]) or "answer"
        return OutputSpec(name, self._adapter.json_schema())

    def problem(self, text: str) -> str:
        """Why an answer is no valid output, to be told to the model; empty if it is one."""
        try:
            self.read(text)
        except InvalidModelOutput as error:
            return str(error)
        return ""

    def read(self, text: str) -> Any:
        """The instance that an answer stands for.

        Raises:
            InvalidModelOutput: It stands for none; says what is wrong where.
        """
        value = parse_output(text, self.spec.schema)
        try:
            return self._adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            raise InvalidModelOutput(f"the answer does not fit the schema: {problems(error)}") from error


def problems(error: ValidationError) -> str:
    """What does not fit, field by field, without quoting the values."""
    found = error.errors(include_input=False, include_url=False)
    lines = [f"{'.'.join(map(str, one['loc'])) or 'the value'}: {one['msg']}" for one in found[:_SHOWN]]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "; ".join([*lines, *more])

"""What a model is offered to call: tools, other agents, plain workflows, and what MCP servers bring."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from pydantic import TypeAdapter

from polos.core.codec import MISSING
from polos.core.definitions import Definition
from polos.errors import InvalidDefinition
from polos.llm.parsing import parse_arguments
from polos.llm.request import ToolSpec
from polos.llm.types import ToolCall
from polos.tools.parameters import schema_of

_ASKED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "input": {
            "type": "string",
            "description": "What to ask or to have done, with all that is needed for it.",
        }
    },
    "required": ["input"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Offer:
    """Something a model may call under `name`. Calling it runs `definition` with `payload(arguments)`.

    `tool` is the name that users know it by.
    """

    name: str
    tool: str
    description: str
    parameters: dict[str, Any]
    definition: Definition
    payload: Callable[[dict[str, Any]], Any]

    @property
    def spec(self) -> ToolSpec:
        """What the model is shown."""
        return ToolSpec(self.name, self.description, self.parameters)

    @property
    def is_agent(self) -> bool:
        """Whether an agent answers, with a usage of its own."""
        return self.definition.kind == "agent"

    def arguments(self, call: ToolCall) -> dict[str, Any]:
        """The arguments of a call, as an object.

        Raises:
            InvalidModelOutput: The model wrote none; the text is made to be told to it.
        """
        return dict(parse_arguments(call, self.parameters))


@runtime_checkable
class ToolSource(Protocol):
    """Something whose tools are known only when it is asked: an MCP server. `definition` runs a call of any of them."""

    @property
    def name(self) -> str: ...
    @property
    def definition(self) -> Definition: ...

    async def discover(self) -> list[dict[str, Any]]:
        """The tools it has now: `tool`, `description` and `parameters` of each."""
        ...

    def payload(self, tool: str, arguments: dict[str, Any]) -> Any:
        """What `definition` is run with to call that tool."""
        ...


def sources(tools: Iterable[Any]) -> list[ToolSource]:
    """Those of an agent's tools that have to be asked what they have."""
    return [one for one in tools if isinstance(one, ToolSource)]


def offers_of(tools: Iterable[Any]) -> list[Offer]:
    """What the tools of an agent are to its model; those of sources come by `found_offers`.

    Raises:
        InvalidDefinition: Something is no tool, or takes what a model cannot give.
    """
    return [_offer(one) for one in tools if not isinstance(one, ToolSource)]


def found_offers(source: ToolSource, found: Sequence[dict[str, Any]]) -> list[Offer]:
    """The offers of a source that was asked."""
    return [
        Offer(
            name=callable_name(f"{source.name}_{one['tool']}"),
            tool=f"{source.name}_{one['tool']}",
            description=one["description"],
            parameters=one["parameters"],
            definition=source.definition,
            payload=_payload_for(source, one["tool"]),
        )
        for one in found
    ]


def by_name(offers: Iterable[Offer], agent: str) -> dict[str, Offer]:
    """Offers by the name the model calls.

    Raises:
        InvalidDefinition: Two have the same.
    """
    named: dict[str, Offer] = {}
    for offer in offers:
        other = named.setdefault(offer.name, offer)
        if (other.definition, other.tool) != (offer.definition, offer.tool):  # the same tool twice is one
            raise InvalidDefinition(
                f"agent {agent!r} has two tools that its model would call {offer.name!r}: {other.tool!r} and "
                f"{offer.tool!r}; give one of them another id"
            )
    return named


def callable_name(name: str) -> str:
    """A name that every provider takes: letters, digits, `_` and `-`, up to 64."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]


def _payload_for(source: ToolSource, tool: str) -> Callable[[dict[str, Any]], Any]:
    return lambda arguments: source.payload(tool, arguments)


def _offer(given: Any) -> Offer:
    definition = getattr(given, "definition", None)
    if not isinstance(definition, Definition):
        name = getattr(given, "__name__", repr(given))
        raise InvalidDefinition(
            f"{name} is no tool: decorate the function with @tool, or give an agent or a workflow"
        )
    return Offer(
        name=callable_name(definition.id),
        tool=definition.id,
        description=definition.description,
        parameters=_parameters(given, definition),
        definition=definition,
        payload=lambda arguments: arguments,
    )


def _parameters(given: Any, definition: Definition) -> dict[str, Any]:
    if definition.kind == "agent":
        return _ASKED
    own = getattr(given, "parameters", None)
    if isinstance(own, dict):
        return own
    return _payload_schema(definition)


def _payload_schema(definition: Definition) -> dict[str, Any]:
    """The schema of a plain workflow's payload: of its annotation, or any object."""
    if not definition.takes_payload:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    annotation = definition.payload_annotation
    if annotation in (MISSING, Any, object):
        return {"type": "object", "properties": {}}
    return schema_of(TypeAdapter(annotation).json_schema(), definition.id)

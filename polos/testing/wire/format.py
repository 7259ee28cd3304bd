"""What a wire format is to the server: reading a request, judging it as the provider would, and writing answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from polos.testing.turns import Call, Failure, Turn

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A scripted turn with what the server adds to it: the answer's number, and its model."""

    turn: Turn
    number: int
    model: str
    asked: str

    def call_id(self, index: int, prefix: str) -> str:
        """The id of the turn's call `index`: its own, however bad, or the answer's number and its place."""
        given = self.turn.calls[index].call_id
        return f"{prefix}{self.number}_{index}" if given is None else given

    @property
    def calls(self) -> Sequence[Call]:
        """The turn's calls."""
        return self.turn.calls


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a stream. Only a `delta` is delayed and counted for `break_after`."""

    data: bytes
    delta: bool = False


class WireFormat(Protocol):
    """One provider's format."""

    name: str
    content_type: str

    def model(self, path: str, body: Json) -> str:
        """The model that is asked."""
        ...

    def streams(self, path: str, body: Json) -> bool:
        """Whether the answer is to be streamed."""
        ...

    def conversation(self, body: Json) -> Iterator[tuple[str, list[str], list[str]]]:
        """Each message as (role, ids called, ids answered)."""
        ...

    def problem(self, body: Json) -> str:
        """What else the provider would reject, in its words; empty if nothing."""
        ...

    def answer(self, said: Said) -> Json:
        """The answer in one piece."""
        ...

    def chunks(self, said: Said) -> Iterator[Chunk]:
        """The answer as it streams."""
        ...

    def error(self, failure: Failure) -> Json:
        """The body of an error."""
        ...

    def error_chunk(self, failure: Failure) -> bytes:
        """An error in the middle of a stream."""
        ...


def sse(data: Json | str, event: str = "") -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    if any(
        "\ud800" <= character <= "\udfff" for character in text
    ):  # half a character: JSON can say it, UTF-8 not
        text = json.dumps(data)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def strict_problem(schema: Any, path: str = "schema") -> str:
    """What OpenAI's strict mode would say against a schema; empty if nothing."""
    if isinstance(schema, list):
        return next(
            (found for i, part in enumerate(schema) if (found := strict_problem(part, f"{path}.{i}"))), ""
        )
    if not isinstance(schema, dict):
        return ""
    if banned := {"default", "oneOf", "allOf", "prefixItems", "uniqueItems", "minLength"} & schema.keys():
        return f"Invalid schema: in {path}, {sorted(banned)} is not permitted."
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return f"Invalid schema: in {path}, 'additionalProperties' is required to be supplied and to be false."
        if sorted(schema.get("required", ())) != sorted(schema.get("properties", {})):
            return f"Invalid schema: in {path}, 'required' must include every key in properties."
    for name in ("properties", "$defs"):
        for key, part in schema.get(name, {}).items():
            if found := strict_problem(part, f"{path}.{key}"):
                return found
    return strict_problem(schema.get("items"), f"{path}.items") or strict_problem(schema.get("anyOf"), path)

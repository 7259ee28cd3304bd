"""Values between the store's form and the plain JSON of the outside.

What comes in is JSON as any client would write it: nothing in it is taken for a stored type. What goes out is JSON that
any client understands. A program that has the code may ask for the stored form beside it, and rebuild the types.
"""

from __future__ import annotations

import json
from typing import Any

from polos.core.codec import Codec, DoesNotFit, codec_for, plain_json
from polos.core.definitions import Definition
from polos.errors import InvalidPayload, InvalidRequest, NotStorable


def payload_from_outside(definition: Definition, payload: Any) -> Any:
    """The payload as the workflow's annotation reads JSON. `InvalidPayload` with every field that does not fit."""
    try:
        return definition.outside_codec.decode(_json(payload))
    except DoesNotFit as error:
        raise InvalidPayload(definition.id, error.problems) from error
    except NotStorable as error:
        text = str(error).removeprefix(f"{error.path}: ")
        raise InvalidPayload(definition.id, [(error.path, text)]) from error


def state_from_outside(definition: Definition, state: Any) -> Any:
    """The initial state as the workflow's `state_schema` understands JSON; None for none."""
    if state is None:
        return None
    if definition.state_schema is None:
        raise InvalidRequest(f"workflow {definition.id!r} has no state_schema, so there is no initial_state")
    return codec_for(definition.state_schema, root="initial_state", trusted=False).decode(_json(state))


def to_outside(text: str | None, codec: Codec[Any] | None) -> Any:
    """A stored value as plain JSON; where the code that would read it is not known, in its stored form."""
    if text is None:
        return None
    try:
        value = codec_for().decode(text) if codec is None else codec.decode(text)
        return json.loads(plain_json(value))
    except NotStorable:
        return json.loads(text)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError as error:  # an int of more digits than Python writes
        raise InvalidRequest(f"the body holds what JSON has no form for: {error}") from error

"""The stored form of messages, responses and usage: JSON with a version, in this one place.

Version 1 (the first): fields as in `polos.llm.types`, those at their default left out.
What a newer version wrote is refused, never guessed at.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import ValidationError

from polos.errors import StoreError, StoreTooNew
from polos.llm.types import JsonObject, Message, ModelResponse, Usage

VERSION: Final = 1

T = TypeVar("T", Message, ModelResponse, Usage)


def dump(value: Message | ModelResponse | Usage) -> JsonObject:
    """A JSON object that `load` reads back as an equal value, in this version and every later one."""
    return {"v": VERSION, **value.model_dump(mode="json")}


def load(kind: type[T], stored: Any) -> T:
    """The value that `dump` stored.

    Raises:
        StoreTooNew: a newer polos wrote it.
        StoreError: it is no stored value of that kind.
    """
    version = stored.get("v") if isinstance(stored, dict) else None
    if not isinstance(version, int):
        raise StoreError(
            f"a stored {kind.__name__} is a JSON object with its version under 'v'; this is not one"
        )
    if version > VERSION:
        raise StoreTooNew(
            f"this {kind.__name__} was stored in version {version}, and this polos reads up to {VERSION}: upgrade it"
        )
    fields = {name: value for name, value in stored.items() if name != "v"}
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors()[:5])
        # Not chained: the validation error quotes the conversation.
        raise StoreError(f"a stored {kind.__name__} cannot be read: see {places}") from None

"""What all verbs share: whose execution it is, its replay, and how an operation is issued."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from polos.core.codec import Codec, DoesNotFit, return_codec
from polos.core.definitions import Definition
from polos.core.replay import Replay, Where
from polos.core.start import StartInfo
from polos.errors import InvalidPayload, NotStorable

Resolve = Callable[[Any], Definition]
"""From a workflow object or an id to its definition; raises `UnknownWorkflow`."""


class Verbs:
    """The base of the verbs of one execution."""

    def __init__(self, info: StartInfo, replay: Replay, resolve: Resolve) -> None:
        self._info = info
        self._replay = replay
        self._resolve = resolve

    def _operation(
        self, address: str, operation: Any, decode: Callable[[Any], Any], where: Where
    ) -> Coroutine[Any, Any, Any]:
        async def issue() -> Any:
            return await self._replay.issue(address, operation, where, decode)

        return issue()

    def _due(self, timeout: float | None) -> float | None:
        return None if timeout is None else self._replay.now_ms / 1000 + timeout


_CODECS: WeakKeyDictionary[Callable[..., Any], Codec[Any]] = WeakKeyDictionary()


def codec_of(func: Callable[..., Any]) -> Codec[Any]:
    """The codec of a function's results, found once per function: a replay asks for it at every step."""
    try:
        known = _CODECS.get(func)
        if known is None:
            known = _CODECS[func] = return_codec(func)
    except TypeError:  # what cannot be referred to weakly, or hashed
        return return_codec(func)
    return known


def encode_payload(definition: Definition, payload: Any) -> str:
    """The payload as it is stored: what a caller gave, as the annotation understands it, a dict as its model.

    No payload at all is an empty one where the annotation takes that (a dict, a model of defaults) and not None.
    Raises `InvalidPayload` with every field that does not validate.
    """
    codec = definition.payload_codec
    if payload is None and not _fits(codec, None) and _fits(codec, {}):
        payload = {}
    return _encode_given(definition, codec, payload)


def _fits(codec: Codec[Any], value: Any) -> bool:
    try:
        codec.coerce(value)
    except NotStorable:
        return False
    return True


def _encode_given(definition: Definition, codec: Codec[Any], payload: Any) -> str:
    try:
        return codec.encode(codec.coerce(payload))
    except DoesNotFit as error:
        raise InvalidPayload(definition.id, error.problems) from error
    except NotStorable as error:
        text = str(error).removeprefix(f"{error.path}: ")
        raise InvalidPayload(definition.id, [(error.path, text)]) from error


def nothing(_: str | None) -> None:
    return None


def optional(decode: Callable[[str], Any]) -> Callable[[str | None], Any]:
    return lambda text: None if text is None else decode(text)


def where_called(depth: int = 2) -> Where:
    frame = sys._getframe(depth)
    return frame.f_code, frame.f_lineno

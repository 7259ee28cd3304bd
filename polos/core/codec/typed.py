"""Values by their annotation: pydantic writes and reads them, and what would come back changed is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter
from pydantic_core import (
    PydanticCustomError,
    PydanticSerializationError,
    SchemaSerializer,
    SchemaValidator,
    ValidationError,
)

from polos.core.codec.base import Codec
from polos.core.codec.compare import difference
from polos.core.codec.paths import Path, find, render, type_name
from polos.core.codec.refusals import FIT, changed, misfit, misfit_text, unreadable, unstable, unwritable
from polos.core.codec.schema import CONFIG, Storing, Unreadable
from polos.core.codec.tags import DAMAGED, SCALARS, Tags, is_plain, too_deep
from polos.core.codec.typeddicts import portable
from polos.errors import NotStorable

T = TypeVar("T")

_TAKES_TYPED_DICTS: Final = sys.version_info >= (3, 12)


class TypedCodec(Codec[T]):
    """Values of an annotation that pydantic can make a schema for.

    With `tags`, what it writes is the stored form (`schema`). Without, it reads and writes the JSON of the outside, as
    the models' own configuration has it, and nothing in it is a tag.

    Raises:
        NotStorable: Pydantic has no schema for the annotation, or JSON can never be read into a part of it.
    """

    def __init__(self, annotation: Any, *, root: str, tags: Tags | None) -> None:
        self._root = root
        self._anything = None if tags is None else _Anything(tags)
        schema: Any = _schema(annotation, root)
        config: Any = {"hide_input_in_errors": True}
        self._from_python = SchemaValidator(schema, config)
        if self._anything is not None:
            schema, config = Storing(self._anything.write, self._anything.read)(schema), CONFIG
        self._serializer = _anew(SchemaSerializer, schema, config)
        self._validator = _anew(SchemaValidator, schema, config)

    def encode(self, value: T) -> str:
        """See `Codec.encode`."""
        return self.round_trip(value)[0]

    def decode(self, text: str) -> T:
        """See `Codec.decode`."""
        return self.read(text, self._root)

    def round_trip(self, value: T) -> tuple[str, T]:
        """See `Codec.round_trip`."""
        text = self.write(value, self._root)
        try:
            back = self._read(text, self._root)
            found = difference(value, back, self._root)
        except RecursionError as error:
            raise too_deep(self._root) from error
        except NotStorable as error:
            raise (self._mismatch(value, self._root) or unreadable(error, self._root)) from error
        if found:
            raise self._mismatch(value, self._root) or changed(found)
        if type(value) not in SCALARS and self.write(back, self._root) != text:
            raise unstable(self._root)
        return text, back

    def coerce(self, value: Any) -> T:
        """See `Codec.coerce`."""
        try:
            fitted: T = self._from_python.validate_python(value, by_alias=True, by_name=True)
        except ValidationError as error:
            raise misfit(error, value, self._root, FIT) from error
        return fitted

    def write(self, value: Any, path: Path) -> str:
        """The text of a value, not yet compared with what comes back."""
        try:
            # Pydantic's warnings would say no more than the comparison does, and cost ten times the writing.
            text: bytes = self._serializer.to_json(value, by_alias=False, round_trip=True, warnings=False)
            return text.decode()
        except RecursionError as error:
            raise too_deep(path) from error
        except PydanticSerializationError as error:
            refusal = self._refused_any(value, path) or self._mismatch(value, path)
            raise (refusal or unwritable(value, path, error)) from error

    def read(self, text: str | bytes, path: Path) -> T:
        """The value of a text."""
        return self._read(text, path, hint=FIT if self._anything is None else DAMAGED)

    def _read(self, text: str | bytes, path: Path, hint: str = "") -> T:
        try:
            value: T = self._validator.validate_json(text, by_alias=self._anything is None, by_name=True)
        except ValidationError as error:
            raise misfit_text(error, text, path, hint) from error
        except RecursionError as error:
            raise too_deep(path) from error
        except Exception as error:  # of a validator of the user's
            raise NotStorable(
                f"a validator failed with {type(error).__name__}: {error}",
                path=render(path),
                hint="let it raise a ValueError that says what it wants",
            ) from error
        return value

    def _refused_any(self, value: Any, path: Path) -> NotStorable | None:
        """Why something under `Any` was refused, with the whole path to it."""
        if self._anything is None:
            return None
        with self._anything.noting_refusals() as refused, suppress(PydanticSerializationError):
            self._serializer.to_json(value, by_alias=False, round_trip=True, warnings=False)
        if not refused:
            return None
        return self._anything.refusal(refused[-1], find(value, refused[-1], path) or path)

    def _mismatch(self, value: Any, path: Path) -> NotStorable | None:
        """How the value does not fit its annotation."""
        try:
            fitted = self._from_python.validate_python(value, by_alias=True, by_name=True)
        except ValidationError as error:
            return misfit(error, value, path, FIT)
        try:
            found = difference(value, fitted, path)
        except RecursionError:
            return None
        if found is None or found.is_loss:
            return None
        return NotStorable(
            f"found {type_name(found.before)}, expected {type_name(found.after)}",
            path=render(found.path),
            hint=FIT,
        )


_noted: ContextVar[list[object] | None] = ContextVar("_noted", default=None)


class _Anything:
    """What stands under `Any` inside an annotation, by the tags. It is not told where in the value it stands."""

    def __init__(self, tags: Tags) -> None:
        self._tags = tags

    def write(self, value: Any) -> Any:
        """The tree of a value."""
        if type(value) in SCALARS and is_plain(value):
            return value
        try:
            return self._tags.write(value, "")
        except NotStorable:
            noted = _noted.get()
            if noted is not None:
                noted.append(value)
            raise

    def read(self, tree: Any) -> Any:
        """The value of a tree."""
        try:
            return self._tags.read(tree, "")
        except NotStorable as error:
            raise PydanticCustomError("not_readable", "{reason}", {"reason": str(error)}) from error

    @contextmanager
    def noting_refusals(self) -> Iterator[list[object]]:
        """Collects the values that `write` refuses: pydantic passes on nothing of an exception but its text."""
        noted: list[object] = []
        token = _noted.set(noted)
        try:
            yield noted
        finally:
            _noted.reset(token)

    def refusal(self, value: object, path: Path) -> NotStorable | None:
        """Why a value is refused."""
        try:
            self._tags.write(value, path)
        except NotStorable as refusal:
            return refusal
        return None


def _schema(annotation: Any, root: str) -> Any:
    """The core schema of an annotation that JSON can be read into."""
    try:
        adapter = TypeAdapter(annotation if _TAKES_TYPED_DICTS else portable(annotation))
        adapter.rebuild(raise_errors=True)  # of a model that waits for a name: ask for it now
        schema: Any = adapter.core_schema
    except Exception as error:  # third-party types bring hooks of their own, which raise what they like
        raise NotStorable(
            f"values annotated {spell(annotation)} cannot be stored: {_first_line(error)}",
            path=root,
            hint="annotate a pydantic model, dataclass, enum or plain type that describes the object",
        ) from error
    found = Unreadable(schema).find(root)
    if found is None:
        return schema
    path, what = found
    raise NotStorable(
        f"the annotation {spell(annotation)} asks for {what} there, and no stored text can be read back into that",
        path=render(path),
        hint="annotate what describes it, such as an id, a path or a model",
    )


def spell(annotation: Any) -> str:
    """An annotation as its author wrote it, about."""
    text: str = annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)
    return text.replace("typing.", "")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].partition(". Set `arbitrary")[0]


def _anew(kind: Any, schema: Any, config: Any) -> Any:
    """A serializer or validator of this very schema, and not of what the models in it were built with.

    Where pydantic takes the flag no more, models in it store with their own configuration, and more is refused.
    """
    try:
        return kind(schema, config, _use_prebuilt=False)
    except TypeError:
        return kind(schema, config)

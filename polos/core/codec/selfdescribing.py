"""Values without an annotation: plain JSON where it is enough, tags where it is not."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pydantic_core import PydanticSerializationError, from_json, to_json

from polos.core.codec.base import Codec, DoesNotFit
from polos.core.codec.compare import difference
from polos.core.codec.paths import render, type_name
from polos.core.codec.refusals import FIT, changed, unstable, unwritable
from polos.core.codec.tags import DAMAGED, Tags, is_plain, too_deep
from polos.errors import NotStorable

_MARK: Final = '"$'
"""Begins every tag and every escaped key, and now and then a string: a text without it is plain."""


class Shape(NamedTuple):
    """What an annotation such as `dict` or `dict[str, Any]` still asks of a value."""

    type: type = object
    text_keys: bool = False

    def check(self, value: object, root: str) -> None:
        """Refuse a value of another shape."""
        problems: list[tuple[str, str]] = []
        if not isinstance(value, self.type):
            problems = [(root, f"found {type_name(value)}, expected a {self.type.__name__} as annotated")]
        elif self.text_keys and isinstance(value, dict):
            problems = [
                (render((root, key)), f"found a key of type {type_name(key)}, expected a str as annotated")
                for key in value
                if not isinstance(key, str)
            ]
        if problems:
            raise DoesNotFit(problems, root=root, hint=FIT)


class SelfDescribing(Codec[Any]):
    """Any value that the vocabulary of `tags` has a word for."""

    def __init__(self, tags: Tags, *, root: str, shape: Shape) -> None:
        self._tags = tags
        self._root = root
        self._shape = shape
        self._any_shape = shape.type is object

    def encode(self, value: Any) -> str:
        """See `Codec.encode`. Plain JSON is faithful by construction; what needed a tag is read back and compared."""
        self._check(value)
        return self._plain_text(value) or self._checked(value)[0]

    def decode(self, text: str) -> Any:
        """See `Codec.decode`."""
        value = self._read(text)
        self._check(value)
        return value

    def round_trip(self, value: Any) -> tuple[str, Any]:
        """See `Codec.round_trip`."""
        self._check(value)
        text = self._plain_text(value)
        return (text, parse(text, self._root)) if text else self._checked(value)

    def coerce(self, value: Any) -> Any:
        """See `Codec.coerce`. There is nothing to convert to."""
        self._check(value)
        return value

    def _check(self, value: object) -> None:
        if not self._any_shape:
            self._shape.check(value, self._root)

    def _plain_text(self, value: Any) -> str | None:
        """The text of a value that needs no tag, or None."""
        if not is_plain(value):
            return None
        try:
            text = to_json(value).decode()
        except (
            PydanticSerializationError
        ):  # half a surrogate pair: refused with its path where the tags are written
            return None
        return None if _MARK in text else text

    def _checked(self, value: Any) -> tuple[str, Any]:
        text = self._write(value)
        back = self._read(text)
        try:
            found = difference(value, back, self._root)
        except RecursionError as error:
            raise too_deep(self._root) from error
        if found:
            raise changed(found)
        if self._write(back) != text:
            raise unstable(self._root)
        return text, back

    def _write(self, value: Any) -> str:
        try:
            return to_json(self._tags.write(value, self._root)).decode()
        except (RecursionError, PydanticSerializationError) as error:
            raise too_deep(self._root) from error

    def _read(self, text: str) -> Any:
        tree = parse(text, self._root)
        if _MARK not in text:
            return tree
        try:
            return self._tags.read(tree, self._root)
        except RecursionError as error:
            raise too_deep(self._root) from error


class PlainJson(Codec[Any]):
    """JSON from outside: nothing in it is a tag, whatever it looks like. Writes only what JSON knows."""

    def __init__(self, *, root: str, shape: Shape) -> None:
        self._root = root
        self._shape = shape

    def encode(self, value: Any) -> str:
        """See `Codec.encode`."""
        return self.round_trip(value)[0]

    def decode(self, text: str) -> Any:
        """See `Codec.decode`."""
        value = parse(text, self._root)
        self._shape.check(value, self._root)
        return value

    def round_trip(self, value: Any) -> tuple[str, Any]:
        """See `Codec.round_trip`."""
        text = plain_json(value, root=self._root)
        back = self.decode(text)
        found = difference(value, back, self._root)
        if found:
            raise NotStorable(found.message, path=render(found.path), hint="give what JSON knows")
        return text, back

    def coerce(self, value: Any) -> Any:
        """See `Codec.coerce`. There is nothing to convert to."""
        self._shape.check(value, self._root)
        return value


def parse(text: str, root: str) -> Any:
    """The tree of a JSON text."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        if "recursion limit" in str(error):
            raise too_deep(root) from error
        raise NotStorable(f"the text is not JSON: {error}", path=root, hint=DAMAGED) from error


def plain_json(value: Any, *, root: str = "payload") -> str:
    """The JSON that pydantic makes of a value, for a reader that knows by itself what it wants: models as objects under
    their aliases, datetimes as ISO 8601, bytes as base64. It says less than a codec's text.

    Raises:
        NotStorable: With the path of what JSON has no form for.
    """
    try:
        return to_json(value, by_alias=True, bytes_mode="base64", inf_nan_mode="strings").decode()
    except PydanticSerializationError as error:
        raise unwritable(value, root, error) from error

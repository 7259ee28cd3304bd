"""What every codec can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from polos.core.codec.paths import Path, render
from polos.errors import NotStorable

T = TypeVar("T")

_MOST_PROBLEMS: Final = 20


class Codec(ABC, Generic[T]):
    """Turns the values of one annotation into JSON text and back. Made by `codec_for`; without state, safe in threads.

    All refusals are `NotStorable` with a path that begins with the codec's root, e.g. `result.items[3].client`.
    """

    @abstractmethod
    def encode(self, value: T) -> str:
        """The compact JSON text of a value, checked: `decode` gives the same value.

        Equal values have equal texts, in every process, as long as their dicts are in the same order.

        Raises:
            NotStorable: The value does not fit the annotation, cannot be written, or would come back changed.
        """

    @abstractmethod
    def decode(self, text: str) -> T:
        """The value of a text, new in all its parts.

        Raises:
            NotStorable: The text is not what this codec writes. It is a `DoesNotFit` where fields can be named.
        """

    @abstractmethod
    def round_trip(self, value: T) -> tuple[str, T]:
        """The text of a value, and what `decode` makes of it.

        A first run hands on that value, not the one it was given: a replay will hand on the same.

        Raises:
            NotStorable: As for `encode`.
        """

    @abstractmethod
    def coerce(self, value: Any) -> T:
        """What a caller in Python gave, as the annotation understands it: a dict becomes the model it describes.

        Raises:
            DoesNotFit: With every field that does not fit.
        """


class DoesNotFit(NotStorable):
    """A value or text that does not fit its annotation. `problems` is one (path, message) per field."""

    def __init__(self, problems: Sequence[tuple[str, str]], *, root: Path, hint: str = "") -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            ((path, message),) = self.problems
        else:
            shown = [f"{path}: {message}" for path, message in self.problems[:_MOST_PROBLEMS]]
            more = len(self.problems) - len(shown)
            path, message = render(root), "; ".join([*shown, *([f"and {more} more"] if more else [])])
        super().__init__(message, path=path, hint=hint)

"""What names may be so that every store can hold them, checked where they are given and not when they are stored."""

from __future__ import annotations

from typing import Final

from polos.errors import InvalidDefinition

MOST_BYTES: Final = 500
"""The names that the engine makes of several, with the project's, stay within what a store takes: 900."""
MOST_ID_BYTES: Final = 200


def check_id(what: str, text: object) -> None:
    """The id of a workflow or the name of a queue: it is a part of other names. Raises `InvalidDefinition`."""
    if not isinstance(text, str) or not text.strip():
        raise InvalidDefinition(f"{what} needs a name that is not empty, got {text!r}")
    if "|" in text or any(character < " " for character in text):
        raise InvalidDefinition(f"{what} {text!r}: a name holds no '|' and no control characters")
    check_name(what, text, most=MOST_ID_BYTES)


def check_name(what: str, text: str | None, *, most: int = MOST_BYTES) -> None:
    """Text that somebody chose and something is stored under; None is none. Raises `InvalidDefinition`."""
    if text is None:
        return
    check_unicode(what, text)
    if "\0" in text:
        raise InvalidDefinition(
            f"{what} {text[:80]!r} holds a NUL character, which stores cannot keep in a name"
        )
    size = len(text.encode())
    if size > most:
        raise InvalidDefinition(
            f"{what} {text[:80]!r}... has {size:,} bytes in UTF-8, and at most {most} are kept in a name; put what is "
            "long into the data, and name it by an id"
        )


def check_unicode(what: str, text: str) -> None:
    """Text that can be written down at all. Raises `InvalidDefinition`."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidDefinition(
            f"{what} {text[:80]!r} holds half of a surrogate pair, which UTF-8 cannot write; clean it: "
            "text.encode('utf-8', 'replace').decode()"
        ) from error

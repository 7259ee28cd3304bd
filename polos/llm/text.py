"""Texts that models write and UTF-8 cannot: halves of surrogate pairs.

A model writes tokens, and some tokens are half of a character; JSON can say `"\\ud83d"`, UTF-8 cannot, and so no store
and no provider takes it. Two halves that follow one another are one character; a half alone becomes U+FFFD.
"""

from __future__ import annotations

import re
from typing import Any, Final

_HALF: Final = re.compile("[\ud800-\udfff]")


def writable(value: Any) -> Any:
    """A text, or any JSON value with texts in it, as UTF-8 can write it. Most come back as the object they are."""
    match value:
        case str():
            return _whole(value)
        case dict():
            parts = {writable(name): writable(part) for name, part in value.items()}
            return parts if parts != value else value
        case list():
            items = [writable(item) for item in value]
            return items if items != value else value
        case _:
            return value


def _whole(text: str) -> str:
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

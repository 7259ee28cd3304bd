"""What a docstring says of a function and of each of its parameters, in the styles of Google, NumPy and Sphinx."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from typing import Final

_SECTIONS: Final = (
    r"args|arguments|parameters|params|keyword args|keyword arguments|returns?|yields?|raises|examples?|notes?"
    r"|see also|warnings?|references|attributes"
)
_PARAMETERS: Final = frozenset(
    {"args", "arguments", "parameters", "params", "keyword args", "keyword arguments"}
)
_GOOGLE: Final = re.compile(rf"^(?P<name>{_SECTIONS}):\s*$", re.IGNORECASE)
_NUMPY: Final = re.compile(rf"^(?P<name>{_SECTIONS})\s*\n-{{3,}}\s*$", re.IGNORECASE | re.MULTILINE)
_SPHINX: Final = re.compile(r"^:(?P<kind>\w+)(?:\s+(?P<rest>[^:]*))?:\s*(?P<text>.*)$")
_GOOGLE_ITEM: Final = re.compile(r"^\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)$")
_NUMPY_ITEM: Final = re.compile(r"^\*{0,2}(?P<names>\w+(?:\s*,\s*\w+)*)\s*(?::.*)?$")


@dataclass(frozen=True, slots=True)
class Described:
    """`text` is all before the first section; `parameters` is the text for each parameter that has one."""

    text: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def read(docstring: str | None) -> Described:
    """Take a docstring apart; what is in no style we know stays in the text."""
    if not docstring:
        return Described()
    lines = _with_google_headings(inspect.cleandoc(docstring)).split("\n")
    text: list[str] = []
    parameters: dict[str, str] = {}
    section, at = "", 0
    while at < len(lines):
        heading = _GOOGLE.match(lines[at])
        sphinx = _SPHINX.match(lines[at])
        if heading:
            section = heading["name"].lower()
            at += 1
        elif sphinx and not section:
            name = (sphinx["rest"] or "").split()[-1:] or [""]
            words, at = _indented(lines, at + 1, 0)
            if sphinx["kind"] in {"param", "parameter", "arg", "argument", "key", "keyword"} and name[0]:
                parameters[name[0]] = _joined([sphinx["text"], *words])
        elif section in _PARAMETERS:
            at = _item(lines, at, parameters)
        else:
            if not section:
                text.append(lines[at])
            at += 1
    return Described("\n".join(text).strip(), parameters)


def _with_google_headings(text: str) -> str:
    """NumPy's underlined headings as Google's, so that one reader serves both."""
    return _NUMPY.sub(lambda found: f"{found['name']}:", text)


def _item(lines: list[str], at: int, parameters: dict[str, str]) -> int:
    """One parameter in a section of them: `name (type): text` indented below, or `name : type` with text below."""
    line = lines[at]
    if not line.strip():
        return at + 1
    depth = len(line) - len(line.lstrip())
    words, after = _indented(lines, at + 1, depth)
    google = _GOOGLE_ITEM.match(line.strip())
    numpy = _NUMPY_ITEM.match(line.strip())
    if depth == 0 and numpy:
        for name in re.split(r"\s*,\s*", numpy["names"]):
            parameters[name] = _joined(words)
    elif depth > 0 and google:
        parameters[google["name"]] = _joined([google["text"], *words])
    return after


def _indented(lines: list[str], at: int, depth: int) -> tuple[list[str], int]:
    """The lines that are indented deeper than `depth`, and where they end."""
    words: list[str] = []
    while at < len(lines) and (not lines[at].strip() or len(lines[at]) - len(lines[at].lstrip()) > depth):
        words.append(lines[at].strip())
        at += 1
    return words, at


def _joined(words: list[str]) -> str:
    return " ".join(filter(None, (word.strip() for word in words)))

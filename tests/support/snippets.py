"""Code in documents: fenced blocks are found, and run as the modules they would be.

Blocks of Python in one file are parts of one program. A comment in the line above a block says that it is not:

    <!-- program -->    a script of its own; a block of `text` right behind it is what it prints
    <!-- tests -->      a test module of its own, run by pytest
    <!-- wrong -->      what not to do: it must compile, and no more
    <!-- before -->     code for something else, that the block after it takes the place of: the same
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from polos.core.definitions import registry

ROOT: Final = Path(__file__).parents[2]
_FENCE: Final = re.compile(r"^```(?P<language>\w*)$")
_MARK: Final = re.compile(r"^<!-- (?P<mark>\w+) -->$")
_HEADING: Final = re.compile(r"^#+ (?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it stands (`line` is that of its first line of code), how it is marked, and its code."""

    path: Path
    line: int
    heading: str
    language: str
    mark: str
    code: str

    @property
    def name(self) -> str:
        """How a test names it."""
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    def compile(self) -> Any:
        """As a module in which `await` may stand at the top, with the document's own line numbers."""
        source = "\n" * (self.line - 1) + self.code
        file = str(self.path)
        linecache.cache[file] = (
            len(source),
            None,
            self.path.read_text(encoding="utf-8").splitlines(keepends=True),
            file,
        )
        return compile(source, file, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def blocks(path: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a file in these languages, in order."""
    found: list[Block] = []
    heading, start, opened = "", 0, None
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if opened is not None:
            if line == "```":
                code = "\n".join(lines[start - 1 : number - 1]) + "\n"
                above = _MARK.match(lines[start - 3]) if start > 2 else None
                mark = above["mark"] if above else ""
                found.append(Block(path, start, heading, opened["language"], mark, code))
                opened = None
        elif (opened := _FENCE.match(line)) is not None:
            start = number + 1
        elif (title := _HEADING.match(line)) is not None:
            heading = title["text"]
    assert opened is None, f"{path}: a block is not closed"
    return [block for block in found if block.language in languages]


@contextmanager
def own_registry() -> Iterator[None]:
    """What is defined inside of the block is forgotten after it, and what was known before is not seen in it."""
    known, queues = list(registry), dict(registry.queues)
    _forget_all()
    try:
        yield
    finally:
        _forget_all()
        registry.queues.update(queues)
        for definition in known:
            registry.add(definition)


def _forget_all() -> None:
    for definition in list(registry):
        registry.remove(definition.id)
    registry.queues.clear()


@contextmanager
def module(name: str, **given: Any) -> Iterator[ModuleType]:
    """A module to run blocks in, importable while it is used, as that of a program is."""
    made = ModuleType(name)
    vars(made).update(given)
    sys.modules[name] = made
    try:
        yield made
    finally:
        del sys.modules[name]


async def run(block: Block, into: ModuleType) -> None:
    """Run a block in a module."""
    outcome = eval(block.compile(), vars(into))
    if inspect.isawaitable(outcome):
        await outcome


def languages(path: Path) -> set[str]:
    """The languages that the fenced blocks of a file are written in."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {found["language"] for found in map(_FENCE.match, lines) if found and found["language"]}

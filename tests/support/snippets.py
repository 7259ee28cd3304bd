"""Code in documents: fenced blocks are found, and run as the modules they would be.

```python                     a program: it is run, with what the blocks above it in the file have defined
```python fresh               it begins anew: a program of its own
```python test                a test module: each `test_...` in it is run, with the fixtures of `polos.testing`
```python wrong               shown as what not to do: it must compile, and a test by hand says what comes of it
"""

from __future__ import annotations

import ast
import asyncio
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
_FENCE: Final = re.compile(r"^```(?P<language>\w*) ?(?P<marks>[\w ]*)$")
_HEADING: Final = re.compile(r"^#+ (?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it stands (`line` is that of its first line of code), what it is, and its code."""

    path: Path
    line: int
    heading: str
    language: str
    marks: frozenset[str]
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
                marks = frozenset(opened["marks"].split())
                found.append(Block(path, start, heading, opened["language"], marks, code))
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


def run_here(block: Block, into: ModuleType) -> None:
    """The same, where no event loop runs."""
    outcome = eval(block.compile(), vars(into))
    if inspect.isawaitable(outcome):

        async def waited() -> None:
            await outcome

        asyncio.run(waited())

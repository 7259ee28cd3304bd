"""The norms of size: a module is a room that a reader can see across, a function fits on a screen."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for top in ("polos", "handlers", "infra") for path in (ROOT / top).rglob("*.py"))

MODULE_LINES = 400
FUNCTION_LINES = 50

# What may be longer, with the reason: "polos/x.py" for a module, "polos/x.py:name" for a function.
LONGER: dict[str, str] = {
    "polos/core/replay.py": "one state machine: feeding, issuing and settling share every field, and are read together",
    "polos/runtime/workflow.py:workflow": "most of it is the contract's list of settings",
    "polos/agents/agent.py:__init__": "most of it is the contract's list of settings",
}


def measured(path: Path) -> Iterator[tuple[str, int, int]]:
    """(name, lines, lines allowed) of the module and of each function in it."""
    text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
    yield name, len(text.splitlines()), MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{name}:{node.name}", node.end_lineno - node.lineno + 1, FUNCTION_LINES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_and_functions_are_short_or_say_why_not(path: Path) -> None:
    too_long = [
        f"{name}: {lines} lines"
        for name, lines, limit in measured(path)
        if lines > limit and name not in LONGER
    ]
    assert too_long == [], "split it, or name it in LONGER with the reason"


def test_no_reason_outlives_the_length_it_excused() -> None:
    long = {name for path in MODULES for name, lines, limit in measured(path) if lines > limit}
    assert set(LONGER) <= long

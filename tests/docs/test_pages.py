"""Every piece of Python in the documentation runs as it says: README.md and docs/, decisions left aside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from polos import Polos
from polos.testing import Turn, WireRequest, WireServer, call, turn
from support import snippets
from support.snippets import Block

DOCS: Final = snippets.ROOT / "docs"
PAGES: Final = [
    snippets.ROOT / "README.md",
    *(page for page in sorted(DOCS.rglob("*.md")) if DOCS / "decisions" not in page.parents),
]
BLOCKS: Final = [block for page in PAGES for block in snippets.blocks(page, "python", "text")]


def python(mark: str) -> list[Block]:
    """The blocks of Python with a mark."""
    return [block for block in BLOCKS if block.language == "python" and block.mark == mark]


def printed_by(program: Block) -> str | None:
    """The block of text right behind a program, if there is one."""
    behind = BLOCKS.index(program) + 1
    if behind == len(BLOCKS) or BLOCKS[behind].path != program.path or BLOCKS[behind].language != "text":
        return None
    return BLOCKS[behind].code


def weather(request: WireRequest) -> Turn | str:
    """The model of the examples: asks the tool that it was given, once, and tells what it gave."""
    tools = request.body.get("tools") or []
    if tools and request.position == 0:
        return turn(calls=[call(tools[0]["name"], city="Oslo")])
    return "It rains in Oslo."


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """All providers are one on this machine."""
    with WireServer(weather) as server:
        for name, value in server.env().items():
            monkeypatch.setenv(name, value)
        yield server.env()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(snippets.ROOT)))
async def test_a_page_is_a_program_that_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: dict[str, str]
) -> None:
    parts = [block for block in python("") if block.path == page]
    monkeypatch.chdir(tmp_path)
    with snippets.own_registry(), snippets.module("documented") as module:
        async with Polos() as module.polos:
            for block in parts:
                await snippets.run(block, module)


@pytest.mark.parametrize("program", python("program"), ids=lambda block: block.name)
def test_a_program_runs_and_prints_what_the_page_says(
    program: Block, tmp_path: Path, provider: dict[str, str]
) -> None:
    (tmp_path / "program.py").write_text(program.code, encoding="utf-8")
    done = started(["program.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    expected = printed_by(program)
    if expected is not None:
        assert done.stdout == expected


@pytest.mark.parametrize("module", python("tests"), ids=lambda block: block.name)
def test_a_test_module_passes(module: Block, tmp_path: Path, provider: dict[str, str]) -> None:
    (tmp_path / "test_documented.py").write_text(module.code, encoding="utf-8")
    done = started(["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_documented.py"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize("block", python("wrong") + python("before"), ids=lambda block: block.name)
def test_what_is_not_run_is_at_least_python(block: Block) -> None:
    block.compile()


def test_every_block_is_run_in_a_way_that_is_known() -> None:
    assert {block.mark for block in BLOCKS if block.language == "python"} <= {
        "",
        "program",
        "tests",
        "wrong",
        "before",
    }
    languages = {
        block.language for page in PAGES for block in snippets.blocks(page, *snippets.languages(page))
    }
    assert languages <= {"python", "text", "bash", "json", "toml", "yaml"}


def started(arguments: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    """A Python of its own, in a directory of its own."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(snippets.ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

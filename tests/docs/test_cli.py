"""Every command of docs/cli.md is run as it stands there, in a new project, and ends in the code that the page says."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from polos.cli.app import Commands, app
from polos.cli.exits import Exit
from support import snippets

PAGE: Final = snippets.ROOT / "docs" / "cli.md"
LINES: Final = [line for block in snippets.blocks(PAGE, "bash") for line in block.code.splitlines() if line]
_LINE: Final = re.compile(
    r"(?:echo '(?P<stdin>[^']*)' \| )?(?:(?P<name>\w+)=\$\()?(?P<command>polos .*?)\)?(?:  # exit (?P<code>\d+))?"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory, whose modules are forgotten afterwards."""
    for name in ("POLOS_STORE", "POLOS_API_URL", "POLOS_APP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    path, modules = [*sys.path], {*sys.modules}
    with snippets.own_registry():
        yield tmp_path
    sys.path[:] = path
    for name in {*sys.modules} - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_the_page_is_a_session_that_goes_as_it_says(project: Path) -> None:
    known: dict[str, str] = {}
    for line in LINES:
        found = _LINE.fullmatch(line)
        assert found is not None, line
        command = re.sub(r"\$(\w+)", lambda name: known[name[1]], found["command"])
        done = CliRunner().invoke(app, shlex.split(command)[1:], input=found["stdin"])
        assert done.exit_code == int(found["code"] or 0), f"{command}\n{done.output}\n{done.exception!r}"
        if found["name"]:
            known[found["name"]] = done.stdout.strip()


def test_the_page_names_every_command_and_every_exit_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in Commands.homes if f"polos {name}" not in text] == []
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert told == {int(code) for code in Exit}

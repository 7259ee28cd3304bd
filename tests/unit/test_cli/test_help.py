"""The help: grouped by task, quick, and true about what each command is."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from polos.cli import write_what_the_terminal_takes
from polos.cli.app import Commands

Call = Callable[..., Any]
PANELS = ("Begin", "Run", "Look", "Act", "What there is", "Deploy")


def leaves() -> Iterator[tuple[str, Any]]:
    """All commands, those of groups by both names."""
    for name in Commands.homes:
        found = Commands.load(name)
        inner = getattr(found, "commands", None)
        yield from (
            [(f"{name} {one}", command) for one, command in inner.items()] if inner else [(name, found)]
        )


def test_the_help_groups_the_commands_by_task(polos: Call) -> None:
    said = polos("--help")
    assert said.code == 0
    assert [panel for panel in PANELS if f"─ {panel} ─" in said.out] == [*PANELS]
    assert all(f" {name} " in said.out for name in Commands.homes)


def test_the_help_loads_no_command_and_no_engine() -> None:
    program = """if True:
        import sys
        from polos.cli.app import app
        try:
            app(["--help"])
        except SystemExit:
            pass
        heavy = ("polos.entry", "polos.server", "polos.runtime", "boto3", "pydantic", "httpx")
        sys.exit(" ".join(name for name in heavy if name in sys.modules) or 0)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


LEAVES = dict(leaves())


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_speaks_json_and_tells_its_exit_codes(path: str) -> None:
    command = LEAVES[path]
    assert "Exit codes:" in command.help
    assert "--json" in {name for parameter in command.params for name in parameter.opts}
    assert "--verbose" in {name for parameter in command.params for name in parameter.opts}


def test_a_command_that_is_not_there_is_told_with_those_that_are_near(polos: Call) -> None:
    said = polos("statsu")
    assert said.code == 2
    assert "status" in said.err
    assert polos("keys", "--help").code == 0, "an alias"


def test_a_shell_completes_commands_without_loading_them() -> None:
    import os

    environ = {**os.environ, "_POLOS_COMPLETE": "complete_bash", "COMP_WORDS": "polos re", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'polos'; from polos.cli import main; main()"],
        capture_output=True, text=True, check=False, env=environ,
    )  # fmt: skip
    assert set(done.stdout.split()) == {"result", "resume", "retry"}, done.stderr


def test_an_encoding_without_a_character_ends_no_command_and_json_stays_true(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for arguments, shown in ((["polos"], "? ?"), (["polos", "--json"], "\\u2713 \\ud83d\\ude00")):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "argv", arguments)
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
        write_what_the_terminal_takes()
        sys.stdout.write("\u2713 \U0001f600")
        sys.stdout.flush()
        assert raw.getvalue().decode() == shown

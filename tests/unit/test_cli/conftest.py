"""A directory with a program, and `polos` called in it: in this process by typer's runner, or as a real process."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from polos.cli.app import app
from polos.core.definitions import registry

PROGRAM = """
    import logging
    import time
    from pydantic import BaseModel
    from polos import workflow

    class Order(BaseModel):
        item: str
        count: int = 1

    def double(value: int) -> int:
        return 2 * value

    def boom() -> None:
        logging.getLogger("shop").warning("about to fail, [b]twice[/b]")
        raise ValueError("no luck")

    @workflow(id="order")
    async def order(ctx, payload: Order) -> dict[str, object]:
        return {"item": payload.item, "price": await ctx.step.run("price", double, payload.count)}

    @workflow(id="echo")
    async def echo(ctx, payload):
        return payload

    @workflow(id="failing")
    async def failing(ctx):
        await ctx.step.run("boom", boom, max_retries=1, base_delay=0.01)

    @workflow(id="unstorable")
    async def unstorable(ctx):
        return {"client": object()}

    @workflow(id="family")
    async def family(ctx):
        return await ctx.step.invoke_and_wait("child", echo, [1, 2])
"""


class Said(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout as JSON."""
        return json.loads(self.out)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with flows.py, whose workflows and modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POLOS_STORE", raising=False)
    (tmp_path / "flows.py").write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    path, modules, known = [*sys.path], {*sys.modules}, {definition.id for definition in registry}
    yield tmp_path
    sys.path[:] = path
    for name in {*sys.modules} - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
    for definition in [*registry]:
        if definition.id not in known:
            registry.remove(definition.id)


@pytest.fixture
def polos(here: Path) -> Callable[..., Said]:
    """Call `polos` in this process."""

    def call(*arguments: str, stdin: str | None = None) -> Said:
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def polos_process(here: Path) -> Callable[..., Said]:
    """Call `polos` as a process of its own."""

    def call(*arguments: str) -> Said:
        command = [Path(sys.executable).with_name("polos"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=here, check=False, timeout=60)
        return Said(done.returncode, done.stdout, done.stderr)

    return call

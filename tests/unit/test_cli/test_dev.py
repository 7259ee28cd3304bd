"""`polos dev`: one process that takes new code while it serves, and loses nothing by that or by its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polos.entry.embedded import Embedded
from polos.runtime.http_client import PolosClient

APP = """
    import time

    import part
    from polos import workflow

    def slow():
        time.sleep(0.5)
        return part.Thing()

    @workflow(id="dev-thing")
    async def thing(ctx):
        return type(await ctx.step.run("slow", slow)).__name__

    @workflow(id="dev-story")
    async def story(ctx):
        first = await ctx.step.run("first", part.word)
        await ctx.step.suspend("go on", None)
        return [first, await ctx.step.run("second", part.word)]
"""
PART = """
from dataclasses import dataclass

@dataclass
class Thing:
    name: str = "thing"

def word():
    return {!r}
"""


class Dev:
    """A `polos dev --json` in a process of its own."""

    def __init__(self, place: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "polos.cli", "dev", "--port", "0", "--json"],
            cwd=place,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.url = str(self.told("ready")["url"])
        self.client = PolosClient(self.url)

    def told(self, event: str) -> dict[str, Any]:
        """The next thing it tells, which is of that kind."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found: dict[str, Any] = json.loads(line or '{"event": "it has ended"}')
        assert found["event"] == event, found
        return found

    def end(self) -> int:
        """Stop it as an operating system does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(textwrap.dedent(APP), encoding="utf-8")
    (tmp_path / "part.py").write_text(PART.format("old"), encoding="utf-8")
    return tmp_path


@pytest.fixture
def dev(place: Path) -> Iterator[Dev]:
    made = Dev(place)
    yield made
    made.process.kill()
    made.process.wait()


async def test_running_executions_go_on_with_new_code_and_broken_code_takes_nothing_away(
    dev: Dev, place: Path
) -> None:
    running = await dev.client.invoke("dev-story")
    while not await dev.client.list_suspensions(running.id):
        pass

    (place / "part.py").write_text("def word(:", encoding="utf-8")
    refused = dev.told("refused")
    assert refused["changed"] == ["part.py"]
    assert "SyntaxError" in refused["error"]
    during = await dev.client.invoke("dev-story")
    while not await dev.client.list_suspensions(during.id):
        pass

    (place / "part.py").write_text(PART.format("new"), encoding="utf-8")
    assert dev.told("reloaded")["workflows"] == ["dev-story", "dev-thing"]
    for execution in (running, during):
        await dev.client.resume("dev-story", execution.id, "go on", None)
        assert await execution.result(timeout=30) == ["old", "new"]

    slow = await dev.client.invoke("dev-thing")
    while (await dev.client.get_execution(slow.id))["status"] == "queued":
        pass
    (place / "part.py").write_text(PART.format("newer"), encoding="utf-8")
    assert await slow.result(timeout=30) == "Thing", "the class was not replaced under the step that gives it"
    dev.told("reloaded")

    waiting = await dev.client.invoke("dev-story")
    while not await dev.client.list_suspensions(waiting.id):
        pass
    await dev.client.aclose()
    assert dev.end() == 0
    dev.told("stopping")
    store = Embedded(place / ".polos" / "polos.db", work=False)
    assert store.service.meta(waiting.id).status == "waiting", "it goes on at the next start"
    store.close()

"""Every snippet that users of the SDK were promised runs as it was promised: `contract/snippets.txt`, unchanged.

Each is a program of its own. What it takes from the text around it (names imported further up, a tool that is "yours",
a workflow to call) is given to it; models are played by a server on this machine that speaks the provider's format.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

import polos
from polos import ExecutionFailed, Polos, WorkflowContext, tool, workflow
from polos.core.definitions import Queue, registry
from polos.entry.embedded import Embedded
from polos.errors import StoreError
from polos.runtime import client
from polos.server.local import serve
from polos.testing import WireServer, call, turn
from support import snippets

PATH: Final = Path(__file__).parent / "contract" / "snippets.txt"
BLOCKS: Final = {block.heading: block for block in snippets.blocks(PATH, "python")}
ONCE_IMPORTED: Final = ("workflow", "WorkflowContext", "WorkflowState", "Agent", "tool")
"""What the text has imported before a snippet that does not import it."""

Program = Callable[..., AbstractAsyncContextManager[ModuleType]]


@pytest.fixture(autouse=True)
def nothing_else_is_defined() -> Iterator[None]:
    """Snippets use the same ids again and again."""
    with snippets.own_registry():
        yield


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """`async with program(heading, name=value ...)`: the snippet, run where the embedded runtime is open."""

    @asynccontextmanager
    async def opened(heading: str, **given: Any) -> AsyncIterator[ModuleType]:
        context = {name: getattr(polos, name) for name in ONCE_IMPORTED} | given
        with snippets.module("contract_program", **context) as module:
            async with Polos(tmp_path / "polos.db"):
                await snippets.run(BLOCKS[heading], module)
                yield module

    return opened


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., WireServer]]:
    """`provider([turn, ...])`: every provider's address is that of a server which says this."""
    servers: list[WireServer] = []

    def start(replies: Any) -> WireServer:
        server = WireServer(replies).start()
        servers.append(server)
        for name, value in server.env().items():
            monkeypatch.setenv(name, value)
        return server

    yield start
    for server in servers:
        server.stop()


# --- quick start --------------------------------------------------------------------------------------------------


@pytest.fixture
def no_client() -> Iterator[None]:
    """What `configure` sets is forgotten after the test."""
    before = list(client._default)
    client._default.clear()
    yield
    client._default[:] = before


@contextmanager
def server(store: Path, port: int) -> Iterator[str]:
    """A server on this machine that runs what is registered; its address."""
    try:
        embedded = Embedded(store, project="your-project-id")
        try:
            with serve(embedded, port=port, local_mode=True) as local:
                yield local.url
        finally:
            embedded.close()
    except StoreError as error:
        if "in use" not in str(error):
            raise
        pytest.skip(str(error))


async def test_configure_the_sdk(no_client: None, tmp_path: Path) -> None:
    with snippets.module("contract_program") as module:
        await snippets.run(BLOCKS["2. Define a Workflow"], module)
        with server(tmp_path / "polos.db", 8080):
            await snippets.run(BLOCKS["1. Configure the SDK"], module)
            assert await module.hello_world.run({"name": "Ada"}) == {"message": "Hello, Ada!"}


async def test_configure_the_sdk_by_environment_variables(
    no_client: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = (found for found in snippets.blocks(PATH, "bash") if "export " in found.code)
    for line in block.code.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value)
    with snippets.module("contract_program") as module:
        await snippets.run(BLOCKS["2. Define a Workflow"], module)
        with server(tmp_path / "polos.db", 0) as url:
            monkeypatch.setenv("POLOS_API_URL", url)
            assert await module.hello_world.run({"name": "Ada"}) == {"message": "Hello, Ada!"}


async def test_define_a_workflow(program: Program) -> None:
    async with program("2. Define a Workflow") as module:
        assert await module.hello_world.run({"name": "Ada"}) == {"message": "Hello, Ada!"}
        assert await module.hello_world.run() == {"message": "Hello, World!"}


async def test_create_an_agent(program: Program, provider: Callable[..., WireServer]) -> None:
    server = provider(["It is sunny."])
    async with program("3. Create an Agent", get_weather=weather_tool()) as module:
        assert (await module.weather_agent.run("How is it in Oslo?")).result == "It is sunny."
    assert [request.model for request in server.requests] == ["gpt-5-mini"]
    assert "get_weather" in str(server.requests[0].body["tools"])


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, "-m", "polos.runtime.worker"], id="python-m"),
        pytest.param([str(Path(sys.executable).parent / "polos-worker"), "start"], id="polos-worker"),
    ],
)
async def test_run_your_code(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BLOCKS["2. Define a Workflow"].code, encoding="utf-8")
    store = tmp_path / ".polos" / "polos.db"
    with snippets.module("contract_program") as module:
        await snippets.run(BLOCKS["2. Define a Workflow"], module)
        async with Polos(store, work=False):
            handle = await module.hello_world.invoke({"name": "Ada"})
            worker = subprocess.Popen(
                command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(snippets.ROOT)}
            )
            try:
                assert await handle.result(timeout=60) == {"message": "Hello, Ada!"}
                worker.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(worker.wait, 30) == 0
            finally:
                worker.kill()


# --- core concepts ------------------------------------------------------------------------------------------------


async def test_workflows(program: Program) -> None:
    calls = []

    def process_data(payload: dict[str, str]) -> str:
        calls.append(payload)
        return payload["message"].upper()

    async with program("Workflows", process_data=process_data) as module:
        assert await module.my_workflow.run({"message": "one"}) == {"result": "ONE", "counter": 1}
        assert await module.my_workflow.run({"message": "two"}) == {"result": "TWO", "counter": 2}
    assert calls == [{"message": "one"}, {"message": "two"}]


async def test_agents(
    program: Program, provider: Callable[..., WireServer], capsys: pytest.CaptureFixture[str]
) -> None:
    look = turn("Let me look.", calls=[call("get_weather", location="NYC")])
    server = provider([look, look])
    async with program("Agents") as module:
        pass
    printed = capsys.readouterr().out
    assert printed == "Let me look.\nLet me look.", "once as the result, once as it was streamed"
    assert [(done.tool_name, done.status) for done in module.result.tool_results] == [
        ("get_weather", "completed")
    ]
    assert module.result.tool_results[0].result == "Weather in NYC: 72°F, sunny"
    assert len(server.finished()) == 2, "executed_tool ends each run after the step that called it"


async def test_tools(program: Program, provider: Callable[..., WireServer]) -> None:
    provider(
        [
            turn(calls=[call("calculate", expression="6 * 7"), call("search_web", query="polos")]),
            "42, and many results.",
        ]
    )
    async with program("Tools") as module:
        agent = polos.Agent("asker", "openai", "gpt-5-mini", tools=[module.calculate, module.search_web])
        answer = await agent.run("What is 6 * 7?")
    assert answer.result == "42, and many results."
    assert [done.result for done in answer.tool_results] == [42.0, "Results for: polos"]


async def test_hooks(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    async with program("Hooks") as module:
        assert await module.my_workflow.run({}) == {"result": "done"}
    assert capsys.readouterr().out == "Workflow my_workflow started\n"


async def test_guardrails(program: Program, provider: Callable[..., WireServer]) -> None:
    server = provider(["What bad weather!", "What weather!", "bad", "bad", "bad"])
    async with program("Guardrails") as module:
        assert (await module.weather_agent.run("How is it?")).result == "What weather!"
        assert "inappropriate language" in str(server.requests[1].body), "the model was told why"
        with pytest.raises(ExecutionFailed, match="inappropriate language"):
            await module.weather_agent.run("How is it?")


# --- advanced features --------------------------------------------------------------------------------------------


async def test_state_management(program: Program) -> None:
    async with program("State Management") as module:
        counts = [await module.counter.run({"action": name}) for name in ("a", "b", "c")]
        assert counts == [{"count": 1}, {"count": 2}, {"count": 3}]
        assert await module.counter.run({}, session_id="another") == {"count": 1}


async def test_step_execution(program: Program) -> None:
    calls: list[object] = []

    def my_function(one: int, two: int) -> int:
        calls.append((one, two))
        return one + two

    @workflow(id="other_workflow")
    async def other_workflow(ctx: WorkflowContext, payload: dict[str, int]) -> dict[str, int]:
        calls.append(payload)
        return {"doubled": 2 * payload["n"]}

    given = {"my_function": my_function, "arg1": 1, "arg2": 2, "other_workflow": other_workflow}
    async with program("Step Execution", **given) as module:
        assert await module.my_workflow.run({"n": 4}) == {"doubled": 8}
    assert calls == [(1, 2), {"n": 4}, {"n": 4}], "the step once, and each child once"


async def test_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with snippets.module("contract_program") as module:
        async with Polos(tmp_path / "polos.db"):
            endless = asyncio.ensure_future(snippets.run(BLOCKS["Events"], module))
            printed = ""
            while not printed.endswith("\n"):
                assert not endless.done()
                await asyncio.sleep(0.01)
                printed += capsys.readouterr().out
            endless.cancel()
    assert printed == "Event: message - {'text': 'Hello'}\n"


async def test_scheduled_workflows(program: Program, tmp_path: Path) -> None:
    async with program("Scheduled Workflows") as module, Polos(tmp_path / "opened later.db"):
        schedules = await polos.schedules.list()
        assert [(one.workflow_id, one.cron, one.timezone) for one in schedules] == [
            ("daily_report", "0 9 * * *", "UTC")
        ]
        assert await module.daily_report.run({}) == {"report": "..."}


async def test_queues(program: Program) -> None:
    async with program("Queues") as module:
        assert await module.processor.run({}) == {"status": "processed"}
        assert registry.get("processor").queue == Queue("processing", concurrency_limit=5)


async def test_batch_execution(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    @workflow(id="my_workflow")
    async def my_workflow(ctx: WorkflowContext, payload: dict[str, int]) -> int:
        return 10 * payload["value"]

    async with program("Batch Execution") as module:
        assert [result.success for result in module.results] == [True, True, True]
    assert capsys.readouterr().out == "10\n20\n30\n"


# --- reference ----------------------------------------------------------------------------------------------------


async def test_reference_of_workflow(program: Program) -> None:
    class MyState(polos.WorkflowState):
        seen: int = 0

    async with program("`@workflow(id, queue, schedule, state_schema, ...)`", MyState=MyState) as module:
        assert await module.my_workflow.run({}) == {"result": "done"}


async def test_reference_of_agent(program: Program, provider: Callable[..., WireServer]) -> None:
    provider(["Hello!"])
    async with program("`Agent(id, provider, model, ...)`", my_tool=weather_tool()) as module:
        assert (await module.agent.run("Hi")).result == "Hello!"


async def test_reference_of_tool(program: Program) -> None:
    async with program("`@tool`") as module:
        assert await module.my_tool.run({"arg": "it"}) == "Processed: it"


# --- the whole ----------------------------------------------------------------------------------------------------


def test_every_snippet_has_its_test() -> None:
    tests = {name for name in globals() if name.startswith("test_")}
    shown = {heading for heading in BLOCKS if any(_slug(heading) in name.replace("_", "") for name in tests)}
    assert set(BLOCKS) - shown == set()
    assert len(BLOCKS) == len(snippets.blocks(PATH, "python")), "two snippets under one heading"


def test_the_file_that_the_text_tells_to_run_is_there() -> None:
    commands = "".join(block.code for block in snippets.blocks(PATH, "bash"))
    named = [word for word in commands.split() if word.startswith("tests/")]
    assert named
    assert [name for name in named if not (snippets.ROOT / name).is_file()] == []


def weather_tool() -> Any:
    """A tool of "yours"."""

    @tool(id="get_weather")
    def get_weather(ctx: WorkflowContext, location: str) -> str:
        """Get weather for a location."""
        return f"Weather in {location}: sunny"

    return get_weather


def _slug(heading: str) -> str:
    """The letters of a heading's first words, as a test's name has them."""
    text = heading.partition("(")[0].lower()
    if heading.startswith("`"):
        text = "referenceof" + text
    return "".join(letter for letter in text if letter.isalpha())

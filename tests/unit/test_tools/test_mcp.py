"""MCP servers: their tools are found once per run, and each call of one is an execution of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from polos import ExecutionFailed, InvalidDefinition
from polos.testing.harness import Harness
from polos.testing.turns import call, turn
from polos.tools.mcp import McpServer
from support.agents import agent, ask, told

SERVER = '''
import os, sys
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("books")

@server.tool()
def find(title: str, most: int = 3) -> str:
    """Find a book."""
    return f"{title} is on shelf {most}"

@server.tool()
def stock(title: str) -> dict[str, int]:
    """How many there are."""
    return {"copies": 4}

@server.tool()
def lend(title: str) -> str:
    """Lend a book."""
    raise ToolError("it is lent already")

@server.tool()
def environment() -> str:
    """What the server sees."""
    return os.environ.get("SHELF", "none")

@server.tool()
def crash() -> str:
    """End the server."""
    os._exit(1)

if sys.argv[1:] == ["http"]:
    server.run("streamable-http", host="127.0.0.1", port=int(os.environ["PORT"]))
else:
    server.run("stdio")
'''


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mcp") / "server.py"
    path.write_text(SERVER)
    return path


@pytest.fixture(scope="module")
def address(program: Path) -> Iterator[str]:
    """The same server at an HTTP address of this machine."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, program, "http"],
        env={**os.environ, "PORT": str(port)},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/mcp"
    for _ in range(600):
        try:
            httpx.get(url, timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            break
    yield url
    process.terminate()
    process.wait(10)


def server(program: Path, name: str, **options: object) -> McpServer:
    return McpServer(name, command=[sys.executable, str(program)], **options)


def test_an_agent_calls_the_tools_of_a_program(world: Harness, program: Path) -> None:
    books = server(program, "books", env={"SHELF": "B"})
    calls = [call("books_find", title="Moby Dick"), call("books_stock", title="x"), call("books_environment")]
    one, fake = agent([turn(calls=calls), "Found."], tools=[books])
    started = world.start(one, {"input": "Find it."})
    result = started.result()
    assert result.result == "Found."
    assert told(fake.requests[1])[0] in ("Moby Dick is on shelf 3", '{"result":"Moby Dick is on shelf 3"}')
    assert "4" in told(fake.requests[1])[1]
    assert "B" in told(fake.requests[1])[2]
    assert [one.tool_name for one in result.tool_results] == [
        "books_find",
        "books_stock",
        "books_environment",
    ]
    specs = {spec.name: spec for spec in fake.requests[0].tools}
    assert set(specs) == {"books_find", "books_stock", "books_lend", "books_environment", "books_crash"}
    assert specs["books_find"].description == "Find a book."
    assert specs["books_find"].parameters["required"] == ["title"]
    assert started.steps.count("tools:books") == 1


@pytest.mark.slow
def test_a_tool_that_fails_is_told_to_the_model(world: Harness, program: Path) -> None:
    one, fake = agent([turn(calls=[call("lib_lend", title="x")]), "Sorry."], tools=[server(program, "lib")])
    result = ask(world, one)
    assert "it is lent already" in told(fake.requests[1])[0]
    assert result.tool_results[0].status == "failed"


@pytest.mark.slow
def test_only_the_tools_that_are_named_are_offered_and_may_be_called(world: Harness, program: Path) -> None:
    few = server(program, "few", tools=["find"])
    one, fake = agent(["ok"], tools=[few])
    ask(world, one)
    assert [spec.name for spec in fake.requests[0].tools] == ["few_find"]
    with pytest.raises(ExecutionFailed, match="has no tool 'lend' for this agent"):
        world.run(few.definition, {"tool": "lend", "arguments": {}})


def test_the_tools_of_an_address_are_the_same(world: Harness, address: str) -> None:
    books = McpServer("remote", url=address)
    one, fake = agent([turn(calls=[call("remote_find", title="Emma")]), "ok"], tools=[books])
    ask(world, one)
    assert "Emma is on shelf 3" in told(fake.requests[1])[0]


@pytest.mark.slow
def test_headers_are_made_at_each_connection(world: Harness, address: str) -> None:
    asked: list[int] = []

    def headers() -> dict[str, str]:
        asked.append(1)
        return {"authorization": "Bearer x"}

    books = McpServer("guarded", url=address, headers=headers)
    one, _ = agent([turn(calls=[call("guarded_find", title="Emma")]), "ok"], tools=[books])
    ask(world, one)
    assert len(asked) == 2


@pytest.mark.slow
def test_a_person_may_have_to_approve_each_call(world: Harness, program: Path) -> None:
    books = server(program, "asking", approval="always")
    started = world.start(books.definition, {"tool": "find", "arguments": {"title": "Emma"}})
    world.pump()
    (address,) = world.waits_for(started)
    assert address.startswith("suspend:approve_asking_find_")
    started.resume(address.removeprefix("suspend:"), {"approved": True})
    assert "Emma" in str(started.result())


def test_a_server_that_dies_in_a_call_fails_that_call_and_no_later_one(world: Harness, program: Path) -> None:
    calls = [turn(calls=[call("mortal_crash")]), turn(calls=[call("mortal_find", title="Emma")])]
    one, fake = agent([*calls, "Found."], tools=[server(program, "mortal")])
    result = ask(world, one)
    assert [one.status for one in result.tool_results] == ["failed", "completed"]
    assert "the MCP server 'mortal'" in told(fake.requests[1])[0]
    assert "Emma is on shelf 3" in told(fake.requests[2])[1]


def test_a_server_that_does_not_start_fails_the_run_after_its_attempts(world: Harness) -> None:
    lost = McpServer("lost", command=["/nonexistent/program"])
    with pytest.raises(ExecutionFailed, match="the MCP server 'lost'"):
        ask(world, agent(["never"], tools=[lost])[0])


def test_a_server_needs_one_way_to_be_reached() -> None:
    for options in ({}, {"command": ["x"], "url": "http://x"}):
        with pytest.raises(InvalidDefinition, match="either command"):
            McpServer("none", **options)

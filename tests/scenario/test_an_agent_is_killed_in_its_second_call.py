"""A process with an agent is killed while the model answers its second call; another goes on. The provider's own log
and the tools' own ledger tell that nothing which had finished was done again: with a real process and its file, and
with the Lambda handlers over AWS in the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from polos import Agent, WorkflowContext, tool
from polos.llm.events import StreamEvent
from polos.llm.port import Capabilities, Provider
from polos.llm.request import ModelRequest
from polos.testing.harness import Harness, NothingHappens
from polos.testing.turns import Turn, call, turn
from polos.testing.wire_server import WireServer
from support.processes import Process
from support.providers import ANTHROPIC, RESPONSES, Subject
from support.scenario import did, effects, executions, times

PROGRAM = """
import asyncio, sys
from pathlib import Path
from polos import Agent, Polos, WorkflowContext, events, tool

store, ledger, provider, model = sys.argv[1:5]

def note(line):
    with Path(ledger).open("a") as file:
        file.write(line + "\\n")

@tool
def timetable(ctx: WorkflowContext, to: str) -> str:
    "Trains to a city."
    note(f"timetable {to}")
    return f"09:10 to {to}"

@tool
async def seats(ctx: WorkflowContext, train: str) -> int:
    "Free seats of a train."
    return await ctx.step.run("count", count, train, max_retries=0)

def count(train):
    before = Path(ledger).read_text().count("seats")
    note("seats")
    if before == 0:
        raise ConnectionError("the railway does not answer")
    return 4

@tool(approval="always")
async def pay(ctx: WorkflowContext, amount: int) -> str:
    "Pay."
    return await ctx.step.run("pay", charge, amount)

def charge(amount):
    note(f"paid {amount}")
    return f"paid {amount}"

agent = Agent(id="traveller", provider=provider, model=model, tools=[timetable, seats, pay])

async def approve(polos, run):
    async for event in events.stream_workflow(polos, agent.id, run):
        if event.event_type.startswith("suspend_approve_pay"):
            about = event.data["_metadata"]["execution_id"]
            key = event.event_type.removeprefix("suspend_")
            await asyncio.to_thread(polos.embedded.service.resume, about, key, {"approved": True})

async def main():
    async with Polos(store) as polos:
        handle = await agent.invoke("Take me to Bergen", idempotency_key="one trip")
        asyncio.ensure_future(approve(polos, handle.id))
        result = await handle.result(timeout=100)
        say(result.result, "|", sorted((one.tool_name, one.status) for one in result.tool_results))

asyncio.run(main())
"""


def trip(never: threading.Event) -> list[Turn | list[Turn]]:
    """What the model says. Its second answer does not come when it is first asked for."""
    again = [call("seats", train="09:10"), call("pay", amount=900)]
    return [
        turn("Let me see.", calls=[call("timetable", to="Bergen"), call("seats", train="09:10")]),
        [turn("Again.", calls=again, hold=never), turn("Again.", calls=again)],
        turn("You leave at 09:10."),
    ]


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-5-mini"), pytest.param("anthropic", "claude-sonnet-4-5", marks=pytest.mark.slow)],
)
def test_no_finished_call_is_made_twice(
    provider: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    script = trip(never)
    ledger = tmp_path / "ledger"
    ledger.touch()
    with WireServer(script, order="position") as server:
        for name, value in server.env().items():
            monkeypatch.setenv(name, value)
        arguments = (tmp_path / "polos.db", ledger, provider, model)
        with Process(PROGRAM, *arguments) as first:
            server.wait_for(2, timeout=120)
            first.kill()
        with Process(PROGRAM, *arguments) as second:
            said = second.hear()
            second.finish()
        never.set()
        server.wait_for(1, outcome="abandoned")
    told = [("pay", "completed"), ("seats", "completed"), ("seats", "failed"), ("timetable", "completed")]
    assert said == f"You leave at 09:10. | {told}"
    asked = Counter((request.position, request.outcome) for request in server.requests)
    assert asked == {(0, "complete"): 1, (1, "abandoned"): 1, (1, "complete"): 1, (2, "complete"): 1}
    done = Counter(ledger.read_text().splitlines())
    assert done == {"timetable Bergen": 1, "seats": 2, "paid 900": 1}


# --- the same through the handlers --------------------------------------------------------------------------------


class Mortal:
    """A provider whose process dies when the request of its second call has arrived, and no answer has come."""

    def __init__(self, provider: Provider, world: Harness, server: WireServer) -> None:
        self._provider, self._world, self._server = provider, world, server
        self.name = provider.name

    def capabilities(self, model: str) -> Capabilities:
        return self._provider.capabilities(model)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        async with aclosing(self._provider.stream(request)) as events:
            if len(self._server.requests) == 1:
                asked = asyncio.ensure_future(anext(events))
                await asyncio.to_thread(self._server.wait_for, 2)
                asked.cancel()
                await asyncio.wait({asked})
                self._world.die()
            async for event in events:
                yield event


def traveller(provider: Provider, model: str) -> Agent:
    """The agent of the program above; what its tools do is noted here."""

    @tool
    def timetable(ctx: WorkflowContext, to: str) -> str:
        """Trains to a city."""
        did(f"timetable {to}")
        return f"09:10 to {to}"

    @tool
    async def seats(ctx: WorkflowContext, train: str) -> int:
        """Free seats of a train."""
        return await ctx.step.run("count", count, train, max_retries=0)

    def count(train: str) -> int:
        did("seats")
        if times("seats") == 1:
            raise ConnectionError("the railway does not answer")
        return 4

    @tool(approval="always")
    async def pay(ctx: WorkflowContext, amount: int) -> str:
        """Pay."""
        return await ctx.step.run("pay", charge, amount)

    def charge(amount: int) -> str:
        did(f"paid {amount}")
        return f"paid {amount}"

    return Agent(id="mortal-traveller", provider=provider, model=model, tools=[timetable, seats, pay])


@pytest.mark.parametrize("subject", [RESPONSES, ANTHROPIC], ids=lambda subject: subject.id)
def test_no_finished_call_is_made_twice_where_a_sandbox_dies(world: Harness, subject: Subject) -> None:
    never = threading.Event()
    with WireServer(trip(never), order="position") as server:
        agent = traveller(Mortal(subject.provider(server), world, server), subject.model)
        started = world.start(agent, {"input": "Take me to Bergen"})
        with pytest.raises(NothingHappens, match="invoke_and_wait:pay"):
            started.result()
        for execution in executions(world):
            for address in world.waits_for(execution):
                if address.startswith("suspend:approve_pay"):
                    world.resume(execution, address.removeprefix("suspend:"), {"approved": True})
        result = started.result()
        never.set()
        server.wait_for(1, outcome="abandoned")
    assert result.result == "You leave at 09:10."
    asked = Counter((request.position, request.outcome) for request in server.requests)
    assert asked == {(0, "complete"): 1, (1, "abandoned"): 1, (1, "complete"): 1, (2, "complete"): 1}
    assert effects() == {"timetable Bergen": 1, "seats": 2, "paid 900": 1}

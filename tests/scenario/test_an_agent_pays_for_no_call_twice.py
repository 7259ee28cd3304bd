"""An agent calls models and tools; a crash repeats at most what was under way, and nothing that was finished."""

from __future__ import annotations

from polos import Agent, WorkflowContext, tool
from polos.testing.fake_model import FakeModel
from polos.testing.harness import Harness, NothingHappens
from polos.testing.turns import Turn, call, turn
from support.scenario import did, effects, executions

ANSWERS = [
    turn("Let me look.", calls=[call("find_flight", to="Olso"), call("weather", city="Oslo")]),
    turn(calls=[call("find_flight", to="Oslo"), call("book", flight="OS1")]),
    turn("Your flight OS1 is booked; take an umbrella."),
]


@tool
def weather(ctx: WorkflowContext, city: str) -> str:
    """The weather of a city."""
    did("looked at the weather")
    return f"It rains in {city}."


@tool
async def find_flight(ctx: WorkflowContext, to: str) -> list[str]:
    """Flights to a city."""
    return await ctx.step.run("search", search, to, max_retries=0)


async def search(to: str) -> list[str]:
    did(f"searched {to}")
    if to == "Olso":
        raise LookupError("there is no such city")
    return ["OS1"]


@tool(approval="always")
async def book(ctx: WorkflowContext, flight: str) -> dict[str, str]:
    """Book a flight."""
    return await ctx.step.run("book", pay, flight)


def pay(flight: str) -> dict[str, str]:
    did(f"booked {flight}")
    return {"booked": flight}


def answer(request) -> Turn:
    position = sum(message.role == "assistant" for message in request.messages)
    did(f"asked for turn {position}")
    return ANSWERS[position]


def traveller() -> Agent:
    return Agent(
        id="traveller",
        provider=FakeModel(answer),
        model="fake",
        system_prompt="You book flights.",
        tools=[weather, find_flight, book],
    )


def approve_all(world: Harness) -> None:
    """Answer whoever waits for approval."""
    for execution in executions(world):
        for address in world.waits_for(execution):
            if address.startswith("suspend:approve_"):
                world.resume(execution, address.removeprefix("suspend:"), {"approved": True})


def travel(world: Harness) -> object:
    started = world.start(traveller(), {"input": "Book me a flight to Oslo."})
    for _ in range(3):
        try:
            result = started.result()
        except NothingHappens:
            approve_all(world)
        else:
            return {
                "result": result.result,
                "tools": sorted((r.tool_name, r.status) for r in result.tool_results),
                "steps": result.total_steps,
                "outcome": result.outcome,
            }
    raise AssertionError("nobody asks, and nothing happens")


def test_three_tools_one_that_fails_and_one_that_asks(tell) -> None:
    tell(travel)


def test_without_a_crash_each_turn_is_asked_for_once(world: Harness) -> None:
    given = travel(world)
    assert given == {
        "result": "Your flight OS1 is booked; take an umbrella.",
        "tools": [
            ("book", "completed"),
            ("find_flight", "completed"),
            ("find_flight", "failed"),
            ("weather", "completed"),
        ],
        "steps": 3,
        "outcome": "completed",
    }
    assert effects() == {
        "asked for turn 0": 1,
        "asked for turn 1": 1,
        "asked for turn 2": 1,
        "looked at the weather": 1,
        "searched Olso": 1,
        "searched Oslo": 1,
        "booked OS1": 1,
    }

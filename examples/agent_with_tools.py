"""An agent with two tools: the model asks for them, gets their answers, and says something about them.

Each call of the model is a recorded step and each tool call an execution of its own: a crash pays for nothing twice.
"""

from __future__ import annotations

import argparse
import sys

from examples.running import ExampleModel, example, last_said, tools_gave
from polos import Agent, Polos, WorkflowContext, max_steps, tool
from polos.llm.request import ModelRequest
from polos.testing import Turn, call, turn

FORECASTS = {"oslo": ("rain", 9), "lisbon": ("sun", 24), "vienna": ("clouds", 15)}


def script(request: ModelRequest) -> Turn | str:
    """What a model would do: look up every city that is named, then advise."""
    cities = [city for city in FORECASTS if city in last_said(request).lower()]
    if not cities:
        return "Name a city that I know: " + ", ".join(FORECASTS).title() + "."
    answers = tools_gave(request)
    if not answers:
        return turn(calls=[call("get_forecast", city=city) for city in cities])
    if len(answers) == len(cities):
        return turn(calls=[call("pack", weather=" and ".join(answers))])
    return f"{'; '.join(answers[:-1])}. Take {answers[-1]}."


model = ExampleModel(script)


@tool
def get_forecast(ctx: WorkflowContext, city: str) -> str:
    """The weather of tomorrow.

    Args:
        city: The name of the city, in English.
    """
    sky, degrees = FORECASTS[city.strip().lower()]  # an unknown city is an error, and the model is told of it
    return f"{city.strip().title()}: {sky}, {degrees} degrees"


@tool
def pack(ctx: WorkflowContext, weather: str) -> str:
    """What to take along.

    Args:
        weather: What the weather will be like.
    """
    return "an umbrella" if "rain" in weather else "sunglasses" if "sun" in weather else "a jacket"


adviser = Agent(
    id="examples.adviser",
    provider=model,  # in your program: provider="openai", model="gpt-5-mini"
    model="example",
    system_prompt="You advise travellers. Look up the weather of every city before you answer, then ask what to pack.",
    tools=[get_forecast, pack],
    stop_conditions=[max_steps(6)],
)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Ask once, and show the way to the answer."""
    answer = await adviser.run(given.question)
    for done in answer.tool_results:
        print(f"  {done.tool_name}: {done.result if done.status == 'completed' else done.error}")
    print(answer.result)
    print(f"({answer.total_steps} steps, {answer.usage.total_tokens} tokens)")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("question", nargs="?", default="I go to Oslo and Lisbon tomorrow. What do I need?")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, models=True, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

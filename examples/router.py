"""A router of agents: one model decides who is asked, and agents that know more answer, each as a child of the run.

An agent is a tool of another one, too: the librarian below asks the translator by itself.
"""

from __future__ import annotations

import argparse
import sys
from typing import Literal

from pydantic import BaseModel

from examples.running import ExampleModel, example, last_said, tools_gave
from polos import Agent, Polos, WorkflowContext, workflow
from polos.llm.request import ModelRequest
from polos.testing import Turn, call, turn


class Route(BaseModel):
    """Who should answer."""

    to: Literal["sums", "books"]


def script(request: ModelRequest) -> Turn | str:
    """All four agents, told apart by their instructions."""
    said = last_said(request)
    if request.system.startswith("Route"):
        return turn(output=Route(to="sums" if any(sign in said for sign in "+-*/") else "books"))
    if request.system.startswith("Calculate"):
        left, sign, right = said.split()[-3:]
        values = float(left), float(right.rstrip("?"))
        return f"{values[0] + values[1] if sign == '+' else values[0] * values[1]:g}"
    if request.system.startswith("Translate"):
        return "Ulysses" if "Odysseus" in said else said
    if not tools_gave(request):
        return turn(calls=[call("examples_translator", input="Odysseus")])
    return f"In English he is {tools_gave(request)[0]}; Joyce wrote about him."


model = ExampleModel(script)

dispatcher = Agent(
    "examples.dispatcher", model, "example", system_prompt="Route the question.", output_schema=Route
)
calculator = Agent(
    "examples.calculator", model, "example", system_prompt="Calculate. Answer with the number."
)
translator = Agent(
    "examples.translator",
    model,
    "example",
    description="Translates names of figures.",
    system_prompt="Translate the name to English.",
)
librarian = Agent("examples.librarian", model, "example", system_prompt="You know books.", tools=[translator])
AGENTS = {"sums": calculator, "books": librarian}


@workflow(id="examples.answer")
async def answer(ctx: WorkflowContext, question: str) -> str:
    """Ask who should answer, then ask them."""
    route = await ctx.step.agent_invoke_and_wait("route", dispatcher.with_input(question))
    chosen = AGENTS[route.result.to]
    told = await ctx.step.agent_invoke_and_wait("answer", chosen.with_input(question))
    return f"{chosen.id.rpartition('.')[2]}: {told.result}"


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Ask every question of the command line, or two of the example's."""
    for question in given.questions or ["What is 6 * 7?", "Who wrote about Odysseus?"]:
        print(f"> {question}\n{await answer.run(question)}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("questions", nargs="*")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, models=True, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

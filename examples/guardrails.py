"""Guardrails: what a model says is checked before anybody sees it, by a function and by a rule in words.

What is refused goes back to the model with the objection. What is merely improved is changed on the way.
"""

from __future__ import annotations

import argparse
import json
import re
import sys

from examples.running import ExampleModel, example
from polos import Agent, ExecutionFailed, GuardrailContext, GuardrailResult, Polos, guardrail
from polos.llm.request import ModelRequest
from polos.testing import Turn, turn


def script(request: ModelRequest) -> Turn | str:
    """A model that promises too much until it is told not to; as a judge, it wants the sources named."""
    if request.output is not None:  # it is asked to judge an answer by the rule in words
        answer = request.messages[-1].text.partition("<answer>")[2]
        passed = "according to" in answer.lower()
        return turn(output={"passed": passed, "reason": "" if passed else "say who it is according to"})
    talk = json.dumps([message.text for message in request.messages])
    if "stubborn" in talk:
        return "I guarantee it."
    if "promise nothing" not in talk:
        return "I guarantee 8 % a year! Call +47 555 01 234."
    if "according to" not in talk:
        return "It made 3 % last year. Call +47 555 01 234."
    return "It made 3 % last year, according to its report. Call +47 555 01 234."


model = ExampleModel(script)


@guardrail
def no_promises(ctx: GuardrailContext) -> GuardrailResult:
    """Refuse: the model is told why, and answers anew."""
    if re.search(r"guarantee|promise", ctx.content or "", re.IGNORECASE):
        print(f"  refused: {ctx.content}")
        return GuardrailResult.fail("promise nothing")
    return GuardrailResult.continue_with()


@guardrail
def no_numbers_to_call(ctx: GuardrailContext) -> GuardrailResult:
    """Change: the answer goes on without what must not be in it."""
    return GuardrailResult.continue_with(
        modified_content=re.sub(r"\+\d[\d ]+\d", "[number removed]", ctx.content or "")
    )


adviser = Agent(
    id="examples.fund_adviser",
    provider=model,
    model="example",
    guardrails=[no_promises, "Every number names its source.", no_numbers_to_call],
    guardrail_max_retries=2,
)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Ask once."""
    try:
        answer = await adviser.run(given.question)
    except ExecutionFailed as error:
        print(f"nothing was said: {error.error.get('message', error)}")
        return
    print(answer.result)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("question", nargs="?", default="How good is the fund?")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, models=True, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

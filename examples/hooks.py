"""Hooks: functions at fixed points of a run that look, change what flows on, or stop it.

Each is recorded with the run, so that a replay gives what the hook gave, and does not call it again.
"""

from __future__ import annotations

import argparse
import sys

from pydantic import BaseModel

from examples.running import ExampleModel, example, tools_gave
from polos import (
    Agent,
    ExecutionFailed,
    HookContext,
    HookResult,
    Polos,
    WorkflowContext,
    hook,
    tool,
    workflow,
)
from polos.llm.request import ModelRequest
from polos.testing import Turn, call, turn

# --- around a workflow ----------------------------------------------------------------------------------------------


class Payment(BaseModel):
    """Money for somebody, in euros."""

    to: str
    amount: float


@hook
def tidy(ctx: WorkflowContext, at: HookContext) -> HookResult:
    """Change the payload before the workflow sees it."""
    payment: Payment = at.current_payload
    return HookResult.continue_with(
        modified_payload=payment.model_copy(update={"to": payment.to.strip().title()})
    )


@hook
def limit(ctx: WorkflowContext, at: HookContext) -> HookResult:
    """Stop what must not happen."""
    if at.current_payload.amount > 1000:
        return HookResult.fail(f"{at.current_payload.amount:.2f} EUR is more than may be paid at once")
    return HookResult.continue_with()


@hook
def stamp(ctx: WorkflowContext, at: HookContext) -> HookResult:
    """Change the result on its way out."""
    return HookResult.continue_with(modified_output=f"{at.current_output} [checked]")


@workflow(id="examples.pay", on_start=[tidy, limit], on_end=stamp)
async def pay(ctx: WorkflowContext, payment: Payment) -> str:
    """Pay; sees the payload as the hooks have left it."""
    return f"paid {payment.amount:.2f} EUR to {payment.to}"


# --- around the tools of an agent -----------------------------------------------------------------------------------


def script(request: ModelRequest) -> Turn | str:
    """A model that reads a file it should not, and says what it has got."""
    answers = tools_gave(request)
    return f"I have read {answers[0]}" if answers else turn(calls=[call("read_file", path="/etc/notes.txt")])


model = ExampleModel(script)


@hook
def inside_only(ctx: WorkflowContext, at: HookContext) -> HookResult:
    """Whatever path the model names, it is one below the project. (To fail would stop the run.)"""
    return HookResult.continue_with(
        modified_payload={"path": "project/" + at.current_payload["path"].lstrip("/.")}
    )


@hook
def tell(ctx: WorkflowContext, at: HookContext) -> None:
    """A hook that only looks needs no result."""
    print(f"  {at.current_tool}: {at.error or at.current_output}")


@tool
def read_file(ctx: WorkflowContext, path: str) -> str:
    """Read a file of the project."""
    return f"the content of {path}"


reader = Agent(
    id="examples.reader",
    provider=model,
    model="example",
    tools=[read_file],
    on_tool_start=inside_only,
    on_tool_end=tell,
)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Pay twice, the second time too much; then let an agent read files."""
    print(await pay.run(Payment(to="  ada lovelace ", amount=given.amount)))
    try:
        await pay.run(Payment(to="charles", amount=given.amount * 1000))
    except ExecutionFailed as error:
        print(f"stopped: {error.error['message']}")
    print((await reader.run("What do the notes say?")).result)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--amount", type=float, default=12.5)


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, models=True, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

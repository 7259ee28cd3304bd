"""A person decides: a workflow that waits for an answer, and a tool that runs only when it is approved.

While it waits nothing is in memory and nothing is billed, whether the answer takes a second or a month.

    python -m examples.approval --answer yes|no        without it, you are asked, if a terminal is there
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from examples.running import ExampleModel, example, tools_gave
from polos import (
    Agent,
    ExecutionHandle,
    Polos,
    StreamEvent,
    WaitTimeout,
    WorkflowContext,
    events,
    tool,
    workflow,
)
from polos.llm.request import ModelRequest
from polos.testing import Turn, call, turn


@workflow(id="examples.publish_article")
async def publish_article(ctx: WorkflowContext, title: str) -> str:
    """Ask, and go on with the answer, or without one after a week."""
    try:
        answer = await ctx.step.suspend("review", {"question": f"Publish {title!r}?"}, timeout=7 * 86_400)
    except WaitTimeout:
        return "nobody has answered for a week: dropped"
    if not answer["data"]["approved"]:
        return f"not published: {answer['data'].get('feedback') or 'no reason given'}"
    return f"published {title!r}"


def script(request: ModelRequest) -> Turn | str:
    """A model that deletes what it was told to delete, if it may."""
    answers = tools_gave(request)
    return f"The answer was: {answers[0]}" if answers else turn(calls=[call("delete_files", pattern="*.tmp")])


model = ExampleModel(script)


@tool(approval="always")
def delete_files(ctx: WorkflowContext, pattern: str) -> str:
    """Delete files."""
    return f"deleted {pattern}"


janitor = Agent(id="examples.janitor", provider=model, model="example", tools=[delete_files])


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Answer what both ask."""
    article = await publish_article.invoke("How to wait")
    await answer_all(polos, article, given.answer)
    print(await article.result())
    cleaning = await janitor.invoke("Delete the temporary files.")
    await answer_all(polos, cleaning, given.answer)
    print((await cleaning.result()).result)


async def answer_all(polos: Polos, run: ExecutionHandle[Any], given: str | None) -> None:
    """Answer every suspension of a run until it ends, as a page of yours, a chat or the dashboard would."""
    async for event in events.stream_workflow(run.workflow_id, run.id):
        if not (event.event_type or "").startswith("suspend_"):
            continue
        yes = await asked(event, given)
        waiting = event.data["_metadata"]  # which execution of the run it is that waits
        key = str(event.event_type).removeprefix("suspend_")
        answer = {"approved": yes, "feedback": "" if yes else "not today"}
        await polos.resume(waiting["workflow_id"], waiting["execution_id"], key, answer)


async def asked(event: StreamEvent, given: str | None) -> bool:
    """What the person says."""
    form = event.data.get("_form")
    question = f"{form['title']} with {form['context']['input']}?" if form else event.data["question"]
    if given is None and sys.stdin.isatty():
        given = await asyncio.to_thread(input, f"{question} [yes/no] ")
    else:
        print(f"{question} {given or 'yes'}")
    return (given or "yes").strip().lower() in ("y", "yes")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--answer", choices=["yes", "no"], help="answer everything so")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, models=True, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

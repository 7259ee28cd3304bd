"""Fan out, and in: a text is cut into parts, each is counted by an execution of its own, the counts are added up.

Children run at the same time, each with its own attempts. One that fails is data here, and does not stop the others.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

from examples.running import example
from polos import BatchWorkflowInput, Polos, WorkflowContext, workflow

TEXT = """
A workflow is a function. Each of its steps is recorded. After a crash it goes on where it was.
What was recorded does not run again. What was not recorded may run once more. So a step has to bear that.
Between two steps the code has to do the same each time. That is the rule, and it is the only one.
!broken part
While a workflow waits, nothing runs. It may wait for a second, or for a year. Waiting costs nothing.
"""


def count(part: str) -> dict[str, int]:
    """How often each word occurs."""
    if part.startswith("!"):
        raise ValueError(f"cannot be read: {part!r}")
    return dict(Counter(re.findall(r"\w+", part.lower())))


@workflow(id="examples.count_words")
async def count_words(ctx: WorkflowContext, part: str) -> dict[str, int]:
    """One part."""
    return await ctx.step.run("count", count, part, max_retries=0)


@workflow(id="examples.count_text")
async def count_text(ctx: WorkflowContext, text: str) -> list[tuple[str, int]]:
    """All parts at the same time, then the five most frequent words."""
    parts = [line for line in text.splitlines() if line.strip()]
    inputs = [BatchWorkflowInput(id=count_words.id, payload=part) for part in parts]
    results = await ctx.step.batch_invoke_and_wait("parts", inputs)
    total: Counter[str] = Counter()
    for result in results:  # in the order of the inputs
        if result.success:
            total.update(result.result)
        else:
            await ctx.step.publish_event(
                f"failed {result.execution_id}", "examples/failed-parts", result.error
            )
    return total.most_common(5)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Count the text, or the file that was named."""
    text = given.file.read_text(encoding="utf-8") if given.file else TEXT
    handle = await count_text.invoke(text)
    for word, times in await handle.result():
        print(f"{times:4} {word}")
    children = await polos.list_executions(root_execution_id=handle.id, limit=100)
    ended = Counter(one["status"] for one in children["executions"] if one["id"] != handle.id)
    print(
        f"counted by {sum(ended.values())} executions: "
        + ", ".join(f"{n} {s}" for s, n in sorted(ended.items()))
    )


def readable(path: str) -> Path:
    """A file that is there."""
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {path}")
    return Path(path)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("file", nargs="?", type=readable, help="a text; without one, a few sentences")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

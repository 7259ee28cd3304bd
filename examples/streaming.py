"""An agent is read while it speaks: text as it comes, and the events of the run around it.

A stream can be opened late or twice, loses nothing, and ends when the run does, however that ends.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from examples.running import ExampleModel, example, last_said
from polos import Agent, Polos
from polos.llm.request import ModelRequest
from polos.testing import Turn, turn


def script(request: ModelRequest) -> Turn | str:
    """A model that takes its time between words."""
    about = last_said(request).removeprefix("Tell me about ").rstrip(".?!") or "nothing"
    text = f"There is much to say about {about}. First, it is there. Second, it is worth a look. That is all."
    return turn(text, chunk_chars=8, chunk_delay=0.01)


model = ExampleModel(script)

narrator = Agent(
    id="examples.narrator", provider=model, model="example", system_prompt="Say three short sentences."
)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Print the text as it comes, then what else the stream has told."""
    stream = await narrator.stream(given.question)
    async for piece in stream.text_chunks:
        print(piece, end="", flush=True)
    print()
    kinds = Counter([str(event.event_type) async for event in stream.events])  # the same run, read again
    print("events:", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    result = await stream.result()
    print(f"({result.usage.output_tokens} tokens out)")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("question", nargs="?", default="Tell me about the sea.")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, models=True, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

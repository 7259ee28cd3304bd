"""A chat that remembers: each message is a run of its own, and the session holds what was said before.

Long conversations are shortened: what is old gives way to a summary, what is recent stays word for word.

    python -m examples.chat_with_memory --store .polos/chat.db --session ada      ask, stop, come back tomorrow
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys

from examples.running import ExampleModel, example, last_said
from polos import Agent, CompactionConfig, Polos
from polos.llm.request import ModelRequest
from polos.testing import Turn

DEFAULT = ["Hello, my name is Ada.", "I live in Oslo.", "What do you know about me?"]


def script(request: ModelRequest) -> Turn | str:
    """A model that knows what stands in the conversation, and nothing else."""
    whole = " ".join(message.text for message in request.messages if message.role == "user")
    if last_said(request).endswith("?"):
        facts = re.findall(r"(?:my name is|I live in) \w+", whole)
        return "You said: " + ", ".join(facts) + "." if facts else "You have told me nothing yet."
    return f"I see. ({len(request.messages)} messages so far)"


model = ExampleModel(script)

companion = Agent(
    id="examples.companion",
    provider=model,
    model="example",
    system_prompt="You are a friendly companion. Answer in one sentence.",
    compaction=CompactionConfig(max_conversation_tokens=20_000),
)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Say the messages of the command line; without any, talk with whoever sits there, or show a short chat."""
    if given.messages or not sys.stdin.isatty():
        for message in given.messages or DEFAULT:
            await say(message, given.session)
        stranger = await companion.run("What do you know about me?", session_id=f"{given.session}-other")
        print(f"in another session: {stranger.result}")
        return
    print("An empty line ends the chat.")
    while message := (await asyncio.to_thread(input, "> ")).strip():
        await say(message, given.session, echo=False)


async def say(message: str, session: str, *, echo: bool = True) -> None:
    """One turn of the chat."""
    answer = await companion.run(message, session_id=session)
    print(f"> {message}\n{answer.result}" if echo else answer.result)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("messages", nargs="*", help="what to say, one message after another")
    parser.add_argument("--session", default="ada", help="which conversation goes on")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, models=True, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

"""An agent that answers with a pydantic model instead of text.

Where a provider can be bound to a JSON schema it is. An answer that does not validate goes back to the model once, with
what is wrong about it: the script below gets the first one wrong on purpose.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import Literal

from pydantic import BaseModel, Field

from examples.running import ExampleModel, example
from polos import Agent, Polos
from polos.llm.request import ModelRequest
from polos.testing import Turn, turn


class Ticket(BaseModel):
    """What a complaint is about."""

    customer: str
    topic: Literal["delivery", "payment", "other"]
    urgency: int = Field(ge=1, le=5)
    refund: float | None = None


def script(request: ModelRequest) -> Turn | str:
    """A model that says `urgency: 9` first, and corrects itself when it is told."""
    said = next(message.text for message in request.messages if message.role == "user")
    name = re.search(r"(?:I am|My name is) (\w+)", said)
    amount = re.search(r"(\d+(?:\.\d+)?) ?(?:EUR|euros)", said)
    corrected = any(message.role == "assistant" for message in request.messages)
    return turn(
        output={
            "customer": name[1] if name else "unknown",
            "topic": "payment" if amount else "delivery" if "parcel" in said else "other",
            "urgency": 4 if corrected else 9,
            "refund": float(amount[1]) if amount else None,
        }
    )


model = ExampleModel(script)

clerk = Agent(
    id="examples.clerk",
    provider=model,
    model="example",
    system_prompt="Turn the complaint into a ticket. Urgency is 1 (whenever) to 5 (now).",
    output_schema=Ticket,
)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Read one complaint."""
    answer = await clerk.run(given.complaint)
    ticket: Ticket = answer.result
    print(f"{ticket.customer} complains about {ticket.topic}, urgency {ticket.urgency} of 5")
    print(f"wants back: {ticket.refund or 0:.2f} EUR")
    print(f"({type(ticket).__name__} after {answer.usage.total_tokens} tokens)")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument(
        "complaint", nargs="?", default="I am Ada. I paid twice for one parcel, I want 30 euros back today!"
    )


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, models=True, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

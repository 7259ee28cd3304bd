"""Order processing with a human in the loop: everything the other examples show, in one shop.

An order is checked and reserved, a large one waits for a manager, the payment is an event from outside, a model writes
the mail, and an order that is refused or never paid gives back what it had reserved.

    python -m examples.order_processing --amount 900 --answer no
    python -m examples.order_processing --no-payment
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from enum import StrEnum

from pydantic import BaseModel, Field

from examples.running import ExampleModel, example, last_said
from polos import Agent, ExecutionHandle, Polos, Queue, WaitTimeout, WorkflowContext, events, workflow
from polos.llm.request import ModelRequest
from polos.testing import Turn

LARGE = 500.0
"""From this amount on a manager decides, in euros."""


class Order(BaseModel):
    """What a customer wants. `patience`: seconds they have to pay."""

    id: str
    customer: str
    sku: str
    amount: float = Field(gt=0)
    patience: float = 14 * 86_400


class Status(StrEnum):
    """How an order ended."""

    SHIPPED = "shipped"
    REFUSED = "refused"
    UNPAID = "unpaid"


class Outcome(BaseModel):
    """What became of it, and what the customer was told."""

    order: str
    status: Status
    mail: str


def script(request: ModelRequest) -> Turn | str:
    """A model that writes short mails."""
    said = last_said(request)
    news = next((status for status in Status if f"is {status.value}" in said), Status.SHIPPED)
    return {
        Status.SHIPPED: "Good news: your parcel is on its way.",
        Status.REFUSED: "We are sorry: we cannot take this order.",
        Status.UNPAID: "We have not heard from your bank, so the order is closed.",
    }[news]


model = ExampleModel(script)

secretary = Agent(
    id="examples.secretary",
    provider=model,
    model="example",
    system_prompt="Write one friendly sentence to the customer about the news of their order.",
)

parcels = Queue("examples.parcels", concurrency_limit=2)


# --- steps: each is recorded, tried again when it fails, and knows nothing of workflows -----------------------------


def reserve(order: Order) -> str:
    """Put the goods aside."""
    return f"reserved {order.sku}"


def release(order: Order) -> str:
    """Put them back."""
    print(f"  {order.sku} is back on the shelf")
    return f"released {order.sku}"


def hand_over(order: Order, label: str) -> str:
    """Give the parcel to the carrier; `label` is the same at every attempt, so that it goes out once."""
    print(f"  parcel {label[:8]} for {order.customer}")
    return label


# --- workflows ------------------------------------------------------------------------------------------------------


@workflow(id="examples.ship_parcel", queue=parcels)
async def ship_parcel(ctx: WorkflowContext, order: Order) -> str:
    """Two at a time: there are two tables."""
    label = await ctx.step.uuid("label")
    return await ctx.step.run("hand over", hand_over, order, label, max_retries=5)


@workflow(id="examples.process_order")
async def process_order(ctx: WorkflowContext, order: Order) -> Outcome:
    """From the order to the mail."""
    await ctx.step.run("reserve", reserve, order)
    status = await settle(ctx, order)
    if status is Status.SHIPPED:
        await ctx.step.invoke_and_wait("ship", ship_parcel, order)
    else:
        await ctx.step.run("release", release, order)
    news = f"The order {order.id} of {order.customer} is {status.value}."
    mail = await ctx.step.agent_invoke_and_wait("mail", secretary.with_input(news))
    return Outcome(order=order.id, status=status, mail=str(mail.result))


async def settle(ctx: WorkflowContext, order: Order) -> Status:
    """Approval and payment. A plain function may use the verbs: only the order in which they are asked for counts."""
    if order.amount >= LARGE:
        question = {"question": f"{order.customer} wants {order.sku} for {order.amount:.2f} EUR. Accept?"}
        answer = await ctx.step.suspend("manager", question)
        if not answer["data"]["approved"]:
            return Status.REFUSED
    try:
        await ctx.step.wait_for_event(
            "payment", "examples/order-payments", timeout=order.patience, match={"order": order.id}
        )
    except WaitTimeout:
        return Status.UNPAID
    return Status.SHIPPED


# --- the world around it --------------------------------------------------------------------------------------------


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """One order, the manager, and the bank."""
    patience = 0.3 if given.no_payment else 3600.0
    order = Order(id="A1", customer="Ada", sku="telescope", amount=given.amount, patience=patience)
    running = await process_order.invoke(order)
    if order.amount >= LARGE:
        await manage(polos, running, given.answer)
    if not given.no_payment:
        await events.publish(
            topic="examples/order-payments", data={"order": order.id, "amount": order.amount}
        )
    outcome = await running.result()
    print(f"order {outcome.order}: {outcome.status.value}\nmail to {order.customer}: {outcome.mail}")


async def manage(polos: Polos, running: ExecutionHandle[Outcome], given: str | None) -> None:
    """Answer what the order asks. A link in a mail, a chat, or the dashboard would do the same."""
    async for event in events.stream_workflow(running.workflow_id, running.id):
        if event.event_type == "suspend_manager":
            break
    question = event.data["question"]
    if given is None and sys.stdin.isatty():
        given = await asyncio.to_thread(input, f"{question} [yes/no] ")
    else:
        print(f"{question} {given or 'yes'}")
    approved = (given or "yes").strip().lower() in ("y", "yes")
    await polos.resume(running.workflow_id, running.id, "manager", {"approved": approved})


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--amount", type=float, default=900.0, help=f"from {LARGE:.0f} on a manager decides")
    parser.add_argument("--answer", choices=["yes", "no"], help="what the manager says")
    parser.add_argument("--no-payment", action="store_true", help="the bank stays silent")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, models=True, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())

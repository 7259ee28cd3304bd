"""An order is priced, paid when the money comes in, and sent; who does not pay is reminded."""

from __future__ import annotations

from pydantic import BaseModel, Field

from polos import Queue, WaitTimeout, WorkflowContext, workflow

PRICES = {"tea": 450, "cup": 1200, "pot": 3900}

# Mails go out two at a time, whatever the shop sells: the provider asks for that.
mails = Queue("mails", concurrency_limit=2, memory_mb=512, timeout=120)


class Item(BaseModel):
    """Some of one article."""

    sku: str
    count: int = Field(ge=1)


class Order(BaseModel):
    """What a customer wants. `days`: how long they have to pay."""

    id: str
    items: list[Item]
    days: float = 14


class Receipt(BaseModel):
    """How it ended. `total` is in cents."""

    order: str
    total: int
    paid: bool


def price_of(item: Item) -> int:
    """Cents. A sku that nobody sells is an error, and no retry changes that."""
    return PRICES[item.sku] * item.count


@workflow
async def price(ctx: WorkflowContext, item: Item) -> int:
    """The price of some of one article, in cents: a child of every order."""
    return int(await ctx.step.run("look-up", price_of, item))


@workflow(queue=mails)
async def remind(ctx: WorkflowContext, order: Order) -> str:
    """Write to a customer who has not paid."""

    def send() -> str:
        return f"reminder for {order.id}"

    return str(await ctx.step.run("send", send))


@workflow
async def order(ctx: WorkflowContext, payload: Order) -> Receipt:
    """Price the items, wait for the payment, or for as long as the customer has."""
    prices = [
        await ctx.step.invoke_and_wait(f"price-{number}", price, item)
        for number, item in enumerate(payload.items)
    ]
    total = sum(prices)
    try:
        await ctx.step.wait_for_event(
            "payment", topic=f"payments-{payload.id}", timeout=payload.days * 86_400
        )
    except WaitTimeout:
        await ctx.step.invoke_and_wait("remind", remind, payload)
        return Receipt(order=payload.id, total=total, paid=False)
    return Receipt(order=payload.id, total=total, paid=True)

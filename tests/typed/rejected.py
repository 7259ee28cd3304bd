"""Code that a type checker rejects: each line that ends in `# wrong`, and no other. Read by checkers, never run."""

from __future__ import annotations

from polos import Agent, ExecutionHandle, HookContext, HookResult, WorkflowContext, hook, tool, workflow


def charge(sku: str, count: int = 1) -> float:
    return 1.0


async def send(to: str, *, text: str) -> list[str]:
    return [to, text]


@workflow
async def ship(ctx: WorkflowContext, sku: str) -> float:
    return 1.0


@workflow(id="rejected_bare")
async def bare(ctx: WorkflowContext) -> int:
    return 1


@workflow
def sync(ctx: WorkflowContext, skus: list[str]) -> int:
    return 1


@tool
def get_weather(ctx: WorkflowContext, city: str) -> str:
    """The weather."""
    return city


@hook
def look(ctx: WorkflowContext, at: HookContext) -> HookResult:
    return HookResult.continue_with()


agent = Agent(id="rejected_agent", provider="openai", model="gpt-5-mini")


async def decorated(ctx: WorkflowContext) -> None:
    await ship(ctx, 5)  # wrong
    await bare(ctx, "a")  # wrong
    get_weather(ctx, 5)  # wrong
    look(ctx)  # wrong
    workflow(id=5)  # wrong
    workflow(id="a", retries=5)  # wrong
    workflow("a")  # wrong
    tool(approval=True)  # wrong
    workflow(on_start=5)  # wrong
    workflow(on_end="look")  # wrong
    workflow(state_schema=dict)  # wrong
    Agent("a", "openai", "gpt-5-mini", tools=5)  # wrong
    Agent("a", "openai", "gpt-5-mini", guardrails=5)  # wrong
    Agent("a", "openai", "gpt-5-mini", stop_conditions="max_steps")  # wrong
    Agent("a", "openai", "gpt-5-mini", temperatur=1)  # wrong


async def steps(ctx: WorkflowContext) -> None:
    await ctx.step.run("a", charge, 5)  # wrong
    await ctx.step.run("b", charge, 5, max_retries=3)  # wrong
    await ctx.step.run("c", charge)  # wrong
    await ctx.step.run("d", charge, "a", 1, 2)  # wrong
    await ctx.step.run("e", charge, "a", number=1)  # wrong
    await ctx.step.run("f", charge, "a", max_retries="three")  # wrong
    await ctx.step.run("g", send, 5, text="a")  # wrong
    await ctx.step.run("h", send, "a")  # wrong
    await ctx.step.run("i", charge("a"))  # wrong
    await ctx.step.run(charge, "a")  # wrong
    text: str = await ctx.step.run("j", charge, "a")  # wrong
    number: int = await ctx.step.run("k", send, "a", text="b")  # wrong
    assert text
    assert number


async def children(ctx: WorkflowContext, handle: ExecutionHandle[float]) -> None:
    await ctx.step.invoke_and_wait("a", ship, 5)  # wrong
    await ctx.step.invoke_and_wait("b", ship)  # wrong
    await ctx.step.invoke_and_wait("c", bare, "a")  # wrong
    await ctx.step.invoke_and_wait("d", sync, "a")  # wrong
    await ctx.step.invoke_and_wait("f", charge, "a")  # wrong
    await ctx.step.invoke_and_wait("g", ship, "a", timeout=5)  # wrong
    text: str = await ctx.step.invoke_and_wait("h", ship, "a")  # wrong
    text = await ctx.step.wait_for(handle)  # wrong
    text = await ctx.step.agent_invoke_and_wait("i", agent.with_input("a"))  # wrong
    await ctx.step.agent_invoke("j", agent)  # wrong
    await ctx.step.wait_for("k", minute=5)  # wrong
    await ctx.step.wait_until("l", 5)  # wrong
    await ctx.step.suspend("m", timeout="an hour")  # wrong
    assert text


async def from_outside() -> None:
    await ship.run(5)  # wrong
    await ship.run()  # wrong
    await ship.run("a", sesion_id="b")  # wrong
    await bare.run("a")  # wrong
    await sync.run("a")  # wrong
    await get_weather.run("Oslo")  # wrong
    await agent.run(5)  # wrong
    text: str = await ship.run("a")  # wrong
    text = await (await ship.invoke("a")).result()  # wrong
    assert text

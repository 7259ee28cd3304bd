"""Steps run in the order of the code, each once, each with the results of those before it."""

from polos import WorkflowContext, workflow
from polos.testing.harness import Harness
from support.scenario import did, effects, steps


def reserve(sku: str) -> str:
    did("reserved")
    return f"{sku}#1"


async def charge(reservation: str, amount: int) -> dict[str, int | str]:
    did("charged")
    return {"reservation": reservation, "amount": amount}


def ship(receipt: dict[str, int | str]) -> bool:
    did("shipped")
    return receipt["amount"] == 12


@workflow(id="sequence")
async def sequence(ctx: WorkflowContext, payload: dict[str, str]) -> dict[str, object]:
    reservation = await ctx.step.run("reserve", reserve, payload["sku"])
    receipt = await ctx.step.run("charge", charge, reservation, amount=12)
    shipped = await ctx.step.run("ship", ship, receipt)
    return {"shipped": shipped, "receipt": receipt}


@workflow(id="sequence-in-one-go", steps_per_invocation=None)
async def in_one_go(ctx: WorkflowContext, payload: dict[str, str]) -> dict[str, object]:
    return await sequence.definition.function(ctx, payload)  # type: ignore[no-any-return]


def order(world: Harness) -> object:
    started = world.start(sequence, {"sku": "a1"})
    result = started.result()
    assert steps(world, started) == ["run:reserve", "run:charge", "run:ship"]
    assert world.sweeps == 0
    return result


def test_three_steps(tell) -> None:
    tell(order)


def test_in_one_invocation(tell) -> None:
    tell(lambda world: world.run(in_one_go, {"sku": "a1"}))


def test_each_effect_happens_once_and_the_result_is_what_the_code_returned(world: Harness) -> None:
    assert order(world) == {"shipped": True, "receipt": {"reservation": "a1#1", "amount": 12}}
    assert effects() == {"reserved": 1, "charged": 1, "shipped": 1}


def test_each_step_is_an_invocation_of_its_own_unless_the_workflow_says_otherwise(world: Harness) -> None:
    world.run(sequence, {"sku": "a1"})
    apart = world.deliveries
    world.run(in_one_go, {"sku": "a1"})
    assert (apart, world.deliveries - apart) == (3, 1)

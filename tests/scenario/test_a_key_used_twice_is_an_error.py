"""The address of an operation is (verb, key): using one twice fails the execution, and names both places."""

import pytest

from polos import DuplicateKey, ExecutionFailed, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.scenario import did, effects


def one() -> int:
    did("ran")
    return 1


@workflow(id="same-key")
async def same_key(ctx: WorkflowContext) -> None:
    await ctx.step.run("a", one)
    await ctx.step.run("a", one)


@workflow(id="same-key-caught")
async def same_key_caught(ctx: WorkflowContext) -> str:
    await ctx.step.run("a", one)
    try:
        await ctx.step.run("a", one)
    except DuplicateKey as error:
        return f"{error.verb} {error.key}"
    return "no error"


@workflow(id="same-key-other-verb")
async def same_key_other_verb(ctx: WorkflowContext) -> int:
    await ctx.step.wait_for("a", seconds=1)
    await ctx.step.uuid("a")
    await ctx.step.now("a")
    return await ctx.step.run("a", one)


@workflow(id="strange-keys")
async def strange_keys(ctx: WorkflowContext, payload: list[str]) -> int:
    return sum([await ctx.step.run(key, one) for key in payload])


def test_the_second_use_fails_the_execution_before_anything_runs_again(world: Harness) -> None:
    with pytest.raises(ExecutionFailed) as raised:
        world.run(same_key)
    message = str(raised.value)
    lines = [part.rsplit(":", 1)[-1] for part in message.split("test_a_key_used_twice_is_an_error.py")[1:]]
    assert raised.value.error["code"] == "duplicate_key"
    assert "'a'" in message
    assert len(lines) == 2, "both places are named"
    assert effects() == {"ran": 1}


def test_the_code_may_catch_it(world: Harness) -> None:
    assert world.run(same_key_caught) == "run a"


def test_two_verbs_may_use_the_same_key(tell) -> None:
    tell(lambda world: world.run(same_key_other_verb))


def test_a_key_is_any_string(world: Harness) -> None:
    keys = [
        "/",
        "a/b",
        "?",
        "#",
        "a b",
        "ключ",
        "🗝",
        "a:b",
        "$start",
        "$end",
        "run:x",
        "x@1",
        "'",
        '"',
        "\\",
        "x" * 700,
    ]
    assert world.run(strange_keys, keys) == len(keys)

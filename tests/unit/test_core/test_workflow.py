"""What `@workflow` describes, and what it refuses: before anything runs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from polos import InvalidDefinition, Queue, UnknownWorkflow, WorkflowContext, workflow
from polos.core.definitions import DEFAULT_QUEUE, registry
from support import snippets


class Order(BaseModel):
    sku: str
    count: int = 1


@pytest.fixture(autouse=True)
def nothing_else_is_defined() -> Iterator[None]:
    with snippets.own_registry():
        yield


def test_bare_and_called_are_the_same() -> None:
    @workflow
    async def bare(ctx: WorkflowContext, payload: dict[str, Any]) -> None: ...

    @workflow()
    async def called(ctx: WorkflowContext, payload: dict[str, Any]) -> None: ...

    assert [definition.id for definition in registry] == ["bare", "called"], "the function's name is the id"
    assert bare.definition.queue_name == called.definition.queue_name == DEFAULT_QUEUE


def test_the_undecorated_function_can_be_called() -> None:
    @workflow(id="doubled")
    def double(ctx: WorkflowContext, payload: int) -> int:
        """Twice as much."""
        return 2 * payload

    assert double(None, 21) == 42  # type: ignore[arg-type]
    assert double.id == "doubled"
    assert double.__doc__ == double.definition.description == "Twice as much."


def test_one_parameter_or_two() -> None:
    @workflow
    async def alone(ctx: WorkflowContext) -> None: ...

    @workflow
    async def with_payload(ctx: WorkflowContext, payload: Order | None = None) -> None: ...

    assert not alone.definition.takes_payload
    assert with_payload.definition.takes_payload
    assert with_payload.definition.payload_codec.decode('{"sku": "a1"}') == Order(sku="a1"), (
        "annotations are read as types, also where they are written as text"
    )


@pytest.mark.parametrize("given", ["shop", Queue("shop"), {"name": "shop"}])
def test_a_queue_is_a_name_an_object_or_a_dict(given: Any) -> None:
    @workflow(queue=given)
    async def order(ctx: WorkflowContext) -> None: ...

    assert order.definition.queue == Queue("shop")


def test_a_queue_without_a_name_has_the_workflows() -> None:
    @workflow(id="order", queue={"concurrency_limit": 3})
    async def order(ctx: WorkflowContext) -> None: ...

    assert order.definition.queue == Queue("order", concurrency_limit=3)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"schedule": "0 9 * * *", "trigger_on_event": "orders"}, "not both"),
        ({"steps_per_invocation": 0}, "1 or more, or None"),
        ({"queue": {"concurrency": 3}}, "unknown setting 'concurrency'"),
        ({"queue": {"concurrency_limit": 0}}, "give 1 or more"),
        ({"queue": 3}, "expected a name, a Queue or a dict"),
        ({"schedule": 9}, "expected True, a cron line or a dict"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidDefinition, match=complaint):

        @workflow(**settings)
        async def order(ctx: WorkflowContext) -> None: ...

    assert "order" not in registry


def test_two_definitions_with_one_id_name_both_places() -> None:
    @workflow(id="order")
    async def one(ctx: WorkflowContext) -> None: ...

    with pytest.raises(InvalidDefinition) as raised:

        @workflow(id="order")
        async def other(ctx: WorkflowContext) -> None: ...

    assert str(raised.value).count("test_workflow.py:") == 2


def test_the_same_file_may_be_loaded_again(tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    for answer in (1, 2):
        file.write_text(
            f"from polos import workflow\n\n@workflow\ndef order(ctx):\n    return {answer}\n",
            encoding="utf-8",
        )
        spec = importlib.util.spec_from_file_location(f"shop_{answer}", file)
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert registry.get("order").function(None) == 2


def test_two_queues_of_one_name_that_differ_are_refused() -> None:
    @workflow(queue=Queue("shop", concurrency_limit=1))
    async def one(ctx: WorkflowContext) -> None: ...

    with pytest.raises(InvalidDefinition, match="'shop' is described twice"):

        @workflow(queue=Queue("shop", concurrency_limit=2))
        async def other(ctx: WorkflowContext) -> None: ...


def test_an_unknown_workflow_is_named_with_those_that_are_known() -> None:
    @workflow
    async def order(ctx: WorkflowContext) -> None: ...

    with pytest.raises(UnknownWorkflow, match=r"'ordr'.*registered: order"):
        registry.get("ordr")

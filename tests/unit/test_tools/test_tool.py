"""`@tool`: what the model is shown follows from the function, and what it calls is an execution of its own."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from polos import ExecutionFailed, InvalidDefinition, InvalidPayload, Queue, Tool, WorkflowContext, tool
from polos.core.definitions import registry
from polos.testing.harness import Harness


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Address(BaseModel):
    title: str
    street: str = Field(description="With the number.")


# --- the schema -------------------------------------------------------------------------------------------------------


def test_a_bare_decorator_takes_name_text_and_parameters_from_the_function() -> None:
    @tool
    def find(ctx: WorkflowContext, city: str, days: int = 3, *, units: Literal["C", "F"] = "C") -> str:
        """Find the weather.

        Of any city.

        Args:
            city: In English,
                please.
            units (str): Of the temperature.

        Returns:
            A sentence.
        """
        return city

    assert isinstance(find, Tool)
    assert (find.id, find.description) == ("find", "Find the weather.\n\nOf any city.")
    assert find.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "In English, please."},
            "days": {"type": "integer", "default": 3},
            "units": {
                "type": "string",
                "enum": ["C", "F"],
                "default": "C",
                "description": "Of the temperature.",
            },
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_one_model_is_the_schema_itself() -> None:
    @tool(id="send_letter", description="Send a letter.")
    def send(ctx: WorkflowContext, to: Address) -> str:
        return to.street

    assert (send.id, send.description) == ("send_letter", "Send a letter.")
    assert send.parameters == {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "street": {"type": "string", "description": "With the number."},
        },
        "required": ["title", "street"],
    }


def test_a_tool_without_parameters_takes_an_empty_object() -> None:
    @tool(id="no_parameters")
    def nothing(ctx: Any) -> None: ...

    assert nothing.parameters == {"type": "object", "properties": {}, "additionalProperties": False}


def test_types_of_all_kinds_are_described() -> None:
    @tool(id="kinds")
    def kinds(
        ctx: WorkflowContext,
        size: Size,
        when: date | None = None,
        to: list[Address] | None = None,
        share: Annotated[float, Field(ge=0, le=1, description="Between 0 and 1.")] = 0.5,
        anything=None,
    ) -> None:
        """Kinds.

        Args:
            share: A text that gives way to the annotation's.
        """

    properties = kinds.parameters["properties"]
    assert kinds.parameters["$defs"]["Size"]["enum"] == ["s", "l"]
    assert properties["share"]["description"] == "Between 0 and 1."
    assert properties["share"]["maximum"] == 1
    assert properties["anything"] == {"default": None}
    assert properties["when"]["anyOf"][0]["format"] == "date"


def test_annotations_may_name_what_comes_later() -> None:
    @tool(id="forward")
    def forward(ctx: WorkflowContext, what: list[Later]) -> int:
        return len(what)

    assert forward.parameters["properties"]["what"]["items"]["$ref"] == "#/$defs/Later"


class Later(BaseModel):
    x: int


@pytest.mark.parametrize("style", ["google", "numpy", "sphinx"])
def test_docstrings_are_read_in_three_styles(style: str) -> None:
    texts = {
        "google": "Add.\n\nArgs:\n    a: One.\n    b (int, optional): Two\n        lines.\n",
        "numpy": "Add.\n\nParameters\n----------\na : int\n    One.\nb : int, optional\n    Two\n    lines.\n\n"
        "Returns\n-------\nint\n",
        "sphinx": "Add.\n\n:param a: One.\n:param int b: Two\n    lines.\n:returns: The sum.\n",
    }

    def add(ctx: WorkflowContext, a: int, b: int = 0) -> int:
        return a + b

    add.__doc__ = texts[style]
    made = tool(id=f"add_{style}")(add)
    assert made.description == "Add."
    properties = made.parameters["properties"]
    assert (properties["a"]["description"], properties["b"]["description"]) == ("One.", "Two lines.")


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_sync_tool_is_one_recorded_step(world: Harness) -> None:
    calls = []

    @tool(id="sync_tool")
    def work(ctx: WorkflowContext, a: int, /, b: int, *, c: int = 3) -> list[int]:
        calls.append(ctx.workflow_type)
        return [a, b, c]

    started = world.start(work, {"a": 1, "b": 2})
    assert started.result() == [1, 2, 3]
    assert calls == ["tool"]
    assert started.steps == ["call"]


def test_a_tool_whose_error_nobody_can_write_down_is_run_once(world: Harness) -> None:
    calls = []

    @tool
    def odd(ctx: WorkflowContext) -> str:
        calls.append(1)
        raise ValueError("half a \ud83d")

    with pytest.raises(ExecutionFailed, match=r"half a \?"):
        world.run(odd, {})
    assert calls == [1]


def test_an_async_tool_may_wait_and_run_steps(world: Harness) -> None:
    @tool(id="async_tool")
    async def work(ctx: WorkflowContext, hours: float) -> Address:
        await ctx.step.wait_for("a while", hours=hours)
        return await ctx.step.run("make", make, "here")

    before = world.clock.now()
    assert world.run(work, {"hours": 5}) == Address(title="T", street="here")
    assert world.clock.now() - before >= 5 * 3600


def make(street: str) -> Address:
    return Address(title="T", street=street)


def test_names_that_pydantic_keeps_for_itself_are_parameters_too(world: Harness) -> None:
    @tool(id="odd_names")
    def odd(
        ctx: WorkflowContext, schema: str, copy: int = 1, _hidden: str = "h", model_config: str = "m"
    ) -> str:
        return f"{schema}{copy}{_hidden}{model_config}"

    assert list(odd.parameters["properties"]) == ["schema", "copy", "_hidden", "model_config"]
    assert world.run(odd, {"schema": "s", "_hidden": "x"}) == "s1xm"


def test_names_of_the_step_verb_are_parameters_too(world: Harness) -> None:
    @tool(id="verb_names")
    def verb(
        ctx: WorkflowContext, key: str, func: str, timeout: int, max_retries: int, queue: str
    ) -> list[object]:
        return [key, func, timeout, max_retries, queue]

    asked = {"key": "k", "func": "f", "timeout": 1, "max_retries": 2, "queue": "q"}
    assert world.run(verb, asked) == ["k", "f", 1, 2, "q"]


def test_a_default_is_not_shared_between_calls(world: Harness) -> None:
    @tool(id="defaults")
    def collect(ctx: WorkflowContext, item: str, into: list[str] = []) -> list[str]:  # noqa: B006
        into.append(item)
        return into

    assert [world.run(collect, {"item": "a"}), world.run(collect, {"item": "b"})] == [["a"], ["b"]]


def test_arguments_that_do_not_fit_are_refused_field_by_field(world: Harness) -> None:
    @tool(id="strict_tool")
    def strict(ctx: WorkflowContext, a: int, b: Address) -> None: ...

    with pytest.raises(InvalidPayload) as caught:
        world.run(strict, {"a": "x", "b": {"title": "t"}, "c": 1})
    assert [path for path, _ in caught.value.problems] == ["payload.a", "payload.b.street", "payload.c"]


def test_a_tool_is_still_the_function_it_was() -> None:
    @tool(id="plain_call")
    def double(ctx: WorkflowContext, n: int) -> int:
        """Double."""
        return n * 2

    assert double(None, 4) == 8
    assert (double.__name__, double.__doc__) == ("double", "Double.")
    assert registry.get("plain_call").kind == "tool"


def test_a_queue_is_the_tools() -> None:
    made = tool(id="queued", queue=Queue("narrow-tool", concurrency_limit=1))(lambda ctx: None)
    assert made.definition.queue_name == "narrow-tool"


# --- what is refused --------------------------------------------------------------------------------------------------


def no_parameters() -> None: ...


def number_first(a: int, b: int) -> None: ...


def many(ctx: WorkflowContext, *args: int) -> None: ...


def named(ctx: WorkflowContext, **kwargs: int) -> None: ...


@pytest.mark.parametrize("function", [no_parameters, number_first, many, named, lambda ctx: None])
def test_what_a_model_could_not_call_is_refused_where_it_is_defined(function: Any) -> None:
    with pytest.raises(InvalidDefinition):
        tool(function)


class Opaque: ...


def opaque(ctx: WorkflowContext, what: Opaque) -> None: ...


def unknown(ctx: WorkflowContext, what: Nowhere) -> None: ...  # noqa: F821


@pytest.mark.parametrize(("function", "named"), [(opaque, "Opaque"), (unknown, "Nowhere")])
def test_what_json_cannot_say_is_refused(function: Any, named: str) -> None:
    made = tool(function)
    with pytest.raises(InvalidDefinition, match=f"the tool '{function.__name__}'.*{named}"):
        _ = made.parameters


def test_two_tools_of_one_id_are_refused_and_a_reload_is_not() -> None:
    def define() -> Any:
        @tool(id="reloaded")
        def same(ctx: WorkflowContext) -> None: ...

        return same

    define()
    define()
    with pytest.raises(InvalidDefinition, match="'reloaded'"):
        tool(id="reloaded")(lambda ctx: None)


def test_an_approval_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="say 'always'"):
        tool(approval="sometimes")

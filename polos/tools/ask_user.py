"""A tool by which a model asks the user, and waits as long as it takes: nothing runs meanwhile."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from polos.core.context import WorkflowContext
from polos.tools.tool import Tool, tool

DESCRIPTION = (
    "Ask the user a question and wait for the answer. Use it when you need a decision, a preference or a fact that "
    "only the user has. Give fields to ask for several things, or to offer options; without fields the user "
    "answers in free text under `response`."
)


class AskUserOption(BaseModel):
    """One choice of a field."""

    model_config = ConfigDict(extra="ignore")

    label: str = Field(description="What the user reads.")
    value: str = Field(description="What comes back when it is chosen.")


class AskUserField(BaseModel):
    """One input of the form that the user fills in; the answer comes under its key."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    key: str = Field(
        validation_alias=AliasChoices("key", "name"), description="The name of the answer, e.g. `due_date`."
    )
    type: Literal["text", "textarea", "number", "boolean", "select", "multiselect"] = Field(
        default="text", description="How it is asked for."
    )
    label: str = Field(default="", description="What the user reads above the field.")
    description: str | None = Field(default=None, description="A hint below the field.")
    required: bool = Field(default=False, description="Whether it must be filled in.")
    options: list[AskUserOption] | None = Field(default=None, description="The choices of a select.")
    default: str | int | float | bool | None = Field(default=None, description="What stands there at first.")


class AskUserInput(BaseModel):
    """What a model says to ask the user."""

    question: str = Field(description="The question, as the user should read it.")
    title: str | None = Field(default=None, description="A short heading.")
    fields: list[AskUserField] = Field(
        default_factory=list, description="What to ask for; empty for one free text."
    )


def create_ask_user_tool(
    id: str = "ask_user",  # the contract's name
    *,
    description: str = DESCRIPTION,
    timeout: float | None = None,
) -> Tool[..., Any]:
    """A tool that suspends as `ask_user_<uuid>` with a form, and gives the model what the user answered.

    `timeout`: seconds after which the model is told that nobody answered; None waits for ever.
    """

    async def ask_user(ctx: WorkflowContext, request: AskUserInput) -> Any:
        key = f"ask_user_{await ctx.step.uuid('question')}"
        event = await ctx.step.suspend(key, question_form(request, tool_id=id), timeout=timeout)
        return event.get("data")

    return tool(id=id, description=description)(ask_user)


def question_form(request: AskUserInput, *, tool_id: str = "ask_user") -> dict[str, Any]:
    """What is published when a model asks: the form to show."""
    fields = [field.model_dump(exclude_none=True) for field in request.fields] or [
        {"key": "response", "type": "textarea", "label": "Your answer", "required": True}
    ]
    form = {
        "title": request.title or "A question",
        "description": request.question,
        "fields": [{**field, "label": field.get("label") or field["key"]} for field in fields],
        "context": {"tool": tool_id},
    }
    return {"_form": form, "_source": "ask_user", "_tool": tool_id}

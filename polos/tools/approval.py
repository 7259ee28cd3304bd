"""Tools that a person has to approve, call by call."""

from __future__ import annotations

from typing import Any

from polos.core.context import WorkflowContext
from polos.errors import NonRetryable


class ToolRejected(NonRetryable):
    """A person did not approve this call. The text is told to the model; `feedback` is what the person wrote."""

    code = "tool_rejected"

    def __init__(self, feedback: str = "") -> None:
        self.feedback = feedback
        super().__init__(f"rejected by the user: {feedback}" if feedback else "rejected by the user")


async def ask_approval(
    ctx: WorkflowContext, tool: str, *, description: str, arguments: dict[str, Any]
) -> None:
    """Suspend until a person has answered; return if the answer is `{"approved": true}`.

    Raises:
        ToolRejected: It is anything else.
    """
    key = f"approve_{tool}_{await ctx.step.uuid('approval')}"
    event = await ctx.step.suspend(key, approval_request(tool, description, arguments))
    answer = event.get("data")
    if not isinstance(answer, dict) or answer.get("approved") is not True:
        feedback = answer.get("feedback") if isinstance(answer, dict) else None
        raise ToolRejected(feedback.strip() if isinstance(feedback, str) else "")


def approval_request(tool: str, description: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What is published when a tool waits for approval: the form to show, and what it is about."""
    fields = [
        {
            "key": "approved",
            "type": "boolean",
            "label": "Approve this call?",
            "required": True,
            "default": False,
        },
        {
            "key": "feedback",
            "type": "textarea",
            "label": "Feedback for the agent",
            "description": "What it should do instead",
            "required": False,
        },
    ]
    form = {
        "title": f"Approve {tool}",
        "description": description or f"The agent wants to call {tool}.",
        "fields": fields,
        "context": {"tool": tool, "input": arguments},
    }
    return {"_form": form, "_source": "tool_approval", "_tool": tool}

"""`polos workflow`, `polos agent` and `polos tool`: what the code defines, and how to start it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from polos.cli.completing import complete_workflow
from polos.cli.lazy import group
from polos.cli.local_client import definitions_here
from polos.cli.reaching import Reached, asking
from polos.cli.tables import print_table
from polos.errors import UnknownWorkflow

EXAMPLES: Final[Mapping[str, Any]] = {
    "string": "...",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}

workflow = group("The workflows of an app: list them, show what one takes and gives.")
agent = group("The agents of an app: list them, show one. `polos chat AGENT` talks to it.")
tool = group("The tools of an app: list them, show what one takes and gives.")

Id = Annotated[
    str, typer.Argument(metavar="ID", autocompletion=complete_workflow, help="Its id, as `list` shows it.")
]


@workflow.command("list")
@asking(code=True, makes=True)
def list_workflows(to: Reached) -> None:
    """List the workflows.

    Exit codes: 0 done; 2 the app cannot be loaded; 3 the store or the server cannot be used.
    """
    _list(to, "workflow")


@workflow.command("show")
@asking(code=True, makes=True)
def show_workflow(to: Reached, id: Id) -> None:
    """Show what a workflow takes and gives, and how to start it.

    Exit codes: 0 done; 2 there is none of that id.
    """
    _show(to, id, "workflow")


@agent.command("list")
@asking(code=True, makes=True)
def list_agents(to: Reached) -> None:
    """List the agents.

    Exit codes: 0 done; 2 the app cannot be loaded; 3 the store or the server cannot be used.
    """
    _list(to, "agent")


@agent.command("show")
@asking(code=True, makes=True)
def show_agent(to: Reached, id: Id) -> None:
    """Show what an agent is for, and how to talk to it.

    Exit codes: 0 done; 2 there is none of that id.
    """
    _show(to, id, "agent")


@tool.command("list")
@asking(code=True, makes=True)
def list_tools(to: Reached) -> None:
    """List the tools.

    Exit codes: 0 done; 2 the app cannot be loaded; 3 the store or the server cannot be used.
    """
    _list(to, "tool")


@tool.command("show")
@asking(code=True, makes=True)
def show_tool(to: Reached, id: Id) -> None:
    """Show what a tool takes and gives, and how to call it.

    Exit codes: 0 done; 2 there is none of that id.
    """
    _show(to, id, "tool")


def _list(to: Reached, kind: str) -> None:
    found = _of_kind(to, kind)
    if to.as_json:
        to.print_json(found)
        return
    rows = [(one["id"], one["queue"], _begins(one), _first_line(one["description"])) for one in found]
    print_table(("id", "queue", "starts", "description"), rows, empty=f"the app defines no {kind}")


def _show(to: Reached, id: str, kind: str) -> None:
    known = _of_kind(to, kind)
    found = next((one for one in known if one["id"] == id), None)
    if found is None:
        raise UnknownWorkflow(id, [one["id"] for one in known])
    if to.as_json:
        to.print_json(found)
        return
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(f"{kind} {id}   queue {found['queue']}   {_begins(found)}")
    if found["description"]:
        console.print(f"\n{found['description']}")
    for what, name in (("takes", "payload_schema"), ("gives", "result_schema"), ("keeps", "state_schema")):
        if found[name] and kind != "agent":  # all agents take a text, and give a result of one kind
            console.print(f"\n{what}\n{_fields(found[name])}")
    console.print(f"\n{_how(found, kind)}")


def _of_kind(to: Reached, kind: str) -> list[dict[str, Any]]:
    known = definitions_here() if to.is_local else to.ask(to.client.list_definitions())
    return [one for one in known if one["kind"] == kind]


def _begins(one: Mapping[str, Any]) -> str:
    """What starts it by itself."""
    if one["schedule"]:
        return f"at {one['schedule']}"
    return f"on events of {one['trigger']}" if one["trigger"] else "when asked"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _fields(schema: Mapping[str, Any]) -> str:
    """The fields of a schema, one in a line; for what is no object, its type."""
    properties = schema.get("properties")
    if not properties:
        return f"  {_type(schema)}"
    required = set(schema.get("required", ()))
    return "\n".join(
        f"  {name}: {_type(one)}{'' if name in required else '  (optional)'}"
        f"{'  ' + one['description'] if one.get('description') else ''}"
        for name, one in properties.items()
    )


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(json.dumps(one) for one in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items') or {})}"
    return str(kind)


def _how(one: Mapping[str, Any], kind: str) -> str:
    if kind == "agent":
        return f"polos chat {one['id']}"
    schema = one["payload_schema"]
    if schema is None:
        return f"polos invoke {one['id']}"
    return f"polos invoke {one['id']} --payload '{json.dumps(_example(schema), ensure_ascii=False)}'"


def _example(schema: Mapping[str, Any]) -> Any:
    """A value of about the right shape: the fields that are required."""
    if "default" in schema:
        return schema["default"]
    if schema.get("properties"):
        required = set(schema.get("required", ()))
        return {name: _example(one) for name, one in schema["properties"].items() if name in required}
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("anyOf"):
        return _example(schema["anyOf"][0])
    return EXAMPLES.get(str(schema.get("type")), {})

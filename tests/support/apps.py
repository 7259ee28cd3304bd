"""Apps as data, for tests of the compiler: definitions without modules on disk."""

from __future__ import annotations

from typing import Any

from polos.core.definitions import DEFAULT_QUEUE, Definition, Queue, Registry, Schedule
from polos.deploy.collect import App
from polos.deploy.plan import Options, StackPlan, plan
from polos.deploy.template import template

OPTIONS = Options("shop")


def body(ctx: Any) -> None:
    """A workflow's function."""


def definition(name: str, **settings: Any) -> Definition:
    """A workflow of that id."""
    if isinstance(settings.get("schedule"), str):
        settings["schedule"] = Schedule(settings["schedule"])
    return Definition(name, body, **settings)


def app(*definitions: Definition, secrets: tuple[str, ...] = ()) -> App:
    """An app of these definitions."""
    registry = Registry()
    for each in definitions:
        registry.add(each)
    queues = {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE), **registry.queues}
    return App(("shop.flows",), tuple(registry), tuple(queues[name] for name in sorted(queues)), secrets)


def planned(*definitions: Definition, options: Options = OPTIONS, secrets: tuple[str, ...] = ()) -> StackPlan:
    """Its plan."""
    return plan(app(*definitions, secrets=secrets), options)


def resources(*definitions: Definition, **more: Any) -> dict[str, Any]:
    """The resources of its template."""
    found: dict[str, Any] = template(planned(*definitions, **more))["Resources"]
    return found

"""Collect: import the modules of an app and take what their decorators describe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polos.core.definitions import DEFAULT_QUEUE, Definition, Queue, Registry
from polos.core.definitions import registry as process_registry
from polos.entry.loading import load_source
from polos.errors import CannotLoad


@dataclass(frozen=True, slots=True)
class App:
    """What an app describes. `modules`: dotted names, as functions import them. `secrets`: what they ask for."""

    modules: tuple[str, ...]
    definitions: tuple[Definition, ...]
    queues: tuple[Queue, ...]
    secrets: tuple[str, ...] = ()


def collect(sources: Sequence[str], *, registry: Registry = process_registry) -> App:
    """Import files and modules, and give what is registered then.

    Raises:
        CannotLoad: One of them cannot be imported, or none defines a workflow.
        InvalidDefinition: A decorator was given what cannot work.
    """
    modules = tuple(dict.fromkeys(load_source(source).__name__ for source in sources))
    if not len(registry):
        raise CannotLoad(
            ", ".join(sources), "it was imported, but defines no workflow; decorate functions with @workflow"
        )
    queues = {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE), **registry.queues}
    return App(
        modules,
        tuple(registry),
        tuple(queues[name] for name in sorted(queues)),
        tuple(sorted(registry.secrets)),
    )

"""Every test module has the definitions of its own: what others define at their import is out of its way.

pytest imports all test modules into one process, and definitions stand in one registry by id. Without this, two modules
could not both have a workflow `order`, and the triggers of one would start on the events of another.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from polos.core.definitions import Definition, Queue, registry

Defined = tuple[list[Definition], dict[str, Queue]]
SHARED = ("support.", "examples.")

_defined: dict[str, Defined] = {}
"""By test module (its node id) or shared module (its name): what stood in the registry because of its import."""


@contextmanager
def importing(module: str) -> Iterator[None]:
    """Note what the import defines, under the module that did, and leave the registry as it was."""
    before = taken_out()
    try:
        yield
    finally:
        definitions, queues = taken_out()
        for definition in definitions:
            _defined.setdefault(_shared(definition) or module, ([], {}))[0].append(definition)
        _defined.setdefault(module, ([], {}))[1].update(queues)
        put_back(before)


def _shared(definition: Definition) -> str | None:
    """The shared module that defines it. The body of an agent is Polos' own: it belongs to the module that names it."""
    home = getattr(definition.function, "__module__", "") or ""
    if not home.startswith("polos."):
        return home if home.startswith(SHARED) else None
    for name, module in list(sys.modules.items()):
        if name.startswith(SHARED) and any(
            getattr(value, "definition", None) is definition for value in list(vars(module).values())
        ):
            return name
    return None


@contextmanager
def only_of(module: ModuleType, key: str) -> Iterator[None]:
    """The registry with what the module (noted as `key`) and the shared ones it uses define, and nothing else."""
    before = taken_out()
    for name in (key, *_reachable(module)):
        put_back(_defined.get(name, ([], {})))
    try:
        yield
    finally:
        taken_out()
        put_back(before)


def taken_out() -> Defined:
    """Empty the registry; what was in it."""
    definitions, queues = list(registry), dict(registry.queues)
    for definition in definitions:
        registry.remove(definition.id)
    registry.queues.clear()
    return definitions, queues


def put_back(defined: Defined) -> None:
    """Add what was taken out."""
    registry.queues.update(defined[1])
    for definition in defined[0]:
        registry.add(definition)


def _reachable(module: ModuleType) -> list[str]:
    """The shared modules that its names come from, and theirs."""
    found: list[str] = []
    todo = [module]
    while todo:
        for value in vars(todo.pop()).values():
            name = _home(value)
            if name.startswith(SHARED) and name not in found and name in sys.modules:
                found.append(name)
                todo.append(sys.modules[name])
    return found


def _home(value: Any) -> str:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return name if isinstance(name, str) else ""

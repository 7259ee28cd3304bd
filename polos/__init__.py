"""Durable workflows and AI agents, on AWS Lambda or on one machine.

This is the roof of the package: it re-exports the public names, each loaded on first use, and holds nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    # One import a line for every name in `_HOMES`, as `from polos.x import Name as Name`: what type checkers and editors see.
    ...

__version__: Final = "0.1.0"

# Public name -> the module it lives in. A name is loaded when it is first asked for, so that `import polos` costs
# milliseconds and a Lambda handler that needs two names does not pay for the other hundred.
_HOMES: Final[dict[str, str]] = {}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604  (strings all, by the annotation of `_HOMES`)


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in, and keep it here.

    Raises:
        AttributeError: `name` is not a public name of polos.
    """
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'polos' has no attribute {name!r}. Public names are listed in polos.__all__.")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Durable workflows and AI agents, on AWS Lambda or on one machine.

This is the roof of the package: it re-exports the public names, each loaded on first use, and holds nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    # For type checkers and editors: `from HOME import NAME as NAME` for every line of `_HOMES`.
    ...

__version__: Final = "0.1.0"

# Public name -> what it is imported from, as in `from HOME import NAME`; the name may be a module (`events`). It is
# loaded when first asked for: `import polos` costs milliseconds, and a handler that needs two names pays for two.
_HOMES: Final[dict[str, str]] = {}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 (names all: see the annotation of `_HOMES`)


def __getattr__(name: str) -> Any:
    """Load a public name from its home, and keep it.

    Raises:
        AttributeError: `name` is not a public name of polos.
    """
    if name not in _HOMES:
        raise AttributeError(
            f"module 'polos' has no attribute {name!r}; its public names are in polos.__all__"
        )
    home = import_module(_HOMES[name])
    value = getattr(home, name) if hasattr(home, name) else import_module(f"{_HOMES[name]}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The user's code: modules imported by name, whose decorators fill the registry."""

from __future__ import annotations

import importlib
from typing import Final

from polos.errors import InvalidDefinition

APP_VARIABLE: Final = "POLOS_APP"
"""The environment variable that names the modules, separated by commas: `shop.orders,shop.mails`."""


def load_app(modules: str) -> list[str]:
    """Import `modules`, names separated by commas; which they were.

    Raises:
        InvalidDefinition: None is named, or one of them does not exist. What a module itself raises goes through.
    """
    found = [name for name in (part.strip() for part in modules.split(",")) if name]
    if not found:
        raise InvalidDefinition(
            f"no module with workflows is named: set {APP_VARIABLE} to what should be imported, such as 'shop.orders' "
            "(several with commas between them)"
        )
    for name in found:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # the module is there; something it imports is not
            raise InvalidDefinition(
                f"{APP_VARIABLE} names the module {name!r}, and there is no {error.name!r} on the path; is it in the "
                "package that was deployed, and spelled as in an import statement?"
            ) from error
    return found

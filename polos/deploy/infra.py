"""The static parts of a stack, `infra/` of the repository, as data."""

from __future__ import annotations

import functools
import json
import tomllib
from pathlib import Path
from typing import Any, Final

from polos.errors import StoreError

_PLACES: Final = (Path(__file__).parent / "data", Path(__file__).parents[2] / "infra")
"""In an installed package, and in the repository."""


@functools.cache
def infra_text(name: str) -> str:
    """A file of `infra/` as text."""
    for place in _PLACES:
        if (place / name).is_file():
            return (place / name).read_text(encoding="utf-8")
    raise StoreError(f"the file infra/{name} of polos is missing; install polos-worker again")


def infra_toml(name: str) -> dict[str, Any]:
    """A TOML file of `infra/`."""
    return tomllib.loads(infra_text(name))


def infra_json(name: str) -> Any:
    """A JSON file of `infra/`."""
    return json.loads(infra_text(name))

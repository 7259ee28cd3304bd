"""The merge file: any CloudFormation that decorators have no word for, laid over the rendered template.

    Resources:
      ApiFunction:
        Properties:
          ReservedConcurrentExecutions: 50     # added, or replaced
      DeadLettersAlarm: null                   # taken out

Mappings are merged key by key, anything else is replaced, and null takes out.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from polos.errors import InvalidDefinition

DEFAULT_FILES: Final = ("polos.merge.yaml", "polos.merge.json", "polos.merge.toml")
_SECTIONS: Final = frozenset(
    {
        "Conditions",
        "Description",
        "Globals",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
    }
)


def read_merge_file(path: Path) -> dict[str, Any]:
    """The data of a merge file: YAML with CloudFormation's tags, JSON or TOML.

    Raises:
        InvalidDefinition: It cannot be read, or has a section that templates do not have.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = {".json": json.loads, ".toml": tomllib.loads}.get(path.suffix, parse_yaml)(text)
    except OSError as error:
        raise InvalidDefinition(f"merge file {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InvalidDefinition(
            f"merge file {path} is not {path.suffix[1:].upper() or 'YAML'}: {error}"
        ) from error
    unknown = sorted(set(data) - _SECTIONS) if isinstance(data, dict) else ["(no mapping)"]
    if unknown:
        raise InvalidDefinition(
            f"merge file {path}: {unknown[0]} is no section that can be merged; known: {', '.join(sorted(_SECTIONS))}"
        )
    return dict(data)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid over it."""
    found = dict(base)
    for key, value in over.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping) and not _is_function(value):
            found[key] = merged(found[key], value)
        else:
            found[key] = value
    return found


def _is_function(value: Mapping[str, Any]) -> bool:
    """`!Ref` and its like are values: one replaces what was there."""
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))


def parse_yaml(text: str) -> Any:
    """YAML with the short forms of CloudFormation's functions.

    Raises:
        ValueError: It is none.
        InvalidDefinition: The package that reads YAML is not installed.
    """
    try:
        import yaml  # noqa: PLC0415 (an optional dependency)
    except ImportError:
        raise InvalidDefinition(
            "a merge file in YAML takes the package pyyaml: pip install 'polos-worker[deploy]', or write JSON or TOML"
        ) from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Safe, and knows `!Ref` and its like."""

    def construct(loader: Any, tag: str, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            value: Any = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        if tag == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}

    Loader.add_multi_constructor("!", construct)
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in Loader.yaml_implicit_resolvers.items()
    }
    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 (it derives from SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error

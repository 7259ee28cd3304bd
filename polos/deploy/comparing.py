"""Compare: what a deployment would change in a stack, from the template it was made of and the one that was built.

Code is not compared: packages have other places in S3 each time, and what is in them is known when they are packaged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from polos.deploy.intrinsics import without_comments
from polos.deploy.merging import parse_yaml
from polos.errors import InvalidDefinition

_SECTIONS: Final = ("Parameters", "Conditions", "Globals", "Resources", "Outputs")
_IN_FUNCTIONS: Final = ("CodeUri", "Metadata")  # where the code is; how `sam build` takes it
_HOLDS: Final[Mapping[str, str]] = {
    "AWS::DynamoDB::Table": "what is in it",
    "AWS::S3::Bucket": "what is in it",
    "AWS::SQS::Queue": "the messages in it",
}
_REPLACING: Final[Mapping[str, frozenset[str]]] = {
    "AWS::DynamoDB::Table": frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"}),
    "AWS::S3::Bucket": frozenset({"BucketName"}),
    "AWS::SQS::Queue": frozenset({"QueueName", "FifoQueue"}),
}
_LONGEST: Final = 90


class How(StrEnum):
    """What happens to a part of a template; the sign that shows it."""

    ADDED = "+"
    REMOVED = "-"
    CHANGED = "~"


@dataclass(frozen=True, slots=True)
class Change:
    """One part that would change: a resource, a parameter, an output.

    `part` is its path, like `Resources.WorkerMails`; `kind` its type, if it has one; `details` the lines that say what
    changes in it; `warning` what would be gone, or "".
    """

    how: How
    part: str
    kind: str = ""
    details: tuple[str, ...] = ()
    warning: str = ""

    def lines(self) -> list[str]:
        """For people."""
        name = self.part.removeprefix("Resources.")
        head = f"{self.how} {name}" + (f"  {self.kind}" if self.kind else "")
        return [head, *(f"    {line}" for line in (self.warning, *self.details) if line)]


def read_template(body: Any) -> dict[str, Any]:
    """A template as CloudFormation gives it back: data, JSON, or YAML where the SAM CLI deployed it.

    Raises:
        InvalidDefinition: It cannot be read, with the reason.
    """
    if isinstance(body, Mapping):
        return dict(body)
    text = str(body)
    try:
        data = json.loads(text) if text.lstrip().startswith("{") else parse_yaml(text)
    except ValueError as error:
        raise InvalidDefinition(f"the template of the deployed stack cannot be read: {error}") from error
    return dict(data)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What becomes of each part of a template, by section and name. Comments do not count."""
    old, new = without_comments(dict(before)), without_comments(dict(after))
    return [
        change
        for section in _SECTIONS
        for change in _section(section, old.get(section, {}), new.get(section, {}))
    ]


def _section(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        part = f"{section}.{name}"
        if name not in old:
            yield Change(How.ADDED, part, _kind(new[name]))
        elif name not in new:
            kind = _kind(old[name])
            yield Change(How.REMOVED, part, kind, warning=_of_removal(old[name], kind))
        elif differences := list(_differences(_comparable(old[name]), _comparable(new[name]), ())):
            kind = _kind(new[name])
            changed = {path[1] for path, _, _ in differences if path[:1] == ("Properties",) and len(path) > 1}
            replaced = bool(changed & _REPLACING.get(kind, frozenset())) or _kind(old[name]) != kind
            details = tuple(
                f"{'.'.join(path) or 'value'}: {_short(x)} -> {_short(y)}" for path, x, y in differences
            )
            empty = f"is replaced: the new one begins without {_HOLDS.get(kind)}"
            yield Change(How.CHANGED, part, kind, details, empty if replaced and kind in _HOLDS else "")


def _of_removal(resource: Any, kind: str) -> str:
    policy = resource.get("DeletionPolicy") if isinstance(resource, Mapping) else None
    if kind not in _HOLDS:
        return ""
    if policy == "Retain":
        return "stays, but no stack has it any more"
    if isinstance(policy, Mapping):
        return f"is deleted with {_HOLDS[kind]}, or stays alone, as {next(iter(policy.values()))} says"
    return f"is deleted with {_HOLDS[kind]}"


def _comparable(value: Any) -> Any:
    """Without what says where a function's code is."""
    if _kind(value) != "AWS::Serverless::Function":
        return value
    properties = {
        name: item for name, item in value.get("Properties", {}).items() if name not in _IN_FUNCTIONS
    }
    return {key: item for key, item in value.items() if key not in _IN_FUNCTIONS} | {"Properties": properties}


def _kind(value: Any) -> str:
    return str(value.get("Type", "")) if isinstance(value, Mapping) else ""


_NOTHING: Final = object()


def _differences(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """(path, before, after) of each place where two values differ; lists are compared whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}, key=str):
            yield from _differences(old.get(key, _NOTHING), new.get(key, _NOTHING), (*path, str(key)))
    elif old != new and not _same_number(old, new):
        yield path, old, new


def _same_number(old: Any, new: Any) -> bool:
    """CloudFormation may give a number back as text."""
    return not isinstance(old, bool) and not isinstance(new, bool) and str(old) == str(new)


def _short(value: Any) -> str:
    if value is _NOTHING:
        return "(none)"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"

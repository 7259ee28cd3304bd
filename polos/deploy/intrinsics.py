"""CloudFormation's functions as plain data, and comments in it: what the renderer writes, and merge files are read to.

A mapping may have a key `#`: the comment that stands above its other lines.
"""

from __future__ import annotations

from typing import Any, Final

COMMENT: Final = "#"

Resources = dict[str, dict[str, Any]]


def ref(name: str) -> dict[str, str]:
    """`!Ref name`."""
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, list[str]]:
    """`!GetAtt name.attribute`."""
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str) -> dict[str, str]:
    """`!Sub text`."""
    return {"Fn::Sub": text}


def literal(text: str) -> str:
    """A text as `!Sub` writes it, unchanged."""
    return text.replace("${", "${!")


def choose(condition: str, yes: Any, no: Any = None) -> dict[str, list[Any]]:
    """`!If`; without `no`, the property is absent then."""
    return {"Fn::If": [condition, yes, ref("AWS::NoValue") if no is None else no]}


def without_comments(value: Any) -> Any:
    """The same data without its comments."""
    match value:
        case dict():
            return {key: without_comments(item) for key, item in value.items() if key != COMMENT}
        case list():
            return [without_comments(item) for item in value]
        case _:
            return value

"""Template data as YAML: in the order it comes, with comments, functions in their short form, and no library.

It writes only what templates need, so that what it writes never changes with somebody else's version.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from polos.deploy.intrinsics import COMMENT

_PLAIN: Final = re.compile(r"[A-Za-z_/$][A-Za-z0-9_./$*-]*(:{1,2}[A-Za-z0-9_./$*-]+)*", re.ASCII)
_WORDS: Final = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
_WIDTH: Final = 116


def to_yaml(document: Mapping[str, Any]) -> str:
    """The document as text, with a blank line between the members of its sections."""
    lines: list[str] = []
    for number, (key, value) in enumerate(document.items()):
        if number:
            lines.append("")
        if (
            isinstance(value, Mapping)
            and value
            and key != COMMENT
            and all(isinstance(v, Mapping) for v in value.values())
        ):
            lines.append(f"{key}:")
            for index, (name, member) in enumerate(value.items()):
                if index:
                    lines.append("")
                lines += [f"  {line}" for line in _entry(name, member)]
        else:
            lines += _comment(value, "") if key == COMMENT else _entry(key, value)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _entry(key: str, value: Any) -> list[str]:
    """`key: value`, over as many lines as it takes."""
    head = f"{_scalar(key)}:"
    tag, content = _tagged(value)
    if tag:
        head += f" {tag}"
    inline = _inline(content)
    if inline is not None:
        first, *rest = inline
        return [f"{head} {first}", *(f"  {line}" if line else line for line in rest)]
    return [head, *(f"  {line}" for line in _block(content))]


def _block(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        lines = _comment(value[COMMENT], "") if COMMENT in value else []
        return lines + [line for key, item in value.items() if key != COMMENT for line in _entry(key, item)]
    return [line for item in value for line in _item(item)]


def _item(value: Any) -> list[str]:
    tag, content = _tagged(value)
    inline = _inline(content)
    if inline is not None:
        first, *rest = inline
        return [f"- {tag} {first}" if tag else f"- {first}", *(f"  {line}" for line in rest)]
    inner = _block(content)
    if tag:
        return [f"- {tag}", *(f"  {line}" for line in inner)]
    comments = [line for line in inner if line.startswith("#")]
    rest = inner[len(comments) :]
    return [*comments, f"- {rest[0]}", *(f"  {line}" for line in rest[1:])]


def _tagged(value: Any) -> tuple[str, Any]:
    """A function of CloudFormation as its short tag and its argument."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((key, argument),) = value.items()
        if key == "Ref" or (key == "Condition" and isinstance(argument, str)):
            return f"!{key}", argument
        if key == "Fn::GetAtt":
            return "!GetAtt", ".".join(argument)
        if (
            isinstance(key, str)
            and key.startswith("Fn::")
            and not (isinstance(argument, Mapping) and _tagged(argument)[0])
        ):
            return "!" + key.removeprefix("Fn::"), argument
    return "", value


def _inline(value: Any) -> list[str] | None:
    """The value if it can stand after a colon: a scalar, a block of text, an empty collection."""
    if isinstance(value, Mapping):
        return None if value else ["{}"]
    if isinstance(value, list | tuple):
        return None if value else ["[]"]
    if isinstance(value, str) and "\n" in value:
        return ["|-" if not value.endswith("\n") else "|", *value.rstrip("\n").split("\n")]
    return [_scalar(value)]


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str, indent: str) -> list[str]:
    return list(_wrapped(text, indent))


def _wrapped(text: str, indent: str) -> Iterator[str]:
    for paragraph in text.split("\n"):
        if not paragraph:
            yield f"{indent}#"
        for line in textwrap.wrap(
            paragraph, _WIDTH - len(indent), break_long_words=False, break_on_hyphens=False
        ):
            yield f"{indent}# {line}"

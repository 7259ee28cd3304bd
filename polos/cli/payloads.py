"""Values on the command line: JSON, or @file, or @- for stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from polos.cli.exits import BadUsage


def read_payload(text: str, *, option: str = "--payload") -> Any:
    """The value of an option. Raises `BadUsage`, which says where the text stops being JSON."""
    source, content = option, text
    if text.startswith("@"):
        source = text[1:]
        content = _content(source, option)
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        line = content.splitlines()[error.lineno - 1] if content.splitlines() else ""
        hint = (
            "" if text.startswith("@") else f"""; strings take double quotes: {option} '{{"name": "Ada"}}'"""
        )
        raise BadUsage(
            f"{source} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}: "
            f"{line[max(0, error.colno - 20) : error.colno + 20]!r}{hint}"
        ) from error


def _content(source: str, option: str) -> str:
    if source == "-":
        return sys.stdin.read()
    try:
        return Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise BadUsage(f"{option} @{source}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadUsage(f"{option} @{source}: it is not text in UTF-8 ({error.reason})") from error

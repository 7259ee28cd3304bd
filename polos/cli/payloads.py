"""`--payload`: JSON, or @file, or @- for stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from polos.cli.exits import BadUsage


def read_payload(text: str) -> Any:
    """The value of `--payload`. Raises `BadUsage`, which says where the text stops being JSON."""
    source, content = "--payload", text
    if text.startswith("@"):
        source = text[1:]
        content = _content(source)
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        line = content.splitlines()[error.lineno - 1] if content.splitlines() else ""
        hint = "" if text.startswith("@") else """; strings take double quotes: --payload '{"name": "Ada"}'"""
        raise BadUsage(
            f"{source} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}: "
            f"{line[max(0, error.colno - 20) : error.colno + 20]!r}{hint}"
        ) from error


def _content(source: str) -> str:
    if source == "-":
        return sys.stdin.read()
    try:
        return Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise BadUsage(f"--payload @{source}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadUsage(f"--payload @{source}: it is not text in UTF-8 ({error.reason})") from error

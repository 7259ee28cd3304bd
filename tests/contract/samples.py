"""Names and texts that stores get wrong, and threads that all begin at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

ODD_NAMES = [
    "plain",
    "with space",
    "a/b/c",
    "#hash#",
    "?q=1&b=2",
    "dot.dot..",
    "per%cent%20",
    "'quote\"",
    "back\\slash",
    "semi;colon -- drop",
    "new\nline\ttab",
    "ümläut",
    "日本語",
    "e\u0301 and \u00e9",
    "🙂🚀",
    "\ue000\uffff\U0010ffff",
    "\x7f\x01",
    "UPPER",
    "upper",
    "x" * 640,
    "é" * 320,
    "None",
    "0",
    "_%_",
    "*",
]

ODD_TEXTS = [
    "{}",
    " ",
    '{"a":"\\u0000"}',
    "line\nline\r\n",
    "tab\t",
    "日本語🙂",
    "\uffff\U0010ffff",
    "0",
    "null",
    "'; DROP TABLE entries; --",
    "x" * 5_000,
]


def at_once(threads: int, work: Callable[[int], T]) -> list[T]:
    """The results of `work(0)`, `work(1)` ..., each in a thread of its own, begun at one moment."""
    gate = threading.Barrier(threads)

    def run(number: int) -> T:
        gate.wait(timeout=30)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))

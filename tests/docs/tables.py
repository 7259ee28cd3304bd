"""The tables of the documentation that the code knows better: written into the pages by `python -m tests.docs.tables`.

A page has `<!-- table: NAME -->` and `<!-- end of table -->`; what stands between them is drawn from the code. A test
compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from polos.core import journal, messages
from polos.core.states import ENDED, MEANINGS, TRANSITIONS
from polos.server.problems import STATUSES

ROOT: Final = Path(__file__).parents[2]
_TABLE: Final = re.compile(r"(<!-- table: (?P<name>\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def states() -> str:
    """The states, and what each means."""
    rows = [(f"`{status}`", "yes" if status in ENDED else "", text) for status, text in MEANINGS.items()]
    return _markdown(("state", "final", "what it means"), rows)


def transitions() -> str:
    """How an execution comes from one state to another."""
    rows = [
        (", ".join(f"`{status}`" for status in row.before), f"`{row.after}`", row.cause)
        for row in TRANSITIONS
    ]
    return _markdown(("from", "to", "when"), rows)


def entries() -> str:
    """The kinds of journal entries, from the docstring of the journal."""
    return _from_docstring(journal.__doc__ or "", ("kind", "address", "what it records"))


def kinds_of_messages() -> str:
    """The kinds of messages, from the docstring of the messages."""
    return _from_docstring(messages.__doc__ or "", ("kind", "key", "what its handling does"))


def http() -> str:
    """The HTTP status of each error that the API answers with; all others are 500."""
    by_status = sorted(STATUSES.items(), key=lambda item: (item[1], item[0]))
    return _markdown(("status", "code"), [(str(status), f"`{code}`") for code, status in by_status])


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "states": states,
    "transitions": transitions,
    "entries": entries,
    "messages": kinds_of_messages,
    "http": http,
}


def with_tables(text: str) -> str:
    """A page with its tables as the code says now."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found['name']]()}\n{found[3]}", text)


def pages() -> list[Path]:
    """The pages that may have tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def main() -> None:
    """Write the tables into the pages."""
    for page in pages():
        page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")


def _markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [head, ["---"] * len(list(head)), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _from_docstring(text: str, columns: tuple[str, str, str]) -> str:
    """The table in a docstring whose head has these words: columns begin where the head's do."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split() == " ".join(columns).split())
    second, third = (lines[start].index(column) for column in columns[1:])
    rows: list[list[str]] = []
    for line in lines[start + 1 :]:
        if not line.strip():
            break
        cells = [line[:second].strip(), line[second:third].strip(), line[third:].strip()]
        if not cells[0] and not cells[1] and rows:
            rows[-1][2] += " " + cells[2]
            continue
        rows.append([f"`{cells[0]}`" if cells[0] else "", f"`{cells[1]}`" if cells[1] else "", cells[2]])
    return _markdown(columns, rows)


if __name__ == "__main__":
    main()

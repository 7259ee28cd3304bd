"""Tables in the documentation are those that the code gives."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from polos.core.journal import Kind
from polos.core.messages import MessageKind


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("documented_tables", Path(__file__).with_name("tables.py"))
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


tables = _load()


@pytest.mark.parametrize("page", tables.pages(), ids=lambda page: page.name)
def test_a_page_has_the_tables_that_the_code_gives(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == tables.with_tables(text), "write them anew: python -m tests.docs.tables"


def test_every_table_is_in_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in tables.pages())
    assert set(re.findall(r"<!-- table: (\w+) -->", text)) == set(tables.TABLES)


@pytest.mark.parametrize(("name", "kinds"), [("entries", Kind), ("messages", MessageKind)])
def test_the_table_of_a_docstring_has_every_kind(name: str, kinds: type[Kind] | type[MessageKind]) -> None:
    rows = [line.split("|") for line in tables.TABLES[name]().splitlines()[2:]]
    assert {row[1].strip(" `") for row in rows} - {""} == {kind.value for kind in kinds}
    assert all(row[3].strip() for row in rows)

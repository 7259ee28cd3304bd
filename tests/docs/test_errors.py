"""docs/errors.md knows every error that a user can meet, and no other."""

from __future__ import annotations

import inspect
import re

from polos import errors
from polos.errors import PolosError
from support.snippets import ROOT

CODES = {
    (kind.code, name)
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, PolosError)
}
ROWS = [
    line.strip("|").split(" | ")
    for line in (ROOT / "docs" / "errors.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| `\w+` \| `\w+` \|", line)
]


def test_every_error_is_explained_under_its_code() -> None:
    assert sorted((row[0].strip(" `"), row[1].strip(" `")) for row in ROWS) == sorted(CODES)


def test_every_error_has_its_cause() -> None:
    assert [row[0] for row in ROWS if not row[2].strip()] == []


def test_no_two_errors_share_a_code() -> None:
    assert len({code for code, _ in CODES}) == len(CODES)

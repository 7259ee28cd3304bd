"""Decisions are numbered in order, listed, short, and say what they must."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "docs" / "decisions"
PAGES = sorted(path for path in HERE.glob("*.md") if path.name != "README.md")
PARTS = ["The question", "The decision", "What was turned down", "What follows"]


def test_pages_are_numbered_without_a_gap_and_all_listed() -> None:
    numbers = [path.name[:4] for path in PAGES]
    assert numbers == [f"{number:04}" for number in range(1, len(PAGES) + 1)]
    listed = re.findall(
        r"^\| \[\d{4}\]\(([^)]+)\)", (HERE / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert listed == [path.name for path in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_parts_and_fits_on_a_screen(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.name[:4]}: ")
    assert re.search(r"^Status: (accepted|replaced by \d{4})$", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert len(text.splitlines()) <= 40

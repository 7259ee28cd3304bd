"""The pages belong together: every one is in the menu, every public name in the reference, every picture is there."""

from __future__ import annotations

import re
from pathlib import Path

import polos
from support.snippets import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")


def test_every_page_is_in_the_menu() -> None:
    menu = set(
        re.findall(r"- ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    )
    written = {str(page.relative_to(DOCS)) for page in PAGES if not re.match(r"\d{4}-", page.name)}
    assert menu == written


def test_every_public_name_is_in_the_reference() -> None:
    listed = set(re.findall(r"^::: (?:\w+\.)+(\w+)$", REFERENCE, re.MULTILINE))
    assert set(polos.__all__) - {"__version__"} - listed == set()


def test_every_picture_is_there_and_says_what_it_shows() -> None:
    for page in [ROOT / "README.md", *PAGES]:
        for text, file in re.findall(r"!\[(.*?)\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert len(text) > 10, f"{page}: say in words what {file} shows"
            assert (page.parent / file).is_file(), f"{page}: there is no {file}"


def test_every_link_leads_to_a_file() -> None:
    for page in [ROOT / "README.md", ROOT / "examples" / "README.md", *PAGES]:
        for link in re.findall(
            r"(?<!!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")
        ):
            if not link.startswith(("http://", "https://")):
                assert (page.parent / Path(link)).exists(), f"{page}: {link}"

"""The dashboard's files: what is served, what a browser keeps, and what it may do with them."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from polos.server.assets import Assets
from support.api import Asker, World


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "js" / "pages").mkdir(parents=True)
    (tmp_path / "index.html").write_text(
        '<link href="style.css"><script type="module" src="js/main.js"></script><a href="#/x">x</a>'
    )
    (tmp_path / "style.css").write_text("body{}")
    (tmp_path / "js" / "main.js").write_text('import "./pages/one.js"')
    (tmp_path / "js" / "pages" / "one.js").write_text("1")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\xff\x00")
    (tmp_path / "notes.py").write_text("secret")
    (tmp_path.parent / "outside.js").write_text("secret")
    return tmp_path


def test_the_page_names_its_files_so_that_a_browser_keeps_them_for_ever(directory: Path) -> None:
    assets = Assets(directory)
    page = assets.serve("/")
    assert page is not None
    assert page.headers["Cache-Control"] == "no-cache"
    links = re.findall(r'(?:src|href)="(assets/[^"]+)"', page.body)
    assert [link.split("/", 2)[2] for link in links] == ["style.css", "js/main.js"]
    for link in [*links, links[1].replace("main.js", "pages/one.js")]:
        file = assets.serve(f"/{link}")
        assert file is not None
        assert "immutable" in file.headers["Cache-Control"]
    assert '<a href="#/x">' in page.body


def test_a_name_of_yesterday_is_answered_and_not_kept(directory: Path) -> None:
    old = Assets(directory).serve(f"/assets/{'0' * 16}/js/main.js")
    assert old is not None
    assert old.headers["Cache-Control"] == "no-cache"


def test_what_has_not_changed_is_not_sent_again_and_what_has_is(directory: Path) -> None:
    assets = Assets(directory)
    first = assets.serve("/")
    assert first is not None
    again = assets.serve("/", first.headers["ETag"])
    assert again is not None
    assert (again.status, again.body) == (304, "")
    (directory / "style.css").write_text("body{color:red}")
    changed = assets.serve("/", first.headers["ETag"])
    assert changed is not None
    assert changed.status == 200


def test_nothing_else_is_served(directory: Path) -> None:
    assets = Assets(directory)
    for path in (
        "/notes.py",
        "/../outside.js",
        "/js/../../outside.js",
        "/js",
        "/js/",
        "//index.html",
        "/style.css/",
        "/assets/0000000000000000/../../outside.js",
        "/%2e%2e/outside.js",
        "/js\\main.js",
        "/index.html\0",
    ):
        assert assets.serve(path) is None, path


def test_a_picture_comes_as_it_is(directory: Path) -> None:
    file = Assets(directory).serve("/logo.png")
    assert file is not None
    assert (file.base64, file.headers["Content-Type"]) == (True, "image/png")


def test_the_page_itself_runs_nothing_inline_and_nothing_from_elsewhere(world: World) -> None:
    told = Asker(World(world.harness, assets=Assets()).api)("GET", "/")
    policy = told.headers["Content-Security-Policy"]
    assert told.status == 200
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert told.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?://", told.text)


def test_the_files_go_into_the_package_for_lambda() -> None:
    from polos.deploy import package
    from polos.deploy.sources import tree

    own = Path(package.__file__).parents[1]
    packed = tree(own, own.parent, without=package._NOT_IN_LAMBDA)
    assert {"polos/dashboard/index.html", "polos/dashboard/js/main.js"} <= set(packed)


def test_strangers_see_the_page_and_no_data(world: World) -> None:
    ask = Asker(World(world.harness, assets=Assets()).api)
    assert ask("GET", "/dashboard.css").headers["Content-Type"].startswith("text/css")
    assert ask("GET", "/v1/executions").status == 401
    assert ask("GET", "/nothing.js").status == 401
    assert ask("POST", "/").status == 401


def test_the_page_names_every_module_that_its_first_one_needs_so_that_they_load_side_by_side() -> None:
    directory = (Path(str(files("polos"))) / "dashboard").resolve()
    page = (directory / "index.html").read_text(encoding="utf-8")
    needed, found = [directory / "js" / "main.js"], set()
    while needed:
        module = needed.pop()
        if module in found:
            continue
        found.add(module)
        text = module.read_text(encoding="utf-8")
        needed += [
            (module.parent / name).resolve()
            for name in re.findall(r'^import .*?"(\..+?)";', text, re.M | re.S)
        ]
    named = re.findall(r'(?:modulepreload" href|type="module" src)="([^"]+)"', page)
    assert sorted(named) == sorted(module.relative_to(directory).as_posix() for module in found)

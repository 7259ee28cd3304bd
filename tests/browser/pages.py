"""A browser over the recorded set: how the tests open pages, and what no page may ever do."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.deployed_run import Unavailable
from tests.browser.recorded import Recorded

PATIENCE_MS = 15_000
CHROMIUM = os.environ.get("POLOS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


class Browser:
    """Headless Chromium. Errors in the console of a page fail the test, and payloads that have become scripts."""

    def __init__(self, there: Recorded, chromium: Any) -> None:
        self.there = there
        self._chromium = chromium

    @contextmanager
    def page(
        self, route: str = "#/executions", *, refusals: bool = False, at: str | None = None, **options: Any
    ) -> Iterator[Any]:
        """A page of its own, at a route; when it is closed, nothing may have gone wrong in it.

        `at`: a server other than the set's own. `refusals`: the server may refuse requests, which the browser notes in
        the console by itself.
        """
        context = self._chromium.new_context(viewport={"width": 1280, "height": 860}, **options)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        wrong: list[str] = []
        page.on(
            "console", lambda said: wrong.append(said.text) if said.type == "error" and not refusals else None
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{at or self.there.url}/{route}")
        page.wait_for_selector("main h1")
        try:
            yield page
            assert "owned" not in page.title()
            assert not wrong, wrong
        finally:
            context.close()

    def execution(self, name: str, query: str = "") -> str:
        """The route of an execution of the set."""
        return f"#/executions/{self.there.executions[name]}{query}"

    def api(self, path: str, body: Any = None) -> Any:
        """What the API says, asked beside the browser."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.there.url}{path}", data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def status(self, execution: str) -> str:
        """The status that the store has for an execution."""
        return self.there.runtime.service.meta(execution).status


@contextmanager
def chromium(there: Recorded) -> Iterator[Browser]:
    """The browser, or the test is skipped where there is none."""
    driver = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        raise Unavailable("no browser: apt-get install chromium, or name one in POLOS_CHROMIUM")
    with driver.sync_playwright() as started:
        browser = _launched(started)
        try:
            yield Browser(there, browser)
        finally:
            browser.close()


def _launched(driver: Any) -> Any:
    try:
        return driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    except Exception as error:  # playwright's own, which cannot be named before it is imported
        raise Unavailable(f"no browser: {CHROMIUM} does not start: {str(error)[:500]}") from error


def comes(page: Any, expression: str) -> None:
    """Wait until an expression is true in the page. Playwright's own wait would need `eval`, which no page allows."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"it does not come about: {expression}"
        page.wait_for_timeout(50)


def shown_id(page: Any) -> str:
    """The id of the execution whose page is shown."""
    return str(page.url.split("#/executions/")[1].split("?")[0])

"""What the page asks of the server by itself, and that everything can be done with the keyboard."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.pages import Browser, comes

pytestmark = pytest.mark.browser

QUIET_MS = 6_000


def requests_of(page: Any) -> list[str]:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def test_a_paused_live_view_asks_for_nothing(browser: Browser) -> None:
    running = browser.execution("running")
    for route in ("#/executions", running, "#/approvals", "#/queues", "#/events?topic=orders"):
        with browser.page(route) as page:
            page.wait_for_selector(".live.on")
            page.keyboard.press("p")
            page.wait_for_selector(".live.paused")
            asked = requests_of(page)
            page.wait_for_timeout(QUIET_MS if route == running else QUIET_MS / 2)
            assert asked == []


def test_what_has_ended_is_not_asked_about_again(browser: Browser) -> None:
    with browser.page(browser.execution("agent")) as page:
        page.wait_for_selector(".live.idle")
        page.wait_for_timeout(500)
        asked = requests_of(page)
        page.wait_for_timeout(QUIET_MS / 2)
        assert asked == []


def test_a_list_in_which_nothing_happens_is_asked_for_more_and_more_seldom(browser: Browser) -> None:
    with browser.page() as page:
        page.wait_for_selector("tbody tr")
        asked = requests_of(page)
        page.wait_for_timeout(QUIET_MS)
        assert 1 <= len(asked) <= 3


def test_a_new_execution_appears_by_itself(browser: Browser) -> None:
    with browser.page("#/executions?workflow_id=shown-nightly") as page:
        page.wait_for_selector("tbody tr")
        before = page.locator("tbody tr").count()
        browser.api("/v1/executions", {"workflow_id": "shown-nightly"})
        comes(page, f"document.querySelectorAll('tbody tr').length === {before + 1}")


def test_the_page_is_used_with_the_keyboard_alone(browser: Browser) -> None:
    with browser.page() as page:
        page.wait_for_selector("tbody tr")
        page.keyboard.press("?")
        page.wait_for_selector("dialog:has-text('Keyboard')")
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("team=support")
        page.keyboard.press("Enter")
        page.wait_for_url("**attribute=team**")
        comes(page, "document.querySelectorAll('tbody tr').length === 1")
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_selector("h1:has-text('shown-refund')")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_selector(".pane:not([hidden])")
        page.keyboard.press("Escape")
        page.wait_for_selector(".pane", state="hidden")
        page.keyboard.press("g")
        page.keyboard.press("q")
        page.wait_for_selector("h1:has-text('Queues')")
        assert page.evaluate("document.activeElement.tagName") == "H1"


def test_the_first_tab_leads_past_the_navigation(browser: Browser) -> None:
    with browser.page() as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        assert page.url.endswith("#/executions")


def test_nothing_moves_for_who_asked_for_that(browser: Browser) -> None:
    with browser.page(browser.execution("running"), reduced_motion="reduce") as page:
        page.wait_for_selector(".s-running .dot")
        moving = page.evaluate(
            "document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 1"
            " && one.playState === 'running').length"
        )
        assert moving == 0

"""A browser that comes from elsewhere: it signs in with a key, and holds a short-lived session in place of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from polos.server.keys import ApiKeys
from polos.server.local import LocalServer, serve
from polos.server.principals import Role
from tests.browser.pages import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(browser: Browser) -> Iterator[LocalServer]:
    with serve(browser.there.runtime, port=0, local_mode=False) as started:
        yield started


def key_of(browser: Browser, role: Role) -> str:
    ports = browser.there.runtime.host.ports
    return ApiKeys(ports.records, ports.clock).create("default", role)[1]


def sign_in(page: Any, key: str) -> None:
    page.fill("input[name=key]", key)
    page.click(".sign-in button[type=submit]")


def test_a_key_opens_the_page_that_was_meant_and_is_not_kept(browser: Browser, server: LocalServer) -> None:
    key = key_of(browser, Role.RUN)
    with browser.page("#/queues", refusals=True, at=server.url) as page:
        sign_in(page, "polos_wrong")
        page.wait_for_selector(".sign-in .wrong")
        sign_in(page, key)
        page.wait_for_selector("h1:has-text('Queues')")
        assert key not in page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
        assert page.evaluate("document.cookie") == ""
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["value"] == key) == (True, "Strict", False)
        page.reload()
        page.wait_for_selector("h1:has-text('Queues')")


def test_what_acts_is_refused_without_the_token_of_the_page(browser: Browser, server: LocalServer) -> None:
    execution = browser.there.executions["event"]
    with browser.page("#/executions", refusals=True, at=server.url) as page:
        sign_in(page, key_of(browser, Role.RUN))
        page.wait_for_selector("tbody tr")
        forged = page.evaluate(
            "(path) => fetch(path, {method: 'POST'}).then((answer) => answer.status)",
            f"/v1/executions/{execution}/cancel",
        )
        assert forged == 403
        assert browser.status(execution) == "waiting"
        page.goto(f"{server.url}/#/executions/{execution}")
        page.click("[data-action=cancel]")
        page.click("dialog [data-confirm]")
        page.wait_for_selector(".head-row .s-cancelled")


def test_who_may_only_read_is_told_so(browser: Browser, server: LocalServer) -> None:
    with browser.page(browser.execution("failed"), refusals=True, at=server.url) as page:
        sign_in(page, key_of(browser, Role.READ))
        page.click("[data-action=retry]")
        page.click("dialog [data-confirm]")
        page.wait_for_selector("dialog .wrong")
        assert "role" in page.inner_text("dialog .wrong")


def test_signing_out_ends_the_session(browser: Browser, server: LocalServer) -> None:
    with browser.page("#/executions", refusals=True, at=server.url) as page:
        sign_in(page, key_of(browser, Role.RUN))
        page.wait_for_selector("tbody tr")
        page.click("text=Sign out")
        page.wait_for_selector("main input[name=key]")
        assert page.locator("tbody tr").count() == 0
        page.reload()
        page.wait_for_selector("input[name=key]")


def test_a_session_that_ends_under_a_dialog_loses_nothing_of_it(
    browser: Browser, server: LocalServer
) -> None:
    key = key_of(browser, Role.RUN)
    failed = browser.there.executions["failed"]
    with browser.page(browser.execution("failed"), refusals=True, at=server.url) as page:
        sign_in(page, key)
        page.click("[data-action=fork]")
        page.check("dialog input[name=change]")
        page.fill("dialog [data-payload]", '{"order": "half"}')
        page.context.clear_cookies()
        page.click("dialog [data-confirm]")
        page.wait_for_selector("dialog.over")
        for _ in range(3):
            page.keyboard.press("Escape")
        assert page.locator("dialog.over[open]").count() == 1
        sign_in(page, key)
        page.wait_for_selector("dialog.over", state="detached")
        assert page.input_value("dialog [data-payload]") == '{"order": "half"}'
        page.click("dialog [data-confirm]")
        page.wait_for_selector("dt:has-text('Copy of')")
        assert failed not in page.url
        assert '"half"' in page.inner_text(".value >> nth=0")


def test_nothing_is_asked_while_nobody_is_signed_in_and_the_page_goes_on_afterwards(
    browser: Browser, server: LocalServer
) -> None:
    key = key_of(browser, Role.RUN)
    with browser.page("#/executions?workflow_id=shown-nightly", refusals=True, at=server.url) as page:
        sign_in(page, key)
        page.wait_for_selector("tbody tr")
        page.context.clear_cookies()
        page.wait_for_selector("dialog.over")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(3000)
        assert asked == []
        made = browser.api("/v1/executions", {"workflow_id": "shown-nightly"})["id"]
        sign_in(page, key)
        page.wait_for_selector(f"a[title='{made}']")

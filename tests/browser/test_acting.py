"""Every button, and what the store says afterwards."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.browser.pages import Browser, comes, shown_id
from tests.browser.recorded import stalled

pytestmark = pytest.mark.browser


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.05)


def start(browser: Browser, workflow: str, payload: Any) -> str:
    return str(browser.api("/v1/executions", {"workflow_id": workflow, "payload": payload})["id"])


def confirm(page: Any, command: str) -> None:
    """The dialog shows the command line, and does it."""
    assert command in page.inner_text("dialog .command code")
    page.click("dialog [data-confirm]")
    page.wait_for_selector("dialog", state="detached")


def test_a_running_execution_is_cancelled(browser: Browser) -> None:
    execution = start(browser, "shown-listener", {})
    with browser.page(f"#/executions/{execution}") as page:
        page.click("[data-action=cancel]")
        confirm(page, f"polos cancel {execution}")
        page.wait_for_selector(".head-row .s-cancelled")
    assert browser.status(execution) == "cancelled"


def test_a_dialog_that_is_closed_does_nothing(browser: Browser) -> None:
    execution = start(browser, "shown-listener", {})
    with browser.page(f"#/executions/{execution}") as page:
        page.click("[data-action=cancel]")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")
        until(lambda: browser.status(execution) == "waiting")


def test_an_execution_is_paused_and_unpaused(browser: Browser) -> None:
    execution = start(browser, "shown-listener", {})
    with browser.page(f"#/executions/{execution}") as page:
        page.wait_for_selector(".head-row .s-waiting")
        page.click("[data-action=pause]")
        confirm(page, f"polos pause {execution}")
        page.wait_for_selector(".head-row .s-paused")
        assert browser.status(execution) == "paused"
        page.click("[data-action=unpause]")
        confirm(page, f"polos unpause {execution}")
        page.wait_for_selector(".head-row .s-waiting")
    assert browser.status(execution) == "waiting"


def test_a_failed_execution_is_retried_as_another(browser: Browser) -> None:
    failed = browser.there.executions["failed"]
    with browser.page(browser.execution("failed")) as page:
        page.click("[data-action=retry]")
        confirm(page, f"polos retry {failed}")
        comes(page, f"!location.hash.includes('{failed}')")
        page.wait_for_selector("dt:has-text('Copy of')")
        made = shown_id(page)
    assert browser.api(f"/v1/executions/{made}")["copy_of"] == failed


def test_an_execution_is_forked_from_a_step_with_another_input(browser: Browser) -> None:
    failed = browser.there.executions["failed"]
    with browser.page(browser.execution("failed")) as page:
        page.click("[data-action=fork]")
        page.select_option("dialog select[name=step]", "run:charge")
        page.check("dialog input[name=change]")
        page.fill("dialog [data-payload]", '{"order": "B-2"}')
        assert "--from run:charge" in page.inner_text("dialog .command code")
        confirm(page, '{"order":"B-2"}')
        comes(page, f"!location.hash.includes('{failed}')")
        page.wait_for_selector("dt:has-text('Copy of')")
        made = shown_id(page)
    assert browser.api(f"/v1/executions/{made}")["payload"] == {"order": "B-2"}


def test_a_stalled_execution_is_resumed_on_its_own_page(browser: Browser) -> None:
    execution = stalled(browser.there.runtime, partial(start, browser))
    with browser.page(f"#/executions/{execution}") as page:
        page.click("[data-action=resume]")
        confirm(page, f"polos resume {execution}")
        page.wait_for_selector(".head-row .s-waiting")
        assert page.locator("[data-action=resume]").count() == 0
    assert browser.status(execution) == "waiting"


def test_a_stalled_execution_is_sent_on_from_the_dead_letters(browser: Browser) -> None:
    stalled = browser.there.executions["stalled"]
    with browser.page("#/queues") as page:
        page.click(f"[data-redrive='{stalled}']")
        confirm(page, f"polos resume {stalled}")
        page.wait_for_selector(f"[data-redrive='{stalled}']", state="detached")
    until(lambda: browser.status(stalled) == "waiting")


def test_all_dead_letters_are_sent_on_at_once(browser: Browser) -> None:
    both = [stalled(browser.there.runtime, partial(start, browser)) for _ in range(2)]
    with browser.page("#/queues") as page:
        for execution in both:
            page.wait_for_selector(f"[data-redrive='{execution}']")
        page.click("[data-redrive=all]")
        shown = page.locator("dialog .command code").all_inner_texts()
        assert set(shown) >= {f"polos resume {execution}" for execution in both}
        confirm(page, "polos resume")
        for execution in both:
            page.wait_for_selector(f"[data-redrive='{execution}']", state="detached")
    until(lambda: [browser.status(execution) for execution in both] == ["waiting", "waiting"])


def test_an_approval_is_given_in_the_inbox(browser: Browser) -> None:
    execution = browser.there.executions["approval"]
    with browser.page("#/approvals") as page:
        card = page.locator(".card", has_text="Refund order A-17?")
        card.locator("[name=reason]").select_option("broken")
        card.locator("[name=feedback]").fill("<b>fine</b>")
        assert f"polos resume {execution} --step approve-refund" in card.locator(".command code").inner_text()
        card.locator("[data-answer=approve]").click()
        page.wait_for_selector("text=Refund order A-17?", state="detached")
    until(lambda: browser.status(execution) == "completed")
    answer = browser.api(f"/v1/executions/{execution}")["result"]["answer"]
    assert answer == {"approved": True, "amount": 42, "reason": "broken", "feedback": "<b>fine</b>"}


def test_a_rejection_is_given_on_the_page_of_the_execution(browser: Browser) -> None:
    execution = start(browser, "shown-refund", {"order": "C-3"})
    with browser.page(f"#/executions/{execution}") as page:
        page.click("[data-answer=reject]")
        page.wait_for_selector(".head-row .s-completed")
    assert browser.api(f"/v1/executions/{execution}")["result"]["answer"]["approved"] is False


def test_a_form_is_made_of_the_schema_and_what_does_not_fit_is_said(browser: Browser) -> None:
    with browser.page("#/start") as page:
        page.fill("[data-search]", "order")
        page.click("a:has-text('shown-order')")
        page.fill("[aria-label='Input.customer']", "Ann <3")
        page.click("button:has-text('Add')")
        page.fill("[aria-label='Input.lines[0].sku']", "pot")
        page.fill("[aria-label='Input.lines[0].count']", "3")
        page.check("[aria-label='Input.express']")
        page.select_option("[aria-label='Input.channel']", label="phone")
        page.fill("[aria-label='Input.notes as JSON']", '{"gift": true}')
        assert page.inner_text(".command code").startswith("polos invoke shown-order --payload")
        page.click("[data-start]")
        page.wait_for_url("**/#/executions/**")
        page.wait_for_selector(".head-row .s-completed")
        made = shown_id(page)
    payload = browser.api(f"/v1/executions/{made}")["payload"]
    assert payload["customer"] == "Ann <3"
    assert payload["lines"] == [{"sku": "pot", "count": 3, "size": "small"}]
    assert (payload["express"], payload["channel"], payload["notes"]) == (True, "phone", {"gift": True})


def test_a_payload_that_does_not_fit_is_not_started(browser: Browser) -> None:
    with browser.page("#/start/shown-order", refusals=True) as page:
        page.click("[data-start]")
        page.wait_for_selector(".problem")
        assert "customer" in page.inner_text(".problem")


def test_an_agent_answers_in_its_chat_and_a_reload_shows_the_same(browser: Browser) -> None:
    with browser.page("#/agents") as page:
        page.click("[data-chat=shown-helper]")
        page.wait_for_url("**session=**")
        page.fill("textarea", "Plan a trip")
        page.keyboard.press("Enter")
        page.wait_for_selector(".run .m-assistant:has-text('Let me look.')")
        page.wait_for_selector(".run-foot .s-completed")
        assert "there is no station in Atlantis" in page.inner_text(".chat-log")
        page.reload()
        page.wait_for_selector(".m-assistant:has-text('Fram museum')")
        page.click("nav >> text=Sessions")
        page.wait_for_selector("tbody tr")
        session = page.locator("tbody tr").first.inner_text()
    assert "chat-" in session


def test_schedules_show_five_times_and_are_run_paused_and_resumed(browser: Browser) -> None:
    def weekly() -> Any:
        found = browser.api("/v1/schedules")["schedules"]
        return next(one for one in found if one["key"] == "weekly")

    with browser.page("#/schedules") as page:
        card = page.locator(".card", has_text="weekly")
        assert card.locator(".upcoming li").count() == 5
        card.locator("[data-act=run]").click()
        page.click("dialog [data-confirm]")
        page.click(".toast a")
        page.wait_for_selector("h1:has-text('shown-nightly')")
        page.go_back()
        card.locator("[data-act=pause]").click()
        confirm(page, "polos schedule pause shown-nightly --key weekly")
        card.locator("[data-act=resume]").wait_for()
        assert weekly()["paused"]
        card.locator("[data-act=resume]").click()
        confirm(page, "polos schedule resume shown-nightly --key weekly")
        card.locator("[data-act=pause]").wait_for()
        assert not weekly()["paused"]
        card.locator("[data-act=delete]").click()
        confirm(page, "polos schedule delete shown-nightly --key weekly")
        page.wait_for_selector(".card:has-text('weekly')", state="detached")


def test_a_schedule_is_made_and_what_does_not_fit_stays_in_the_dialog(browser: Browser) -> None:
    with browser.page("#/schedules", refusals=True) as page:
        page.click("[data-create]")
        page.select_option("dialog [name=workflow_id]", "shown-nightly")
        page.fill("dialog [name=cron]", "every day")
        page.fill("dialog [name=timezone]", "Europe/Oslo")
        page.fill("dialog [name=key]", "made-here")
        page.select_option("dialog [name=overlap]", "skip")
        page.click("dialog [data-confirm]")
        page.wait_for_selector("dialog .wrong")
        assert all(one["key"] != "made-here" for one in browser.api("/v1/schedules")["schedules"])
        page.fill("dialog [name=cron]", "15 6 * * *")
        page.click("dialog [data-confirm]")
        page.wait_for_selector("dialog", state="detached")
        page.wait_for_selector(".card:has-text('made-here')")
    found = next(one for one in browser.api("/v1/schedules")["schedules"] if one["key"] == "made-here")
    said = {name: found[name] for name in ("workflow_id", "cron", "timezone", "overlap", "paused")}
    assert said == {
        "workflow_id": "shown-nightly",
        "cron": "15 6 * * *",
        "timezone": "Europe/Oslo",
        "overlap": "skip",
        "paused": False,
    }


def test_an_execution_runs_again_from_the_step_that_is_looked_at(browser: Browser) -> None:
    failed = browser.there.executions["failed"]
    with browser.page(browser.execution("failed", "?step=run%3Acharge")) as page:
        page.click(".pane button:has-text('Run again from here')")
        assert page.input_value("dialog select[name=step]") == "run:charge"
        confirm(page, f"polos fork {failed} --from run:charge")
        comes(page, f"!location.hash.includes('{failed}')")
        page.wait_for_selector("dt:has-text('Copy of')")
        made = shown_id(page)
    copy = browser.api(f"/v1/executions/{made}")
    assert (copy["copy_of"], copy["payload"]) == (failed, {"order": "A-17", "amount": 42})


def test_a_double_click_retries_once(browser: Browser) -> None:
    execution = start(browser, "shown-charge", {"order": "D-4"})
    until(lambda: browser.status(execution) == "failed")
    with browser.page(f"#/executions/{execution}") as page:
        page.dblclick("[data-action=retry]")
        page.wait_for_selector("dialog[open]")
        page.dblclick("dialog [data-confirm]")
        comes(page, f"!location.hash.includes('{execution}')")
        page.wait_for_selector("dt:has-text('Copy of')")
    assert len(browser.api(f"/v1/executions/{execution}")["copies"]) == 1


def test_a_dialog_does_not_outlive_its_page(browser: Browser) -> None:
    with browser.page() as page:
        page.goto(f"{browser.there.url}/{browser.execution('failed')}")
        page.dblclick("[data-action=fork]")
        page.wait_for_selector("dialog[open]")
        assert page.locator("dialog").count() == 1
        page.go_back()
        page.wait_for_selector("h1:text-is('Executions')")
        page.wait_for_selector("dialog", state="detached")


def test_events_are_saved_as_json(browser: Browser) -> None:
    with browser.page("#/events?topic=orders") as page:
        page.wait_for_selector("tbody tr")
        with page.expect_download() as download:
            page.click("button:text-is('Save as JSON')")
        saved = json.loads(download.value.path().read_text(encoding="utf-8"))
        name = download.value.suggested_filename
    stored = browser.api("/v1/events?topic=orders&before=0&limit=50")["events"]
    assert (name, saved) == ("orders.json", stored[::-1])


def test_a_flood_of_events_shows_the_newest(browser: Browser) -> None:
    service = browser.there.runtime.service
    service.publish("flood", [("first", {"number": 0})])
    with browser.page("#/events?topic=flood") as page:
        page.wait_for_selector("tbody tr")
        for begin in range(1, 5000, 100):
            service.publish("flood", [("more", {"number": begin + n}) for n in range(100)])
        page.wait_for_selector("tbody tr:first-child:has-text('5,001')")
        assert page.locator("tbody tr").count() <= 200


def test_an_event_is_published_and_shows_up_by_itself(browser: Browser) -> None:
    with browser.page("#/events?topic=orders") as page:
        page.click("[data-publish]")
        page.fill("dialog [name=event_type]", "<i>new</i>")
        page.fill("dialog [name=data]", '{"order": "Z-1"}')
        page.click("dialog [data-confirm]")
        page.wait_for_selector("tbody tr:first-child:has-text('Z-1')")
    events = browser.api("/v1/events?topic=orders&before=0&limit=1")["events"]
    assert (events[0]["event_type"], events[0]["data"]) == ("<i>new</i>", {"order": "Z-1"})


def test_cost_is_added_up(browser: Browser) -> None:
    with browser.page("#/cost") as page:
        page.wait_for_selector("tbody tr:has-text('shown-helper')")
        page.wait_for_selector(".days li")
        assert "$" in page.inner_text(".facts")

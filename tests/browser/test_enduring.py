"""What the dashboard does when things are not as they should be: no server, huge values, ids of nothing, two tabs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from polos.runtime.service import StartOptions
from polos.server.keys import ApiKeys
from polos.server.local import LocalServer, serve
from polos.server.principals import Role
from tests.browser.pages import Browser, comes

pytestmark = pytest.mark.browser

AWAY = ".away:not([hidden])"
GONE_MS = 6_000


def started(browser: Browser, payload: Any) -> str:
    service = browser.there.runtime.service
    return service.start("shown-listener", payload, StartOptions()).execution


# --- no server ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["executions", "running", "queues"])
def test_a_page_whose_server_goes_away_says_so_asks_seldom_and_recovers(browser: Browser, route: str) -> None:
    runtime = browser.there.runtime
    there = browser.execution(route) if route == "running" else f"#/{route}"
    server = serve(runtime, port=0, local_mode=True)
    with browser.page(there, refusals=True, at=server.url) as page:
        page.wait_for_selector(".live.on")
        server.close()
        page.wait_for_selector(AWAY)
        assert "cannot be reached" in page.inner_text(AWAY)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(GONE_MS)
        assert len(asked) <= 4
        with serve(runtime, port=server.port, local_mode=True):
            page.wait_for_selector(AWAY, state="detached")
            page.wait_for_selector(".live.on")
            made = started(browser, {})
            page.goto(f"{server.url}/#/executions?workflow_id=shown-listener")
            page.wait_for_selector(f"a[title='{made}']")


def test_a_page_that_is_opened_while_the_server_is_away_comes_by_itself(browser: Browser) -> None:
    server = serve(browser.there.runtime, port=0, local_mode=True)
    with browser.page("#/executions", refusals=True, at=server.url) as page:
        page.wait_for_selector("tbody tr")
        server.close()
        for name in ("Queues", "Executions"):
            page.click(f"nav >> text={name}")
            page.wait_for_selector(".problem:has-text('cannot be reached')")
        page.click("nav >> text=Queues")
        with serve(browser.there.runtime, port=server.port, local_mode=True):
            page.wait_for_selector("td:has-text('shown-images')")
            page.wait_for_selector(".who:has-text('default')")


def test_nothing_is_asked_of_a_lost_server_while_live_is_paused(browser: Browser) -> None:
    server = serve(browser.there.runtime, port=0, local_mode=True)
    with browser.page(browser.execution("running"), refusals=True, at=server.url) as page:
        page.wait_for_selector(".live.on")
        server.close()
        page.wait_for_selector(AWAY)
        page.keyboard.press("p")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(GONE_MS / 2)
        assert asked == []
        with serve(browser.there.runtime, port=server.port, local_mode=True):
            page.click(f"{AWAY} button")
            page.wait_for_selector(AWAY, state="detached")


# --- who sits there -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keyed(browser: Browser) -> Iterator[LocalServer]:
    with serve(browser.there.runtime, port=0, local_mode=False) as server:
        yield server


def key_of(browser: Browser, project: str = "default") -> str:
    ports = browser.there.runtime.host.ports
    return ApiKeys(ports.records, ports.clock).create(project, Role.RUN)[1]


def sign_in(page: Any, key: str) -> None:
    page.fill("input[name=key]", key)
    page.click(".sign-in button[type=submit]")


def test_another_project_in_one_tab_is_shown_by_all(browser: Browser, keyed: LocalServer) -> None:
    with browser.page("#/executions", refusals=True, at=keyed.url) as first:
        sign_in(first, key_of(browser))
        first.wait_for_selector("tbody tr")
        second = first.context.new_page()
        second.goto(f"{keyed.url}/#/queues")
        second.wait_for_selector(".who:has-text('default')")
        first.click("text=Sign out")
        second.wait_for_selector("input[name=key]")
        sign_in(second, key_of(browser, "other"))
        for page in (first, second):
            page.wait_for_selector(".who:has-text('other')")
        first.wait_for_selector("text=Nothing has run yet")
        assert first.locator("tbody tr").count() == 0


def test_a_key_that_is_being_typed_outlives_what_is_refused_meanwhile(
    browser: Browser, keyed: LocalServer
) -> None:
    with browser.page("#/executions", refusals=True, at=keyed.url) as page:
        page.fill("input[name=key]", "polos_half")
        for _ in range(3):
            with page.expect_response("**/v1/browser/session"):
                page.evaluate("new BroadcastChannel('polos.session').postMessage('in')")
        page.wait_for_timeout(100)
        assert page.input_value("input[name=key]") == "polos_half"
        assert page.locator(".sign-in").count() == 1


def test_what_acts_gets_its_token_where_the_session_could_not_be_asked_for(
    browser: Browser, keyed: LocalServer
) -> None:
    execution = started(browser, {})
    with browser.page("#/executions", refusals=True, at=keyed.url) as page:
        sign_in(page, key_of(browser))
        page.wait_for_selector("tbody tr")
        page.route("**/v1/browser/session", lambda route: route.abort())
        page.goto(f"{keyed.url}/#/executions/{execution}")
        page.reload()
        page.click("[data-action=cancel]")
        page.click("dialog [data-confirm]")
        page.wait_for_selector("dialog .wrong:has-text('cannot be reached')")
        page.unroute("**/v1/browser/session")
        page.click("dialog [data-confirm]")
        page.wait_for_selector(".head-row .s-cancelled")
    assert browser.status(execution) == "cancelled"


# --- answers and hands that are late ---------------------------------------------------------------------------------


def test_a_late_answer_does_not_overwrite_what_was_asked_for_after_it(browser: Browser) -> None:
    with browser.page() as page:
        page.wait_for_selector("tbody tr")
        held: list[Any] = []

        def hold(route: Any) -> None:
            held.append(route)

        page.route("**/v1/executions?*status=failed*", hold)
        page.click(".chip:has-text('failed')")
        comes(page, "location.hash.includes('failed')")
        page.click(".chip:has-text('completed')")
        comes(
            page, "[...document.querySelectorAll('td .status')].every((e) => e.textContent === 'completed')"
        )
        with page.expect_response("**/v1/executions?*status=failed*"):
            for one in held:
                one.continue_()
        page.wait_for_timeout(200)
        assert set(page.locator("td .status").all_inner_texts()) == {"completed"}


def test_a_page_that_is_late_does_not_show_over_the_one_that_was_gone_to(browser: Browser) -> None:
    with browser.page("#/queues") as page:
        page.wait_for_selector("td:has-text('shown-images')")
        held: list[Any] = []

        def hold(route: Any) -> None:
            held.append(route)

        page.route("**/v1/definitions", hold)
        page.click("nav >> text=Start")
        page.wait_for_selector(".loading")
        page.goto(f"{browser.there.url}/{browser.execution('failed')}")
        page.click("[data-action=fork]")
        page.click("nav >> text=Sessions")
        page.wait_for_selector("h1:text-is('Sessions')")
        with page.expect_response("**/v1/definitions"):
            for one in held:
                one.continue_()
        page.wait_for_timeout(200)
        assert page.inner_text("h1") == "Sessions"
        assert page.title().startswith("Sessions")
        assert page.locator("dialog").count() == 0


def test_a_slow_server_is_told_everything_once(browser: Browser) -> None:
    posted: list[str] = []
    with browser.page("#/start/shown-listener") as page:
        page.route("**/v1/executions", lambda route: (page.wait_for_timeout(300), route.continue_()))
        page.on("request", lambda one: posted.append(one.url) if one.method == "POST" else None)
        page.dblclick("[data-start]")
        page.keyboard.press("Enter")
        page.wait_for_selector(".head-row .s-waiting")
        page.goto(f"{browser.there.url}/#/agents/shown-helper?session=once")
        page.fill("textarea", "hello")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.wait_for_selector(".run-foot .s-completed")
    assert len(posted) == 2


def test_a_dialog_stays_when_a_drag_ends_outside_of_it(browser: Browser) -> None:
    with browser.page("#/events?topic=orders") as page:
        page.click("[data-publish]")
        page.fill("dialog [name=data]", '{"half": "typed"}')
        box = page.locator("dialog [name=data]").bounding_box()
        page.mouse.move(box["x"] + 40, box["y"] + 12)
        page.mouse.down()
        page.mouse.move(5, 5, steps=4)
        page.mouse.up()
        assert page.input_value("dialog [name=data]") == '{"half": "typed"}'
        page.mouse.click(5, 5)
        page.wait_for_selector("dialog", state="detached")


def test_an_event_that_is_published_while_live_is_paused_shows_up(browser: Browser) -> None:
    with browser.page("#/events?topic=paused") as page:
        page.keyboard.press("p")
        page.wait_for_selector(".live.paused")
        for name in ("first", "second"):
            page.click("[data-publish]")
            page.fill("dialog [name=event_type]", name)
            page.click("dialog [data-confirm]")
            page.wait_for_selector(f"tbody tr:first-child:has-text('{name}')")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(2500)
        assert asked == []


# --- values ----------------------------------------------------------------------------------------------------------


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"a": value}
    return value


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", [1280, 390])
def test_the_deepest_value_there_can_be_is_read_to_its_bottom(browser: Browser, width: int) -> None:
    with browser.page(f"#/executions/{started(browser, nested(98))}") as page:
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_selector(".value .json")
        unfold = "for (let one; (one = document.querySelector('.value .json details:not([open])')); ) one.open = true"
        for _ in range(100):
            page.evaluate(unfold)
            if page.locator(".value .j-string").count():
                break
        page.locator(".value .j-string").scroll_into_view_if_needed()
        bottom = page.locator(".value .j-string").bounding_box()
        assert bottom["width"] > 50
        assert bottom["height"] < 40
        assert fits(page)


def test_a_thousand_levels_are_refused_in_words_and_stay_to_be_mended(browser: Browser) -> None:
    deep = "[" * 1000 + "]" * 1000
    with browser.page("#/start/shown-listener", refusals=True) as page:
        page.fill("[data-payload]", deep)
        page.click("[data-start]")
        page.wait_for_selector(".problem")
        assert re.search("recursion|nested|deep", page.inner_text(".problem"))
        assert page.input_value("[data-payload]") == deep


@pytest.mark.parametrize("kind", ["text", "rows", "keys"])
def test_a_megabyte_is_shown_a_piece_at_a_time(browser: Browser, kind: str) -> None:
    payload: Any = {
        "text": {"text": "x" * 1_000_000},
        "rows": {"rows": [{"n": n, "name": f"row {n}"} for n in range(30_000)]},
        "keys": {f"key {n}": "x" * 30 for n in range(20_000)},
    }[kind]
    with browser.page(f"#/executions/{started(browser, payload)}") as page:
        page.wait_for_selector(".value .json")
        if kind != "text":
            page.click(".value .json details:not([open]) > summary")
            page.click(".value .json button:has-text('more')")
            comes(page, "document.querySelectorAll('.value .j-body > .j-entry').length >= 200")
        else:
            page.click(".value button:has-text('show all')")
            comes(page, "document.querySelector('.value .j-string').textContent.length === 1000002")
        assert page.evaluate("document.querySelectorAll('*').length") < 4000
        assert fits(page)


def test_whole_numbers_are_shown_and_sent_on_as_they_are(browser: Browser) -> None:
    number = 2**63 + 1
    with browser.page(f"#/executions/{started(browser, {'number': number, 'n': -number})}") as page:
        assert page.locator(".value .j-number").all_inner_texts() == [str(number), str(-number)]
        page.click("a:has-text('Start again')")
        page.wait_for_selector("[data-start]")
        page.click("[data-start]")
        page.wait_for_selector(".head-row .s-waiting")
        made = page.url.rsplit("/", 1)[1]
    assert browser.api(f"/v1/executions/{made}")["payload"] == {"number": number, "n": -number}


NOT_THERE = {
    "executions/nobody": "there is no execution",
    "executions/%00": "Not found",
    "executions?queue=nobody": "No execution fits these filters",
    "executions?workflow_id=nobody": "No execution fits these filters",
    "executions?cursor=nobody": "Begin without filters",
    "executions/a/b/c": "There is no page",
    "start/nobody": "no workflow nobody",
    "start/shown-order?like=nobody": "there is no execution",
    "agents/nobody": "no agent nobody",
    "sessions/nobody/none": "no session none of an agent nobody",
    "sessions/shown-helper/none": "no session none",
    "sessions/shown-helper": "There is no page",
    "queues/nobody": "There is no page",
    "schedules/nobody": "There is no page",
    "approvals/nobody": "There is no page",
    "events?topic=nobody": "No event yet",
    "events?topic=orders&before=99999999999999999999": "Begin without filters",
    "events?topic=%00": "Begin without filters",
    "cost?from=nobody": "Begin without filters",
    "constructor": "There is no page",
    "__proto__": "There is no page",
}


def test_what_is_not_there_is_said_on_every_page(browser: Browser) -> None:
    with browser.page("#/start", refusals=True) as page:
        for route, said in NOT_THERE.items():
            page.goto(f"{browser.there.url}/#/{route}")
            page.wait_for_selector(f"main:has-text('{said}')")
            assert page.locator("main .loading").count() == 0, route
            assert page.locator("h1").count() == 1, route


def test_the_head_of_an_execution_does_not_stay_behind_its_timeline(browser: Browser) -> None:
    execution = started(browser, {})
    browser.api(f"/v1/executions/{execution}/pause", {})
    with browser.page(f"#/executions/{execution}") as page:
        page.wait_for_selector(".head-row .s-paused")
        told = json.dumps({**browser.api(f"/v1/executions/{execution}"), "status": "queued"})
        once = f"**/v1/executions/{execution}"
        page.route(once, lambda route: route.fulfill(body=told, content_type="application/json"), times=1)
        page.reload()
        page.wait_for_selector(".head-row .s-paused")


def test_the_longest_names_leave_every_page_its_width(browser: Browser) -> None:
    long = "averylongnamewithoutaspace" * 7
    payload = {"input": "trip " + "W" * 3000}
    body = {
        "workflow_id": "shown-helper",
        "payload": payload,
        "session_id": long,
        "user_id": long,
        "attributes": {"a" * 60: "v" * 150},
    }
    agent = browser.api("/v1/executions", body)["id"]
    failed = browser.api("/v1/executions", {"workflow_id": "shown-charge", "payload": {"order": "x" * 9000}})[
        "id"
    ]
    event = {"event_type": "e" * 200, "data": {"k" * 300: "v"}}
    browser.api("/v1/events", {"topic": "t" * 500, "events": [event]})
    for execution in (agent, failed):
        browser.there.runtime.wait(execution, 60)
    found = f"executions?session_id={long}&user_id={long}&attribute={'a' * 60}%3D{'v' * 150}"
    with browser.page("#/start") as page:
        for route in (
            found,
            f"executions/{agent}?step=run%3Allm%3A1",
            f"executions/{failed}?step=run%3Acharge",
            "sessions",
            f"sessions/shown-helper/{long}",
            f"agents/shown-helper?session={long}",
            "events",
            f"events?topic={'t' * 500}",
            f"start/shown-helper?like={agent}",
        ):
            page.goto(f"{browser.there.url}/#/{route}")
            page.wait_for_selector("main h1")
            page.wait_for_selector(".loading", state="detached")
            for width in (390, 1280):
                page.set_viewport_size({"width": width, "height": 844})
                assert fits(page), (route, width)


def test_an_operation_that_is_looked_at_goes_on_where_it_is_looked_at(browser: Browser) -> None:
    body = {"workflow_id": "shown-refund", "payload": {"order": "P-9", "deep": {"a": {"b": {"c": 1}}}}}
    execution = browser.api("/v1/executions", body)["id"]
    with browser.page(f"#/executions/{execution}") as page:
        page.click(".wf-row:has-text('approve-refund')")
        page.wait_for_selector(".pane .s-waiting")
        page.click(".value .json details:not([open]) > summary")
        unfolded = page.locator(".value .json details[open]").count()
        answer = {"step_key": "approve-refund", "data": {"approved": True, "feedback": "by hand"}}
        browser.api(f"/v1/executions/{execution}/resume", answer)
        page.wait_for_selector(".head-row .s-completed")
        page.wait_for_selector(".pane :text('by hand')")
        assert page.locator(".value >> nth=0").locator("details[open]").count() == unfolded


def test_newer_pages_are_led_to_by_links_and_not_by_the_history(browser: Browser) -> None:
    service = browser.there.runtime.service
    for _ in range(3):
        service.start("shown-listener", {}, StartOptions(attributes={"page": "x"}))
    with browser.page("#/executions") as page:
        page.click("[data-older]")
        page.wait_for_selector("text=not live")
        second = page.url
        if page.locator("[data-older]").count():
            page.click("[data-older]")
            comes(page, f"location.href !== {json.dumps(second)}")
            page.wait_for_selector("a:text-is('Newer')")
            page.click("a:text-is('Newer')")
            page.wait_for_url(second)
        page.reload()
        page.wait_for_selector("text=not live")
        assert page.locator(":text-is('Newer')").count() == 0


FORMS: list[Any] = [
    {"_form": {"title": {"a": 1}, "fields": "none", "context": "<b>c</b>"}},
    {"_form": {"fields": [{"key": "a", "type": "select", "options": "abc"}, {"key": "b", "type": "html"}]}},
    {"_form": {"fields": [None, 1, {"key": None}, {"key": "approved", "type": "boolean"}]}},
    {"_form": [1, 2]},
    None,
    "text",
    {
        "_form": {
            "fields": [{"key": "n", "type": "number", "default": 2**70}, {"key": "t", "default": {"a": [1]}}]
        }
    },
    {"_form": {"title": "T" * 3000, "fields": [{"key": f"k{n}", "type": "text"} for n in range(200)]}},
]


def test_no_form_keeps_the_others_from_being_answered(browser: Browser) -> None:
    asked = [
        browser.api("/v1/executions", {"workflow_id": "shown-asking", "payload": one})["id"] for one in FORMS
    ]
    with browser.page("#/approvals") as page:
        for execution in asked:
            page.wait_for_selector(f".card:has(a[title='{execution}']) .answer")
        assert fits(page)
        for execution in asked:
            page.goto(f"{browser.there.url}/#/executions/{execution}")
            page.wait_for_selector(f".copyable:has-text('{execution}')")
            page.wait_for_selector(".answer")
        page.goto(f"{browser.there.url}/#/executions/{asked[-2]}")
        page.wait_for_selector(f".copyable:has-text('{asked[-2]}')")
        page.fill(".answer [name=n]", "1e999")
        page.click("[data-answer=send]")
        page.wait_for_selector(".answer .wrong:has-text('a number is needed')")
        page.fill(".answer [name=n]", "7")
        page.click("[data-answer=send]")
        page.wait_for_selector(".head-row .s-completed")
    assert browser.api(f"/v1/executions/{asked[-2]}")["result"] == {"n": 7, "t": '{"a":[1]}'}


def test_a_field_of_any_name_is_answered(browser: Browser) -> None:
    form = {"fields": [{"key": "__proto__"}, {"key": "constructor"}]}
    body = {"workflow_id": "shown-asking", "payload": {"_form": form}}
    execution = browser.api("/v1/executions", body)["id"]
    with browser.page(f"#/executions/{execution}") as page:
        for name in ("__proto__", "constructor"):
            page.fill(f".answer [name={name}]", "x")
        page.click("[data-answer=send]")
        page.wait_for_selector(".head-row .s-completed")
    assert browser.api(f"/v1/executions/{execution}")["result"] == {"__proto__": "x", "constructor": "x"}

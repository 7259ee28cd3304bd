"""What the dashboard shows: pages, filters, the waterfall, and that payloads are never more than text."""

from __future__ import annotations

import pytest

from tests.browser.pages import Browser, comes

pytestmark = pytest.mark.browser

ROUTES = [
    "executions",
    "start",
    "start/shown-order",
    "approvals",
    "agents",
    "agents/shown-helper?session=trip-1",
    "sessions",
    "sessions/shown-helper/trip-1",
    "queues",
    "schedules",
    "events",
    "events?topic=orders",
    "cost",
]

LOUD = """() => {
  const shown = getComputedStyle(document.documentElement);
  const light = (name) => {
    const made = document.createElement("canvas").getContext("2d");
    made.fillStyle = shown.getPropertyValue(name).trim();
    const value = parseInt(made.fillStyle.slice(1), 16);
    const [r, g, b] = [value >> 16, (value >> 8) & 255, value & 255].map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pairs = [["--accent-ink", "--accent"]];
  for (const ground of ["--ground", "--surface", "--sunken", "--hover"])
    for (const ink of ["--ink", "--ink-soft", "--ink-faint", "--accent", "--bad"]) pairs.push([ink, ground]);
  for (const one of ["ok", "run", "wait", "bad", "stall", "idle", "violet", "accent"])
    pairs.push([`--${one}`, `--${one}-soft`]);
  return pairs.map(([ink, ground]) => {
    const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
    return [ink, ground, (a + 0.05) / (b + 0.05)];
  }).filter(([, , ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_its_window_and_has_one_heading(browser: Browser, route: str, width: int) -> None:
    with browser.page(f"#/{route}") as page:
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_selector(".loading", state="detached")
        assert page.locator("h1").count() == 1
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0
        unnamed = page.evaluate(
            "[...document.querySelectorAll('button,a,input,select,textarea')].filter((e) => !e.closest('[hidden]')"
            " && !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.title)).map((e) => e.outerHTML)"
        )
        assert unnamed == []


CUT = """() => [...document.querySelectorAll("td, .wf-took, .wf-head > *")].filter((one) => {
  const [box, frame] = [one, one.closest(".table-wrap, .waterfall")].map((e) => e.getBoundingClientRect());
  return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1 || box.right > innerWidth);
}).map((one) => one.outerHTML)"""

OVERLAPPING = """() => {
  const texts = [...document.querySelectorAll(".wf-head > span, .wf-tick")];
  const boxes = texts.map((one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    return [one.textContent, range.getBoundingClientRect()];
  });
  return boxes.flatMap(([a, one], i) => boxes.slice(i + 1)
    .filter(([, other]) => one.left < other.right && other.left < one.right)
    .map(([b]) => [a, b]));
}"""


@pytest.mark.parametrize("width", [390, 800, 1024])
def test_no_column_has_to_be_scrolled_to(browser: Browser, width: int) -> None:
    with browser.page("#/executions") as page:
        page.set_viewport_size({"width": width, "height": 800})
        for route in (*ROUTES, "events?topic=%3Ci%3Etopic%3C%2Fi%3E"):
            page.goto(f"{browser.there.url}/#/{route}")
            page.wait_for_selector("main h1")
            page.wait_for_selector(".loading", state="detached")
            assert page.evaluate(CUT) == [], route


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_no_text_of_a_timeline_lies_on_another(browser: Browser, width: int) -> None:
    with browser.page("#/executions") as page:
        page.set_viewport_size({"width": width, "height": 800})
        for name in ("running", "parallel", "failed", "approval", "thousand"):
            page.goto(f"{browser.there.url}/{browser.execution(name)}")
            page.wait_for_selector(f".copyable:has-text('{browser.there.executions[name]}')")
            page.wait_for_selector(".wf-row")
            page.wait_for_selector(".wf-tick")
            assert page.evaluate(OVERLAPPING) == [], name
            assert page.evaluate(CUT) == [], name


def test_a_stacked_row_is_still_a_row_of_titled_cells(browser: Browser) -> None:
    with browser.page("#/queues") as page:
        page.set_viewport_size({"width": 390, "height": 800})
        row = page.get_by_role("row", name="shown-images")
        row.wait_for()
        assert row.get_by_role("cell").count() == 8
        shown = "getComputedStyle(document.querySelectorAll('td')[2], '::before').content"
        assert page.evaluate(shown) == '"In line"'


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(browser: Browser, theme: str) -> None:
    with browser.page("#/executions", color_scheme=theme) as page:
        assert page.evaluate(LOUD) == []


def test_a_chosen_theme_survives_a_reload(browser: Browser) -> None:
    with browser.page("#/executions", color_scheme="light") as page:
        for wanted in ("light", "dark"):
            page.click("button[aria-label^='Theme']")
            assert page.locator(f"html[data-theme={wanted}]").count() == 1
        page.reload()
        page.wait_for_selector("html[data-theme=dark]")


def test_hostile_values_are_text_wherever_they_are_shown(browser: Browser) -> None:
    failed = browser.execution("hostile", "?step=run%3Afail")
    for route in (failed, "#/executions?status=failed", "#/start", "#/events"):
        with browser.page(route) as page:
            page.wait_for_selector(".loading", state="detached")
            if route == failed:
                page.get_by_role("row").first.click()
                page.wait_for_selector(".pane .json")
            assert page.locator("main script, main [onerror], main [onmouseover]").count() == 0
            assert page.locator("main img, main iframe, main b").count() == 0
            assert "<" in page.inner_text("main")


def test_no_source_makes_markup_of_data() -> None:
    from importlib.resources import files

    root = files("polos").joinpath("dashboard")
    sources = [*root.joinpath("js").iterdir(), *root.joinpath("js", "pages").iterdir()]
    texts = {one.name: one.read_text(encoding="utf-8") for one in sources if one.name.endswith(".js")}
    for word in (
        "innerHTML =",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "http://cdn",
    ):
        assert [name for name, text in texts.items() if word in text] == []
    assert {name: text.count("\n") for name, text in texts.items() if text.count("\n") > 400} == {}


def test_filters_stand_in_the_address_and_can_be_taken_away(browser: Browser) -> None:
    with browser.page() as page:
        page.click(".chip:has-text('failed')")
        page.wait_for_url("**status=failed")
        comes(page, "[...document.querySelectorAll('td .status')].every((e) => e.textContent === 'failed')")
        page.select_option("select[aria-label=Workflow]", "shown-charge")
        page.wait_for_url("**workflow_id=shown-charge**")
        comes(page, "document.querySelectorAll('tbody tr').length === 1")
        page.fill("[data-search]", "team=nobody")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=No execution fits these filters")
        page.click("a[aria-label='Remove the filter team=nobody']")
        comes(page, "document.querySelectorAll('tbody tr').length === 1")


def test_pages_of_the_list_go_back_in_time_and_forth(browser: Browser) -> None:
    with browser.page() as page:
        first = page.locator("tbody a.id").first.get_attribute("href")
        page.click("[data-older]")
        page.wait_for_url("**cursor=**")
        page.wait_for_selector("text=not live")
        assert page.locator("tbody a.id").first.get_attribute("href") != first
        page.click("a:text-is('Newest')")
        comes(page, f"document.querySelector('tbody a.id').getAttribute('href') === '{first}'")


def test_a_failed_execution_shows_its_error_first_and_each_attempt(browser: Browser) -> None:
    with browser.page(browser.execution("failed", "?step=run%3Acharge")) as page:
        page.wait_for_selector(".pane .attempts")
        assert page.locator(".pane .attempts > li").count() == 3
        assert "attempt 3" in page.inner_text(".error-box >> nth=0")
        assert page.locator(".b-bad").count() == 3
        assert page.locator(".b-retry").count() == 2
        logs = page.locator(".pane ol.log")
        assert logs.count() == 3
        assert "INFO asking the bank for order" in logs.nth(0).inner_text()
        slow = logs.nth(2).locator("li.level-warning")
        assert "<script>" in slow.inner_text()
        assert page.title() != "owned"
        page.click(".pane .attempts summary >> nth=0")
        assert "Traceback (most recent call last)" in page.inner_text(".pane .attempts pre >> nth=0")


def test_a_thousand_steps_are_a_few_rows_of_the_document(browser: Browser) -> None:
    with browser.page(browser.execution("thousand")) as page:
        page.wait_for_selector("text=1,000 operations")
        assert page.locator(".wf-row").count() < 60
        page.focus(".wf-body")
        page.keyboard.press("End")
        page.wait_for_selector(".wf-row.marked:has-text('step-0999')")
        assert page.locator(".wf-row").count() < 60
        slow = page.evaluate(SCROLLING)
        assert (
            slow < 500
        )  # milliseconds for the slowest of 60 frames, on a machine that does other things too
        page.fill("[aria-label='Filter operations by key']", "step-05")
        page.wait_for_selector("text=100 rows")


SCROLLING = """async () => {
  const body = document.querySelector('.wf-body');
  let slowest = 0, last = performance.now();
  for (let i = 0; i < 60; i += 1) {
    body.scrollTop = i * 490;
    await new Promise(requestAnimationFrame);
    slowest = Math.max(slowest, performance.now() - last);
    last = performance.now();
  }
  return slowest;
}"""


def test_children_unfold_within_the_timeline(browser: Browser) -> None:
    with browser.page(browser.execution("parallel")) as page:
        page.wait_for_selector("text=40 operations")
        page.focus(".wf-body")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(".wf-row[aria-level='2']:has-text('resize')")
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("text=40 operations")


def test_a_model_call_is_a_chat_with_tokens_cost_and_first_token(browser: Browser) -> None:
    with browser.page(browser.execution("agent", "?step=run%3Allm%3A5")) as page:
        page.wait_for_selector(".pane .chat")
        said = page.inner_text(".pane .llm")
        for word in ("fake/fake-1", "Tokens in", "Cost", "First token", "there is no station in Atlantis"):
            assert word in said
        assert page.locator(".pane .call.is-error").count() == 1


def test_what_is_not_there_is_said(browser: Browser) -> None:
    with browser.page("#/start", refusals=True) as page:
        page.goto(f"{browser.there.url}/#/executions/nobody")
        page.wait_for_selector("text=Not found")
        page.goto(f"{browser.there.url}/#/nowhere")
        page.wait_for_selector("text=There is no page nowhere")

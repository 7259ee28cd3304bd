"""Links by which a person answers: signed, for a time, once; and the pages behind them."""

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from polos import WorkflowContext, workflow
from polos.errors import TryAgain
from polos.server.forms import form_of, read_answer
from polos.server.pages import form_page, message_page
from polos.server.principals import Role
from polos.tools.approval import approval_request
from support.api import Asker, Told, World

FORM = {"content-type": "application/x-www-form-urlencoded"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def waiting(world: World, ask: Asker) -> str:
    @workflow(id="asks")
    async def asks(ctx: WorkflowContext, payload: dict) -> Any:
        data = {"_form": {"title": HOSTILE, "description": HOSTILE, "context": {"k": HOSTILE}, "fields": [
            {"key": "approved", "type": "boolean", "required": True},
            {"name": HOSTILE, "type": "text", "label": HOSTILE, "description": HOSTILE, "default": HOSTILE},
        ]}}  # fmt: skip
        return (await ctx.step.suspend("q", data))["data"]

    execution = ask("POST", "/v1/executions", {"workflow_id": "asks", "payload": {}}).json["id"]
    world.harness.pump()
    return str(execution)


def link(ask: Asker, execution: str, **options: Any) -> str:
    told = ask("POST", "/v1/approvals", {"execution_id": execution, "step_key": "q", **options})
    assert told.status == 201, told.text
    return str(told.json["url"]).removeprefix("https://api.example.com")


def answer(asker: Asker, path: str, body: str = "f0=true&f1=yes", **headers: str) -> Told:
    return asker("POST", path, body, headers={**FORM, **headers})


def result(world: World, ask: Asker, execution: str) -> Any:
    world.harness.pump()
    return ask("GET", f"/v1/executions/{execution}").json["result"]


class Tags(HTMLParser):
    """The elements of a page with their attributes, as a browser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


# --- the link --------------------------------------------------------------------------------------------------------


def test_a_link_shows_a_form_and_takes_an_answer_without_a_key(
    world: World, ask: Asker, waiting: str
) -> None:
    path, person = link(ask, waiting), world.outsider()
    assert person("GET", path).status == 200
    assert answer(person, path).status == 200
    assert result(world, ask, waiting) == {"approved": True, HOSTILE: "yes"}


def test_looking_changes_nothing_however_often(world: World, ask: Asker, waiting: str) -> None:
    path, person = link(ask, waiting), world.outsider()
    for method in ["GET", "HEAD", "OPTIONS"] * 5:
        person(method, path)
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{waiting}").json["status"] == "waiting"
    assert answer(person, path).status == 200


def test_it_takes_one_answer(world: World, ask: Asker, waiting: str) -> None:
    path, person = link(ask, waiting), world.outsider()
    assert answer(person, path, "f0=false").status == 200
    again = answer(person, path, "f0=true")
    assert again.status == 410
    assert "has been used" in again.text
    assert person("GET", path).status == 410
    assert result(world, ask, waiting) == {"approved": False}


def test_of_two_links_to_one_step_one_counts(world: World, ask: Asker, waiting: str) -> None:
    first, second, person = link(ask, waiting), link(ask, waiting), world.outsider()
    answer(person, first, "f0=false")
    world.harness.pump()
    late = answer(person, second, "f0=true")
    assert late.status == 410
    assert "Nobody waits" in html.unescape(late.text)
    assert result(world, ask, waiting) == {"approved": False}


def test_it_expires(world: World, ask: Asker, waiting: str) -> None:
    path, person = link(ask, waiting, expires_in=60), world.outsider()
    world.harness.clock.advance(60)
    for told in [person("GET", path), answer(person, path)]:
        assert told.status == 410
        assert "expired" in told.text
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{waiting}").json["status"] == "waiting"


@pytest.mark.parametrize("seconds", [0, 59, -1, 30 * 86_400 + 1])
def test_it_is_good_for_a_minute_to_a_month(ask: Asker, waiting: str, seconds: int) -> None:
    body = {"execution_id": waiting, "step_key": "q", "expires_in": seconds}
    assert ask("POST", "/v1/approvals", body).code == "invalid_request"


def test_a_changed_link_is_not_valid(world: World, ask: Asker, waiting: str) -> None:
    path, person = link(ask, waiting), world.outsider()
    for place in [9, 20, len(path) // 2, -2]:
        changed = path[:place] + ("A" if path[place] != "A" else "B") + path[place + 1 :]
        told = answer(person, changed)
        assert told.status == 404
        assert "not valid" in told.text
    world.harness.pump()
    assert ask("GET", f"/v1/executions/{waiting}").json["status"] == "waiting"


@pytest.mark.parametrize(
    "token", ["x", "e30.x", "eyJwIjoidGVzdCJ9.AAAA", "eyJwIjpudWxsfQ.A", "eyJwIjoiJHNlcnZlciJ9.A", "..."]
)
def test_an_invented_link_is_not_valid(world: World, token: str) -> None:
    assert world.outsider()("GET", f"/approve/{token}").status == 404


def test_another_seal_of_the_same_project_is_no_link(world: World, ask: Asker, waiting: str) -> None:
    cursor = ask("GET", f"/v1/executions/{waiting}/events").json["cursor"]
    assert world.outsider()("GET", f"/approve/{cursor}").status == 404


def test_who_may_only_read_makes_no_link(world: World, waiting: str) -> None:
    told = world.asker("test", Role.READ)("POST", "/v1/approvals", {"execution_id": waiting, "step_key": "q"})
    assert told.code == "forbidden"


@pytest.mark.parametrize("step", ["other", "q "])
def test_a_link_to_a_step_that_does_not_wait_is_a_conflict(ask: Asker, waiting: str, step: str) -> None:
    assert ask("POST", "/v1/approvals", {"execution_id": waiting, "step_key": step}).code == "conflict"


def test_a_link_to_what_has_ended_says_so(world: World, ask: Asker, waiting: str) -> None:
    path = link(ask, waiting)
    ask("POST", f"/v1/executions/{waiting}/cancel")
    world.harness.pump()
    for told in [world.outsider()("GET", path), answer(world.outsider(), path)]:
        assert told.status == 410
        assert "Nobody waits" in told.text
    assert ask("POST", "/v1/approvals", {"execution_id": waiting, "step_key": "q"}).code == "conflict"


def test_an_answer_sent_by_another_page_is_not_taken(world: World, ask: Asker, waiting: str) -> None:
    path, person = link(ask, waiting), world.outsider()
    assert answer(person, path, origin="https://evil.example").status == 400
    assert answer(person, path, **{"sec-fetch-site": "cross-site"}).status == 400
    assert answer(person, path, origin="https://api.example.com").status == 200


def test_an_answer_comes_as_a_form_only(world: World, ask: Asker, waiting: str) -> None:
    path = link(ask, waiting)
    assert world.outsider()("POST", path, {"f0": "true"}).status == 415


def test_an_answer_that_was_claimed_and_never_sent_is_sent_by_the_next_one(
    world: World, ask: Asker, waiting: str
) -> None:
    path, person = link(ask, waiting), world.outsider()
    host = world.api.desk.host
    whole = host.ports
    host.ports = replace(whole, queue=OutOfReach())  # type: ignore[arg-type]
    assert answer(person, path, "f0=true&f1=mine").status == 503
    host.ports = whole
    assert answer(person, path, "f0=false&f1=other").status == 410
    assert result(world, ask, waiting) == {"approved": True, HOSTILE: "mine"}


class OutOfReach:
    """A queue that cannot be reached."""

    def send(self, *args: Any) -> None:
        raise TryAgain("sqs:SendMessage on queue https://sqs.internal/123 failed")


# --- the page --------------------------------------------------------------------------------------------------------


def test_what_comes_from_elsewhere_is_text_on_the_page(world: World, ask: Asker, waiting: str) -> None:
    told = world.outsider()("GET", link(ask, waiting))
    tags = Tags(told.text).found
    names = {name for name, _ in tags}
    assert names <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "p", "pre", "form", "label", "input",
        "small", "button",
    }  # fmt: skip
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert html.unescape(told.text).count(HOSTILE) >= 5


def test_the_page_runs_no_scripts_and_stands_in_no_frame(world: World, ask: Asker, waiting: str) -> None:
    told = world.outsider()("GET", link(ask, waiting))
    policy = told.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert told.headers["Referrer-Policy"] == "same-origin"
    assert told.headers["Cache-Control"] == "no-store"


def test_the_hash_in_the_policy_is_that_of_the_style(world: World, ask: Asker, waiting: str) -> None:
    told = world.outsider()("GET", link(ask, waiting))
    style = re.search(r"<style>(.*?)</style>", told.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in told.headers["Content-Security-Policy"]


def test_the_form_of_a_tools_approval_has_two_buttons() -> None:
    form = form_of(approval_request("charge", "Charges a card.", {"amount": 12}))
    page = form_page(form)
    assert [attributes.get("value") for name, attributes in Tags(page).found if name == "button"] == [
        "true",
        "false",
    ]
    assert "Approve charge" in page
    assert html.escape('"amount": 12') in page
    assert read_answer(form, {"f0": ["true"]}) == ({"approved": True}, {})
    assert read_answer(form, {"f0": ["false"], "f1": [" wait "]}) == (
        {"approved": False, "feedback": "wait"},
        {},
    )


def test_a_suspension_without_a_form_asks_for_yes_or_no() -> None:
    form = form_of({"question": "really?"})
    assert [field.key for field in form.fields] == ["approved", "feedback"]
    assert "really?" in form_page(form)


@pytest.mark.parametrize(
    "data",
    [None, 0, "text", [], {"_form": None}, {"_form": 3}, {"_form": {"fields": "x"}}, {"_form": {"fields": [{}]}},
     {"_form": {"title": {"a": 1}}}, {"_form": {"fields": [{"key": "a", "type": "file"}]}}, {"_form": {}}],
)  # fmt: skip
def test_a_description_that_makes_no_sense_still_makes_a_form(data: Any) -> None:
    form = form_of(data)
    assert [field.key for field in form.fields] == ["approved", "feedback"]
    assert "<form" in form_page(form)


FIELDS = {
    "_form": {
        "fields": [
            {"key": "text", "type": "text", "required": True},
            {"key": "count", "type": "number"},
            {"key": "sure", "type": "boolean"},
            {"key": "size", "type": "select", "options": [{"value": "s", "label": "Small"}, {"value": "l"}]},
            {"key": "colours", "type": "multiselect", "options": [{"value": 1}, {"value": "b"}]},
        ]
    }
}


def test_each_field_gives_a_value_of_its_kind() -> None:
    sent = {"f0": ["a"], "f1": ["2.50"], "f2": ["true"], "f3": ["l"], "f4": ["1", "b"]}
    assert read_answer(form_of(FIELDS), sent) == (
        {"text": "a", "count": 2.5, "sure": True, "size": "l", "colours": ["1", "b"]},
        {},
    )


def test_what_is_left_empty_is_left_out() -> None:
    sent = {"f0": ["a"], "f1": [""], "f3": [""]}
    assert read_answer(form_of(FIELDS), sent) == ({"text": "a", "sure": False}, {})


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ({}, 0),
        ({"f0": ["  "]}, 0),
        ({"f0": ["a"], "f1": ["many"]}, 1),
        ({"f0": ["a"], "f1": ["nan"]}, 1),
        ({"f0": ["a"], "f1": ["1e999"]}, 1),
        ({"f0": ["a"], "f3": ["xl"]}, 3),
        ({"f0": ["a"], "f4": ["1", "2"]}, 4),
        ({"f0": ["x" * 20_001]}, 0),
    ],
)
def test_what_does_not_fit_is_named(sent: dict[str, list[str]], number: int) -> None:
    assert list(read_answer(form_of(FIELDS), sent)[1]) == [number]


def test_an_answer_that_does_not_fit_is_asked_for_again_with_what_was_written(
    world: World, ask: Asker
) -> None:
    @workflow(id="form")
    async def form(ctx: WorkflowContext, payload: dict) -> Any:
        return (await ctx.step.suspend("q", FIELDS))["data"]

    execution = ask("POST", "/v1/executions", {"workflow_id": "form", "payload": {}}).json["id"]
    world.harness.pump()
    path, person = link(ask, execution), world.outsider()
    told = answer(person, path, "f0=&f1=%3Cmany%3E&f3=l")
    assert told.status == 422
    assert "an answer is needed" in told.text
    assert "&lt;many&gt;" in told.text
    assert '<option value="l" selected>' in told.text
    assert answer(person, path, "f0=ok&f1=3").status == 200
    assert result(world, ask, execution) == {"text": "ok", "count": 3, "sure": False}


@pytest.mark.parametrize("body", ["f0=%ff", "&".join(f"a{i}=1" for i in range(300)), "f0=" + "x" * 300_000])
def test_a_form_that_cannot_be_read_is_refused(world: World, ask: Asker, waiting: str, body: str) -> None:
    assert answer(world.outsider(), link(ask, waiting), body).status == 400


def test_a_message_is_text() -> None:
    assert "<script>" not in message_page("<script>", "<script>")
    assert json.dumps("<b>") not in message_page("a", "<b>")

"""Sessions of browsers: a key is shown once, a cookie that soon expires stands for it, and forged requests fail."""

from dataclasses import dataclass
from typing import Any

import pytest

from polos.server.browser import LIFE_SECONDS, LONGEST_SECONDS
from polos.server.principals import Role
from support.api import HOST, Asker, Told, World, gateway_event

PATH = "/v1/browser/session"
OURS = {"origin": f"https://{HOST}", "sec-fetch-site": "same-origin"}
EVENT = {"topic": "t", "events": [{"data": 1}]}


@dataclass
class Browser:
    """As a browser does: keeps the cookie, says where a request comes from."""

    world: World
    key: str
    jar: str = ""
    csrf: str = ""

    def sign_in(self) -> Told:
        return self.took(self.ask("POST", PATH, {"api_key": self.key}))

    def took(self, told: Told) -> Told:
        for cookie in told.cookies:
            self.jar = cookie.partition(";")[0]
        if told.status == 200 and told.json.get("csrf"):
            self.csrf = told.json["csrf"]
        return told

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Told:
        sent = {**OURS, **({"cookie": self.jar} if self.jar else {}), **headers}
        return Asker(self.world.api)(method, path, body, headers={n: v for n, v in sent.items() if v})


@pytest.fixture
def browser(world: World) -> Browser:
    made = Browser(world, world.api.keys.create("shop", Role.RUN)[1])
    made.sign_in()
    return made


def later(world: World, seconds: float) -> None:
    world.harness.clock.sleep(seconds)


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_connections(world: World) -> None:
    key = world.api.keys.create("shop", Role.RUN)[1]
    told = Browser(world, key).sign_in()
    [cookie] = told.cookies
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert cookie.startswith("__Host-polos_session=")
    assert parts == {"Path=/", f"Max-Age={LIFE_SECONDS}", "HttpOnly", "Secure", "SameSite=Strict"}
    assert key.split("_")[2] not in cookie + told.text


def test_a_session_has_the_project_and_the_role_of_its_key(browser: Browser) -> None:
    told = browser.ask("GET", PATH)
    assert (told.json["project"], told.json["role"], told.json["how"]) == ("shop", "run", "session")
    assert browser.ask("POST", "/v1/events", EVENT, **{"polos-csrf": browser.csrf}).status == 201
    pausing = {"workflow_id": "any", "key": "k"}
    refused = browser.ask("POST", "/v1/schedules/pause", pausing, **{"polos-csrf": browser.csrf})
    assert (refused.status, refused.code) == (403, "forbidden")


@pytest.mark.parametrize("key", ["", "polos_" + "a" * 16 + "_" + "b" * 52, "nonsense"])
def test_what_is_no_key_signs_nobody_in(world: World, key: str) -> None:
    told = Browser(world, key).sign_in()
    assert told.status in (400, 401)
    assert told.cookies == ()


FORGED = {
    "no word": {"polos-csrf": ""},
    "a guessed word": {"polos-csrf": "eyJuIjoiMSJ9.AAAA"},
    "another origin": {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    "another origin, of a browser that says no more": {
        "origin": "https://evil.example",
        "sec-fetch-site": "",
    },
    "a sibling host": {"origin": f"https://evil.{HOST}", "sec-fetch-site": "same-site"},
    "a sandboxed frame": {"origin": "null", "sec-fetch-site": "cross-site"},
    "no origin at all": {"origin": "", "sec-fetch-site": ""},
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_request_with_the_cookie_does_nothing(browser: Browser, forged: str) -> None:
    headers = {"polos-csrf": browser.csrf, **FORGED[forged]}
    told = browser.ask("POST", "/v1/events", EVENT, **headers)
    assert (told.status, told.code) == (403, "forbidden")
    assert browser.ask("GET", "/v1/events?topic=t").status in (200, 404)
    assert not browser.world.harness.service.topics.read("t")


def test_the_word_of_one_session_is_none_in_another(browser: Browser) -> None:
    other = Browser(browser.world, browser.key)
    other.sign_in()
    assert browser.ask("POST", "/v1/events", EVENT, **{"polos-csrf": other.csrf}).status == 403


def test_another_site_cannot_read_with_the_cookie(browser: Browser) -> None:
    assert browser.ask("GET", "/v1/me", **{"sec-fetch-site": "cross-site", "origin": ""}).status == 403


def test_nobody_is_signed_in_by_a_page_of_another_site(world: World) -> None:
    other = Browser(world, world.api.keys.create("evil", Role.RUN)[1])
    told = other.ask("POST", PATH, {"api_key": other.key}, origin="https://evil.example")
    assert (told.status, told.cookies) == (403, ())


def test_a_key_needs_no_word_and_no_origin(browser: Browser) -> None:
    told = Asker(browser.world.api, browser.key)("POST", "/v1/events", EVENT, headers={"cookie": browser.jar})
    assert told.status == 201


def test_a_session_is_over_after_an_hour_unless_it_is_renewed_and_never_outlives_half_a_day(
    browser: Browser, world: World
) -> None:
    first = browser.jar
    later(world, LIFE_SECONDS * 0.6)
    word = browser.csrf
    assert browser.took(browser.ask("GET", PATH)).cookies
    assert browser.csrf == word
    assert browser.took(browser.ask("GET", PATH)).cookies == ()
    later(world, LIFE_SECONDS * 0.6)
    assert browser.ask("GET", PATH, cookie=first).code == "unauthorized"
    for _ in range(100):
        told = browser.took(browser.ask("GET", PATH))
        if told.status == 401:
            break
        later(world, LIFE_SECONDS * 0.6)
    assert told.status == 401
    assert browser.sign_in().status == 200
    start = world.harness.clock.now()
    while browser.took(browser.ask("GET", PATH)).status == 200:
        later(world, LIFE_SECONDS * 0.6)
    assert LONGEST_SECONDS <= world.harness.clock.now() - start <= LONGEST_SECONDS + LIFE_SECONDS


def test_who_signs_out_is_out_wherever_the_cookie_was_copied_to(browser: Browser) -> None:
    stolen = browser.jar
    assert browser.ask("DELETE", PATH).status == 403  # not by somebody else's page
    told = browser.ask("DELETE", PATH, **{"polos-csrf": browser.csrf})
    assert told.json == {"deleted": True}
    assert "Max-Age=0" in told.cookies[0]
    assert browser.ask("GET", "/v1/me", cookie=stolen).status == 401


def test_a_session_ends_with_its_key(browser: Browser) -> None:
    keys = browser.world.api.keys
    [key] = keys.list("shop")
    keys.revoke("shop", key.id)
    assert browser.ask("GET", "/v1/me").status == 401


def test_a_cookie_that_was_changed_is_none(browser: Browser) -> None:
    body, _, tag = browser.jar.partition(".")
    for changed in (f"{body[:-2]}AA.{tag}", f"{body}.{tag[:-2]}AA", body, f"{body}.", "polos_session=x.y"):
        assert browser.ask("GET", "/v1/me", cookie=changed).status == 401


def test_the_gateway_hands_cookies_over_apart(browser: Browser) -> None:
    event = gateway_event("GET", "/v1/me", headers=OURS)
    event["cookies"] = ["theme=dark", browser.jar]
    assert browser.world.api.answer(event).status == 200


def test_a_page_behind_its_own_domain_acts_from_there(world: World) -> None:
    fronted = World(world.harness, public_url="https://runs.example.com")
    seat = Browser(fronted, fronted.api.keys.create("shop", Role.RUN)[1])
    there = {"origin": "https://runs.example.com"}
    seat.took(seat.ask("POST", PATH, {"api_key": seat.key}, **there))
    assert seat.ask("POST", "/v1/events", EVENT, **{"polos-csrf": seat.csrf, **there}).status == 201

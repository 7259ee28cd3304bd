from __future__ import annotations

import pytest

from polos.llm.errors import RealRequestForbidden
from polos.llm.guard import RequestGuard

URL = "https://api.openai.com/v1"


def test_requests_are_free_until_they_are_forbidden() -> None:
    RequestGuard({}).check("openai", URL)


def test_forbidding_works_at_once_and_ends_when_released() -> None:
    guard = RequestGuard({})
    hold = guard.forbid()
    with pytest.raises(RealRequestForbidden, match=r"openai.*api\.openai\.com.*FakeModel"):
        guard.check("openai", URL)
    hold.release()
    hold.release()
    guard.check("openai", URL)


def test_two_who_forbid_must_both_let_go() -> None:
    guard = RequestGuard({})
    with guard.forbid():
        with guard.forbid():
            pass
        assert guard.forbidden
    assert not guard.forbidden


@pytest.mark.parametrize("value", ["1", "true", "yes", "ON", "remote"])
def test_the_environment_forbids(value: str) -> None:
    with pytest.raises(RealRequestForbidden):
        RequestGuard({"POLOS_FORBID_MODEL_REQUESTS": value}).check("openai", URL)


@pytest.mark.parametrize("value", ["", "0", "false", "No", "off", " "])
def test_the_environment_can_say_no(value: str) -> None:
    RequestGuard({"POLOS_FORBID_MODEL_REQUESTS": value}).check("openai", URL)


def test_addresses_that_are_allowed_stay_so_by_code_and_by_environment() -> None:
    env = {
        "POLOS_FORBID_MODEL_REQUESTS": "1",
        "POLOS_ALLOW_MODEL_URLS": "http://127.0.0.1:1, http://127.0.0.1:2/v1",
    }
    guard = RequestGuard(env)
    guard.check("openai", "http://127.0.0.1:1/v1")
    guard.check("openai", "http://127.0.0.1:2/v1")
    with guard.allow("http://127.0.0.1:3"):
        guard.check("openai", "http://127.0.0.1:3")
    with pytest.raises(RealRequestForbidden):
        guard.check("openai", "http://127.0.0.1:3")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80", "http://127.0.0.1:8080.evil.test/", "http://127.0.0.1:80801/v1"]
)
def test_an_address_that_only_begins_like_an_allowed_one_is_another(url: str) -> None:
    guard = RequestGuard({})
    with guard.forbid(allow=["http://127.0.0.1:8080"]), pytest.raises(RealRequestForbidden):
        guard.check("openai", url)

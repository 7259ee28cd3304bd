"""Who is let in: keys, AWS identities, and this machine itself; and requests that somebody else's page has sent."""

import json

import pytest

from polos.errors import InvalidDefinition, InvalidRequest
from polos.server.gate import Access, iam_access, role_arn
from polos.server.principals import Role
from polos.testing.local import MemoryHarness
from support.api import OUTSIDE, Asker, World

ROLE = "arn:aws:iam::123456789012:role/ops"
SESSION = "arn:aws:sts::123456789012:assumed-role/ops/session-7"


def signed(arn: str) -> dict[str, object]:
    return {"iam": {"userArn": arn, "accountId": "123456789012", "callerId": "AROA:session-7"}}


@pytest.fixture
def local(world: World) -> Asker:
    """Asks without a key, from this machine."""
    open_to_here = World(world.harness, access=Access(local_project="test"))
    return Asker(open_to_here.api, headers={"host": "localhost:8080"}, options={"ip": "127.0.0.1"})


@pytest.fixture
def by_iam(world: World) -> World:
    return World(world.harness, access=Access(iam={ROLE: ("shop", Role.RUN)}))


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_names_project_and_role(world: World) -> None:
    told = world.asker("shop", Role.RUN)("GET", "/v1/me")
    assert told.json == {"project": "shop", "role": "run", "how": "key"}


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_scheme_is_read_in_any_case(world: World, scheme: str) -> None:
    key = world.api.keys.create("shop", Role.READ)[1]
    assert world.outsider(authorization=f"{scheme}{key}")("GET", "/v1/me").status == 200


@pytest.mark.parametrize("header", ["{key}", "Basic {key}", "Bearer", "Bearer ", "Bearer {key} {key}"])
def test_a_key_that_is_not_sent_as_one_is_none(world: World, header: str) -> None:
    key = world.api.keys.create("shop", Role.READ)[1]
    told = world.outsider(authorization=header.format(key=key))("GET", "/v1/me")
    assert (told.status, told.code) == (401, "unauthorized")


def test_a_refusal_does_not_repeat_the_key(world: World) -> None:
    told = world.outsider(authorization="Bearer polos_topsecret")("GET", "/v1/me")
    assert "topsecret" not in told.text


def test_a_revoked_key_is_refused_with_the_next_request(world: World) -> None:
    key, text = world.api.keys.create("shop", Role.ADMIN)
    ask = Asker(world.api, text)
    assert ask("GET", "/v1/me").status == 200
    world.api.keys.revoke("shop", key.id)
    assert ask("GET", "/v1/me").status == 401


def test_an_unknown_path_is_not_told_to_strangers(world: World) -> None:
    assert world.outsider()("GET", "/v1/nothing").status == 401
    assert world.asker()("GET", "/v1/nothing").status == 404


def test_the_project_that_is_meant_must_be_that_of_the_key(world: World) -> None:
    ask = world.asker("shop")
    assert ask("GET", "/v1/me", headers={"polos-project": "shop"}).status == 200
    told = ask("GET", "/v1/me", headers={"polos-project": "bank"})
    assert (told.status, told.code) == (403, "forbidden")


def test_too_many_requests_of_one_key_are_refused(world: World) -> None:
    limited = World(world.harness)
    ask = limited.asker()
    answers = [ask("GET", "/v1/me") for _ in range(105)]
    refused = [told for told in answers if told.status == 429]
    assert len(refused) == 5
    assert refused[0].code == "rate_limited"
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert limited.asker()("GET", "/v1/me").status == 200


# --- AWS identities --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arn", [ROLE, SESSION])
def test_an_identity_that_the_gateway_has_checked_is_mapped(by_iam: World, arn: str) -> None:
    ask = Asker(by_iam.api, options={"authorizer": signed(arn)})
    assert ask("GET", "/v1/me").json == {"project": "shop", "role": "run", "how": "iam"}


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:role/other",
        "arn:aws:sts::999999999999:assumed-role/ops/session-7",
        "arn:aws:iam::123456789012:user/ops",
        "arn:aws:sts::123456789012:assumed-role/ops2/ops",
    ],
)
def test_an_identity_that_is_not_mapped_has_no_access(by_iam: World, arn: str) -> None:
    told = Asker(by_iam.api, options={"authorizer": signed(arn)})("GET", "/v1/me")
    assert (told.status, told.code) == (403, "forbidden")


def test_an_identity_that_only_the_caller_claims_is_none(by_iam: World) -> None:
    claims = {"x-amzn-iam-userarn": ROLE, "authorization": f"AWS4-HMAC-SHA256 Credential={ROLE}"}
    assert by_iam.outsider(**claims)("GET", "/v1/me").status == 401


def test_the_session_of_a_role_has_the_arn_of_the_role() -> None:
    assert role_arn(SESSION) == ROLE
    assert role_arn(ROLE) == ROLE
    assert role_arn("arn:aws-cn:sts::1:assumed-role/r/s") == "arn:aws-cn:iam::1:role/r"


def test_the_mapping_is_read_from_json() -> None:
    assert iam_access(json.dumps({ROLE: {"project": "shop", "role": "admin"}})) == {
        ROLE: ("shop", Role.ADMIN)
    }


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 1}', '{"a": {"project": "x"}}', '{"a": {"project": "x", "role": "root"}}']
)
def test_a_mapping_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidDefinition, match="POLOS_IAM_ACCESS"):
        iam_access(text)


def test_a_mapping_to_what_is_no_project_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cannot be a project"):
        iam_access('{"a": {"project": "x|y", "role": "run"}}')


# --- this machine ----------------------------------------------------------------------------------------------------


def test_this_machine_needs_no_key_in_local_mode(local: Asker) -> None:
    assert local("GET", "/v1/me").json == {"project": "test", "role": "admin", "how": "local"}


def test_without_local_mode_it_does(world: World) -> None:
    ask = Asker(world.api, headers={"host": "localhost"}, options={"ip": "127.0.0.1"})
    assert ask("GET", "/v1/me").status == 401


@pytest.mark.parametrize("ip", [OUTSIDE, "10.0.0.1", "0.0.0.0", "", "localhost", "::ffff:203.0.113.9"])
def test_another_machine_needs_a_key(local: Asker, ip: str) -> None:
    local.options = {"ip": ip}
    assert local("GET", "/v1/me").status == 401


def test_a_forwarded_header_makes_nobody_local(local: Asker) -> None:
    local.options = {"ip": OUTSIDE}
    told = local("GET", "/v1/me", headers={"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"})
    assert told.status == 401


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080"])
def test_a_loopback_host_is_answered(local: Asker, host: str) -> None:
    assert local("GET", "/v1/me", headers={"host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "evil.example:127", "[::2]", "x"],
)
def test_a_name_that_was_rebound_to_this_machine_is_not(local: Asker, host: str) -> None:
    assert local("GET", "/v1/me", headers={"host": host}).status == 403


FORGED = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:9999"},
    {"origin": "http://localhost:8080.evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "http://localhost:8080", "sec-fetch-site": "cross-site"},
]


@pytest.mark.parametrize("headers", FORGED)
def test_a_page_of_another_origin_changes_nothing(local: Asker, headers: dict[str, str]) -> None:
    body = {"topic": "t", "events": [{"data": 1}]}
    assert local("POST", "/v1/events", body, headers=headers).status == 403
    assert local("GET", "/v1/events", query="topic=t").json["events"] == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://localhost:8080", "sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}],
)
def test_the_own_page_and_programs_do(local: Asker, headers: dict[str, str]) -> None:
    body = {"topic": "t", "events": [{"data": 1}]}
    assert local("POST", "/v1/events", body, headers=headers).status == 201


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_that_a_form_of_another_page_could_send_is_refused(local: Asker, content_type: str) -> None:
    body = '{"topic": "t", "events": [{"data": 1}]}'
    told = local("POST", "/v1/events", body, headers={"content-type": content_type})
    assert told.status == 415


def test_a_key_may_be_used_by_a_page_of_another_origin(world: World) -> None:
    """A browser does not send it by itself: such a page was given it. CORS is the gateway's business."""
    body = {"topic": "t", "events": [{"data": 1}]}
    assert world.asker()("POST", "/v1/events", body, headers={"origin": "https://app.example"}).status == 201


def test_local_mode_is_not_limited(local: Asker) -> None:
    assert {local("GET", "/v1/me").status for _ in range(250)} == {200}


def test_projects_of_one_store_are_told_apart() -> None:
    with MemoryHarness() as harness:
        world = World(harness)
        ask, other = world.asker("a"), world.asker("b")
        ask("POST", "/v1/events", {"topic": "t", "events": [{"data": "mine"}]})
        assert other("GET", "/v1/events", query="topic=t").json["events"] == []

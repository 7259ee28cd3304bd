"""With IAM enforced: a user with `docs/deploy-policy.json` looks at a stack, updates it, reads logs, destroys it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e2e.conftest import APP, STACK, Guarded, api_url, deploy
from support import e2e_app as app
from support.cloud import patience, until, what_is_left
from support.e2e_use import staged, steps

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def nothing_denied(guarded: Guarded) -> Iterator[None]:
    """Whatever a test does as this user, AWS lets it do; and the user is asked about indeed."""
    yield
    asked = [each for each in guarded.sky.decisions() if each[0].endswith(":user/deployer")]
    assert {"cloudformation:CreateChangeSet", "s3:PutObject"} <= {action for _, action, *_ in asked}
    assert [each for each in asked if each[3] != "Allow"] == []


def test_what_a_deployment_would_change_is_shown_before_it(guarded: Guarded) -> None:
    options = ("diff", str(APP), "--deployed", "--name", STACK, "--target", "host")
    same = guarded.sky.polos(*options, who=guarded.who)
    assert "0 parts would change" in same.stderr
    fresh = guarded.sky.polos(*options, "--stage", "prod", who=guarded.who)
    assert "there is no stack e2e-prod here" in fresh.stderr
    assert "+ WorkerSide  AWS::Serverless::Function" in fresh.stdout


def test_the_logs_of_the_stack_are_read(guarded: Guarded) -> None:
    execution = guarded.deployed.service.start(app.double, 1).execution
    guarded.deployed.ended(execution)

    def said() -> str:
        command = ("logs", "--name", STACK, "--execution", execution)
        return guarded.sky.polos(*command, who=guarded.who).stdout

    assert execution in until(said, "its logs come")


def test_keys_of_the_api_are_made_listed_and_revoked(guarded: Guarded) -> None:
    def key(*arguments: str) -> str:
        command = ("key", *arguments, "--stack", guarded.deployed.name)
        return guarded.sky.polos(*command, who=guarded.who).stdout.strip()

    made = key("create", "--role", "read", "--label", "short-lived")
    assert "short-lived" in key("list")
    headers = {"Authorization": f"Bearer {made}"}
    with httpx.Client(base_url=api_url(guarded.deployed), headers=headers, timeout=patience()) as http:
        assert http.get("/v1/executions").status_code == 200
        key("revoke", made.split("_")[1])
        assert http.get("/v1/executions").status_code == 401


def test_a_stack_is_updated_and_the_same_again_changes_nothing(guarded: Guarded, tmp_path: Path) -> None:
    changed = tmp_path / APP.name
    changed.write_text(APP.read_text().replace("memory_mb=256", "memory_mb=512"))
    assert "e2e-dev: deployed" in deploy(guarded.sky, guarded.folder, changed, who=guarded.who)
    assert "nothing to change" in deploy(guarded.sky, guarded.folder, changed, who=guarded.who)

    async def works() -> None:
        async with staged(guarded.deployed, api_url(guarded.deployed), within=patience()) as stage:
            await steps(stage)

    asyncio.run(works())


def test_destroy_leaves_nothing_behind(guarded: Guarded) -> None:
    """Not a schedule that was made at run time, a wait under way, a value or a log either."""
    service = guarded.deployed.service
    mine = {"workflow": "every_minute", "key": "own", "cron": "0 9 * * *", "timezone": "Europe/Berlin"}
    service.schedule_action("create", **mine, overlap="allow")
    service.start(app.long_wait, 600)
    service.ports.blobs.put("left-over", b"x")
    begun = service.ports.clock.now() * 1000
    guarded.sky.polos("destroy", "--name", STACK, "--yes", who=guarded.who)
    assert what_is_left(guarded.sky, begun) == {}

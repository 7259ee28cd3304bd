"""The shortest deployment that says something: made, used over HTTP, destroyed. `make smoke`."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import STACK, asking, deploy, make_secret
from support import e2e_app as app
from support.cloud import Deployment, cloud, patience, what_is_left

pytestmark = pytest.mark.e2e


def test_a_stack_is_deployed_used_and_destroyed(tmp_path: Path) -> None:
    with cloud() as sky:
        make_secret(sky)
        assert "e2e-dev: deployed" in deploy(sky, tmp_path)
        deployed = Deployment(sky, f"{STACK}-dev")
        with asking(deployed) as ask:
            waits = ask(lambda client: app.parent.invoke(client, 3))
            ask(lambda client: client.publish_events("go-3", [("go", {"n": 1})]))
            assert ask(lambda client: app.chain.run(client, 5, timeout=patience())) == 5
            assert ask(lambda client: client.wait_result(waits.id, patience())) == [
                6,
                "waited",
                app.BIG,
                {"n": 1},
            ]
        begun = deployed.service.ports.clock.now() * 1000
        sky.polos("destroy", "--name", STACK, "--yes")
        assert what_is_left(sky, begun) == {}

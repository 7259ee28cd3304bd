"""One emulated AWS and one deployed stack for the tests of this folder; each takes about a minute to make."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from polos.runtime.http_client import PolosClient
from polos.server.keys import ApiKeys
from polos.server.principals import Role
from polos.testing import WireServer, call, turn
from support.cloud import ROOT, Cloud, Deployment, cloud
from support.e2e_policies import STACK

APP = Path(__file__).parents[1] / "support" / "e2e_app.py"
TOKEN = "not-to-be-seen"

Ask = Callable[[Callable[[PolosClient], Any]], Any]


@pytest.fixture(autouse=True, scope="session")
def own_environment() -> Iterator[None]:
    """What the tests set is gone behind them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the stack is built."""
    folder = tmp_path_factory.mktemp("build")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sky() -> Iterator[Cloud]:
    """An AWS on this machine, which faults can be injected into."""
    with cloud(faults=True) as running:
        yield running


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A stack where IAM is enforced, deployed by a user with the documented policy."""
    with cloud(auth=True) as sky:
        make_secret(sky)
        policy = (ROOT / "docs" / "deploy-policy.json").read_text()
        for name, value in {"NAME": STACK, "ACCOUNT": "000000000000", "REGION": "us-east-1"}.items():
            policy = policy.replace(name, value)
        who, folder = sky.user("deployer", policy), tmp_path_factory.mktemp("guarded")
        deploy(sky, folder, who=who)
        yield Guarded(Deployment(sky, f"{STACK}-dev"), who, folder)


@dataclass(frozen=True)
class Guarded:
    """`who`: the credentials of who deployed it, from `folder`."""

    deployed: Deployment
    who: Mapping[str, str]
    folder: Path

    @property
    def sky(self) -> Cloud:
        """The cloud it stands in."""
        return self.deployed.cloud


@pytest.fixture(scope="session")
def model(own_environment: None) -> Iterator[WireServer]:
    """The model that the deployed agent asks: it wants its tool once, then it answers."""
    script = [turn(calls=[call("stock", article="tea")]), "There are 3."]
    with WireServer(script) as server:
        os.environ["E2E_MODEL_URL"] = server.url
        yield server


@pytest.fixture(scope="session")
def deployed(sky: Cloud, model: WireServer, workdir: Path) -> Deployment:
    """The app of these tests, deployed with our own command."""
    make_secret(sky)
    deploy(sky, workdir)
    return Deployment(sky, f"{STACK}-dev")


@pytest.fixture(scope="session")
def ask(deployed: Deployment) -> Iterator[Ask]:
    """Ask the API of the stack; see `asking`."""
    with asking(deployed) as call:
        yield call


@contextmanager
def asking(deployed: Deployment) -> Iterator[Ask]:
    """Asks the API: `ask(lambda client: client.get_execution(id))`."""
    ports = deployed.service.ports
    _, key = ApiKeys(ports.records, ports.clock).create("default", Role.ADMIN)
    client = PolosClient(api_url(deployed), key, "default")
    with asyncio.Runner() as runner:

        def call(question: Callable[[PolosClient], Any]) -> Any:
            async def answer() -> Any:
                return await question(client)

            return runner.run(answer())

        yield call
        runner.run(client.aclose())


def api_url(deployed: Deployment) -> str:
    """Where the emulator has the stack's API: names of hosts are not to be had on this machine."""
    return f"{deployed.cloud.endpoint}/_aws/execute-api/{deployed.outputs['ApiId']}/$default"


def make_secret(sky: Cloud) -> None:
    """The secret that the app asks for."""
    sky.client("secretsmanager").create_secret(Name="polos/default/e2e-token", SecretString=TOKEN)


def deploy(sky: Cloud, workdir: Path, app: Path = APP, *, who: Mapping[str, str] | None = None) -> str:
    """`polos deploy`, by the owner of the account or by `who`; what it said."""
    done = sky.polos(
        "deploy", str(app), "--name", STACK, "--target", "host", "--output", str(workdir),
        "--parameter", "DataDeletionPolicy=Delete", who=who,
    )  # fmt: skip
    return done.stderr

"""`Polos`: its life, and what it refuses."""

import asyncio
import logging
import socket
from pathlib import Path

import httpx
import pytest

from polos import InvalidDefinition, Polos, PolosClient, WorkflowContext, workflow
from polos.core.definitions import registry
from polos.errors import StoreError
from polos.runtime.client import current_client


@pytest.fixture(autouse=True)
def _defined():
    @workflow(id="polos_double")
    async def polos_double(ctx: WorkflowContext, payload: int) -> int:
        return payload * 2

    yield
    registry.remove("polos_double")


async def test_it_runs_between_start_and_stop(tmp_path: Path) -> None:
    polos = Polos(tmp_path / "polos.db", project_id="shop")
    assert await polos.start() is polos
    assert current_client() is polos
    assert polos.embedded.service.project == "shop"
    assert await (await polos.invoke("polos_double", 4)).result(30) == 8
    await polos.stop()
    assert current_client() is not polos
    await polos.stop()
    async with polos:
        assert await (await polos.invoke("polos_double", 5)).result(30) == 10


async def test_before_it_runs_it_says_how_to_run_it(tmp_path: Path) -> None:
    polos = Polos(tmp_path / "polos.db")
    with pytest.raises(RuntimeError, match="async with"):
        await polos.invoke("polos_double", 1)
    with pytest.raises(RuntimeError, match="async with"):
        polos.embedded  # noqa: B018


async def test_with_an_address_it_runs_nothing_here(tmp_path: Path) -> None:
    async with Polos(
        tmp_path / "polos.db", api_url="http://127.0.0.1:9", api_key="k", project_id="p"
    ) as polos:
        with pytest.raises(RuntimeError, match="talks to a deployment"):
            polos.embedded  # noqa: B018
        assert isinstance(polos._used, PolosClient)
    assert not (tmp_path / "polos.db").exists()


async def test_it_serves_the_api_until_it_is_cancelled(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StoreError, match="another port"):
            await Polos(tmp_path / "polos.db", port=port).serve()
    serving = asyncio.create_task(Polos(tmp_path / "polos.db", port=port, project_id="shop").serve())
    async with httpx.AsyncClient() as http:
        for _ in range(200):
            try:
                told = await http.get(f"http://127.0.0.1:{port}/v1/me")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
    assert told.json() == {"project": "shop", "role": "admin", "how": "local"}
    async with PolosClient(f"http://127.0.0.1:{port}") as client:
        assert await (await client.invoke("polos_double", 3)).result(30) == 6
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")


def test_what_is_not_there_yet_is_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(InvalidDefinition, match="channels"):
        Polos(tmp_path / "polos.db", channels=[object()])


async def test_its_log_goes_to_a_file(tmp_path: Path) -> None:
    async with Polos(tmp_path / "polos.db", log_file=tmp_path / "polos.log"):
        logging.getLogger("polos.test").error("something happened")
    logging.getLogger("polos.test").error("afterwards")
    text = (tmp_path / "polos.log").read_text(encoding="utf-8")
    assert "something happened" in text
    assert "afterwards" not in text

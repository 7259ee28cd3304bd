"""What a client is, and which one is used when none is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from polos.core.definitions import Definition
from polos.core.models import EventPayload, ExecutionHandle, set_default_client
from polos.runtime.http_client import PolosClient
from polos.runtime.service import StartOptions


class Client(Protocol):
    """A way to a project: the embedded runtime, or an HTTP API."""

    async def start(self, workflow: Definition | str, payload: Any, options: StartOptions) -> ExecutionHandle:
        """Start an execution."""
        ...

    async def wait_result(self, execution_id: str, timeout: float | None) -> Any:
        """Wait for its end: the result, or the error that happened, raised; `ResultTimeout` after `timeout` s."""
        ...

    async def get_execution(self, execution_id: str) -> dict[str, Any]:
        """The execution as a plain dict."""
        ...

    async def publish_events(self, topic: str, events: Sequence[tuple[str | None, Any]]) -> list[int]:
        """Publish (type, data) pairs in order; their sequence ids."""
        ...

    async def read_events(self, topic: str, after: int, limit: int, wait: float) -> list[EventPayload]:
        """Events with a sequence above `after`; waits up to `wait` seconds for the first."""
        ...

    async def read_run(self, execution_id: str, cursor: str | None, wait: float) -> Any:
        """What is new in a run behind `cursor`, a `polos.features.streams.RunPage`; waits up to `wait` seconds."""
        ...

    async def schedules(self, action: str, **fields: Any) -> Any:
        """create, list, pause, resume or delete schedules; each as a dict."""
        ...

    async def cancel_execution(self, execution_id: str) -> bool:
        """Ask it to stop. False: it has ended."""
        ...


def client_first(args: tuple[Any, ...], named: Client | None = None) -> tuple[Client, list[Any]]:
    """The client that was given first or by name, or the default one; and the other positional arguments."""
    rest = list(args)
    if rest and hasattr(rest[0], "wait_result"):
        return rest.pop(0), rest
    return named or current_client(), rest


_active: list[Client] = []
_default: list[Callable[[], Client]] = []
_described: dict[tuple[str, ...], Client] = {}
_ENVIRONMENT: Final = ("POLOS_API_URL", "POLOS_API_KEY", "POLOS_PROJECT_ID", "POLOS_DEPLOYMENT_ID")


def activate(client: Client) -> None:
    """From now on this client is the default one: `async with Polos()`."""
    _active.append(client)


def deactivate(client: Client) -> None:
    """It is not any more."""
    if client in _active:
        _active.remove(client)


def set_default(factory: Callable[[], Client]) -> None:
    """How the default client is made when none is active."""
    _default[:] = [factory]


def current_client() -> Client:
    """The client to use when none is given: that of the `async with Polos()` around, else the one that `configure` has
    set, else the one that the environment describes.
    """
    if _active:
        return _active[-1]
    if _default:
        return _default[0]()
    described = tuple(os.environ.get(name, "") for name in _ENVIRONMENT)
    if described not in _described:
        _described.clear()
        _described[described] = PolosClient()
    return _described[described]


def configure(
    api_url: str | None = None,
    api_key: str | None = None,
    project_id: str | None = None,
    deployment_id: str | None = None,
) -> None:
    """Say which deployment calls without a client go to. What is not given comes from the environment: `POLOS_API_URL`
    (default `http://localhost:8080`), `POLOS_API_KEY`, `POLOS_PROJECT_ID`, `POLOS_DEPLOYMENT_ID`.

    Nothing is asked of the deployment yet. Inside `async with Polos()` calls stay in this process.
    """
    client = PolosClient(api_url, api_key, project_id, deployment_id)
    set_default(lambda: client)


set_default_client(current_client)

__all__ = [
    "Client",
    "StartOptions",
    "activate",
    "client_first",
    "configure",
    "current_client",
    "deactivate",
    "set_default",
]

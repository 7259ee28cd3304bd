"""What a client is, and which one is used when none is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from polos.core.definitions import Definition
from polos.core.models import EventPayload, ExecutionHandle, set_default_client
from polos.errors import ServerUnreachable
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
    """The client to use when none is given."""
    if _active:
        return _active[-1]
    if not _default:
        raise ServerUnreachable(
            "no client: use `async with Polos():` to run here, or polos.configure(api_url=...) for a deployment"
        )
    return _default[0]()


set_default_client(current_client)

__all__ = [
    "Client",
    "StartOptions",
    "activate",
    "client_first",
    "current_client",
    "deactivate",
    "set_default",
]

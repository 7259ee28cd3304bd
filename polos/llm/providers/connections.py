"""What every adapter over a vendor's SDK needs: the SDK if it is installed, the key, and one client per event loop."""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from polos.llm.errors import AuthenticationFailed, ProviderSdkMissing


def load_sdk(provider: str, package: str, extra: str) -> Any:
    """The vendor's package, imported when first needed and never before.

    Raises:
        ProviderSdkMissing: it is not installed; says which extra brings it.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package:
            raise  # something the SDK itself needs: its own message is the better one
        raise ProviderSdkMissing(provider, package, extra) from None


def read_key(
    provider: str, names: Sequence[str], *, environ: Mapping[str, str] = os.environ, optional: bool = False
) -> tuple[str, str]:
    """The key from the first of the environment variables `names` that is set, and that variable's name.

    Read at each call: a worker may outlive a key. With `optional`, no key is an empty one.

    Raises:
        AuthenticationFailed: none is set.
    """
    for name in names:
        if key := environ.get(name, "").strip():
            return key, name
    if optional:
        return "", names[0] if names else ""
    raise AuthenticationFailed(
        f"no key: set the environment variable {' or '.join(names)} where the agent runs",
        provider=provider,
        key_env=names[0],
    )


class LoopClients:
    """Clients of an async SDK, one per event loop and key: a connection belongs to the loop that opened it.

    Lambda and `asyncio.run` make loops one after the other. When a loop shuts down, its clients are closed in it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, _OfLoop] = {}

    async def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The running loop's client for `key`, made by `make` if there is none; it has an async `close()`."""
        loop = asyncio.get_running_loop()
        with self._lock:
            for ended in [known for known in self._loops if known.is_closed()]:
                del self._loops[ended]
            mine = self._loops.setdefault(loop, _OfLoop())
        async with mine.lock:
            if mine.keeper is None:
                mine.keeper = mine.keep()
                await anext(mine.keeper)
            if (
                key not in mine.clients
            ):  # in a thread, as it loads certificates: the loop has heartbeats to send
                mine.clients[key] = await asyncio.to_thread(make)
            return mine.clients[key]


class _OfLoop:
    """The clients of one loop, touched in that loop only."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.clients: dict[Hashable, Any] = {}
        self.keeper: AsyncGenerator[None, None] | None = None

    async def keep(self) -> AsyncGenerator[None, None]:
        """Closes the clients when the loop shuts its async generators down, which is the one moment it tells of."""
        try:
            yield
        finally:
            for client in self.clients.values():
                with suppress(Exception):  # the loop ends, and with it the connections, politely or not
                    await client.close()
            self.clients.clear()

"""What every adapter over a vendor's SDK needs: the SDK if it is installed, the key, and one client per event loop."""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
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

    Lambda and `asyncio.run` make loops one after the other; clients of closed ones are forgotten.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[asyncio.AbstractEventLoop, dict[Hashable, Any]] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The running loop's client for `key`, made by `make` if there is none."""
        loop = asyncio.get_running_loop()
        with self._lock:
            for old in [known for known in self._clients if known.is_closed()]:
                del self._clients[old]
            mine = self._clients.setdefault(loop, {})
            if key not in mine:
                mine[key] = make()
            return mine[key]

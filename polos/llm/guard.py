"""The switch that forbids real requests: one for the process, turned by code or by the environment.

`POLOS_FORBID_MODEL_REQUESTS=1` forbids them in this process and, inherited, in the workers it starts;
`POLOS_ALLOW_MODEL_URLS` (comma-separated prefixes) lets fake servers through.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Self

from polos.llm.errors import RealRequestForbidden

FORBID_ENV: Final = "POLOS_FORBID_MODEL_REQUESTS"
ALLOW_ENV: Final = "POLOS_ALLOW_MODEL_URLS"
_NO: Final = frozenset({"", "0", "false", "no", "off"})


class Hold:
    """Something that stays so until it is released; in a `with` statement, at the end of the block."""

    def __init__(self, undo: Callable[[], None]) -> None:
        self._undo: Callable[[], None] | None = undo

    def release(self) -> None:
        """End it. A second time does nothing."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()


class RequestGuard:
    """Whether providers may be called, and which addresses may be called all the same."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._forbidding = 0
        self._allowed: list[str] = []

    @property
    def forbidden(self) -> bool:
        """Whether real requests are forbidden now."""
        return self._forbidding > 0 or self._environ.get(FORBID_ENV, "").strip().lower() not in _NO

    def check(self, provider: str, url: str) -> None:
        """Return if a request to `url` may be made.

        Raises:
            RealRequestForbidden: it may not.
        """
        if self.forbidden and not any(_within(url, prefix) for prefix in self._prefixes()):
            raise RealRequestForbidden(provider, url)

    def forbid(self, allow: Iterable[str] = ()) -> Hold:
        """Forbid real requests from now on, until the returned hold is released (or its `with` block ends).

        Addresses under the prefixes in `allow` may still be called.
        """
        return self._hold(forbidding=1, prefixes=tuple(allow))

    def allow(self, *prefixes: str) -> Hold:
        """Let requests to these addresses through, also when others are forbidden, until the hold is released."""
        return self._hold(forbidding=0, prefixes=prefixes)

    def _hold(self, *, forbidding: int, prefixes: tuple[str, ...]) -> Hold:
        with self._lock:
            self._forbidding += forbidding
            self._allowed.extend(prefixes)

        def undo() -> None:
            with self._lock:
                self._forbidding -= forbidding
                for prefix in prefixes:
                    self._allowed.remove(prefix)

        return Hold(undo)

    def _prefixes(self) -> list[str]:
        with self._lock:
            return [
                *self._allowed,
                *filter(None, map(str.strip, self._environ.get(ALLOW_ENV, "").split(","))),
            ]


def _within(url: str, prefix: str) -> bool:
    """`http://127.0.0.1:80` covers `http://127.0.0.1:80/v1`, and not `http://127.0.0.1:8080`."""
    base = prefix.rstrip("/")
    return url.rstrip("/") == base or url.startswith((base + "/", base + "?"))


guard: Final = RequestGuard()
"""The guard of this process, asked by every provider that comes with polos."""

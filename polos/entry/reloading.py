"""New code for a running process: the app's modules are imported once more, beside those that serve.

    watch      the sources below the app's roots, by time, size and inode
    forget     the app's modules, and nothing of what is installed
    import     into an empty registry
    adopt      what was defined, all at once; or put everything back as it was, and say why

What runs meanwhile runs to its end with the code it began with: a step is a call that is under way, and its result is
recorded. No workflow is kept in memory between two messages, so the next message finds the new code. Module-level
state of the app begins anew.
"""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType
from typing import Final

from polos.core.definitions import Registry
from polos.core.definitions import registry as process_registry
from polos.entry.loading import import_root
from polos.entry.worker import load_all

SKIPPED: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
MOST_FILES: Final = 5000
OWN_CODE: Final = Path(__file__).resolve().parents[1]
SHARE: Final = 20
"""A look at the files may take a twentieth of the time, not more."""

Signature = tuple[int, int, int]


class App:
    """The code of an app, as a running process has it.

    `running` is the registry that the runtime works with. The decorators write into the registry of the process; what
    they have written is adopted only when all of the app has been imported.
    """

    def __init__(
        self, sources: Sequence[str], *, running: Registry, declared: Registry = process_registry
    ) -> None:
        self._named = sources
        self._running = running
        self._declared = declared
        self.sources: list[str] = []
        self.roots: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """What tells it from other apps over the same store: where its sources are, in any order."""
        return "|".join(sorted(str(Path(source).resolve()) for source in self.sources))

    def load(self) -> None:
        """Import it for the first time. `CannotLoad` if that fails."""
        self.sources = load_all(self._named)
        found = [Path.cwd(), *(import_root(source) for source in self.sources)]
        self.roots = tuple(dict.fromkeys(root.resolve() for root in found))
        self._running.adopt(self._declared)

    def reload(self) -> None:
        """Import it again, and let the runtime have it.

        Raises:
            CannotLoad: It does not import; everything is as it was, and the code from before goes on.
        """
        old = {name: module for name, module in sys.modules.items() if self._owns(module)}
        before = Registry()
        before.adopt(self._declared)
        self._declared.adopt(Registry())
        self._forget(old)
        try:
            load_all(self._named)
        except BaseException:
            self._forget({name: module for name, module in sys.modules.items() if self._owns(module)})
            sys.modules.update(old)
            self._declared.adopt(before)
            raise
        self._running.adopt(self._declared)

    def _forget(self, modules: dict[str, ModuleType]) -> None:
        for name in modules:
            del sys.modules[name]
        importlib.invalidate_caches()

    def _owns(self, module: ModuleType) -> bool:
        """Whether a module is of the app: Python source below its roots, not installed and not ours."""
        file = getattr(module, "__file__", None)
        if module.__name__ == "__main__" or not file or not file.endswith(".py"):
            return False
        path = Path(file).resolve()
        below = any(path.is_relative_to(root) for root in self.roots)
        return below and not path.is_relative_to(OWN_CODE) and not _installed(path)


class Watcher:
    """Tells which sources below some directories have changed, come or gone since the last look."""

    def __init__(self, roots: Sequence[Path], *, at_least: float = 0.25) -> None:
        self._roots = roots
        self._at_least = at_least
        self._seen = dict(_sources(roots))
        self.pause = at_least
        """Seconds until the next look: longer where there is much to look at."""

    def __len__(self) -> int:
        return len(self._seen)

    def changed(self) -> list[Path]:
        """What has changed. Their byte code is removed: it tells apart no two changes within one second."""
        begun = time.monotonic()
        now = dict(_sources(self._roots))
        self.pause = max(self._at_least, SHARE * (time.monotonic() - begun))
        both = {*now, *self._seen}
        found = sorted(path for path in both if now.get(path) != self._seen.get(path))
        self._seen = now
        for path in found:
            Path(cache_from_source(str(path))).unlink(missing_ok=True)
        return found


def _sources(roots: Sequence[Path]) -> Iterator[tuple[Path, Signature]]:
    """The Python sources below some directories, as they are now: not those of environments or hidden directories."""
    count = 0
    for root in roots:
        for directory, inner, files in os.walk(root):
            inner[:] = [
                name
                for name in inner
                if not name.startswith(".")
                and name not in SKIPPED
                and not Path(directory, name, "pyvenv.cfg").exists()
            ]
            for name in files:
                if not name.endswith(".py"):
                    continue
                path = Path(directory, name)
                signature = _signature(path)
                if signature is not None:
                    yield path, signature
                    count += 1
                if count >= MOST_FILES:
                    return


def _signature(path: Path) -> Signature | None:
    try:
        found = path.stat()
    except OSError:  # it has just gone
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _installed(path: Path) -> bool:
    """Whether it is of an environment or of Python itself."""
    library = Path(sysconfig.get_path("stdlib")).resolve()
    return bool(SKIPPED.intersection(path.parts)) or path.is_relative_to(library)

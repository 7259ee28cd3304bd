"""Names for classes, `module:Qual.Name`, and the way back from a name to the class.

A name is data, so it is never imported: a class is found in a module that this process has loaded already, by walking
from class to class, or it is not found. Nor is any attribute asked for, only namespaces are looked into: no code runs.

The file that was started as a program is the module `__main__` there, and has another name wherever it is imported. Its
classes are stored under the name that an import of the file would have, `shop` for `python app/shop.py` and `app.shop`
for `python -m app.shop`; and `__main__` is asked too when the stored module is the tail of its own path. A session
without a file (the prompt, a notebook) has only the name `__main__`, and only such a one finds classes of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Final

from polos.core.codec.paths import Path, class_name, render
from polos.errors import NotStorable

# `multiprocessing` gives the program's file the second name in the processes that it spawns.
_MAIN: Final = ("__main__", "__mp_main__")

ANNOTATE: Final = "annotate the return type (or the field that holds it), so that the code says what it is"


class Classes:
    """The classes that can be named, over `modules` (in the product: `sys.modules`)."""

    def __init__(self, modules: Mapping[str, ModuleType]) -> None:
        self._modules = modules

    def name_of(self, cls: type, path: Path) -> str:
        """The name of `cls`.

        Raises:
            NotStorable: It is a local class, a parametrised generic, or not what its name leads to.
        """
        if "<locals>" in cls.__qualname__:
            raise _refusal(
                path, f"{class_name(cls)} is defined inside a function, where no later run can find it"
            )
        if not all(part.isidentifier() for part in cls.__qualname__.split(".")):
            raise _refusal(
                path, f"{class_name(cls)} is made when it is used, so no later run can find it by name"
            )
        name = f"{self._module_name(cls.__module__)}:{cls.__qualname__}"
        if self._look_up(name) is not cls:
            raise _refusal(
                path,
                f"{class_name(cls)} is not the class that its name {name!r} leads to (was it replaced or reloaded?)",
            )
        return name

    def find(self, name: str, path: Path) -> type:
        """The class of that name.

        Raises:
            NotStorable: Its module is not loaded here, or has no such class.
        """
        found = self._look_up(name)
        if found is not None:
            return found
        module, _, qualname = name.partition(":")
        if module in _MAIN:
            raise _refusal(
                path,
                f"it is a {qualname!r} of a program without a module name (a prompt, a notebook), and gone with it",
            )
        if next(self._candidates(module), None) is None:
            raise NotStorable(
                f"it is a {qualname!r} of the module {module!r}, which is not loaded in this process",
                path=render(path),
                hint=f"import {module} before the worker starts, or {ANNOTATE}",
            )
        raise _refusal(
            path, f"the module {module!r} has no class {qualname!r} any more (was it moved or renamed?)"
        )

    def _look_up(self, name: str) -> type | None:
        module, _, qualname = name.partition(":")
        found = (_descend(candidate, qualname) for candidate in self._candidates(module))
        return next((cls for cls in found if cls is not None), None)

    def _candidates(self, module: str) -> Iterator[ModuleType]:
        main = self._modules.get("__main__")
        if module not in _MAIN and module in self._modules:
            yield self._modules[module]
        if main is not None and (module == _own_name(main) or _is_tail(module, main)):
            yield main

    def _module_name(self, module: str) -> str:
        main = self._modules.get("__main__")
        return _own_name(main) if module in _MAIN and main is not None else module


def _descend(module: ModuleType, qualname: str) -> type | None:
    """The class under a dotted name, through classes only."""
    here: object = module
    for part in qualname.split("."):
        here = vars(here).get(part)
        if not isinstance(here, type):
            return None
    return here if isinstance(here, type) else None


def _own_name(main: ModuleType) -> str:
    """The name under which an import would load the program's file."""
    spec = getattr(main, "__spec__", None)
    return spec.name if spec is not None else _dotted(main).rpartition(".")[2] or "__main__"


def _is_tail(module: str, main: ModuleType) -> bool:
    return f".{_dotted(main)}".endswith(f".{module}")


def _dotted(main: ModuleType) -> str:
    """The path of the program's file with dots: `home.me.app.shop`."""
    file = getattr(main, "__file__", None) or ""
    return file.replace("\\", "/").removesuffix(".py").strip("/").replace("/", ".")


def _refusal(path: Path, message: str) -> NotStorable:
    return NotStorable(message, path=render(path), hint=ANNOTATE)

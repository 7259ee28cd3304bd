"""Finding the code that a command names: `flows.py`, `shop.flows`, and with a workflow, `flows.py:order`.

A file is imported under the name it has for its own imports: `shop/flows.py` is `shop.flows` where `shop` is a
package, else `flows`. The classes it defines are stored by that name, so it has to be the same at every start.
"""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from polos.core.definitions import Definition, Registry, registry
from polos.errors import CannotLoad, UnknownWorkflow

APP_FILES: Final = ("app.py", "main.py", "workflows.py")
"""What a worker loads when it is told nothing: the first of these in the working directory."""


_OWN_CODE: Final = str(Path(__file__).parents[1])


class Target(NamedTuple):
    """A file or module, and the workflow in it that is meant ("" if none was named)."""

    source: str
    workflow: str

    @classmethod
    def parse(cls, text: str) -> Target:
        """`SOURCE` or `SOURCE:WORKFLOW`; the colon of a drive letter is none."""
        source, colon, workflow = text.rpartition(":")
        if not colon or "/" in workflow or "\\" in workflow:
            return cls(text, "")
        return cls(source, workflow)

    def __str__(self) -> str:
        return f"{self.source}:{self.workflow}" if self.workflow else self.source


def load_source(source: str) -> ModuleType:
    """Import a file (anything that ends in .py or is one) or a module. The working directory counts as a root.

    Raises `CannotLoad`, with the original error as its cause.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    path = Path(source)
    if path.suffix == ".py" or path.is_file():
        return _load_file(path)
    try:
        return importlib.import_module(source)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        if error.name and (source == error.name or source.startswith(error.name + ".")):
            raise CannotLoad(
                source,
                f"there is no file and no module of that name (seen from {here}); give a .py file or a module",
            ) from error
        raise CannotLoad(source, explain(error)) from error
    except BaseException as error:  # a script may end in SystemExit when imported
        raise CannotLoad(source, explain(error)) from error


def find_workflow(target: Target, module: ModuleType, *, known: Registry = registry) -> Definition:
    """The workflow a target means: by the name of the variable, by its id, or the only one of its module.

    Raises `UnknownWorkflow`, which names what there is, or `CannotLoad` where a name is needed or there is none.
    """
    own = [definition for definition in known if definition.function.__module__ == module.__name__]
    if not target.workflow:
        if len(own) == 1:
            return own[0]
        names = ", ".join(definition.id for definition in own)
        several = (
            f"it defines several workflows ({names}); name one: {target.source}:{own[0].id}" if own else ""
        )
        raise CannotLoad(
            target.source, several or "it defines no workflow; decorate a function with @workflow"
        )
    definition = getattr(getattr(module, target.workflow, None), "definition", None)
    if isinstance(definition, Definition):
        return definition
    found = known.find(target.workflow)
    if found is None:
        raise UnknownWorkflow(target.workflow, [definition.id for definition in own or known])
    return found


def named_sources(text: str) -> list[str]:
    """The files and modules that a variable names, with commas or blanks between them."""
    return re.split(r"[,\s]+", text.strip(", \t\n")) if text.strip(", \t\n") else []


def default_source() -> str | None:
    """The app in the working directory, if there is one of the usual names."""
    return next((name for name in APP_FILES if Path(name).is_file()), None)


def is_local(source: str) -> bool:
    """Whether a source is code below the working directory: a file there, or a module whose package lies there.

    What a store remembers is loaded without asking only if it is: a store that came from elsewhere runs nothing.
    """
    here = Path.cwd()
    path = Path(source)
    if path.suffix != ".py":
        top = source.partition(".")[0]
        path = here / top if (here / top).is_dir() else here / f"{top}.py"
    return path.exists() and path.resolve().is_relative_to(here.resolve())


def import_root(source: str) -> Path:
    """The directory that a source is imported from: its own, or that of its topmost package."""
    path = Path(source)
    if path.suffix == ".py" or path.is_file():
        return _importable_as(path.resolve())[0]
    top = sys.modules.get(source.partition(".")[0])
    places = [*getattr(top, "__path__", ())] or [getattr(top, "__file__", None) or Path.cwd() / "x"]
    return Path(places[0]).parent


def explain(error: BaseException) -> str:
    """An error that code raised when it was imported, and where, in one line."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        # "<frozen ...>" is Python's import, "<string>" the __init__ of a dataclass: no place that a user knows.
        if not frame.filename.startswith(("<", _OWN_CODE)) and frame.filename != importlib.__file__
    ]
    return f"{text} ({frames[-1].filename}:{frames[-1].lineno})" if frames else text


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise CannotLoad(str(path), f"there is no such file (seen from {Path.cwd()})")
    resolved = path.resolve()
    root, name = _importable_as(resolved)
    loaded = sys.modules.get(name)
    if loaded is not None:
        if Path(getattr(loaded, "__file__", None) or "").resolve() == resolved:
            return loaded
        raise CannotLoad(
            str(path),
            f"another module is imported under the name {name!r} already ({loaded}); rename the file",
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    spec = spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise CannotLoad(str(path), "it is no Python source file; its name must end in .py")
    parent = name.rpartition(".")[0]
    module = module_from_spec(spec)
    try:
        if parent:
            importlib.import_module(parent)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        sys.modules.pop(name, None)
        raise CannotLoad(str(path), explain(error)) from error
    return module


def _importable_as(path: Path) -> tuple[Path, str]:
    """The directory to import from, and the dotted name there."""
    parts = [path.stem]
    root = path.parent
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts)

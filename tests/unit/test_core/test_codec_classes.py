"""Classes are stored by name, and a name is found among what is loaded or not at all."""

import enum
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from polos.core.codec import codec_for
from polos.core.codec.classes import Classes
from polos.core.codec.selfdescribing import SelfDescribing, Shape
from polos.core.codec.tags import Tags
from polos.core.codec.typed import TypedCodec
from polos.errors import NotStorable
from support import shop


def module(name: str, *, file: str | None = None, spec: str | None = None) -> ModuleType:
    """A module with a model, a dataclass and an enum, as a file `file` would define it."""
    made = ModuleType(name)
    if file is not None:
        made.__file__ = file
    made.__spec__ = SimpleNamespace(name=spec) if spec else None
    source = textwrap.dedent(
        """
        import dataclasses, enum
        from pydantic import BaseModel
        class Order(BaseModel):
            id: int
            class Address(BaseModel):
                city: str
        @dataclasses.dataclass
        class Point:
            x: int
        class Colour(enum.Enum):
            RED = 1
        """
    )
    exec(compile(source, file or "<prompt>", "exec"), vars(made))
    return made


def process(**modules: ModuleType) -> SelfDescribing:
    """The codec of a process that has loaded these modules: `main` is its program."""
    loaded = {
        "__main__" if name == "main" else name.replace("__", "."): held for name, held in modules.items()
    }
    tags = Tags(Classes(loaded), lambda cls: TypedCodec(cls, root="result", tags=tags))
    return SelfDescribing(tags, root="result", shape=Shape())


def values(held: Any) -> list[Any]:
    return [held.Order(id=1), held.Order.Address(city="Ulm"), held.Point(1), held.Colour.RED]


PROGRAM = module("__main__", file="/home/me/app/script.py")
PROGRAM_BY_NAME = module("__main__", file="/home/me/app/script.py", spec="app.script")
IMPORTED = module("script", file="/home/me/app/script.py")
IMPORTED_IN_PACKAGE = module("app.script", file="/home/me/app/script.py")
OTHER_PROGRAM = module("__main__", file="/usr/bin/other.py")
PROMPT = module("__main__")
SPAWNED = module("__mp_main__", file="/home/me/app/script.py")


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        pytest.param(process(main=PROGRAM), process(main=PROGRAM), id="the program, started again"),
        pytest.param(process(main=PROGRAM), process(main=OTHER_PROGRAM, script=IMPORTED), id="then imported"),
        pytest.param(process(script=IMPORTED), process(main=PROGRAM), id="imported, then the program"),
        pytest.param(
            process(main=PROGRAM_BY_NAME),
            process(app__script=IMPORTED_IN_PACKAGE),
            id="python -m, then imported",
        ),
        pytest.param(
            process(app__script=IMPORTED_IN_PACKAGE),
            process(main=PROGRAM_BY_NAME),
            id="imported, then python -m",
        ),
        pytest.param(
            process(app__script=IMPORTED_IN_PACKAGE),
            process(main=PROGRAM),
            id="in a package, then by its path",
        ),
        pytest.param(process(main=PROMPT), process(main=PROMPT), id="a prompt"),
        pytest.param(process(main=SPAWNED), process(script=IMPORTED), id="a spawned process, then imported"),
    ],
)
def test_a_class_of_the_program_is_found_under_the_name_of_its_file(
    writer: SelfDescribing, reader: SelfDescribing
) -> None:
    held = next(iter(writer._tags._classes._modules.values()))
    for value in values(held):
        back = reader.decode(writer.encode(value))
        assert type(back).__qualname__ == type(value).__qualname__
        assert repr(back) == repr(value)


@pytest.mark.parametrize(
    ("writer", "reader", "message"),
    [
        (process(main=PROGRAM), process(main=OTHER_PROGRAM), "'script', which is not loaded"),
        (process(main=PROGRAM), process(main=OTHER_PROGRAM, app__script=IMPORTED_IN_PACKAGE), "not loaded"),
        (process(main=PROGRAM_BY_NAME), process(main=OTHER_PROGRAM), "'app.script', which is not loaded"),
        (process(main=PROMPT), process(main=PROGRAM), "without a module name"),
        (process(script=IMPORTED), process(script=ModuleType("script")), "no class 'Order' any more"),
        (process(script=IMPORTED), process(main=module("__main__", file="/x/notscript.py")), "not loaded"),
    ],
)
def test_a_class_that_is_not_surely_the_same_is_not_taken(
    writer: SelfDescribing, reader: SelfDescribing, message: str
) -> None:
    held = next(iter(writer._tags._classes._modules.values()))
    with pytest.raises(NotStorable, match=message) as refused:
        reader.decode(writer.encode([held.Order(id=1)]))
    assert refused.value.path == "result[0]"
    assert "annotate the return type" in refused.value.hint


def test_when_a_file_is_both_program_and_module_the_module_is_meant() -> None:
    both = process(main=PROGRAM, script=IMPORTED)
    assert type(both.round_trip(IMPORTED.Order(id=1))[1]) is IMPORTED.Order
    with pytest.raises(NotStorable, match="not the class that its name 'script:Order' leads to"):
        both.encode(PROGRAM.Order(id=1))


class Local(BaseModel):
    id: int


def test_a_class_that_another_one_replaced_is_refused() -> None:
    old = Local(id=1)
    replaced = ModuleType("shop")
    Elsewhere = type("Local", (BaseModel,), {"__module__": "shop"})
    replaced.Local = Elsewhere
    impostor = type("Local", (BaseModel,), {"__module__": "shop"})
    with pytest.raises(NotStorable, match="replaced or reloaded"):
        process(shop=replaced).encode([impostor()])
    assert codec_for().round_trip([old])[1] == [old]


def test_a_local_class_is_refused_with_what_to_do() -> None:
    class Inside(BaseModel):
        id: int

    @dataclass
    class Point:
        x: int

    class Colour(enum.Enum):
        RED = 1

    for value in (Inside(id=1), Point(1), Colour.RED):
        with pytest.raises(NotStorable, match="inside a function") as refused:
            codec_for().encode({"a": value})
        assert refused.value.path == "result.a"
        assert "annotate the return type" in refused.value.hint


def test_a_local_class_comes_back_where_it_is_annotated() -> None:
    class Inside(BaseModel):
        id: int

    assert codec_for(Inside).round_trip(Inside(id=1))[1] == Inside(id=1)


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "os:environ",
        "subprocess:Popen",
        "builtins:eval",
        "support.shop:Order.model_validate",
        "support.shop:Order.__class__",
        "support.shop:BaseModel.__init__",
        "support.shop:",
        "support.shop",
        ":Order",
        "support.shop:Order.",
        "support.shop:Any",
        "support.shop:threading",
        "support.shop:threading.Thread",
        "polos.core.codec.tags.os:system",
    ],
)
@pytest.mark.parametrize("tag", ["$model", "$dataclass", "$enum", "$flag"])
def test_nothing_but_a_class_of_the_right_kind_is_ever_reached(tag: str, name: str) -> None:
    with pytest.raises(NotStorable):
        codec_for().decode(f'{{"{tag}":["{name}",{{}}]}}')


def test_no_module_is_imported_to_find_a_class() -> None:
    assert "this" not in sys.modules
    with pytest.raises(NotStorable, match="not loaded in this process") as refused:
        codec_for().decode('{"$model":["this:Order",{}]}')
    assert "this" not in sys.modules
    assert "import this before the worker starts" in refused.value.hint


def test_a_lazy_module_is_not_asked_for_attributes() -> None:
    lazy = ModuleType("lazy")
    lazy.__getattr__ = pytest.fail
    with pytest.raises(NotStorable):
        process(lazy=lazy).decode('{"$model":["lazy:Order",{}]}')


def test_a_parametrised_model_needs_an_annotation() -> None:
    box = shop.Box[int](content=1)
    with pytest.raises(NotStorable, match="made when it is used"):
        codec_for().encode(box)
    assert codec_for(shop.Box[int]).round_trip(box)[1] == box


SCRIPT = """
import sys
from enum import Enum
from pydantic import BaseModel
from polos.core.codec import codec_for

class Order(BaseModel):
    id: int

class Colour(Enum):
    RED = 1

if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(repr(codec_for().decode(sys.argv[1])))
    else:
        print(codec_for().encode((Order(id=7), Colour.RED)))
"""


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_what_a_script_stored_is_read_by_itself_and_by_whoever_imports_it(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(SCRIPT)
    stored = run("jobs.py", cwd=tmp_path)
    assert "jobs:Order" in stored
    assert run("jobs.py", stored, cwd=tmp_path) == "(Order(id=7), <Colour.RED: 1>)"
    assert run("-m", "jobs", stored, cwd=tmp_path) == "(Order(id=7), <Colour.RED: 1>)"
    importing = (
        "import sys, jobs; value = jobs.codec_for().decode(sys.argv[1]); print(type(value[0]) is jobs.Order)"
    )
    assert run("-c", importing, stored, cwd=tmp_path) == "True"


class HasLock(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    lock: shop.Plain


def test_a_model_that_cannot_be_restored_is_refused_where_it_stands() -> None:
    with pytest.raises(NotStorable, match=r"HasLock.lock: .* an instance of support.shop.Plain") as refused:
        codec_for().encode({"a": [HasLock(lock=shop.Plain())]})
    assert refused.value.path == "result.a[0]"

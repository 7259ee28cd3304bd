"""Users' classes for the tests of the codec: one of each kind, with the corners that serializers fall over."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum, Flag, IntEnum, StrEnum
from typing import Any, Generic, NamedTuple, NotRequired, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    computed_field,
    field_serializer,
    model_serializer,
    model_validator,
)
from typing_extensions import TypedDict

T = TypeVar("T")


class Colour(Enum):
    RED = "r"
    BLUE = "b"


class Size(StrEnum):
    SMALL = "s"


class Rank(IntEnum):
    FIRST = 1


class Rights(Flag):
    READ = 1
    WRITE = 2
    GRANT = 4


class Planet(Enum):
    """With values that JSON has no form for."""

    EARTH = (5.97, 6.37)
    MARS = (0.64, 3.39)


class Wrapped(BaseModel):
    """With a serializer around its own."""

    raw: bytes

    @model_serializer(mode="wrap")
    def _wrap(self, handler: Any) -> Any:
        return handler(self)


class Checked(BaseModel):
    """With a validator around its fields, and room for more."""

    model_config = ConfigDict(extra="allow")

    id: int

    @model_validator(mode="before")
    @classmethod
    def _look(cls, data: Any) -> Any:
        return data


class Line(BaseModel):
    sku: str
    count: int = 1


class Order(BaseModel):
    class Address(BaseModel):
        city: str

    id: int
    lines: list[Line] = []
    ship_to: Address | None = None
    note: Any = None


class RushOrder(Order):
    hours: int = 24


class Blob(BaseModel):
    """With the defaults of pydantic, bytes must be UTF-8 and NaN becomes null."""

    data: bytes
    ratio: float = 0.0


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: int


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    data: bytes
    tags: set[str] = set()
    total: tuple[int, ...] = ()

    @computed_field
    @property
    def size(self) -> int:
        return len(self.data)


class Swapped(BaseModel):
    """Each field has the other's name as its alias."""

    a: int = Field(alias="b")
    b: int = Field(alias="a")


class Tree(BaseModel):
    children: list[Tree] = []
    value: Any = None


class Box(BaseModel, Generic[T]):
    content: T


class Cached(BaseModel):
    id: int
    _lock: Any = PrivateAttr(default_factory=threading.Lock)
    _count: int = PrivateAttr(default=0)


class Rounded(BaseModel):
    price: float

    @field_serializer("price")
    def _two_digits(self, price: float) -> float:
        return round(price, 2)


class Hidden(BaseModel):
    id: int
    secret: str = Field(default="", exclude=True)


class Cat(BaseModel):
    name: str


class Dog(BaseModel):
    name: str


@dataclass
class Point:
    x: int
    y: int = 0
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Frozen:
    points: tuple[Point, ...] = ()
    total: int = field(default=7, init=False)


class Pair(NamedTuple):
    left: int
    right: bytes = b""


class Row(TypedDict):
    id: int
    raw: NotRequired[bytes]


class Plain:
    """No model, no dataclass: nothing to store it by."""

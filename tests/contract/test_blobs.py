"""`polos.ports.Blobs`, sentence by sentence."""

import pytest

from contract.adapters import World
from contract.samples import ODD_NAMES, at_once
from polos.errors import NotFound


@pytest.mark.parametrize("data", [b"", b"text", bytes(range(256)), b"\0" * 1_000, b"z" * 5_000_000])
def test_a_blob_is_read_as_it_was_put(world: World, data: bytes) -> None:
    name = world.name()
    world.ports.blobs.put(name, data)
    assert world.ports.blobs.get(name) == data


def test_a_blob_nobody_put_is_not_found_and_the_error_names_it(world: World) -> None:
    name = world.name("missing")
    with pytest.raises(NotFound, match="missing"):
        world.ports.blobs.get(name)


def test_a_repeat_of_put_does_nothing(world: World) -> None:
    name = world.name()
    world.ports.blobs.put(name, b"data")
    world.ports.blobs.put(name, b"data")
    assert world.ports.blobs.get(name) == b"data"


def test_a_deleted_blob_is_gone_and_a_repeat_does_nothing(world: World) -> None:
    gone, stays = world.name("gone"), world.name("stays")
    world.ports.blobs.put(gone, b"1")
    world.ports.blobs.put(stays, b"2")
    world.ports.blobs.delete(gone)
    world.ports.blobs.delete(gone)
    with pytest.raises(NotFound):
        world.ports.blobs.get(gone)
    assert world.ports.blobs.get(stays) == b"2"
    world.ports.blobs.put(gone, b"again")
    assert world.ports.blobs.get(gone) == b"again"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_blob_may_have_an_odd_name(world: World, name: str) -> None:
    first, second = world.name(name), world.name(name + "+")
    world.ports.blobs.put(first, b"1")
    world.ports.blobs.put(second, b"2")
    assert (world.ports.blobs.get(first), world.ports.blobs.get(second)) == (b"1", b"2")
    world.ports.blobs.delete(first)
    assert world.ports.blobs.get(second) == b"2"


def test_eight_threads_put_and_get_at_once(world: World) -> None:
    names = [world.name(str(number % 3)) for number in range(8)]

    def work(number: int) -> bytes:
        world.ports.blobs.put(names[number], names[number].encode() * 1_000)
        return world.ports.blobs.get(names[number])

    assert at_once(8, work) == [name.encode() * 1_000 for name in names]

"""`polos.ports.Clock`, sentence by sentence."""

from contract.adapters import World

NAP = 0.05
TOLERANCE = 0.001


def test_sleep_lets_so_much_time_pass_on_both_clocks(world: World) -> None:
    clock = world.ports.clock
    wall, monotonic = clock.now(), clock.monotonic()
    clock.sleep(NAP)
    assert clock.now() - wall >= NAP - TOLERANCE
    assert clock.monotonic() - monotonic >= NAP - TOLERANCE


def test_monotonic_never_goes_back(world: World) -> None:
    clock = world.ports.clock
    seen = []
    for seconds in (0.0, 0.001, -1.0, 0.0):
        clock.sleep(seconds)
        seen.append(clock.monotonic())
    assert seen == sorted(seen)

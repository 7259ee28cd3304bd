"""What a step logs is kept with its attempt: the last of it, as the process's logging has it, secrets masked."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from polos import WorkflowContext, secret, workflow
from polos.core.journal import Entry, Kind
from polos.runtime.host import Settings
from polos.runtime.secrets import EnvironmentSource, Vault, use_vault
from polos.runtime.step_logs import lines_of
from polos.testing.harness import Harness
from polos.testing.local import MemoryHarness

log = logging.getLogger("shop.orders")


class Does:
    """What the steps here do: the test says it."""

    first: Callable[[], Any]
    second: Callable[[], Any]


@workflow(id="keeps-logs")
async def keeps_logs(ctx: WorkflowContext) -> str:
    ctx.logger.warning("said by the workflow, in no step")
    first = ctx.step.run("first", Does.first, max_retries=1, base_delay=0.01)
    await asyncio.gather(first, ctx.step.run("second", Does.second, max_retries=0), return_exceptions=True)
    return "done"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """INFO and above is let through; both steps do nothing until told."""
    Does.first = Does.second = staticmethod(lambda: None)
    level = log.level
    log.setLevel(logging.INFO)
    yield
    log.setLevel(level)
    use_vault(Vault([EnvironmentSource()]))


def entries(world: Harness, key: str = "first") -> list[Entry]:
    execution = world.start(keeps_logs)
    world.finish(execution)
    return [entry for entry in world.journal(execution) if entry.address == f"run:{key}"]


def logged(entry: Entry) -> list[tuple[str, str, str]]:
    return [(line.level, line.logger, line.text) for line in lines_of(entry.extra)[0]]


def test_each_attempt_has_its_own_lines_whichever_way_it_ends(world: Harness) -> None:
    tries: list[int] = []

    def fails_once() -> int:
        tries.append(1)
        log.info("try %d of %s", len(tries), "two")
        log.debug("not let through")
        if len(tries) == 1:
            raise ConnectionError("away")
        return 7

    Does.first = staticmethod(fails_once)
    again, done = entries(world)
    assert (again.kind, logged(again)) == (Kind.RETRY, [("INFO", "shop.orders", "try 1 of two")])
    assert again.extra is not None
    assert again.extra["due"] > 0
    assert (done.kind, logged(done)) == (Kind.DONE, [("INFO", "shop.orders", "try 2 of two")])


def test_a_step_that_logs_nothing_is_stored_as_before(world: Harness) -> None:
    [done] = entries(world)
    assert done.extra is None


@workflow(id="keeps-logs-together", steps_per_invocation=None)
async def together(ctx: WorkflowContext) -> None:
    async def says(name: str) -> None:
        for number in range(5):
            log.info("%s %d", name, number)
            await asyncio.sleep(0)

    def works(name: str) -> None:
        for number in range(5):
            log.info("%s %d", name, number)

    steps = [ctx.step.run(name, says, name) for name in ("a", "b")]
    await asyncio.gather(*steps, *(ctx.step.run(name, works, name) for name in ("c", "d")))


def test_what_steps_say_side_by_side_does_not_mix(world: Harness) -> None:
    execution = world.start(together)
    world.finish(execution)
    found = {entry.address: logged(entry) for entry in world.journal(execution) if entry.kind is Kind.DONE}
    for name in "abcd":
        assert [text for _, _, text in found[f"run:{name}"]] == [f"{name} {number}" for number in range(5)]


@pytest.mark.parametrize("way", ["sync", "async", "timeout"])
def test_threads_and_tasks_of_a_step_are_the_step(way: str) -> None:
    async def with_tasks() -> None:
        await asyncio.gather(asyncio.to_thread(log.warning, "in a thread"), told())

    async def told() -> None:
        log.info("in a task")

    def plain() -> None:
        log.warning("in a thread")
        log.info("in a task")

    @workflow(id=f"keeps-logs-{way}")
    async def body(ctx: WorkflowContext) -> None:
        await ctx.step.run(
            "first", with_tasks if way == "async" else plain, timeout=30 if way == "timeout" else None
        )

    with MemoryHarness() as world:
        execution = world.start(body)
        world.finish(execution)
        [done] = [entry for entry in world.journal(execution) if entry.address == "run:first"]
    assert {text for _, _, text in logged(done)} == {"in a thread", "in a task"}


def test_an_exception_that_is_logged_is_kept_with_its_traceback() -> None:
    def handles() -> None:
        try:
            raise KeyError("sku-7")
        except KeyError:
            log.exception("not in stock")

    Does.first = staticmethod(handles)
    with MemoryHarness() as world:
        [done] = entries(world)
    [(level, _, text)] = logged(done)
    assert level == "ERROR"
    assert text.startswith("not in stock\nTraceback (most recent call last)")
    assert text.endswith("KeyError: 'sku-7'")


def test_of_many_lines_the_last_are_kept_within_the_limit() -> None:
    def talks() -> None:
        for number in range(10_000):
            log.info("line %d: %s", number, "x" * 100)

    Does.first = staticmethod(talks)
    with MemoryHarness() as world:
        [done] = entries(world)
        limit = world.settings.step_log_bytes
    lines, left_out = lines_of(done.extra)
    assert lines[-1].text.startswith("line 9999:")
    assert left_out == 10_000 - len(lines)
    assert limit / 2 < len(done.encode()) < limit + 500


@pytest.mark.parametrize("character", ["x", "é", "漢", "\U0001f4a5", "\n", '"', "\x00"])
def test_one_enormous_line_is_cut_and_stays_within_the_limit(character: str) -> None:
    Does.first = staticmethod(lambda: log.info("%s, and this is its end", character * 1_000_000))
    with MemoryHarness() as world:
        [done] = entries(world)
    [(_, _, text)] = logged(done)
    assert text.startswith("...")
    assert text.endswith(f"{'?' if character == chr(0) else character}, and this is its end")
    assert len(done.encode()) < 4500


def test_lines_that_cannot_be_written_or_formatted_hurt_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def stumbles() -> str:
        log.info("half a \ud800 character")
        log.info("%d", "no number")
        log.info(Mute())
        return "through"

    Does.first = staticmethod(stumbles)
    # For this step alone: what runs the tests could not write these lines either.
    monkeypatch.setattr(log, "propagate", False)
    monkeypatch.setattr(log, "handlers", [logging.NullHandler()])
    with MemoryHarness() as world:
        [done] = entries(world)
    assert done.value == '"through"'
    assert [text for _, _, text in logged(done)] == [
        "half a ? character",
        "%d (it could not be formatted: TypeError)",
        "Mute (it could not be formatted: RuntimeError)",
    ]


def test_colors_are_for_terminals() -> None:
    Does.first = staticmethod(lambda: log.info("\x1b[31;1mred\x1b[0m \x1b]0;title\x07"))
    with MemoryHarness() as world:
        [done] = entries(world)
    assert [text for _, _, text in logged(done)] == ["red ?]0;title?"]


def test_filters_and_levels_of_the_process_decide() -> None:
    class Masks(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            record.msg = str(record.msg).replace("4242", "****")
            return "never" not in record.msg

    def says() -> None:
        log.info("card 4242")
        log.info("never this")
        logging.getLogger("elsewhere").info("below the root's level")

    Does.first = staticmethod(says)
    masks = Masks()
    log.addFilter(masks)
    try:
        with MemoryHarness() as world:
            [done] = entries(world)
    finally:
        log.removeFilter(masks)
    assert logged(done) == [("INFO", "shop.orders", "card ****")]


def test_a_logger_that_does_not_propagate_is_heard_too() -> None:
    alone = logging.getLogger("shop.alone")
    alone.propagate = False
    Does.first = staticmethod(lambda: alone.error("heard"))
    with MemoryHarness() as world:
        [done] = entries(world)
    assert logged(done) == [("ERROR", "shop.alone", "heard")]


def test_secrets_that_were_read_are_masked() -> None:
    values = {
        "POLOS_SECRET_CARD_KEY": "sk-live-123456",
        "POLOS_SECRET_DATABASE": json.dumps({"user": "shop", "password": "correct horse"}),
    }
    use_vault(Vault([EnvironmentSource(values, file=None)]))

    def leaks() -> None:
        log.info("key %s", secret("card-key").get())
        log.info("to postgres://shop:%s@db", secret("database#password").get())

    Does.first = staticmethod(leaks)
    with MemoryHarness() as world:
        [done] = entries(world)
    assert [text for _, _, text in logged(done)] == ["key ********", "to postgres://shop:********@db"]
    assert "sk-live" not in done.encode()


def test_no_half_of_a_secret_is_left_where_a_line_is_cut() -> None:
    use_vault(Vault([EnvironmentSource({"POLOS_SECRET_CARD_KEY": "sk-live-" + "9" * 40}, file=None)]))
    Does.first = staticmethod(lambda: log.info("%s%s", secret("card-key").get(), "x" * 1980))
    with MemoryHarness() as world:
        [done] = entries(world)
    assert "9999" not in logged(done)[0][2]


def test_secrets_in_errors_are_masked_too() -> None:
    use_vault(Vault([EnvironmentSource({"POLOS_SECRET_CARD_KEY": "sk-live-123456"}, file=None)]))

    def leaks() -> None:
        raise ConnectionError(f"GET https://bank/?key={secret('card-key').get()}: 401")

    Does.second = staticmethod(leaks)
    with MemoryHarness() as world:
        [failed] = entries(world, "second")
    assert failed.error is not None
    assert failed.error["message"] == "GET https://bank/?key=********: 401"
    assert "ConnectionError: GET https://bank/?key=********: 401" in failed.error["traceback"]
    assert "sk-live" not in failed.encode()


def test_nothing_is_kept_where_the_settings_say_so() -> None:
    Does.first = staticmethod(lambda: log.error("said"))
    with MemoryHarness(settings=Settings(step_log_bytes=0)) as world:
        [done] = entries(world)
    assert done.extra is None


def test_what_is_logged_outside_of_steps_is_not_kept() -> None:
    with MemoryHarness() as world:
        execution = world.start(keeps_logs)
        world.finish(execution)
        assert not any("said by the workflow" in entry.encode() for entry in world.journal(execution))


def test_logging_itself_is_left_as_it_was() -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level, logging.lastResort, logging.getLogRecordFactory()
    with MemoryHarness() as world:
        entries(world)
        assert (list(root.handlers), root.level, logging.lastResort, logging.getLogRecordFactory()) == before


def test_a_step_that_fails_for_good_keeps_what_it_said(world: Harness) -> None:
    def fails() -> None:
        log.warning("about to fail")
        raise ValueError("no")

    Does.second = staticmethod(fails)
    [failed] = entries(world, "second")
    assert (failed.kind, logged(failed)) == (Kind.FAILED, [("WARNING", "shop.orders", "about to fail")])

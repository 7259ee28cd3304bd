"""The campaign finds engines that are broken, by chance alone: else that it finds nothing would say nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from polos.core.journal import Entry
from polos.core.messages import MessageKind
from polos.runtime.copying import Copying
from polos.runtime.dispatch import Dispatch
from polos.runtime.places import Places
from polos.runtime.turn import Turn
from support.simulation.campaign import run_campaign

SEEDS = range(60)
Break = Callable[[pytest.MonkeyPatch], None]


def a_refusal_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is refused gives up, also if the entry that stands is its own."""
    append = Turn.append

    def give_up(self: Turn, entries: list[Entry]) -> bool:
        stands = append(self, entries)
        if not stands:
            self.tokens.clear()
        return stands

    monkeypatch.setattr(Turn, "append", give_up)


def nothing_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier delivery has appended is taken for dispatched."""
    open_turn, mine = Turn.open, Dispatch.mine
    known: dict[Turn, int] = {}

    def remember(self: Turn) -> None:
        open_turn(self)
        known[self] = len(self.journal)

    monkeypatch.setattr(Turn, "open", remember)
    monkeypatch.setattr(Dispatch, "mine", lambda self, at: at > known[self._turn] and mine(self, at))


def any_start_begins_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that came second dispatches what the first has made runnable."""
    mine = Dispatch.mine

    def also_of_others(self: Dispatch, position: int) -> bool:
        started = self._turn.messages[0].kind is MessageKind.START and position == 1
        return started or mine(self, position)

    monkeypatch.setattr(Dispatch, "mine", also_of_others)


def copies_keep_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry takes over what ended the execution that it is of."""
    monkeypatch.setattr(Copying, "_condemned", lambda self: None)


def copies_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry takes over nothing."""
    monkeypatch.setattr(Copying, "_kept", lambda self, start: [])


def nobody_says_that_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose time is over looks like one that somebody has cancelled."""
    monkeypatch.setattr(Turn, "cancel_reason", lambda self: {})


def places_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives a place back."""
    monkeypatch.setattr(Places, "release", lambda self, wish: None)


@pytest.mark.parametrize(
    ("broken", "scenario", "setting"),
    [
        (a_refusal_is_a_loss, "main", "storm"),
        (nothing_is_sent_again, "main", "crashes"),
        (any_start_begins_the_code, "race", "calm"),
        (places_are_kept, "places2", "calm"),
        (copies_keep_the_failure, "retried", "calm"),
        (copies_begin_anew, "retried", "calm"),
        (nobody_says_that_time_is_over, "outOfTime", "calm"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_a_broken_engine_is_found(
    broken: Break, scenario: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_campaign(scenario, setting, range(3) if setting == "calm" else range(1))
    broken(monkeypatch)
    with pytest.raises(
        AssertionError, match=f"python -m tests.simulation {scenario} [0-9]+ --setting {setting}"
    ):
        run_campaign(scenario, setting, SEEDS)

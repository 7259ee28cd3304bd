"""The garbage collector of a process that replays."""

from __future__ import annotations

import gc


def settle_memory() -> None:
    """Spare the collector what lives as long as the process, and let it run less often: a replay makes many objects.

    The modules that are loaded by now are never garbage; journals are freed by reference counts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)

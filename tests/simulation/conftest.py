"""Says at the end of a test run what the simulation did: runs, deliveries, faults, extra attempts."""

from __future__ import annotations

from typing import Any, cast

import pytest

from support.simulation.campaign import Figures


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Add up what the chunks of the campaign have counted, whichever process ran them."""
    total = Figures()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                counted = [value for name, value in report.user_properties if name == "simulation"]
                total.include(*cast("list[dict[str, Any]]", counted))
    if total.runs:
        terminalreporter.write_line(f"simulation: {total}")

"""Counts the tests per level and marks each by the folder it stands in."""

from collections import Counter
from pathlib import Path

import pytest

pytest_plugins = ["servers.database", "servers.node_opcua", "servers.metering"]

LEVELS = ("unit", "contract", "integration", "acceptance")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for level in LEVELS:
            if level in Path(item.path).relative_to(Path(__file__).parent).parts:
                item.add_marker(level)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = [report for report in terminalreporter.stats.get("passed", []) if report.when == "call"]
    counted = Counter(level for report in passed for level in LEVELS if level in report.keywords)
    terminalreporter.write_line("passed per level: " + ", ".join(f"{level} {counted[level]}" for level in LEVELS))

"""Counts the tests per level and marks each by the folder it stands in.

Properties are tried with the same examples each time, so that main does not fail by chance. `HYPOTHESIS_PROFILE=search` looks
for new ones.
"""

import gc
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

gc.disable()  # until all is collected: to search thousands of tests for cycles again and again doubles the time it takes

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

pytest_plugins = ["servers.database", "servers.node_opcua", "servers.metering"]

LEVELS = ("unit", "contract", "integration", "acceptance", "endurance")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Takes back what a verb under test made of logging: the next test is another program."""
    root = logging.getLogger()
    level = root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.setLevel(level)
        root.handlers[:] = [one for one in root.handlers if not isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)]
        for logger in logging.root.manager.loggerDict.values():
            if isinstance(logger, logging.Logger):
                logger.setLevel(logging.NOTSET)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    levels = {path: [level for level in LEVELS if level in path.relative_to(folder).parts] for path in {i.path for i in items}}
    for item in items:
        for level in levels[item.path]:
            item.add_marker(level)
    # What takes longest begins first, beside all others.
    items.sort(key=lambda item: item.path.name != "test_chaos.py")
    if "endurance" not in str(config.getoption("markexpr")):
        lasting = [item for item in items if item.get_closest_marker("endurance")]
        apart = set(lasting)
        items[:] = [item for item in items if item not in apart]
        config.hook.pytest_deselected(items=lasting)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = [report for report in terminalreporter.stats.get("passed", []) if report.when == "call"]
    counted = Counter(level for report in passed for level in LEVELS if level in report.keywords)
    terminalreporter.write_line("passed per level: " + ", ".join(f"{level} {counted[level]}" for level in LEVELS))

"""Counts the tests per level and marks each by the folder it stands in.

Properties are tried with the same examples each time, so that main does not fail by chance. `HYPOTHESIS_PROFILE=search` looks
for new ones.
"""

import gc
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    turns = _turns(levels)
    items.sort(key=lambda item: turns[item.path])
    if "endurance" not in str(config.getoption("markexpr")):
        lasting = [item for item in items if item.get_closest_marker("endurance")]
        apart = set(lasting)
        items[:] = [item for item in items if item not in apart]
        config.hook.pytest_deselected(items=lasting)


def _turns(levels: Mapping[Path, Sequence[str]]) -> dict[Path, tuple[float, str]]:
    """Tells when the turn of each file comes, 0 to 1.

    Those that wait for processes and those that compute are mixed, so that at any time some of the workers do either. What
    takes longest begins first, beside all others, and nothing that takes long begins late.
    """
    latest = {"acceptance": 0.6, "integration": 0.9}
    turns: dict[Path, tuple[float, str]] = {}
    for level in LEVELS:
        files = sorted(path for path, own in levels.items() if own[:1] == [level])
        turns |= {path: (latest.get(level, 1.0) * place / len(files), str(path)) for place, path in enumerate(files)}
    rest = {path: (1.0, str(path)) for path in levels.keys() - turns.keys()}
    return turns | rest | {path: (-1.0, "") for path in levels if path.name == "test_chaos.py"}


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = [report for report in terminalreporter.stats.get("passed", []) if report.when == "call"]
    counted = Counter(level for report in passed for level in LEVELS if level in report.keywords)
    terminalreporter.write_line("passed per level: " + ", ".join(f"{level} {counted[level]}" for level in LEVELS))

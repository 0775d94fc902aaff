"""A service that tries in vain for as long as nobody answers holds no more after many attempts than after a few."""

import logging
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import QuickClock, until
from stillness import absent_plant, attempts, running, take

TIMES = 1000.0
"""A minute of back-off passes in 60 ms."""
FEW, MANY = 25, 90
FUTURES_PER_ATTEMPT = 0.3
BYTES_PER_ATTEMPT = 400
"""What is left of an attempt at most: less than a task or a connection that anybody would forget."""


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """The test's own record of the log would grow with every attempt."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.endurance
async def test_nothing_grows_with_the_number_of_attempts(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        async with running(absent_plant(tmp_path), QuickClock(TIMES)) as service:
            await until(lambda: service._reloader is not None and min(attempts(service).values(), default=0) >= FEW, 60)
            before, began = take(service), attempts(service)
            await until(lambda: min((attempts(service) - began).values(), default=0) >= MANY, 60)
            after, tried = take(service), (attempts(service) - began).total()
    finally:
        tracemalloc.stop()
    assert after.tasks <= before.tasks + 10
    assert after.open_files <= before.open_files + 3
    assert after.spool_bytes == before.spool_bytes
    # The pool of connections remembers some who asked in vain, and then forgets them all: neither rises for ever.
    assert (after.futures - before.futures) / tried < FUTURES_PER_ATTEMPT
    assert (after.traced_bytes - before.traced_bytes) / tried < BYTES_PER_ATTEMPT

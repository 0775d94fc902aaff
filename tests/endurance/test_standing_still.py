"""The same with the machine's own clock, for as long as `SOAK_MINUTES` says: `make soak MINUTES=60`."""

import asyncio
import logging
import os
import time
from pathlib import Path
from statistics import median

import pytest
from stillness import Taken, absent_plant, attempts, running, take

from ems_telemetry.clock import SystemClock
from ems_telemetry.storage.database import MOST_REMEMBERED

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
LOOKS = 60
MOST_FUTURES = 3 * (MOST_REMEMBERED + 1)
"""The pool remembers up to `MOST_REMEMBERED` who asked in vain, with three futures each, and then forgets them all: a saw-tooth
of half a minute, which looks like a slow rise or fall where it is looked at once in a while."""
GROWTH_BYTES = 4 * 2**20
"""How much resident memory may drift: Python and the C library give pages back when they like."""


@pytest.mark.timeout(MINUTES * 75 + 300)
async def test_a_service_whose_plant_is_gone_holds_no_more_in_the_end(tmp_path: Path) -> None:
    logging.disable(logging.CRITICAL)
    seen: list[Taken] = []
    try:
        async with running(absent_plant(tmp_path), SystemClock()) as service:
            began_s = time.monotonic()
            print(f"\n{'minute':>7} {'RSS MiB':>8} {'files':>6} {'tasks':>6} {'futures':>8} {'spool B':>8} {'attempts':>9}")  # noqa: T201 - its table
            for _ in range(LOOKS):
                await asyncio.sleep(MINUTES * 60 / LOOKS)
                now = take(service)
                seen.append(now)
                minute, tried = (time.monotonic() - began_s) / 60, attempts(service).total()
                print(  # noqa: T201 - its table
                    f"{minute:7.1f} {now.rss_bytes / 2**20:8.1f} {now.open_files:6} {now.tasks:6} {now.futures:8} "
                    f"{now.spool_bytes:8} {tried:9}"
                )
    finally:
        logging.disable(logging.NOTSET)
    early, late = seen[LOOKS // 4 : LOOKS // 2], seen[-LOOKS // 4 :]

    def drift(what: str) -> float:
        return float(median(getattr(one, what) for one in late) - median(getattr(one, what) for one in early))

    assert drift("rss_bytes") < GROWTH_BYTES
    assert drift("open_files") <= 2
    assert drift("tasks") <= 2
    assert drift("futures") <= MOST_FUTURES
    assert drift("spool_bytes") == 0

"""The proof that nothing is lost: a plant that breaks all the time, and an account by number. `make chaos` runs it."""

import argparse
import asyncio
import contextlib
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import psycopg
from chaos.account import Account, Fault, table_of, total_of
from chaos.chronicle import Chronicle
from chaos.hand import Hand, strike
from chaos.plant import Plant, running_plant
from chaos.tables import Tables, accounts, read_tables

STANDING_EVERY_S = 60.0
SETTLE_WITHIN_S = 240.0
SHORT_RUN_MINUTES = 10.0
PAUSES_S = {True: (0.5, 4.0), False: (2.0, 20.0)}
"""How long all is left in peace between two blows, in a short run and in a long one."""
MOST_FAULTS_SHOWN = 20


async def run(minutes: float, seed: int, folder: Path) -> int:
    """Runs it; gives the exit code."""
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    chronicle = Chronicle(folder / "chronicle.log")
    chronicle.tell(f"seed {seed}, {minutes:g} minutes, everything in {folder}")
    async with running_plant(folder, chronicle) as plant:
        await plant.start_service()
        await _until_up(plant)
        with plant.publisher.running():
            begin = datetime.now(UTC)
            chronicle.tell("everything runs")
            await _break_things(plant, Hand(seed, PAUSES_S[minutes <= SHORT_RUN_MINUTES]), 60 * minutes)
            plant.publisher.hold()
            end = datetime.now(UTC)
            chronicle.tell("the hand rests, and nothing more is published")
            await _settle(plant, begin, end)
            await _tell_standing(plant)
        await asyncio.to_thread(plant.product.process.stop, 40.0)
        tables = read_tables(plant.database.dsn)
        return _tell_account(chronicle, accounts(plant, tables, begin, end), tables, seed)


async def _break_things(plant: Plant, hand: Hand, for_s: float) -> None:
    ends_s, standing_s = monotonic() + for_s, monotonic()
    while monotonic() < ends_s:
        await asyncio.sleep(min(hand.next_pause_s(), max(0.0, ends_s - monotonic())))
        if plant.service_pid is None:
            raise RuntimeError(f"the service ended by itself; its log ends:\n{plant.product.log[-3000:]}")
        if not plant.publisher.is_running:
            raise RuntimeError("the publisher ended by itself")
        await strike(plant, hand.next_blows())
        if monotonic() - standing_s >= STANDING_EVERY_S:
            standing_s = monotonic()
            await _tell_standing(plant)


async def _until_up(plant: Plant, within_s: float = 60.0) -> None:
    """Waits until everything is connected."""
    ends_s = monotonic() + within_s
    while monotonic() < ends_s:
        status = await plant.status()
        if status is not None and status["writer"]["connected"] and all(each["state"] == "up" for each in status["connectors"]):
            return
        await asyncio.sleep(0.5)
    plant.chronicle.tell(f"after {within_s:.0f} s not everything is connected: {await plant.status()}")


async def _settle(plant: Plant, begin: datetime, end: datetime) -> None:
    """Waits until the sources are drained and the spool is empty, and nothing is missing any more, or time is up."""
    ends_s = monotonic() + SETTLE_WITHIN_S
    await _until_up(plant)
    while monotonic() < ends_s:
        status = await plant.status()
        is_drained = status is not None and status["spool"]["batches"] == 0 and plant.publisher.outstanding == 0
        if is_drained:
            found = accounts(plant, await asyncio.to_thread(read_tables, plant.database.dsn), begin, end)
            if not any(each.lost for each in found):
                plant.chronicle.tell("everything is drained, and nothing is missing")
                return
        await asyncio.sleep(2.0)
    plant.chronicle.tell(
        f"after {SETTLE_WITHIN_S:.0f} s something is missing still; {plant.publisher.outstanding} unacknowledged"
    )


async def _tell_standing(plant: Plant) -> None:
    status = await plant.status()
    batches = "-" if status is None else str(status["spool"]["batches"])
    sent = sum(map(len, plant.publisher.messages.values()))
    stored = await asyncio.to_thread(_count_readings, plant.database.dsn)
    resident = _resident_mib(plant.service_pid)
    plant.chronicle.tell(
        f"standing: published={sent} unacknowledged={plant.publisher.outstanding} readings={stored} "
        f"spool_batches={batches} rss_mib={resident}"
    )


def _count_readings(dsn: str) -> str:
    try:
        with psycopg.connect(dsn, connect_timeout=5) as connection:
            row = connection.execute("SELECT count(*) FROM readings").fetchone()
    except psycopg.Error:
        return "-"
    return str(row[0]) if row is not None else "-"


def _resident_mib(pid: int | None) -> str:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return str(int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024)
    return "-"


def _tell_account(chronicle: Chronicle, found: Sequence[Account], tables: Tables, seed: int) -> int:
    faults = [fault for each in found for fault in (*each.lost[:MOST_FAULTS_SHOWN], *each.doubled[:MOST_FAULTS_SHOWN])]
    lines = [*table_of(found), *_shown(chronicle, faults), total_of(found, seed, tables.rows)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if faults else 0


def _shown(chronicle: Chronicle, faults: Sequence[Fault]) -> Sequence[str]:
    lines = []
    for fault in faults:
        lines.append(f"{fault.source}: {fault.text}; {fault.time.isoformat(timespec='milliseconds')}")
        lines += [f"    {entry}" for entry in chronicle.around(fault.time)]
    return lines


def main() -> int:
    """Reads the arguments and runs it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=2.0, help="how long the hand breaks things")
    parser.add_argument("--seed", type=int, help="what the hand does follows from it; a new one if not given")
    parser.add_argument(
        "--folder", type=Path, help="where logs and files are kept; a temporary one, kept if something was lost, if not given"
    )
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(run(options.minutes, seed, options.folder.resolve()))
    folder = Path(tempfile.mkdtemp(prefix="ems-telemetry-chaos-"))
    code = asyncio.run(run(options.minutes, seed, folder))
    if code:
        sys.stderr.write(f"the logs of all that took part stand in {folder}\n")
    else:
        shutil.rmtree(folder)
    return code


if __name__ == "__main__":
    sys.exit(main())

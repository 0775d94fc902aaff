"""The hand that breaks things: what it does, for how long, and in which order follows from its seed alone.

Whatever it breaks it restores itself, so that between two blows the plant is whole.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from time import time
from typing import NamedTuple, TypeAlias

from chaos.plant import Plant
from servers.process import ServerProcess

Act: TypeAlias = Callable[[Plant], Awaitable[None]]
LINKS = ("database", "broker", "opcua", "modbus")
DEVICES = ("broker", "opcua", "modbus")
TWO_AT_ONCE = 0.3
"""So often two things break together."""
AT_REST_S = 0.3
MOST_WAITING_S = 4.0
MOST_AHEAD_S = 200.0
"""The clock is turned by at most this: well within what the service still believes a device's time."""


class Blow(NamedTuple):
    """One thing to be done to one part."""

    part: str
    text: str
    act: Act


Draw: TypeAlias = Callable[[random.Random], Blow]


def _kill_service(dice: random.Random) -> Blow:
    away_s = dice.choice((0.0, dice.uniform(0, 4)))

    async def act(plant: Plant) -> None:
        await asyncio.to_thread(plant.product.kill)
        await asyncio.sleep(away_s)
        await plant.start_service()

    return Blow("service", f"SIGKILL, away for {away_s:.1f} s", act)


def _end_service(dice: random.Random) -> Blow:
    away_s = dice.uniform(0, 3)

    async def act(plant: Plant) -> None:
        await asyncio.to_thread(plant.product.process.stop, 40.0)
        await asyncio.sleep(away_s)
        await plant.start_service()

    return Blow("service", f"SIGTERM, away for {away_s:.1f} s", act)


def _freeze_service(dice: random.Random) -> Blow:
    return _frozen(dice, "service", lambda plant: plant.product.process)


def _kill_database(_dice: random.Random) -> Blow:
    async def act(plant: Plant) -> None:
        await asyncio.to_thread(plant.database.kill)
        await asyncio.to_thread(plant.database.start)

    return Blow("database", "SIGKILL of all its processes, started again at once", act)


def _restart_database(dice: random.Random) -> Blow:
    away_s = dice.uniform(0, 5)

    async def act(plant: Plant) -> None:
        await asyncio.to_thread(plant.database.stop)
        await asyncio.sleep(away_s)
        await asyncio.to_thread(plant.database.start)

    return Blow("database", f"fast shutdown, away for {away_s:.1f} s", act)


def _kill_broker(dice: random.Random) -> Blow:
    away_s = dice.uniform(0, 3)

    async def act(plant: Plant) -> None:
        # Mosquitto acknowledges a message before it saves it: killed in between, the broker itself would lose it.
        plant.publisher.hold()
        at_rest = await _is_at_rest(plant)
        plant.chronicle.tell(f"  broker: {'SIGKILL' if at_rest else 'SIGTERM, since it never rests'}")
        await asyncio.to_thread(plant.broker.kill if at_rest else plant.broker.stop)
        plant.publisher.go_on()
        await asyncio.sleep(away_s)
        await asyncio.to_thread(plant.broker.start)

    return Blow("broker", f"killed as soon as all is saved, away for {away_s:.1f} s", act)


async def _is_at_rest(plant: Plant) -> bool:
    """Waits until the broker has written nothing for a moment; False if that does not come."""
    saved = plant.folder / "broker" / "mosquitto.db"
    for _ in range(int(MOST_WAITING_S / 0.1)):
        await asyncio.sleep(0.1)
        if saved.exists() and time() - saved.stat().st_mtime > AT_REST_S:
            return True
    return False


def _restart_device(dice: random.Random) -> Blow:
    name, away_s = dice.choice(DEVICES), dice.uniform(0, 4)

    async def act(plant: Plant) -> None:
        await asyncio.to_thread(_device(plant, name).stop)
        await asyncio.sleep(away_s)
        await asyncio.to_thread(_device(plant, name).start)

    return Blow(name, f"SIGTERM, away for {away_s:.1f} s", act)


def _kill_device(dice: random.Random) -> Blow:
    name, away_s = dice.choice(("opcua", "modbus")), dice.choice((0.0, dice.uniform(0, 4)))

    async def act(plant: Plant) -> None:
        await asyncio.to_thread(_device(plant, name).kill)
        await asyncio.sleep(away_s)
        await asyncio.to_thread(_device(plant, name).start)

    return Blow(name, f"SIGKILL, away for {away_s:.1f} s", act)


def _freeze_device(dice: random.Random) -> Blow:
    name = dice.choice(DEVICES)
    return _frozen(dice, name, lambda plant: _device(plant, name))


def _frozen(dice: random.Random, part: str, find: Callable[[Plant], ServerProcess]) -> Blow:
    for_s = dice.uniform(0.5, 8)

    async def act(plant: Plant) -> None:
        find(plant).send(signal.SIGSTOP)
        await asyncio.sleep(for_s)
        find(plant).send(signal.SIGCONT)

    return Blow(part, f"SIGSTOP for {for_s:.1f} s", act)


def _cut_link(dice: random.Random) -> Blow:
    name, times = dice.choice(LINKS), dice.randint(1, 3)

    async def act(plant: Plant) -> None:
        for _ in range(times):
            plant.links[name].cut()
            await asyncio.sleep(0.7)

    return Blow(f"link to {name}", f"cut {times} times", act)


def _unplug_link(dice: random.Random) -> Blow:
    name, for_s = dice.choice(LINKS), dice.uniform(1, 8)

    async def act(plant: Plant) -> None:
        await plant.links[name].unplug()
        await asyncio.sleep(for_s)
        await plant.links[name].restore()

    return Blow(f"link to {name}", f"unplugged for {for_s:.1f} s", act)


def _freeze_link(dice: random.Random) -> Blow:
    name, for_s, ends_cut = dice.choice(LINKS), dice.uniform(1, 12), dice.random() < 0.5

    async def act(plant: Plant) -> None:
        link = plant.links[name]
        link.freeze()
        await asyncio.sleep(for_s)
        if ends_cut:
            link.cut()
        await link.restore()

    return Blow(f"link to {name}", f"frozen for {for_s:.1f} s{', then cut' if ends_cut else ''}", act)


def _delay_link(dice: random.Random) -> Blow:
    name, delay_s, for_s = dice.choice(LINKS), dice.uniform(0.05, 0.7), dice.uniform(3, 8)

    async def act(plant: Plant) -> None:
        plant.links[name].delay_s = delay_s
        await asyncio.sleep(for_s)
        await plant.links[name].restore()

    return Blow(f"link to {name}", f"slower by {delay_s:.2f} s for {for_s:.1f} s", act)


def _fill_disk(dice: random.Random) -> Blow:
    for_s = dice.uniform(2, 8)

    async def act(plant: Plant) -> None:
        await asyncio.to_thread(plant.disk.fill)
        await asyncio.sleep(for_s)
        await asyncio.to_thread(plant.disk.empty)

    return Blow("disk", f"full for {for_s:.1f} s", act)


def _turn_clock(dice: random.Random) -> Blow:
    ahead_s, for_s = (
        dice.choice((-1, 1)) * dice.choice((dice.uniform(0, 5), dice.uniform(0, MOST_AHEAD_S))),
        dice.uniform(4, 15),
    )

    async def act(plant: Plant) -> None:
        plant.clock.turn(ahead_s)
        await asyncio.sleep(for_s)
        plant.clock.turn(0)

    return Blow("clock", f"{ahead_s:+.1f} s for {for_s:.1f} s", act)


def _device(plant: Plant, name: str) -> ServerProcess:
    return {"broker": plant.broker, "opcua": plant.opcua, "modbus": plant.modbus}[name]


DRAWS: Sequence[tuple[int, Draw]] = (
    (6, _kill_service),
    (2, _end_service),
    (2, _freeze_service),
    (3, _kill_database),
    (2, _restart_database),
    (2, _kill_broker),
    (3, _restart_device),
    (3, _kill_device),
    (2, _freeze_device),
    (3, _cut_link),
    (3, _unplug_link),
    (3, _freeze_link),
    (2, _delay_link),
    (3, _fill_disk),
    (3, _turn_clock),
)


class Hand:
    """Draws what to do from its seed."""

    def __init__(self, seed: int, pause_s: tuple[float, float]) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - no secret, the same for the same seed
        self._pause_s = pause_s

    def next_pause_s(self) -> float:
        """Gives how long all is left in peace."""
        return self._dice.uniform(*self._pause_s)

    def next_blows(self) -> Sequence[Blow]:
        """Gives what happens next: one thing, or two to different parts at once."""
        blows = [self._draw()]
        if self._dice.random() < TWO_AT_ONCE:
            other = self._draw()
            blows += [other] if other.part != blows[0].part else []
        return blows

    def _draw(self) -> Blow:
        weights = [weight for weight, _ in DRAWS]
        (draw,) = self._dice.choices([draw for _, draw in DRAWS], weights)
        return draw(self._dice)


async def strike(plant: Plant, blows: Sequence[Blow]) -> None:
    """Does what was drawn, at once, and waits until all of it is restored."""

    async def one(blow: Blow) -> None:
        plant.chronicle.tell(f"{blow.part}: {blow.text}")
        await blow.act(plant)

    async with asyncio.TaskGroup() as group:
        for blow in blows:
            group.create_task(one(blow), name=f"blow to {blow.part}")
    plant.chronicle.tell("  restored")

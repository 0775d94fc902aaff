"""Whatever comes and goes: the gaps of a point are exactly the stretches over two intervals without a usable reading."""

import itertools
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from unit.service.silent_plant import SilentPlant

from ems_telemetry.observe import LinkState

INTERVALS = {"p": 2, "q": 5, "r": 9}
Kind: TypeAlias = Literal["good", "bad", "up", "down", "quiet", "crash"]


@dataclass(frozen=True)
class Step:
    """One thing that happens, and the seconds that pass after it; a crash lasts as long."""

    kind: Kind
    name: str
    seconds: int


STEPS = st.builds(
    Step,
    kind=st.sampled_from(("good", "good", "good", "bad", "up", "down", "quiet", "crash")),
    name=st.sampled_from(sorted(INTERVALS)),
    seconds=st.sampled_from((0, 1, 1, 2, 3, 5, 8, 13, 30)),
)


@dataclass
class Told:
    """What happened, as the test saw it: usable readings of each point, and what spoke for a cause at each look."""

    usable: dict[str, list[float]] = field(default_factory=lambda: {name: [0.0] for name in INTERVALS})
    evidence: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: {name: [] for name in INTERVALS})
    bad_at: dict[str, float] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)


def play(plant: SilentPlant, steps: list[Step]) -> Told:
    told = Told()
    for step in steps:
        happen(plant, step, told)
        if step.kind != "crash":
            pass_seconds(plant, step.seconds, told)
    pass_seconds(plant, 2 * max(INTERVALS.values()) + 1, told)
    plant.close_books()
    return told


def happen(plant: SilentPlant, step: Step, told: Told) -> None:
    match step.kind:
        case "good":
            time = plant.second(plant.hear(step.name))
            told.usable[step.name].append(time)
        case "bad":
            plant.hear(step.name, None)
            told.bad_at[step.name] = plant.second(plant.clock.now())
        case "up":
            plant.report.up()
        case "down":
            plant.report.down("no answer")
        case "crash":
            pass_seconds(plant, 1, told)
            was_up = plant.report.state is LinkState.UP
            plant.crash(step.seconds)
            told.bad_at.clear()
            told.starts.append(plant.second(plant.clock.now()))
            if was_up:
                plant.report.up()
            else:
                plant.report.down("no answer")
        case "quiet":
            pass


def pass_seconds(plant: SilentPlant, seconds: int, told: Told) -> None:
    for _ in range(seconds):
        plant.pass_time()
        now = plant.second(plant.clock.now())
        for name, interval in INTERVALS.items():
            told.evidence[name].append((now, evidence(plant, told, name, now, 2 * interval)))


def evidence(plant: SilentPlant, told: Told, name: str, now: float, patience: float) -> str:
    if plant.report.state is not LinkState.UP:
        return "link_down"
    return "bad_quality" if now - told.bad_at.get(name, -1000) <= patience else "no_data"


def stretches(usable: list[float], end: float, patience: float) -> list[tuple[float, float]]:
    """The oracle: what lies between two usable readings, or after the last, and is longer than the patience."""
    edges = [*sorted(usable), end]
    return [(one, other) for one, other in itertools.pairwise(edges) if other - one > patience]


@given(st.lists(STEPS, max_size=40))
def test_gaps_are_exactly_the_stretches_without_a_usable_reading(steps: list[Step]) -> None:
    plant = SilentPlant({name: float(interval) for name, interval in INTERVALS.items()})
    told = play(plant, steps)
    end = plant.second(plant.clock.now())
    for name, interval in INTERVALS.items():
        gaps = [(start, stop) for _, start, stop in plant.gaps(name) if start < stop]
        cuts = [time for time in told.usable[name] if time in {start for start, _ in gaps}]
        found = joined_at(gaps, cuts)
        assert found == stretches(told.usable[name], end, 2 * interval), (name, plant.gaps(name), told.usable[name])


def joined_at(gaps: list[tuple[float, float]], cuts: list[float]) -> list[tuple[float, float]]:
    """Joins gaps that follow one upon the other, but where a usable reading stands between them."""
    result: list[tuple[float, float]] = []
    for start, end in gaps:
        assert not result or start >= result[-1][1], f"{gaps} overlap"
        if result and start == result[-1][1] and start not in cuts:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


@given(st.lists(STEPS, max_size=40))
def test_each_gap_has_a_cause_that_holds(steps: list[Step]) -> None:
    plant = SilentPlant({name: float(interval) for name, interval in INTERVALS.items()})
    told = play(plant, steps)
    for name, interval in INTERVALS.items():
        gaps = plant.gaps(name)
        for (cause, _, end), (following, start, _) in itertools.pairwise(gaps):
            assert cause != following or start > end or start in told.usable[name] or following == "service_stopped", gaps
        for cause, start, end in gaps:
            looks = [(at, word) for at, word in told.evidence[name] if start < at < end]
            if cause == "no_data":
                assert all(word == "no_data" for at, word in looks if at > start + 2 * interval), (gaps, looks)
            elif cause != "service_stopped" and looks:
                check_cause(cause, looks, start + 2 * interval, 2 * interval, told.starts)


def check_cause(cause: str, looks: list[tuple[float, str]], seen_from: float, patience: float, starts: list[float]) -> None:
    """A cause holds as long as something speaks for it, and two intervals longer; never against what speaks for another."""
    last = None
    for at, word in looks:
        if at <= seen_from:
            last = at if word == cause else last
            continue
        assert word in {cause, "no_data"}, (cause, looks)
        last = at if word == cause else last
        assert last is not None or word == "no_data"
        since = max([last or at, *(start for start in starts if start <= at)])
        assert at - since <= patience + 1, (cause, looks)

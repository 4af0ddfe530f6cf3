"""What all benchmarks share: how much is measured, what it costs, and how a figure is shown.

The machines that run this have other things to do: ours and its peers take turns in the same process, CPU time is
preferred to wall time, and the median of the rounds counts.
"""

import gc
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

WIDTHS: Final = (66, 12, 11, 11, 7)
"""Of the columns what, unit, ours, peer and ratio."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    rounds: int
    name_keys: int
    parse_keys: int
    listed_keys: int
    """Keys that the LIST server has."""
    plain_keys: int
    """As many of them as the slow peers list in a round."""
    synced_keys: int
    catalog_shots: int
    lookups: int
    memory_keys: tuple[int, int]
    race_keys: int
    night_keys: int
    vast_keys: int
    """Of a bucket whose catalog is seeded, because listing it once would take half an hour."""
    peak_keys: int
    peak_unit_keys: int
    """Of a single unit of 17 users."""
    history_shots: int


FULL: Final = Scale(
    rounds=3,
    name_keys=5_000,
    parse_keys=200_000,
    listed_keys=200_000,
    plain_keys=10_000,
    synced_keys=100_000,
    catalog_shots=1_000_000,
    lookups=200,
    memory_keys=(200_000, 1_000_000),
    race_keys=1_000_000,
    night_keys=1_000_000,
    vast_keys=100_000_000,
    peak_keys=10_000_000,
    peak_unit_keys=2_999_990,
    history_shots=1_000_000,
)
QUICK: Final = Scale(
    rounds=1,
    name_keys=500,
    parse_keys=5_000,
    listed_keys=8_000,
    plain_keys=1_000,
    synced_keys=4_000,
    catalog_shots=8_000,
    lookups=10,
    memory_keys=(2_000, 8_000),
    race_keys=8_000,
    night_keys=20_000,
    vast_keys=100_000,
    peak_keys=20_000,
    peak_unit_keys=17_000,
    history_shots=20_000,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.  Rates (`keys/s`, `shots/s`) are better when large, everything else (`ms`) when small."""

    what: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is: above 1, ours wins or the bound is kept."""
        if self.peer is None:
            return None
        return self.ours / self.peer if self.unit.startswith(("keys/", "shots/")) else self.peer / self.ours

    def __str__(self) -> str:
        peer = "" if self.peer is None else _number(self.peer)
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}x"
        return row(self.what, self.unit, _number(self.ours), peer, ratio, self.peer_name)


def row(what: str, unit: str, ours: str, peer: str, ratio: str, peer_name: str) -> str:
    """A line of the table."""
    wide = zip((unit, ours, peer, ratio), WIDTHS[1:], strict=True)
    return "  ".join([f"{what:<{WIDTHS[0]}}", *(f"{text:>{width}}" for text, width in wide), peer_name]).rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took, in seconds."""

    wall_s: float
    cpu_s: float
    """Of this process and all its threads, system time included; of a whole child for `child_cost`."""


def cost(work: Callable[[], object]) -> Cost:
    """Do it once."""
    # What stays alive around the work would be walked by the garbage collector while the work allocates.
    gc.collect()
    gc.freeze()
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return Cost(time.perf_counter() - wall, time.process_time() - cpu)
    finally:
        gc.unfreeze()


def child_cost(work: Callable[[], object]) -> Cost:
    """Do it once; count the CPU time of the children that it waits for."""
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - wall, cpu_s)


def taking_turns(rounds: int, *measured: Callable[[], Cost]) -> list[Cost]:
    """Measure each once a round; the medians, in the same order."""
    costs: list[list[Cost]] = [[] for _ in measured]
    for _ in range(rounds):
        for each, found in zip(measured, costs, strict=True):
            found.append(each())
    return [Cost(median(one.wall_s for one in found), median(one.cpu_s for one in found)) for found in costs]


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]

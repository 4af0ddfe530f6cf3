"""What is remembered of how a picture looks, and what follows from it.  Pure; `render.signature` makes it of pixels.

Kept are figures, not verdicts: thresholds can change without a picture being fetched again.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from operator import mul, sub
from struct import Struct
from typing import Final, NamedTuple

COLUMNS: Final = 32
ROWS: Final = 18
CELLS: Final = COLUMNS * ROWS
"""Grey levels of a picture scaled to 32x18, row by row, a byte each."""

_PACKED: Final = Struct(">BBB8sHBI")
"""18 bytes: for every shot that was looked at, so each of them counts."""
_SPREAD_STEP: Final = 0.5
_MEAN_STEP: Final = 1 / 256
_LONGEST_MS: Final = 2**32 - 1


class Change(NamedTuple):
    """How far a picture is from the one that its recorder took before it."""

    after_ms: int
    """The time between the two, above 0: by that it is known which one it was compared to."""
    mean: float
    """Of all cells, in grey levels."""
    most: int
    """Of the cell that differs most."""


@dataclass(frozen=True, slots=True)
class Look:
    """The figures of one picture, taken from its cells."""

    mean: int
    """Grey level, 0 to 255."""
    spread: float
    """Standard deviation, in steps of a half."""
    contrast: int
    """From the darkest cell to the brightest one."""
    dhash: int
    """64 bits: whether each of 9x8 cells is darker than the one to its right."""
    change: Change | None = None
    """None where nothing was compared."""

    def pack(self) -> bytes:
        """18 bytes."""
        after_ms, mean, most = self.change or (0, 0.0, 0)
        return _PACKED.pack(
            self.mean,
            round(self.spread / _SPREAD_STEP),
            self.contrast,
            self.dhash.to_bytes(8),
            round(mean / _MEAN_STEP),
            most,
            after_ms,
        )

    @classmethod
    def unpack(cls, packed: bytes) -> "Look":
        """Inverse of `pack`."""
        mean, spread, contrast, dhash, change, most, after_ms = _PACKED.unpack(packed)
        return cls(
            mean,
            spread * _SPREAD_STEP,
            contrast,
            int.from_bytes(dhash),
            Change(after_ms, change * _MEAN_STEP, most) if after_ms else None,
        )

    def compared(self, cells: bytes, before: bytes, *, after_ms: int) -> "Look":
        """The same, with how far its cells are from those of the picture so long before it."""
        if not 0 < after_ms <= _LONGEST_MS:
            return replace(self, change=None)
        apart = [*map(abs, map(sub, cells, before))]
        mean = round(sum(apart) / CELLS / _MEAN_STEP) * _MEAN_STEP
        return replace(self, change=Change(after_ms, mean, max(apart)))


class Sight(NamedTuple):
    """A picture that was looked at: its figures, and the cells they come from, to compare them with its neighbours."""

    look: Look
    cells: bytes


def described(cells: bytes, *, contrast: int, dhash: int) -> Look:
    """The figures of these cells, the last two of which are found faster where there are pixels."""
    mean = sum(cells) / CELLS
    variance = sum(map(mul, cells, cells)) / CELLS - mean * mean
    spread = round(max(0.0, variance) ** 0.5 / _SPREAD_STEP) * _SPREAD_STEP
    return Look(round(mean), spread, contrast, dhash)


# --- Verdicts -------------------------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What a stretch of pictures shows.  The texts are scripted against: never change one."""

    STILL = "still"
    """Pictures that look alike."""
    MOVING = "moving"
    """Pictures of which none stays."""
    BLACK = "black"
    """Nothing but black."""
    COVERED = "covered"
    """Dark, with hardly anything in it: a lens that is covered, a room without light."""
    PLACEHOLDER = "placeholder"
    """One even colour that is not black."""
    UNKNOWN = "unknown"
    """Not looked at, or not compared."""


USELESS: Final = (Kind.BLACK, Kind.COVERED, Kind.PLACEHOLDER)
"""Pictures in which nobody is to be seen."""


class Step(StrEnum):
    """What happened from one picture to the next."""

    ALIKE = "alike"
    UNCERTAIN = "uncertain"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What verdicts go by, in grey levels from 0 to 255.  docs/scenes.md tells where the numbers come from."""

    flat_contrast: float = 4
    """A picture with no more contrast than this is of one colour."""
    black_mean: float = 32
    """One of one colour is black up to this mean."""
    covered_mean: float = 40
    covered_spread: float = 8
    """Below both of them, the lens is covered."""
    still_mean: float = 0.25
    still_cell: float = 3
    """Up to a mean and a cell that differ so much, nothing changed."""
    changed_mean: float = 0.35
    changed_cell: float = 8
    """From this mean on, or with a cell above that, something did."""
    drift: float = 8
    """So far may the mean or the spread go from the first picture of a still scene, however slowly."""

    def kind(self, look: Look) -> Kind | None:
        """What a picture shows by itself; None for an ordinary one."""
        if look.contrast <= self.flat_contrast:
            return Kind.BLACK if look.mean <= self.black_mean else Kind.PLACEHOLDER
        if look.mean < self.covered_mean and look.spread < self.covered_spread:
            return Kind.COVERED
        return None

    def step(self, change: Change) -> Step:
        """What a measured difference means."""
        if change.mean <= self.still_mean and change.most <= self.still_cell:
            return Step.ALIKE
        if change.mean >= self.changed_mean or change.most > self.changed_cell:
            return Step.CHANGED
        return Step.UNCERTAIN

    def guess(self, one: Look, other: Look) -> Step:
        """The same of two pictures that were not compared: that they differ may be seen, that they do not cannot."""
        differ = (one.dhash ^ other.dhash).bit_count() > _HASHES_APART or self.drifted(one, other)
        return Step.CHANGED if differ else Step.UNCERTAIN

    def drifted(self, one: Look, other: Look) -> bool:
        """Whether two pictures cannot belong to one still scene, whatever lies between them."""
        return abs(one.mean - other.mean) > self.drift or abs(one.spread - other.spread) > self.drift


# Of 64; up to ten is the customary limit for "the same picture" (https://www.hackerfactor.com/blog/?/archives/529).
_HASHES_APART: Final = 10

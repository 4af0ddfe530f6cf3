"""What a contact sheet is made of, whatever it is written as: a head, and a stream of blocks, tiles and gaps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Tile:
    """One shot, or several in a row that look alike."""

    captured_at: datetime
    """Aware."""
    picture: bytes | None
    """A JPEG of any size, best a thumbnail as large as the tile."""
    note: str | None = None
    """Why there is no picture."""
    bak: int | None = None
    """Number of the failover recorder that took it."""
    until: datetime | None = None
    """When the last one of those was taken that it stands for, if it stands for several."""
    shots: int = 1
    """For how many it stands."""
    frozen: bool = False
    """It is one of at least three in a row that are one picture, byte for byte."""
    caption: str | None = None
    """What is written under it in place of the time."""
    look: str | None = None
    """Why nobody is to be seen in it: black, covered or placeholder."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without shots, from the last one before to the first one after; aware."""

    since: datetime
    until: datetime
    note: str | None = None
    """What its cause is known by."""
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """What stands above one user's cells of one session: those that follow, up to the next block."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    """Names and values, such as ("Presence", "83 %")."""
    group: str | None = None
    """What a table of contents puts it under."""


Cell: TypeAlias = Tile | Gap


@dataclass(slots=True)
class Marks:
    """What occurs and may need explaining."""

    baks: set[int] = field(default_factory=set)
    causes: set[str] = field(default_factory=set)
    gap: bool = False
    frozen: bool = False
    folded: bool = False
    missing: bool = False
    looks: set[str] = field(default_factory=set)

    def add(self, cell: Cell) -> None:
        """Take note of a cell."""
        if isinstance(cell, Gap):
            self.gap = True
            if cell.cause is not None:
                self.causes.add(cell.cause)
            return
        if cell.bak is not None:
            self.baks.add(cell.bak)
        self.frozen |= cell.frozen
        if cell.look is not None:
            self.looks.add(cell.look)
        self.folded |= cell.shots > 1


@dataclass(frozen=True, slots=True)
class SheetHead:
    """What stands above all cells, and how many there will be."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    """Names and values, such as ("Channel", "algebra-7b")."""
    since: datetime | None = None
    until: datetime | None = None
    """The period shown; aware."""
    tiles: int = 0
    gaps: int = 0
    """How many there will be, all blocks together."""
    shots: int | None = None
    """What the tiles were chosen from, if they are not all."""
    blocks: tuple[int, ...] = ()
    """How many cells each block has; none if there are only cells."""
    marks: Marks = field(default_factory=Marks)
    """What will occur, as far as it is known before pictures are fetched."""

    @property
    def cells(self) -> int:
        """Tiles and gaps."""
        return self.tiles + self.gaps


class BrokenPromiseError(ValueError):
    """The stream of a sheet is not what its head said: a mistake, or what it was read from changed meanwhile."""


class Coming:
    """The stream of a sheet, checked against what its head promised while it is read."""

    def __init__(self, cells: Iterable[Block | Cell], head: SheetHead) -> None:
        self._coming = iter(cells)
        self._promised = head.cells

    def block(self) -> Block:
        """The block that must come now.  Raises `BrokenPromiseError` if anything else does."""
        found = next(self._coming, None)
        if not isinstance(found, Block):
            raise BrokenPromiseError("the head of the sheet says that a block begins, but none does")
        return found

    def cell(self) -> Cell:
        """The cell that must come now.  Raises `BrokenPromiseError` if none does."""
        found = next(self._coming, None)
        if found is None or isinstance(found, Block):
            raise BrokenPromiseError(f"the head of the sheet says {self._promised:,} cells, but there are fewer")
        return found

    def end(self) -> None:
        """Raise `BrokenPromiseError` if anything is left."""
        if next(self._coming, None) is not None:
            raise BrokenPromiseError(f"the head of the sheet says {self._promised:,} cells, but there are more")


class Document(Protocol):
    """A sheet that is ready to be written, in whatever format."""

    @property
    def file_count(self) -> int:
        """How many files it takes; at least one."""
        ...

    def files(self, cells: Iterable[Block | Cell]) -> Iterator[Iterable[bytes]]:
        """Yield each file as pieces to be written one after the other, before the next one is asked for.

        `cells` are read as they are needed.  Raises `BrokenPromiseError` if there are not as many as the head says.
        """
        ...

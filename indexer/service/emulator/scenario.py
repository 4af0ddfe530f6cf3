"""What happens in an emulated session: who is there and publishes video when, and what goes wrong."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

from indexer.errors import ConfigError

LONGEST_SILENCE: Final = timedelta(seconds=90)
"""Agora promises that another recorder has taken over by then."""

MOST_SWITCHES: Final = 3
"""Agora switches at most so often in a recording; the next failure ends it."""

MOST_USERS: Final = 10_000
"""Of a scenario: a channel of that size has one stream in six hundred captured."""

LARGEST_UID: Final = 2**32 - 1

_ZERO: Final = timedelta()


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on, up to and without `until`; None is the end of the session."""

    since: timedelta
    until: timedelta | None = None


@dataclass(frozen=True, slots=True)
class User:
    """Somebody in the channel."""

    uid: str
    name: str
    joins: timedelta = _ZERO
    leaves: timedelta | None = None
    """None: they stay."""
    publishing: tuple[Period, ...] = (Period(_ZERO),)
    """When there is video: apart from each other, in order; outside of the stay it does not count."""
    phone: bool = False
    """The picture is upright."""


@dataclass(frozen=True, slots=True)
class Failover:
    """The recorder fails, and another one takes over.  From the fourth on none does."""

    at: timedelta
    takes: timedelta = timedelta(seconds=45)
    """How long nothing is captured."""
    overlap: timedelta = _ZERO
    """How long the first one still captures beside the second: it was cut off, not dead."""


@dataclass(frozen=True, slots=True)
class Late:
    """Some uploads come later: for these `by` is the longest delay."""

    share: float = 0.0
    by: timedelta = timedelta(minutes=20)
    """Agora says that all is there 20 minutes after the end, if nothing is wrong with the network."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens in a session."""

    users: tuple[User, ...]
    length: timedelta | None = None
    """None: endless, until it is stopped."""
    repeats: timedelta | None = None
    """After so long what users do begins again; what fails does not."""
    failovers: tuple[Failover, ...] = ()
    late: Late = field(default_factory=Late)
    lost: float = 0.0
    """The share of pictures that are never uploaded."""
    jitter: timedelta = timedelta(milliseconds=80)
    """How far a capture may be behind its time."""
    width: int = 640
    """Of a landscape picture in pixels; from a phone width and height are exchanged."""
    height: int = 360

    @classmethod
    def from_toml(cls, text: str, origin: str) -> "Scenario":
        """Read a scenario.  Raises `ConfigError` that names `origin`, the place, and the nearest name of an unknown."""
        from indexer.service.emulator.scenario_file import parse  # it makes these values

        return parse(text, origin)


def read_scenario(file: Path) -> Scenario:
    """The scenario in a file.  Raises `ConfigError`."""
    try:
        text = file.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file} is not UTF-8 text") from exc
    except OSError as exc:
        raise ConfigError(f"the scenario {file} cannot be read: {exc.strerror}") from exc
    return Scenario.from_toml(text, str(file))


# --- Made up --------------------------------------------------------------------------------------------------------

_NAMES: Final = (
    *("Maya Lindqvist", "Ben Okafor", "Priya Raman", "Elena Marsh", "Leyla Demir", "Jonas Weber", "Grace Whitfield"),
    *("Sam Carter", "Aiko Tanaka", "Mateo Rossi", "Amina Diallo", "Noah Fischer", "Sofia Petrova", "Liam Byrne"),
    *("Zoe Martin", "Omar Haddad", "Ines Duarte", "Tom Ellery", "Hana Kim", "Viktor Novak"),
)


def default_scenario() -> Scenario:
    """What is played when nobody says what: three users, one stops and resumes, one failover; endless."""
    minutes = [timedelta(minutes=minute) for minute in range(4)]
    return Scenario(
        users=(
            User("1001", "Maya Lindqvist"),
            User("1002", "Ben Okafor", publishing=(Period(_ZERO, minutes[1]), Period(minutes[2]))),
            User("2725317129", "Jonas Weber", phone=True),
        ),
        failovers=(Failover(minutes[3], takes=timedelta(seconds=45), overlap=timedelta(seconds=10)),),
    )


def random_scenario(
    seed: int, *, users: int = 4, length: timedelta | None = timedelta(minutes=30), size: tuple[int, int] = (640, 360)
) -> Scenario:
    """A session as they go: people join late, leave, stop and resume; now and then a recorder fails, a picture is late
    or lost.  The same arguments give the same scenario.  An endless one repeats what users do every 30 minutes.
    """
    chance = Random(f"scenario {seed}")  # noqa: S311 - a world to look at, not a secret
    period = length or timedelta(minutes=30)
    uids = sorted(chance.sample(range(1, LARGEST_UID + 1), users))
    called = chance.sample(_NAMES, len(_NAMES))
    return Scenario(
        users=tuple(_somebody(chance, uid, called[number % len(called)], period) for number, uid in enumerate(uids)),
        length=length,
        repeats=None if length is not None else period,
        failovers=_failures(chance, period),
        late=Late(chance.choice((0.0, 0.0, 0.02, 0.1)), timedelta(minutes=chance.randint(1, 20))),
        lost=chance.choice((0.0, 0.0, 0.005, 0.02)),
        width=size[0],
        height=size[1],
    )


def _somebody(chance: Random, uid: int, name: str, period: timedelta) -> User:
    late, early = chance.random() < 0.3, chance.random() < 0.3
    joins = _part(chance, period, 0.05, 0.4) if late else _ZERO
    leaves = _part(chance, period, 0.6, 0.95) if early else None
    edges = sorted({_part(chance, period, 0.1, 0.9) for _ in range(2 * chance.choice((0, 0, 1, 1, 2, 3)))})
    if len(edges) % 2:
        edges.pop()
    edges = [joins, *(edge for edge in edges if joins < edge < (leaves or period))]
    if len(edges) % 2 == 0:
        edges.pop()  # every pause ends: to stop for good is to leave
    publishing = [Period(since, until) for since, until in zip(edges[::2], [*edges[1::2], None], strict=True)]
    return User(str(uid), name, joins, leaves, tuple(publishing), phone=chance.random() < 0.15)


def _failures(chance: Random, period: timedelta) -> tuple[Failover, ...]:
    found: list[Failover] = []
    free = timedelta(seconds=10)
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        at = _part(chance, period, 0.1, 0.9)
        takes = timedelta(seconds=chance.randint(10, 90))
        overlap = timedelta(seconds=chance.choice((0, 0, 10, 25)))
        if at >= free and at + takes + overlap < period:
            found.append(Failover(at, takes, overlap))
            free = at + takes + overlap + timedelta(seconds=10)
    return tuple(found)


def _part(chance: Random, whole: timedelta, least: float, most: float) -> timedelta:
    """A part of `whole`, in whole milliseconds."""
    return timedelta(milliseconds=int(chance.uniform(least, most) * whole.total_seconds() * 1000))

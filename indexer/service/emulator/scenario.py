"""What happens in an emulated session: who is there and publishes video when, and what goes wrong.

A scenario is a file in TOML; `sample_keys/scenarios/` has one with everything in it.  Times are lengths of time from
the beginning of the session (`90s`, `1h30m`, `250ms`), periods are half-open (`10m-12m`; `12m-` goes on to the end),
shares are as in the configuration (`5%`, `1/30`).
"""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

from indexer.config import parse_share
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
    """None: when the session ends, or begins again if it repeats."""
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
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError(f"{origin}: not valid TOML: {exc}") from exc
        return _scenario(_Table(values, origin, "", _SCENARIO))


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
    uids = sorted(chance.sample(range(1, LARGEST_UID + 1), users)) if users else []
    return Scenario(
        users=tuple(_somebody(chance, uid, period) for uid in uids),
        length=length,
        repeats=None if length is not None else period,
        failovers=_failures(chance, period),
        late=Late(chance.choice((0.0, 0.0, 0.02, 0.1)), timedelta(minutes=chance.randint(1, 20))),
        lost=chance.choice((0.0, 0.0, 0.005, 0.02)),
        width=size[0],
        height=size[1],
    )


def _somebody(chance: Random, uid: int, period: timedelta) -> User:
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
    return User(str(uid), chance.choice(_NAMES), joins, leaves, tuple(publishing), phone=chance.random() < 0.15)


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


# --- Reading --------------------------------------------------------------------------------------------------------

_Value = TypeVar("_Value")

_LENGTH: Final = re.compile(r"(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m(?!s))?(?:([0-9]{1,6})s)?(?:([0-9]{1,9})ms)?")
_SIZE: Final = re.compile(r"([0-9]{1,4})x([0-9]{1,4})")
_SIDES: Final = range(16, 4097)
_UID: Final = re.compile(r"[1-9][0-9]{0,9}")


def parse_length(text: str) -> timedelta:
    """A length of time such as `90s`, `1h30m`, `250ms` or `0s`.  Raises ValueError, which says so."""
    found = _LENGTH.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"{text!r} is no length of time; write for example 90s, 1h30m or 250ms")
    hours, minutes, seconds, milliseconds = (int(number or 0) for number in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)


class _Table:
    """A table of the file, where any name may stand if `known` is None.  Raises `ConfigError` with file and place."""

    def __init__(self, values: object, origin: str, place: str, known: Collection[str] | None) -> None:
        self._origin, self._place = origin, place
        if not isinstance(values, Mapping):
            raise ConfigError(f"{origin}: {place} must be a section of its own, [{place}]")
        self._values: dict[str, Any] = dict(values)
        for name in self._values:
            if known is not None and name not in known:
                close = get_close_matches(name, known, n=1)
                meant = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
                raise ConfigError(f"{origin}: unknown setting {self.path(name)!r}; {meant}")

    def take(self, name: str, read: Callable[[Any], _Value], otherwise: _Value | None = None) -> _Value:
        """What `read` makes of a value; `otherwise` if it is not there, which is a mistake if that is None."""
        if name not in self._values:
            if otherwise is None:
                raise self.error(name, "is missing")
            return otherwise
        try:
            return read(self._values[name])
        except ValueError as exc:
            raise self.error(name, str(exc)) from exc

    def table(self, name: str, known: Collection[str] | None) -> "_Table":
        """The section of that name, empty if there is none."""
        return _Table(self._values.get(name, {}), self._origin, self.path(name), known)

    def tables(self, name: str, known: Collection[str]) -> "list[_Table]":
        """The tables of an array `[[name]]`."""
        values: list[Any] = self.take(name, _list, [])
        return [_Table(each, self._origin, f"{self.path(name)}[{number}]", known) for number, each in enumerate(values)]

    def names(self) -> list[str]:
        """What stands in it, in the order of the file."""
        return list(self._values)

    def error(self, name: str, why: str) -> ConfigError:
        """The mistake at a place."""
        return ConfigError(f"{self._origin}: {self.path(name)} {why}")

    def path(self, name: str) -> str:
        """The place of a value in the file."""
        return f"{self._place}.{name}" if self._place else name


_SCENARIO: Final = ("length", "users", "failovers", "late", "lost", "jitter", "picture", "repeats")
_USER: Final = ("name", "joins", "leaves", "publishing", "phone")
_FAILOVER: Final = ("at", "takes", "overlap")
_LATE: Final = ("share", "by")


def _scenario(table: _Table) -> Scenario:
    length = table.take("length", _length_or_endless)
    width, height = table.take("picture", _size, (640, 360))
    late = table.table("late", _LATE)
    return Scenario(
        users=_users(table.table("users", None)),
        length=None if length == _ZERO else length,
        repeats=table.take("repeats", _some_time, _ZERO) or None,
        failovers=_failovers(table.tables("failovers", _FAILOVER)),
        late=Late(late.take("share", _share, 0.0), late.take("by", _time, Late().by)),
        lost=table.take("lost", _share, 0.0),
        jitter=table.take("jitter", _time, timedelta(milliseconds=80)),
        width=width,
        height=height,
    )


def _users(table: _Table) -> tuple[User, ...]:
    uids = table.names()
    if not uids:
        raise table.error("UID", "is missing: write [users.1001] for everybody who takes part")
    if len(uids) > MOST_USERS:
        raise table.error(uids[0], f"and the others are more than {MOST_USERS:,} users")
    for uid in uids:
        if not _UID.fullmatch(uid) or int(uid) > LARGEST_UID:
            raise table.error(uid, f"is no uid: Agora's are numbers from 1 to {LARGEST_UID}")
    return tuple(_user(uid, table.table(uid, _USER)) for uid in uids)


def _user(uid: str, table: _Table) -> User:
    joins = table.take("joins", _time, _ZERO)
    leaves = table.take("leaves", _time, timedelta.max)
    if joins >= leaves:
        raise table.error("leaves", "must be later than joins")
    return User(
        uid,
        name=table.take("name", _text, f"user {uid}"),
        joins=joins,
        leaves=None if leaves == timedelta.max else leaves,
        publishing=table.take("publishing", _periods, (Period(joins),)),
        phone=table.take("phone", _truth, False),
    )


def _failovers(tables: Collection[_Table]) -> tuple[Failover, ...]:
    found: list[Failover] = []
    free = _ZERO
    for table in tables:
        each = Failover(
            table.take("at", _time),
            table.take("takes", _time, Failover(_ZERO).takes),
            table.take("overlap", _time, _ZERO),
        )
        if each.takes > LONGEST_SILENCE:
            raise table.error("takes", "must be 90s or less: Agora has another recorder by then")
        if each.at < free:
            raise table.error("at", "must be later than the end of the failover before it, with its overlap")
        found.append(each)
        if len(found) > MOST_SWITCHES + 1:
            raise table.error("at", "comes after the fourth failure, from which no recorder recovers")
        free = each.at + each.takes + each.overlap
    return tuple(found)


def _text(value: object) -> str:
    match value:
        case str() if value:
            return value
    raise ValueError('must be a text in "quotes"')


def _truth(value: object) -> bool:
    if value is True or value is False:
        return value is True
    raise ValueError("must be true or false")


def _list(value: object) -> list[Any]:
    match value:
        case list():
            return value
    raise ValueError("must be a list")


def _time(value: object) -> timedelta:
    return parse_length(_text(value))


def _some_time(value: object) -> timedelta:
    length = _time(value)
    if length < timedelta(seconds=1):
        raise ValueError("must be 1s or more")
    return length


def _length_or_endless(value: object) -> timedelta:
    return _ZERO if value == "endless" else _some_time(value)


def _share(value: object) -> float:
    return parse_share(str(value))  # TOML has numbers, too


def _size(value: object) -> tuple[int, int]:
    found = _SIZE.fullmatch(_text(value))
    if found is None or int(found[1]) not in _SIDES or int(found[2]) not in _SIDES:
        raise ValueError(f"must be a size such as 640x360, each side from {_SIDES[0]} to {_SIDES[-1]} pixels")
    return int(found[1]), int(found[2])


def _periods(value: object) -> tuple[Period, ...]:
    found: list[Period] = []
    for each in _list(value):
        since, dash, until = _text(each).replace(" ", "").partition("-")
        if not dash:
            raise ValueError(f"{each!r} is no period; write for example 0s-10m, or 12m- to the end")
        period = Period(parse_length(since), parse_length(until) if until else None)
        if period.until is not None and period.until <= period.since:
            raise ValueError(f"{each!r} ends before it begins")
        if found and (found[-1].until is None or found[-1].until >= period.since):
            raise ValueError(f"{each!r} does not come after the period before it")
        found.append(period)
    return tuple(found)

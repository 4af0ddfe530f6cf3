"""Scenarios in TOML.

Times are lengths of time from the beginning of the session (`90s`, `1h30m`, `250ms`), periods are half-open (`10m-12m`;
`12m-` goes on to the end), shares are as in the configuration (`5%`, `1/30`).  `sample_keys/scenarios/` has a file with
everything in it, docs/scenarios.md a table.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from indexer.config import parse_share
from indexer.errors import ConfigError
from indexer.service.emulator.scenario import (
    LARGEST_UID,
    LONGEST_SILENCE,
    MOST_SWITCHES,
    MOST_USERS,
    Failover,
    Late,
    Period,
    Scenario,
    User,
)

_ZERO: Final = timedelta()
_Value = TypeVar("_Value")

_LENGTH: Final = re.compile(r"(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m(?!s))?(?:([0-9]{1,6})s)?(?:([0-9]{1,9})ms)?")
_SIZE: Final = re.compile(r"([0-9]{1,4})x([0-9]{1,4})")
_SIDES: Final = range(16, 4097)
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_UID: Final = re.compile(r"[1-9][0-9]{0,9}")


def parse(text: str, origin: str) -> Scenario:
    """See `Scenario.from_toml`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{origin}: not valid TOML: {exc}") from exc
    return _scenario(_Table(values, origin, "", _SCENARIO))


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
        shown = name if _BARE.fullmatch(name) else repr(name)  # a key in quotes may even hold a line end
        return f"{self._place}.{shown}" if self._place else shown


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

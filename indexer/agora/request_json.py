"""Reading the JSON of requests: strictly, and no more of it than a request can have."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from indexer.errors import ConfigError

_DEEPEST: Final = 100
"""Levels.  Requests have six; some hundred are more than what shows or sends them can go down."""

_LARGEST: Final = 1_000_000
"""Bytes.  Requests have some hundred; a device or a recording that was named by mistake would take all memory."""


def read_json(file: Path) -> object:
    """What a file says.  Raises `ConfigError` that names the file, and where it is no JSON."""
    try:
        with file.open("rb") as opened:
            return read_json_from(opened, str(file))
    except FileNotFoundError as exc:
        raise ConfigError(f"{file} does not exist") from exc
    except OSError as exc:
        raise ConfigError(f"{file} cannot be read: {exc.strerror}") from exc


def read_json_from(stream: BinaryIO, origin: str) -> object:
    """What a stream says to its end, or to where it is too long to be a request.  Raises `ConfigError`, `OSError`."""
    data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ConfigError(f"{origin} has more than {_LARGEST:,} bytes: it is no request")
    return parse_json(data, origin)


def parse_json(data: bytes, origin: str) -> object:
    """What JSON says, in UTF-8 with a mark at its beginning or without.

    Raises `ConfigError` that names `origin` and the place, also for what Python would take, but others not or not as
    it was meant: a key that comes twice, NaN, numbers beyond all bounds.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{origin} is not UTF-8 text") from exc
    if not text.strip():
        raise ConfigError(f"{origin} is empty")
    too_deep = f"{origin} is nested too deeply to be a request"
    try:
        found = json.loads(
            text, object_pairs_hook=_once(origin), parse_constant=_refusing(origin), parse_int=_int(origin)
        )
    except json.JSONDecodeError as exc:
        raise ConfigError(f"{origin}, line {exc.lineno}, column {exc.colno}: not JSON: {_lower(exc.msg)}") from exc
    except RecursionError as exc:
        raise ConfigError(too_deep) from exc
    if _is_deep(found):
        raise ConfigError(too_deep)
    return found


def _is_deep(found: object) -> bool:
    level = [found]
    for _ in range(_DEEPEST):
        level = [
            part
            for value in level
            for part in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
        ]
    return bool(level)


def _once(origin: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
            raise ConfigError(f"{origin}: the key {json.dumps(twice)} comes twice in one object")
        return found

    return object_of


def _refusing(origin: str) -> Callable[[str], Any]:
    def refuse(constant: str) -> Any:
        raise ConfigError(f"{origin}: {constant} is no number of JSON")

    return refuse


def _int(origin: str) -> Callable[[str], int]:
    def whole(digits: str) -> int:
        if len(digits) > sys.int_info.default_max_str_digits:
            raise ConfigError(f"{origin}: a number of {len(digits):,} digits is in no request")
        return int(digits)

    return whole


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]

"""What keys the bodies of requests have, of what types, and reading them where any may be missing or wrong.  Pure.

SOURCE: "start", "acquire" and "update" of Agora's Cloud Recording RESTful API; what only other modes have is listed so
that it is known, and not looked into.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final, TypeAlias

from indexer.agora.request_rules import BODY, KIND, KNOWN_KEY, Finding

SECRETS: Final = frozenset({"accessKey", "secretKey", "stsToken", "token", "secret", "salt"})
"""The values of these keys are never shown."""


class Kind(StrEnum):
    """The types of JSON, as messages call them."""

    TEXT = "a text"
    WHOLE = "a whole number"
    TEXTS = "a list of texts"
    ANY = "anything"


Shape: TypeAlias = "Kind | Mapping[str, Shape]"
"""A mapping is an object with these keys."""

_AUDIO_LISTS: Final = dict.fromkeys(("subscribeAudioUids", "unsubscribeAudioUids", "unSubscribeAudioUids"), Kind.TEXTS)
_VIDEO_LISTS: Final = dict.fromkeys(("subscribeVideoUids", "unsubscribeVideoUids", "unSubscribeVideoUids"), Kind.TEXTS)
_STORAGE: Final[Mapping[str, Shape]] = {
    "vendor": Kind.WHOLE,
    "region": Kind.WHOLE,
    "bucket": Kind.TEXT,
    "accessKey": Kind.TEXT,
    "secretKey": Kind.TEXT,
    "stsToken": Kind.TEXT,
    "stsExpiration": Kind.WHOLE,
    "fileNamePrefix": Kind.TEXTS,
    "extensionParams": {
        **dict.fromkeys(("sse", "tag", "endpoint"), Kind.TEXT),
        # Of private releases, in Agora's own examples.
        **dict.fromkeys(("enableNTPtimestamp",), Kind.ANY),
    },
}
_START: Final[Mapping[str, Shape]] = {
    "token": Kind.TEXT,
    "recordingConfig": {
        **dict.fromkeys(("channelType", "streamTypes", "videoStreamType", "maxIdleTime"), Kind.WHOLE),
        **dict.fromkeys(("decryptionMode", "subscribeUidGroup"), Kind.WHOLE),
        **dict.fromkeys(("secret", "salt", "streamMode"), Kind.TEXT),
        **_AUDIO_LISTS,
        **_VIDEO_LISTS,
        **dict.fromkeys(("audioProfile", "transcodingConfig", "privateParams"), Kind.ANY),
    },
    "recordingFileConfig": {"avFileType": Kind.TEXTS},
    "snapshotConfig": {"captureInterval": Kind.WHOLE, "fileType": Kind.TEXTS},
    "storageConfig": _STORAGE,
    **dict.fromkeys(("appsCollection", "transcodeOptions", "extensionServiceConfig", "privateParams"), Kind.ANY),
}
_ACQUIRE: Final[Mapping[str, Shape]] = {
    "scene": Kind.WHOLE,
    "resourceExpiredHour": Kind.WHOLE,
    "region": Kind.TEXT,
    "excludeResourceIds": Kind.TEXTS,
    "startParameter": _START,
}
_UPDATE: Final[Mapping[str, Shape]] = {
    "streamSubscribe": {"audioUidList": _AUDIO_LISTS, "videoUidList": _VIDEO_LISTS},
    "storageConfig": _STORAGE,
    **dict.fromkeys(("webRecordingConfig", "rtmpPublishConfig"), Kind.ANY),
}


def _body(client_request: Mapping[str, Shape]) -> Mapping[str, Shape]:
    return {"cname": Kind.TEXT, "uid": Kind.TEXT, "clientRequest": client_request}


START: Final = _body(_START)
ACQUIRE: Final = _body(_ACQUIRE)
UPDATE: Final = _body(_UPDATE)


@dataclass(frozen=True, slots=True)
class Part:
    """An object in a body, by its path.  A value of another type than it is asked for is as if it were not there:
    `misshapen` tells of those.
    """

    path: str
    values: Mapping[str, object]

    def at(self, name: str) -> str:
        """The path of a key."""
        return under(self.path, name)

    def has(self, name: str) -> bool:
        """Whether the key is there, whatever its value."""
        return name in self.values

    def part(self, name: str) -> "Part | None":
        """An object."""
        value = self.values.get(name)
        return Part(self.at(name), value) if isinstance(value, dict) else None

    def text(self, name: str) -> str | None:
        """A text."""
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def whole(self, name: str) -> int | None:
        """A whole number."""
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def texts(self, name: str) -> list[str] | None:
        """A list of nothing but texts."""
        value = self.values.get(name)
        return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else None


def under(path: str, name: str) -> str:
    """The path of a key of the object at `path`."""
    name = name if name.isascii() and name.isidentifier() else in_quotes(name)
    return f"{path}.{name}" if path else name


def shown_value(value: object) -> str:
    """A value as messages name it: in one line, short, printable."""
    if isinstance(value, str):
        return in_quotes(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() <= _MOST_BITS else "a number beyond all bounds"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value[:_MOST_TEXTS]):
        inner = ", ".join(map(in_quotes, value[:_MOST_TEXTS]))
        return f"[{inner}{', ...' if len(value) > _MOST_TEXTS else ''}]"
    return "an object" if isinstance(value, dict) else "a list"


def in_quotes(text: str) -> str:
    """A text as JSON has it, shortened; what does not print is escaped."""
    short = text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 3] + "..."
    return "".join(
        char if char.isprintable() else json.dumps(char)[1:-1] for char in json.dumps(short, ensure_ascii=False)
    )


_MOST_BITS: Final = 128
_MOST_TEXTS: Final = 4
_MOST_CHARACTERS: Final = 60


def misshapen(body: object, shape: Mapping[str, Shape], path: str = "") -> Iterator[Finding]:
    """What is of another type than documented, and keys that look like documented ones and are none."""
    if not isinstance(body, dict):
        yield Finding(KIND if path else BODY, path, f"must be an object, is {_type_of(body)}")
        return
    for name, value in body.items():
        place = under(path, name)
        kind = shape.get(name)
        if kind is None:
            yield from _unknown(name, place, path, shape)
        elif isinstance(kind, Mapping):
            yield from misshapen(value, kind, place)
        elif not _is(value, kind):
            what = f"{shown_value(value)}{_advice(value, kind)}" if may_be_shown(name, value) else _type_of(value)
            yield Finding(KIND, place, f"must be {kind}, is {what}")


def _advice(value: object, kind: Kind) -> str:
    """How somebody may have meant it."""
    match kind, value:
        case Kind.TEXT, int() if not isinstance(value, bool):
            return f': write "{shown_value(value)}"'
        case Kind.WHOLE, str() if value.isascii() and value.isdigit():
            return f": write {in_quotes(value)[1:-1]}"
        case Kind.TEXTS, str():
            return f": write [{in_quotes(value)}]"
    return ""


def _is(value: object, kind: Kind) -> bool:
    match kind:
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.WHOLE:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.TEXTS:
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case Kind.ANY:
            return True


def _type_of(value: object) -> str:
    """For what is secret, or may hold something that is."""
    for kind, name in ((bool, "true or false"), (int | float, "a number"), (str, "a text"), (list, "a list")):
        if isinstance(value, kind):
            return name
    return "an object" if isinstance(value, dict) else "null"


def _unknown(name: str, place: str, path: str, shape: Mapping[str, Shape]) -> Iterator[Finding]:
    folded = {_folded(known): known for known in shape}
    close = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=_CLOSE)
    if close:
        yield Finding(KNOWN_KEY, place, f"is not documented; did you mean {folded[close[0]]}?")
    elif name in _PLACES:
        others = [other or "the body itself" for other in _PLACES[name] if other != path]
        where = " or in ".join(others) or "the body of another request"
        yield Finding(KNOWN_KEY, place, f"is not documented here; it belongs in {where}")


_CLOSE: Final = 0.8
"""As `captureIntervall` and `file_type`; `region` and `reason` are not that close."""


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _places(shape: Mapping[str, Shape], path: str) -> Iterator[tuple[str, str]]:
    for name, kind in shape.items():
        yield name, path
        if isinstance(kind, Mapping) and name != "startParameter":
            yield from _places(kind, under(path, name))


def _by_name(placed: Iterator[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for name, path in placed:
        found.setdefault(name, [])
        if path not in found[name]:
            found[name].append(path)
    return found


def may_be_shown(name: str, value: object) -> bool:
    """Whether a value that stands at this key, though it may be wrong, is surely no secret.

    Other keys may be misspelt secrets, text in place of an object may be the object in quotes, and an endpoint may
    have a password before its @.
    """
    if name == "endpoint":
        return isinstance(value, str) and "@" not in value
    return name in _LEAVES and name not in SECRETS


_PLACES: Final = _by_name(chain(_places(START, ""), _places(ACQUIRE, ""), _places(UPDATE, "")))
"""Where each documented key stands."""


def _leaves(shape: Mapping[str, Shape]) -> Iterator[str]:
    for name, kind in shape.items():
        if isinstance(kind, Mapping):
            yield from _leaves(kind)
        elif kind is not Kind.ANY:
            yield name


_LEAVES: Final = frozenset(chain(_leaves(START), _leaves(ACQUIRE), _leaves(UPDATE)))

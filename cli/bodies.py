"""Bodies of requests to Agora, as commands are given them."""

import sys
from pathlib import Path
from typing import Final

STDIN: Final = "-"

_OF_ACQUIRE: Final = frozenset({"resourceExpiredHour", "scene", "startParameter", "excludeResourceIds", "region"})
_OF_UPDATE: Final = frozenset({"streamSubscribe", "webRecordingConfig", "rtmpPublishConfig"})
_OF_START: Final = frozenset({"token", "recordingConfig", "snapshotConfig", "recordingFileConfig"})
_STORAGE: Final = "storageConfig"
"""Of a start, or of an update that has nothing else."""


def read(file: str) -> object:
    """The JSON of a file, or of standard input.  Raises `ConfigError`."""
    from indexer.agora.request import read_json, read_json_from

    return read_json_from(sys.stdin.buffer, "standard input") if file == STDIN else read_json(Path(file))


def kind_of(body: object, *, otherwise: str = "start") -> str:
    """`start`, `acquire` or `update`, by what only that one has; a start if it is several of them."""
    inner = body.get("clientRequest") if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        return otherwise
    if inner.keys() & _OF_START:
        return "start"
    if inner.keys() & _OF_UPDATE:
        return "update"
    if _STORAGE in inner:
        return "start"
    return "acquire" if inner.keys() & _OF_ACQUIRE or not inner else otherwise

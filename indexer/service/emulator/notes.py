"""Notices of which livestills makes nothing, but which Agora sends: warnings, errors, and the end of a session.

SOURCE: Agora's page "Cloud Recording API callback service", events 1, 2, 4 and 11, and its lists of upload errors and
warnings: error 32 is a storage configuration that is wrong, warning 32 a file that goes to the backup.
"""

import json
from typing import Final

from indexer.agora.events import OtherEvent

_UPLOADER: Final = 1
_FATAL: Final = 5


def _other(event_type: int, name: str, **fields: object) -> OtherEvent:
    return OtherEvent(event_type, json.dumps({"msgName": name, **fields}, separators=(",", ":")))


STORAGE_ERROR: Final = _other(
    1,
    "cloud_recording_error",
    module=_UPLOADER,
    errorLevel=_FATAL,
    errorCode=32,
    stat=1,
    errorMsg="the storage refuses what is uploaded",
)
BACKED_UP_WARNING: Final = _other(2, "cloud_recording_warning", module=_UPLOADER, warnCode=32)


def file_infos(key: str) -> OtherEvent:
    """A playlist is there for the first time."""
    return _other(4, "cloud_recording_file_infos", fileList=key)


def session_exit(*, normal: bool) -> OtherEvent:
    """The service has ended its tasks and left."""
    return _other(11, "session_exit", exitStatus=0 if normal else 1)

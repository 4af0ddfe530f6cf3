"""Why a key is none that Agora writes: codes for programs, sentences for people."""

import re
from enum import StrEnum
from typing import Final, Self

from indexer.agora.grammar import TYPE_MARK, UID_MARK, is_derivative, is_digits, split_front
from indexer.agora.recordings import EXTENSIONS
from indexer.agora.stamps import UTC_DIGITS
from indexer.model import DERIVATIVES_DIR

_EXTENSIONS: Final = EXTENSIONS | {"jpg"}
_SLICES: Final = frozenset({"ts", "webm"})


class Reason(StrEnum):
    """Why a key is unrecognised.  The values go into catalogs and machine output: never rename one."""

    explanation: str

    def __new__(cls, code: str, explanation: str = "") -> Self:
        """A code that carries its sentence; `Reason(code)` finds it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.explanation = explanation
        return member

    DERIVATIVE = "derivative", f"it lies below {DERIVATIVES_DIR}/, so livestills made it itself"
    DIRECTORY_MARKER = "directory-marker", "there is no object name: the key is empty or ends in /"
    MERGE_SCRIPT = "merge-script", "it is the output of Agora's convert script, not of a recording"
    NOT_AGORA = (
        "not-agora",
        "nothing in the name is Agora's: no __uid_s_, no __uid_e_, no 32 hexadecimal digits in front",
    )
    NO_EXTENSION = "no-extension", "the name has no extension; it may be cut off"
    FOREIGN_EXTENSION = (
        "foreign-extension",
        f"the extension is none of {', '.join(sorted(_EXTENSIONS))}, in exactly this spelling",
    )
    NO_UID = "no-uid", "the part __uid_s_<uid> is missing or empty"
    BAD_SID = "bad-sid", "what stands before the first _ is no sid, which is ASCII letters and digits only"
    NO_CNAME = "no-cname", "there is no channel name behind the sid"
    BAD_ENDING = (
        "bad-ending",
        "the end of the name, before the extension, is none that Agora writes with this extension",
    )
    BAD_TIME = "bad-time", "the time is not 17 digits (yyyyMMddHHmmssSSS, UTC)"
    FOREIGN_DIGITS = "foreign-digits", "the time is written in digits other than 0 to 9"
    IMPOSSIBLE_TIME = "impossible-time", "the 17 digits of the time are in no calendar"


# "Convert recordings" in Agora's documentation: <UID>_0_merge.mp4, <UID>_0_merge_av.mp4, <SID>_0_merge…
_MERGED: Final = re.compile(r"[0-9A-Za-z]+_[0-9]+_merge(?:_av)?\.[0-9a-z]+")
_SESSION: Final = re.compile(r"(?:bak[0-9]+_)*[0-9A-Fa-f]{32}_")


def why_unrecognised(key: str) -> Reason:
    """The first thing wrong with `key`, which is neither screenshot nor recording: its place, its kind, then from the
    front of the name to its end.
    """
    name = key[key.rfind("/") + 1 :]
    if is_derivative(key):
        return Reason.DERIVATIVE
    if not name:
        return Reason.DIRECTORY_MARKER
    if _MERGED.fullmatch(name):
        return Reason.MERGE_SCRIPT
    if UID_MARK not in name and TYPE_MARK not in name and not _SESSION.match(name):
        return Reason.NOT_AGORA
    stem, dot, extension = name.rpartition(".")
    if not dot or "_" in extension:  # the dot was one of the channel name
        return Reason.NO_EXTENSION
    if extension not in _EXTENSIONS:
        return Reason.FOREIGN_EXTENSION
    if UID_MARK in stem or TYPE_MARK in stem or extension in {"jpg", "webm", "mpd"}:
        return _why_not_individual(stem, extension)
    return _why_not_composite(stem, extension)


def _why_not_individual(stem: str, extension: str) -> Reason:
    type_at = stem.rfind(TYPE_MARK)
    uid_at = stem.rfind(UID_MARK, 0, len(stem) if type_at < 0 else type_at - 1)
    if uid_at < 0:
        return Reason.NO_UID
    front_fault = _fault_of_front(stem[:uid_at])
    if front_fault is not None:
        return front_fault
    if type_at < 0:
        return Reason.BAD_ENDING
    track, _, time = stem[type_at + len(TYPE_MARK) :].partition("_")
    tracks = {"video"} if extension == "jpg" else {"audio", "video", "av"} if extension in _SLICES else set()
    return _fault_of_time(time) if track in tracks else Reason.BAD_ENDING


def _why_not_composite(stem: str, extension: str) -> Reason:
    front, _, number = stem.rpartition("_")
    front_fault = _fault_of_front(front if is_digits(number) and extension != "m3u8" else stem)
    if front_fault is not None:
        return front_fault
    return _fault_of_time(number) if extension == "ts" else Reason.BAD_ENDING


def _fault_of_front(front: str) -> Reason | None:
    if split_front(front) is not None:
        return None
    sid = front.partition("_")[0]
    return Reason.NO_CNAME if sid.isascii() and sid.isalnum() else Reason.BAD_SID


def _fault_of_time(text: str) -> Reason:
    if len(text) == UTC_DIGITS and is_digits(text):
        return Reason.IMPOSSIBLE_TIME
    return Reason.FOREIGN_DIGITS if text.isdigit() and not text.isascii() else Reason.BAD_TIME

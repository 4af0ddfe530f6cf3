"""Checks of what a recorder subscribes to: `recordingConfig` of `start`, `streamSubscribe` of `update`.  Pure."""

import base64
import re
from collections.abc import Iterator
from typing import Final

from indexer.agora import request_rules as rules
from indexer.agora.request_rules import Finding
from indexer.agora.request_shapes import Part, in_quotes, shown_value

GREATEST_UID: Final = 2**32 - 1
_DIGITS: Final = re.compile(r"[0-9]+")
_LONGEST_LIST: Final = 32
_MOST_VIDEO_USERS: Final = 17
_EVERYBODY: Final = "#allstream#"
_WITH_SALT: Final = frozenset({7, 8})
_SALT_BYTES: Final = 32


def is_uid(text: str) -> bool:
    """Whether it is a whole number from 1 to 2^32-1, however many zeros stand before it."""
    digits = text.lstrip("0")
    return bool(_DIGITS.fullmatch(digits)) and len(digits) <= _UID_DIGITS and int(digits) <= GREATEST_UID


_UID_DIGITS: Final = len(str(GREATEST_UID))
"""Python converts no text of thousands of digits."""


def recording_findings(recording: Part) -> Iterator[Finding]:
    """What is wrong with `recordingConfig`, but for types."""
    for name, least, most, rule in (
        ("channelType", 0, 1, rules.CHANNEL_TYPE),
        ("streamTypes", 0, 2, rules.STREAM_TYPES),
        ("videoStreamType", 0, 1, rules.VIDEO_STREAM_TYPE),
        ("maxIdleTime", 5, 2_592_000, rules.MAX_IDLE_TIME),
        ("subscribeUidGroup", 0, 5, rules.UID_GROUP_RANGE),
    ):
        number = recording.whole(name)
        if number is not None and not least <= number <= most:
            yield Finding(rule, recording.at(name), f"is {shown_value(number)}")
    if recording.whole("streamTypes") == 0:
        yield Finding(rules.STREAM_TYPES_VIDEO, recording.at("streamTypes"), "is 0, which is audio only")
    stream_mode = recording.text("streamMode")
    if stream_mode == "original":
        yield Finding(rules.STREAM_MODE_VIDEO, recording.at("streamMode"), 'is "original", which is for audio')
    elif stream_mode is not None and stream_mode not in {"default", "standard"}:
        yield Finding(rules.STREAM_MODE, recording.at("streamMode"), f"is {in_quotes(stream_mode)}")
    if not recording.has("subscribeUidGroup"):
        yield Finding(rules.UID_GROUP, recording.at("subscribeUidGroup"), "is missing")
    yield from _decryption(recording)
    yield from uid_list_findings(recording, recording)
    if recording.whole("streamTypes") == 1:
        for name in _names("Audio"):
            if recording.has(name):
                yield Finding(rules.AUDIO_LIST_VIDEO_ONLY, recording.at(name), "is set beside streamTypes 1")


def _decryption(recording: Part) -> Iterator[Finding]:
    mode = recording.whole("decryptionMode")
    if not mode:
        return
    if not 0 <= mode <= max(_WITH_SALT):
        yield Finding(rules.DECRYPTION, recording.at("decryptionMode"), f"is {shown_value(mode)}")
        return
    if not recording.has("secret") or recording.text("secret") == "":
        yield Finding(rules.DECRYPTION, recording.at("secret"), f"is missing for decryptionMode {mode}")
    salt = recording.text("salt")
    if mode in _WITH_SALT and not recording.has("salt"):
        yield Finding(rules.DECRYPTION, recording.at("salt"), f"is missing for decryptionMode {mode}")
    elif mode in _WITH_SALT and salt is not None and not _is_salt(salt):
        yield Finding(rules.DECRYPTION, recording.at("salt"), f"is not Base64 of {_SALT_BYTES} bytes")


def _is_salt(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _SALT_BYTES
    except ValueError:
        return False


def _names(medium: str) -> tuple[str, str, str]:
    return f"subscribe{medium}Uids", f"unsubscribe{medium}Uids", f"unSubscribe{medium}Uids"


def uid_list_findings(audio: Part, video: Part) -> Iterator[Finding]:
    """What is wrong with whom it subscribes to; `audio` and `video` have the lists of each, in `start` they are one."""
    for part, medium in ((audio, "Audio"), (video, "Video")):
        names = [name for name in _names(medium) if part.has(name)]
        for name in names:
            yield from _uid_list(part, name)
        if len(names) > 1:
            yield Finding(rules.UID_LISTS_EITHER, part.at(names[1]), f"is set beside {names[0]}")
    wanted, *unwanted = _names("Video")
    users = video.texts(wanted) or []
    if len(users) > _MOST_VIDEO_USERS:
        yield Finding(rules.VIDEO_USERS, video.at(wanted), f"has {len(users)} uids")
    for name in unwanted:
        if video.has(name):
            yield Finding(rules.UNSUBSCRIBE_SPELLING, video.at(name), "may have to be spelt in another way")
    if audio.has("subscribeAudioUids"):
        if not any(map(video.has, _names("Video"))):
            yield Finding(rules.AUDIO_LIST, audio.at("subscribeAudioUids"), f"is set without {wanted}")
        elif not video.has(wanted):
            yield Finding(rules.AUDIO_LIST_MAYBE, audio.at("subscribeAudioUids"), f"is set without {wanted}")
    for name in _names("Audio")[1:]:
        if audio.has(name) and not any(map(video.has, _names("Video"))):
            yield Finding(rules.AUDIO_LIST_MAYBE, audio.at(name), "is set without a list of video")


def _uid_list(part: Part, name: str) -> Iterator[Finding]:
    uids = part.texts(name)
    if uids is None or uids == [_EVERYBODY]:
        return
    if not 1 <= len(uids) <= _LONGEST_LIST:
        yield Finding(rules.UID_LIST, part.at(name), f"has {len(uids)} uids" if uids else "is empty")
    for index, uid in enumerate(uids):
        if not is_uid(uid):
            yield Finding(rules.UID_LIST, f"{part.at(name)}[{index}]", f"is {in_quotes(uid)}")

"""The bodies of `acquire` and `start` as values, and whether they are right.  Secrets are in no text of theirs.

SOURCE: "start" and "acquire" of Agora's Cloud Recording RESTful API, and "Capture screenshots".  What is checked, and
by which page, is in `RULES`.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, TypeVar

from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

from indexer.agora import intervals
from indexer.agora.request_checks import check_acquire, check_pair, check_start, check_update
from indexer.agora.request_rules import RULES, Finding, Rule, Severity
from indexer.agora.routes import INDIVIDUAL
from indexer.errors import ConfigError

__all__ = [
    "INDIVIDUAL",
    "RULES",
    "AcquireRequest",
    "BadRequestError",
    "Finding",
    "RecordingConfig",
    "Rule",
    "Severity",
    "SnapshotConfig",
    "StartRequest",
    "StorageConfig",
    "check_acquire",
    "check_pair",
    "check_start",
    "check_update",
    "parse_accepted_start",
    "parse_acquire",
    "parse_json",
    "parse_start",
    "read_json",
    "read_json_from",
]


class BadRequestError(ConfigError):
    """A body breaks rules that it must not."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings: Final = tuple(findings)
        first = findings[0]
        place = f"{first.path} " if first.path else ""
        more = f" (and {len(findings) - 1} more: see `livestills request check`)" if len(findings) > 1 else ""
        super().__init__(f"{place}{first.message}; required: {first.rule.requires}{more}")


class _Body(BaseModel):
    # Agora adds fields now and then, so unknown ones are no error.  They are not kept either: nothing reads them, and
    # a misspelt secret among them would be shown.
    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        hide_input_in_errors=True,
    )


def _under(*path: str) -> Any:  # as pydantic's Field
    return Field(validation_alias=AliasPath("clientRequest", *path))


_Texts = Annotated[tuple[str, ...], Field(strict=False)]


class StorageConfig(_Body):
    """`storageConfig`: where the files go."""

    vendor: int
    region: int = 0
    bucket: str
    access_key: SecretStr
    secret_key: SecretStr
    sts_token: SecretStr | None = None
    sts_expiration: int | None = None
    """Seconds since 1970."""
    file_name_prefix: _Texts = ()
    endpoint: Annotated[str | None, Field(validation_alias=AliasPath("extensionParams", "endpoint"))] = None
    """Of vendor 11, without a scheme."""


class SnapshotConfig(_Body):
    """`snapshotConfig`: how often."""

    capture_interval: int = intervals.DEFAULT_S
    """Seconds."""
    file_type: _Texts = ("jpg",)


class RecordingConfig(_Body):
    """`recordingConfig`: whom it subscribes to."""

    stream_types: int = 2
    """0 audio, 1 video, 2 both."""
    channel_type: int = 0
    max_idle_time: int = 30
    """Seconds."""
    video_stream_type: int = 0
    stream_mode: str = "default"
    subscribe_video_uids: _Texts = ()
    """Empty for everybody, and so is `#allstream#`."""
    subscribe_audio_uids: _Texts = ()
    unsubscribe_video_uids: Annotated[
        _Texts, Field(validation_alias=AliasChoices("unsubscribeVideoUids", "unSubscribeVideoUids"))
    ] = ()
    unsubscribe_audio_uids: Annotated[
        _Texts, Field(validation_alias=AliasChoices("unsubscribeAudioUids", "unSubscribeAudioUids"))
    ] = ()
    subscribe_uid_group: int | None = None


class StartRequest(_Body):
    """The body of `start`."""

    cname: str
    uid: str
    """Of the recorder, as text."""
    token: Annotated[SecretStr | None, _under("token")] = None
    storage: Annotated[StorageConfig, _under("storageConfig")]
    snapshot: Annotated[SnapshotConfig | None, _under("snapshotConfig")] = None
    """None where Agora takes no screenshots, which `parse_start` refuses."""
    recording: Annotated[RecordingConfig, _under("recordingConfig")] = RecordingConfig()
    records: Annotated[bool, BeforeValidator(lambda _: True), _under("recordingFileConfig")] = False
    """Whether there is a recording beside the screenshots, that is, whether recordingFileConfig is there."""

    @property
    def stream_mode(self) -> str:
        """How recordings come out."""
        return self.recording.stream_mode


class AcquireRequest(_Body):
    """The body of `acquire`."""

    cname: str
    uid: str
    scene: Annotated[int, _under("scene")] = 0
    resource_expired_hour: Annotated[int, _under("resourceExpiredHour")] = 72
    """For so long a session can be queried, updated and stopped."""


def parse_start(body: object) -> StartRequest:
    """The value of a parsed body that `check_start` finds no error in; `BadRequestError` tells all errors."""
    return _parsed(StartRequest, body, _errors(check_start(body)))


def parse_accepted_start(body: object) -> StartRequest:
    """The same as Agora takes it, who starts what captures nothing: only what is refused there is an error here."""
    return _parsed(StartRequest, body, [finding for finding in check_start(body) if finding.rule.refused])


def parse_acquire(body: object) -> AcquireRequest:
    """The value of a parsed body that `check_acquire` finds no error in; `BadRequestError` tells all errors."""
    return _parsed(AcquireRequest, body, _errors(check_acquire(body)))


def _errors(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.rule.severity is Severity.ERROR]


_Model = TypeVar("_Model", bound=_Body)


def _parsed(model: type[_Model], body: object, errors: Sequence[Finding]) -> _Model:
    if errors:
        raise BadRequestError(errors)
    # By the names of JSON only: the checks have looked at no others.
    return model.model_validate(body, by_alias=True, by_name=False)


# Reading.

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

"""The bodies of `acquire` and `start` as values, and whether they are right.  Secrets are in no text of theirs.

SOURCE: "start" and "acquire" of Agora's Cloud Recording RESTful API, and "Capture screenshots".  What is checked, and
by which page, is in `RULES`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

from indexer.agora import intervals
from indexer.agora.request_checks import check_acquire, check_pair, check_start, check_update
from indexer.agora.request_json import parse_json, read_json, read_json_from
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
    "parse_accepted_acquire",
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


def parse_accepted_acquire(body: object) -> AcquireRequest:
    """The same as Agora takes it, who gives a resource ID for another kind of recording, too."""
    return _parsed(AcquireRequest, body, [finding for finding in check_acquire(body) if finding.rule.refused])


def _errors(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.rule.severity is Severity.ERROR]


_Model = TypeVar("_Model", bound=_Body)


def _parsed(model: type[_Model], body: object, errors: Sequence[Finding]) -> _Model:
    if errors:
        raise BadRequestError(errors)
    # By the names of JSON only: the checks have looked at no others.
    return model.model_validate(body, by_alias=True, by_name=False)

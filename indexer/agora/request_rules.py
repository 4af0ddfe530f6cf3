"""What Agora wants of the bodies of `acquire`, `start` and `update`, rule by rule.  Pure.

The table of docs/requests.md is made from `RULES`; the checks are in `indexer.agora.request_checks` and
`indexer.agora.request_storage`.  Where Agora's pages do not agree with each other a rule warns, and says who says what.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from indexer.agora import intervals


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Agora refuses the request, or starts and there are no screenshots, or none that livestills recognises."""
    WARNING = "warning"
    """It may be meant like this, or the documents do not agree that it is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a request must be, and where that is written."""

    name: str
    """kebab-case.  It stands in machine output: never rename one."""
    severity: Severity
    requires: str
    otherwise: str
    """What Agora does if it is not so, as far as the source tells."""
    source: str
    """Titles of Agora's pages."""
    refused: bool = False
    """Whether Agora answers 400.  What is wrong otherwise goes unnoticed there: the recording starts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a body breaks."""

    rule: Rule
    path: str
    """`clientRequest.snapshotConfig.captureInterval`; empty for what is not one place in the body."""
    message: str
    """What is wrong here, with the value unless it is secret."""


_ALL: Final[list[Rule]] = []


def _rule(name: str, severity: Severity, requires: str, otherwise: str, source: str, *, refused: bool = False) -> Rule:
    rule = Rule(name, severity, requires, otherwise, source, refused)
    _ALL.append(rule)
    return rule


def _refused(name: str, requires: str, source: str, otherwise: str | None = None) -> Rule:
    return _rule(name, Severity.ERROR, requires, otherwise or _INVALID, source, refused=True)


def _error(name: str, requires: str, source: str, otherwise: str) -> Rule:
    return _rule(name, Severity.ERROR, requires, otherwise, source)


def _warning(name: str, requires: str, source: str, otherwise: str) -> Rule:
    return _rule(name, Severity.WARNING, requires, otherwise, source)


_INVALID: Final = "refuses it: 400, code 2 (invalid parameter)"
_NOTHING: Final = "takes no screenshots"

_GUIDE: Final = '"Capture screenshots"'
_ACQUIRE: Final = 'RESTful API, "acquire"'
_START: Final = 'RESTful API, "start"'
_UPDATE: Final = 'RESTful API, "update"'
_ERRORS: Final = '"Common errors"'
_LISTS: Final = '"Set up subscription lists"'
_REGIONS: Final = '"Third-party cloud storage regions"'
_RAW: Final = '"Individual recording migration guide"'

# Any body.

BODY = _refused(
    "body", "the body is a JSON object", _ERRORS, "refuses it: 400, code 8 (the request is not valid JSON) or code 2"
)
KIND = _refused("type", "every documented field has its documented type: a number is not a text", _ERRORS)
KNOWN_KEY = _warning(
    "known-key",
    "no key is a documented one misspelt, or in the wrong place (names are case sensitive)",
    f'{_ERRORS} ("a parameter is spelt wrong")',
    "refuses it with code 2, or takes the default of what is meant",
)
CLIENT_REQUEST = _refused("client-request", "clientRequest is there", f"{_START}; {_ACQUIRE}; {_UPDATE}")

CNAME = _refused("cname", "cname is there and not empty", f"{_START}; {_ACQUIRE}")
CNAME_CHARACTERS = _refused(
    "cname-characters",
    "cname has only a-z A-Z 0-9, the space and ! # $ % & ( ) + - : ; < = . > ? @ [ ] ^ _ { } | ~ ,",
    f"{_ERRORS} (1013)",
    "refuses acquire: 400, code 401 (invalid_channel_name), in older documents code 1013",
)
CNAME_LENGTH = _refused(
    "cname-length", "cname has at most 64 bytes", f"{_ERRORS} (1013); RTC API", "refuses it: code 1013"
)
CNAME_64 = _warning(
    "cname-64-bytes",
    "cname has less than 64 bytes",
    f'{_ERRORS} says "less than 64 bytes", the RTC API "at most 64": they do not agree about 64',
    "may refuse it: code 1013",
)
UID = _refused("uid", 'uid is there, as text: "527841", not 527841', f"{_START}; {_ACQUIRE}")
UID_RANGE = _refused("uid-range", "uid is a whole number from 1 to 4294967295 (2^32-1)", _ACQUIRE)
UID_ZEROS = _warning(
    "uid-leading-zeros",
    "uid begins with no zero",
    f"{_ACQUIRE}: an integer in quotes; nothing is said about leading zeros",
    "may read 007 as 7, which may be a user of the channel: the recorder's uid must be its own",
)
TOKEN = _error(
    "token",
    "clientRequest.token is there if the project has an App Certificate (--token-required)",
    f"{_GUIDE}; {_START}; {_ERRORS} (109, 110)",
    "starts, and then cannot join the channel: 109 or 110 in the callbacks, 404 from query",
)
TOKEN_MAYBE = _warning(
    "token-maybe",
    "clientRequest.token is there, or it is known that the project has no App Certificate (--no-token)",
    f"{_GUIDE}; {_START}",
    "cannot join the channel if the project has an App Certificate",
)

# The mode, which is in the URL.

MODE = _error(
    "mode",
    "the mode in the URL is individual, not mix or web",
    f"{_GUIDE}, Considerations",
    f"refuses it or {_NOTHING}",
)
MODE_RAW = _error(
    "mode-raw",
    "the mode in the URL is individual, not raw",
    f"{_GUIDE} demands individual; {_RAW} and the newest {_START} call raw its successor, with screenshots",
    "names the screenshots <sid>_<cname>__uid_s_<uid>__uid_e_<utc>.jpg, which livestills does not recognise",
)

# What is subscribed to.

RECORDING_CONFIG = _warning(
    "recording-config",
    "recordingConfig is there",
    f"{_GUIDE} calls it required, {_START} optional: they do not agree",
    "may refuse it, or takes the defaults",
)
CHANNEL_TYPE = _refused("channel-type", "channelType is 0 (communication) or 1 (live streaming)", _START)
STREAM_TYPES = _refused("stream-types", "streamTypes is 0, 1 or 2", _START)
STREAM_TYPES_VIDEO = _error(
    "stream-types-video",
    "streamTypes is 1 (video) or 2 (audio and video, the default), not 0 (audio)",
    f"{_GUIDE}, Considerations; {_START}",
    _NOTHING,
)
STREAM_MODE = _refused("stream-mode", "streamMode is default, standard or original", f"{_ACQUIRE}, startParameter")
STREAM_MODE_VIDEO = _error(
    "stream-mode-video",
    "streamMode is not original, which is for audio without transcoding",
    '"Media streaming output modes"',
    f"{_NOTHING}: only default and standard do",
)
VIDEO_STREAM_TYPE = _refused("video-stream-type", "videoStreamType is 0 (high quality) or 1 (low quality)", _START)
MAX_IDLE_TIME = _refused("max-idle-time", "maxIdleTime is from 5 to 2592000 seconds (30 days)", _START)
DECRYPTION = _refused(
    "decryption",
    "decryptionMode is from 0 to 8, with secret unless it is 0, with salt (32 bytes in Base64) if it is 7 or 8",
    _START,
    "refuses it, or cannot decrypt what it should take screenshots of",
)
UID_LIST = _refused(
    "uid-list",
    'a list of uids has 1 to 32 uids as text, or is ["#allstream#"]',
    f"{_START}; {_UPDATE}",
)
UID_LISTS_EITHER = _refused(
    "uid-lists-either",
    "of one medium there is a list to subscribe to or one not to, not both",
    f"{_START}; {_UPDATE}",
)
UNSUBSCRIBE_SPELLING = _warning(
    "unsubscribe-spelling",
    "there is no list of uids whose video is not subscribed to",
    f"{_START} spells it unsubscribeVideoUids, {_LISTS} and Agora's Go and Java clients unSubscribeVideoUids",
    "may not know the one that is written, and then takes screenshots of everybody",
)
VIDEO_USERS = _warning(
    "video-users",
    "at most 17 uids are in subscribeVideoUids",
    f"{_LISTS}: 17 users; {_START}: 32 uids",
    "takes screenshots of the 17 who joined first",
)
AUDIO_LIST = _error(
    "audio-list-needs-video-list",
    "with subscribeAudioUids there is subscribeVideoUids as well",
    f"{_GUIDE}, Considerations; {_LISTS}",
    f"subscribes to no video and {_NOTHING}",
)
AUDIO_LIST_MAYBE = _warning(
    "audio-list-other",
    "a list of audio not to subscribe to has one of video beside it, and subscribeAudioUids has subscribeVideoUids",
    f"{_LISTS}: a list of one medium alone drops the other, and either kind of list will do;"
    f" {_GUIDE} speaks of subscribe lists only",
    "may subscribe to no video and take no screenshots",
)
AUDIO_LIST_VIDEO_ONLY = _error(
    "audio-list-video-only",
    "with streamTypes 1 there are no lists of audio",
    f"{_START}; {_UPDATE}: they are for streamTypes 0 and 2",
    "refuses or ignores them",
)
UID_GROUP = _warning(
    "subscribe-uid-group",
    "subscribeUidGroup is there",
    f"{_START}: required in individual mode; the second example of {_GUIDE} has none",
    "may refuse it: 400, code 2",
)
UID_GROUP_RANGE = _refused("subscribe-uid-group-range", "subscribeUidGroup is from 0 to 5", _START)

# The screenshots.

SNAPSHOT_CONFIG = _error("snapshot-config", "snapshotConfig is there", _GUIDE, f"starts, and {_NOTHING}")
CAPTURE_INTERVAL = _refused(
    "capture-interval",
    f"captureInterval is a whole number of seconds from 1 to {intervals.LONGEST_S} (default {intervals.DEFAULT_S})",
    _GUIDE,
)
CAPTURE_INTERVAL_5 = _warning(
    "capture-interval-below-5",
    "captureInterval is 5 or more",
    f"{_GUIDE} says [1, 3600], {_START} and {_ACQUIRE} say [5, 3600]: they do not agree",
    "may refuse it: 400, code 2",
)
FILE_TYPE = _refused("file-type", 'fileType is there, exactly ["jpg"]', f"{_GUIDE}; {_START}")
RECORDING_FILES = _error(
    "recording-file-config",
    "recordingFileConfig is there for screenshots with recording (--recording), absent without (--no-recording)",
    f"{_GUIDE}, table; {_START}",
    "without it makes no recording; with it records, or refuses the request",
)
RECORDING_FILES_MAYBE = _warning(
    "recording-file-config-maybe",
    "recordingFileConfig is absent, or it is known that a recording is wanted as well (--recording)",
    f"{_GUIDE}: its table requires it for screenshots with recording, its English Considerations forbid it;"
    f" {_START} agrees with the table",
    "records as well, which costs; of old it made the screenshots fail",
)
AV_FILE_TYPE = _refused("av-file-type", 'avFileType is ["hls"]', f"{_GUIDE}; {_START}: keep the default")
AV_FILE_TYPE_DEFAULT = _warning(
    "av-file-type-default",
    "recordingFileConfig has avFileType",
    f'{_GUIDE} sets it; {_START} has the default ["hls"]',
    "takes the default, or refuses it",
)

# The storage.

STORAGE = _refused("storage", "storageConfig is there", f"{_GUIDE}; {_START}")
STORAGE_COMPLETE = _refused(
    "storage-complete", "storageConfig has vendor, region, bucket, accessKey and secretKey, none of them empty", _START
)
REGION_ANYHOW = _warning(
    "region-anyhow",
    "region is there also for vendors 5, 6 and 11, which have none",
    f"{_START} requires it, {_REGIONS} says there is no need to: they do not agree; 0 suits both",
    _INVALID.replace("refuses", "may refuse"),
)
VENDOR = _refused("vendor", "vendor is 1, 2, 3, 5, 6, 7, 8 or 11", _START)
VENDOR_REMOVED = _refused(
    "vendor-removed",
    "vendor is not 0 (Qiniu) or 4 (Kingsoft)",
    "older releases of the RESTful API; the newest has neither",
)
VENDOR_AZURE = _warning(
    "vendor-azure",
    "vendor is not 5 (Azure), if livestills shall read the screenshots",
    "Azure Blob Storage has no S3 API",
    "uploads, where livestills cannot list: mirror the container, or use another storage",
)
REGION = _refused(
    "region", "region is a number of the vendor's list", _REGIONS, "refuses it, or fails to upload: uploader error 32"
)
REGION_ZERO = _warning(
    "region-zero",
    "region is 0 for vendors 5, 6 and 11, which have none",
    f'{_REGIONS}: with 5 and 6 it "will not take effect"; "Release notes" set 0 with 11',
    "ignores it",
)
REGION_DOUBTFUL = _warning(
    "region-doubtful",
    "region is one that the current pages of Agora and of the storage name, and that is not being closed",
    "older pages and release notes of Agora; the storages' own lists of regions",
    "may refuse it, or fail to upload: uploader error 32",
)
BUCKET_NAME = _error(
    "bucket-name",
    "bucket is the name of one alone: at most 255 letters, digits, '.', '_' and '-'",
    f"{_START}: by the rules of the storage, of which none allows more",
    "fails to upload: uploader error 32",
)
BUCKET = _warning(
    "bucket",
    "bucket is a name of 3 to 63 characters: a-z, 0-9, '.', '-', and a letter or digit at both ends",
    f"{_START}: by the rules of the storage; these are Amazon's for new buckets, others are stricter",
    "may fail to upload: uploader error 32",
)
BUCKET_APPID = _warning(
    "bucket-appid",
    "a bucket of vendor 3 (Tencent COS) is called by its whole name, which ends in the APPID: shots-1250000000",
    f'{_START}: by the rules of the storage; Tencent Cloud COS, "Bucket Overview"',
    "may fail to upload: uploader error 32",
)
ENDPOINT = _refused("endpoint", "extensionParams.endpoint is there for vendor 11", f"{_START}; {_UPDATE}")
ENDPOINT_DOMAIN = _error(
    "endpoint-domain",
    "extensionParams.endpoint is a domain alone: no https://, no path, no bucket, no credentials",
    f"{_REGIONS}, S3-compatible storage",
    "fails to upload: uploader error 32",
)
ENDPOINT_ELSEWHERE = _warning(
    "endpoint-elsewhere",
    "extensionParams.endpoint is there for vendor 11 only",
    f"{_START}; {_UPDATE}",
    "ignores it, and uploads to the vendor's own region",
)
STS_VENDOR = _error(
    "sts-vendor", "stsToken is there for vendors 1, 2 and 3 only", _START, "fails to upload, or refuses the request"
)
STS_EXPIRATION = _warning(
    "sts-expiration",
    "stsToken and stsExpiration are there together",
    f"{_START} describes both, and does not say that one requires the other",
    "cannot tell when the token ends",
)
STS_SECONDS = _error(
    "sts-expiration-seconds",
    "stsExpiration is a time in seconds since 1970, not in milliseconds",
    _START,
    "takes the token for valid, and fails to upload when it has ended",
)
STS_EXPIRED = _error(
    "sts-expired", "stsExpiration is in the future", _START, "fails to upload until update brings another token"
)
STS_VALIDITY = _warning(
    "sts-validity",
    "stsExpiration is 4 hours or more ahead",
    f"{_START}: at least 4 hours; whether counted from the request is not said",
    "may refuse it; uploads fail once it has ended",
)
SSE = _refused("sse", "extensionParams.sse is kms or aes256", _START)
SSE_VENDOR = _warning("sse-vendor", "extensionParams.sse is there for vendor 1 only", _START, "ignores it")
TAG_VENDOR = _warning("tag-vendor", "extensionParams.tag is there for vendors 1 and 2 only", _START, "ignores it")
PREFIX = _refused("prefix", "each text of fileNamePrefix has only a-z A-Z 0-9: no slash, one text a directory", _START)
PREFIX_UNDERSCORE = _warning(
    "prefix-underscore",
    "no text of fileNamePrefix has _",
    f"{_START} allows letters and digits only; recordings of many projects lie below prefixes with _",
    "accepts it in practice",
)
PREFIX_EMPTY = _warning(
    "prefix-empty",
    "no text of fileNamePrefix is empty: without a prefix leave it out",
    f'{_START} says nothing about it; an example of Agora\'s Java client has [""]',
    "puts the files at the root of the bucket, as far as is known",
)
PREFIX_LENGTH = _refused(
    "prefix-length", "the prefix that fileNamePrefix makes has at most 128 characters with its slashes", _START
)

# acquire.

RESOURCE_EXPIRED_HOUR = _refused(
    "resource-expired-hour",
    "resourceExpiredHour is a whole number from 1 to 720 (default 72)",
    f'{_ACQUIRE}; "Response status codes"',
    "refuses it: 400, code 2 (invalid resourceExpiredHour value)",
)
SCENE = _error(
    "scene",
    "scene is 0 (the default), not 1 (web page) or 2 (postponed transcoding)",
    f"{_GUIDE}; {_ACQUIRE}",
    "gives a resource for another kind of recording",
)
ACQUIRE_REGION = _refused("acquire-region", "region is CN, AP, EU or NA", _ACQUIRE)
SAME_CHANNEL = _refused(
    "same-channel",
    "cname and uid are the same in acquire and start",
    f"{_START}; {_ERRORS} (432)",
    "refuses start: code 432 (they do not match the resource ID)",
)
START_PARAMETER = _refused(
    "start-parameter",
    "what startParameter of acquire says is the same in clientRequest of start",
    f"{_ACQUIRE}; {_START}",
    "refuses start",
)
START_PARAMETER_WHOLE = _warning(
    "start-parameter-whole",
    "startParameter of acquire says all that clientRequest of start says",
    f'{_ACQUIRE}: they must be "consistent"; whether a part will do is not said',
    "may refuse start",
)

# update.

UPDATES = _warning(
    "updates",
    "clientRequest of update has streamSubscribe or storageConfig",
    _UPDATE,
    "changes nothing in this mode",
)

RULES: Final[tuple[Rule, ...]] = tuple(_ALL)
"""All of them, in the order of the documentation."""

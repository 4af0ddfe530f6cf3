"""The response codes of Agora's RESTful API for cloud recording: what each means, and what to do.  Pure.

SOURCE: "Response status codes" of the Cloud Recording RESTful API (2026-06), and "Common errors" in the reference of
Cloud Recording for the older codes, which the newer page leaves out; 50 is told for `stop` alone.  Where two pages tell
different things of one number, both stand here by the call that is answered (`ACQUIRE_CODES`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final


class Again(StrEnum):
    """Whether it is any use to try again."""

    SAME = "same"
    """The same request, repeated after a while, may work."""
    ACQUIRE = "acquire"
    """Not with this resource ID: after another `acquire` it may work."""
    NO = "no"
    """Not before something was changed."""


class Call(StrEnum):
    """The requests of the RESTful API."""

    ACQUIRE = "acquire"
    START = "start"
    QUERY = "query"
    UPDATE = "update"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Code:
    """One value of `code` in an answer."""

    number: int
    name: str
    """For programs, kebab-case: never rename one."""
    http: int
    """The HTTP status that it comes with; 400 for the older codes, of which no page tells it."""
    reason: str
    """As the documents print `reason` in the answer; "" where they print none."""
    meaning: str
    advice: str
    again: Again = Again.NO

    @property
    def retry(self) -> bool:
        """Whether the same request, repeated after a while, may work."""
        return self.again is Again.SAME


_BACK_OFF: Final = "wait 3 s, then 6 s, and send the same request again"

_ALL: Final = (
    Code(
        2,
        "invalid-parameter",
        400,
        "",
        "a parameter is missing, misspelt, of another type or out of its range",
        "correct the request; `livestills request check` names what is wrong",
    ),
    Code(
        7,
        "already-started",
        201,
        "already started",
        "the recording with this resource ID is running already",
        "do not start it again: ask with `query`; a resource ID serves one recording",
    ),
    Code(
        8,
        "invalid-header",
        400,
        "",
        "the header, the HTTP method, the URL or the JSON of the request is wrong",
        "send JSON with Content-Type application/json;charset=utf-8 to a documented route",
    ),
    Code(
        49,
        "invalid-operation",
        400,
        "invalid operation",
        "the recording is ending already: stop was repeated, the recorder was removed, or maxIdleTime was over",
        "nothing is left to be done",
    ),
    Code(
        50,
        "upload-unfinished",
        206,
        "",
        "the files were not all uploaded within the 20 s that stop waits with async_stop false",
        "the recording is stopped and the upload goes on: look into the bucket later",
    ),
    Code(
        53,
        "task-conflict",
        400,
        "task conflict",
        "a recording of this cname by this recorder uid is running already, under another resource ID",
        "ask that one with `query`, or acquire and start with another uid",
    ),
    Code(
        62,
        "request-timeout",
        504,
        "request timeout",
        "the recording service did not answer in time",
        f"{_BACK_OFF}; if start still fails, acquire again",
        Again.SAME,
    ),
    Code(
        65,
        "request-not-completed",
        206,
        "request not completed",
        "the request reached the recording service, which did not answer in time",
        f"{_BACK_OFF}; if start still fails, acquire again",
        Again.SAME,
    ),
    Code(
        109,
        "token-expired",
        400,
        "",
        "the token for joining the channel has expired",
        "get a new token and put it into clientRequest.token",
    ),
    Code(
        110,
        "token-wrong",
        400,
        "",
        "the token for joining the channel is wrong",
        "make the token with the App Certificate of this App ID, for this cname and this uid",
    ),
    Code(
        400,
        "invalid-appid",
        400,
        "invalid_appid",
        "the App ID is not known, or cloud recording is not enabled for it",
        "check the App ID, and enable cloud recording for it in Agora's console",
    ),
    Code(
        401,
        "invalid-channel-name",
        400,
        "invalid_channel_name",
        "cname is too long or has characters that Agora does not support",
        "use the channel's name as the clients use it: 89 ASCII characters, less than 64 bytes",
    ),
    Code(
        404,
        "no-worker",
        404,
        "failed to find worker",
        "no such recording is running: it ended, never came to run, or is being moved to another server",
        "for up to 90 s after a failover this is normal: ask again after 5, 10 and 15 s; then check the keys of the "
        "storage, the token and maxIdleTime",
    ),
    Code(
        405,
        "no-active-status",
        400,
        "no_active_status",
        "the App ID is not active, perhaps because a bill is overdue",
        "look after the account in Agora's console",
    ),
    Code(
        406,
        "too-many-tasks",
        400,
        "vendor_over_load",
        "more recordings run at once than this App ID may have (50 unless agreed otherwise)",
        "stop what is not needed or try later; Agora's support raises the limit",
        Again.SAME,
    ),
    Code(
        432,
        "mismatch",
        400,
        "",
        "a parameter is wrong, or App ID, cname or uid are not those that the resource ID was acquired for",
        "use the cname and uid of the acquire",
    ),
    Code(
        433,
        "resource-expired",
        400,
        "",
        "the resource ID has expired: start within 5 minutes of acquire, better within 2 s",
        "acquire again",
        Again.ACQUIRE,
    ),
    Code(
        435,
        "nothing-recorded",
        206,
        "no recorded data",
        "nothing was recorded: nobody in the channel sent a stream",
        "if somebody did, check cname, channelType and the subscriptions",
    ),
    Code(
        500,
        "internal-error",
        500,
        "internal_error",
        "the recording service failed inside",
        _BACK_OFF,
        Again.SAME,
    ),
    Code(
        501,
        "exiting",
        400,
        "",
        "the recording is ending, as it does behind a stop",
        "nothing is left to be done",
    ),
    Code(
        502,
        "no-worker-allocated",
        500,
        "Failed to allocate worker",
        "no recorder was free",
        "acquire and start again",
        Again.ACQUIRE,
    ),
    Code(
        504,
        "allocate-timeout",
        500,
        "allocate_timeout",
        "no resource was found in time",
        _BACK_OFF,
        Again.SAME,
    ),
    Code(
        1001,
        "resource-unreadable",
        400,
        "",
        "the resource ID cannot be read",
        "copy it whole, or acquire again",
        Again.ACQUIRE,
    ),
    Code(
        1003,
        "resource-mismatch",
        400,
        "",
        "App ID or sid are not those of the resource ID",
        "use resource ID, App ID and sid of one and the same recording",
    ),
    Code(
        1013,
        "invalid-cname",
        400,
        "",
        "cname is too long or has characters that Agora does not support",
        "use the channel's name as the clients use it: 89 ASCII characters, less than 64 bytes",
    ),
    Code(
        1028,
        "invalid-layout",
        400,
        "",
        "a parameter of an updateLayout request is wrong",
        "correct it; layouts are none of an individual recording's",
    ),
)

CODES: Final[Mapping[int, Code]] = {code.number: code for code in _ALL}
"""Every documented code, in order of number, as all calls but `acquire` mean it."""

ACQUIRE_CODES: Final[Mapping[int, Code]] = {
    62: Code(
        62,
        "not-enabled",
        400,
        "",
        "cloud recording is not enabled for this App ID",
        "enable cloud recording for it in Agora's console",
    ),
    501: Code(
        501,
        "no-worker-manager",
        500,
        "no_worker_manager_available",
        "no resource was free",
        _BACK_OFF,
        Again.SAME,
    ),
}
"""Codes that mean something else in the answer to `acquire`."""

HTTP_STATUS: Final[Mapping[int, str]] = {
    200: "the request was carried out",
    201: "the recording is running already",
    206: "nothing was recorded, the request is not completed, or files went to Agora's backup cloud first",
    400: "the request is wrong, or cloud recording is not enabled for the App ID",
    401: "customer ID or customer secret are wrong, or do not belong to the App ID",
    403: "these credentials may not do this",
    404: "no such recording is running, or there is no such route",
    429: "too many requests a second (10 for an App ID unless agreed otherwise)",
    500: "the recording service failed inside",
    502: "a gateway in front of the recording service got no sound answer",
    503: "the recording service is not available for now",
    504: "the recording service did not answer in time",
}
"""What HTTP statuses mean of which an answer gives no `code`."""

MESSAGES: Final[Mapping[str, str]] = {
    "appid is invalid": "the App ID is not known, or cloud recording is not enabled for it",
    "invalid appid": "the App ID is not known, or cloud recording is not enabled for it",
    "Unauthorized": "the request had no credentials",
    "Invalid authentication credentials": "customer ID or customer secret are wrong, or do not belong to the App ID",
    "no Route matched with those values": "there is no such route",
    "API rate limit exceeded": "too many requests a second (10 for an App ID unless agreed otherwise)",
}
"""Answers of the gateway in front, which have a `message` and neither `code` nor `reason`."""

TEMPORARY_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses behind which the same request may work later."""


def code_of(number: int, call: Call) -> Code | None:
    """What `code: number` means in the answer to a call; None if no document has it."""
    return (ACQUIRE_CODES.get(number) if call is Call.ACQUIRE else None) or CODES.get(number)


def meaning_of_status(status: int) -> str:
    """What an HTTP status means without any `code`; its name where Agora's documents do not have it."""
    if status in HTTP_STATUS:
        return HTTP_STATUS[status]
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "a status that HTTP does not know"

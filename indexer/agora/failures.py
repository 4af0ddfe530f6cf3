"""How a request to Agora's RESTful API can fail: one line for a person, a class and its exit status for a program."""

from collections.abc import Callable, Mapping
from typing import Final, Self

from indexer.agora.codes import MESSAGES, TEMPORARY_STATUS, Again, Call, Code, code_of, meaning_of_status
from indexer.errors import ExitStatus, LivestillsError

_LONGEST_REASON: Final = 200


class AgoraError(LivestillsError):
    """A request was refused, or no sound answer came."""

    def __init__(
        self,
        text: str,
        *,
        call: Call,
        http_status: int | None = None,
        code: int | None = None,
        explanation: Code | None = None,
        again: Again = Again.NO,
        lost: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(text)
        self.call = call
        self.http_status = http_status
        """None without an answer."""
        self.code = code
        """`code` of the answer, if it has one."""
        self.explanation = explanation
        """What documents say of that code."""
        self.again = again
        self.lost = lost
        """Whether the request may have been carried out: it was sent, and its answer was not understood."""
        self.retry_after_s = retry_after_s
        """How long the server asked to wait."""

    def followed_by(self, text: str, *, lost: bool | None = None) -> Self:
        """The same error with more to say, and `lost` unless it is None."""
        return type(self)(
            f"{self}{text}",
            call=self.call,
            http_status=self.http_status,
            code=self.code,
            explanation=self.explanation,
            again=self.again,
            lost=self.lost if lost is None else lost,
            retry_after_s=self.retry_after_s,
        )


class AgoraRefusedError(AgoraError):
    """The request is wrong, and will be tomorrow."""

    status = ExitStatus.USAGE


class AgoraDeniedError(AgoraError):
    """The credentials, the token or the App ID do not allow it."""

    status = ExitStatus.DENIED


class AgoraNotFoundError(AgoraError):
    """No such recording is running."""

    status = ExitStatus.NOT_FOUND


class AgoraUnavailableError(AgoraError):
    """It did not work for now: later it may."""

    status = ExitStatus.TEMPORARY


class AlreadyRunningError(AgoraError):
    """The recording that was to be started is running already (codes 7 and 53)."""


_KINDS: Final[Mapping[str, type[AgoraError]]] = {
    **dict.fromkeys(
        ("invalid-parameter", "invalid-header", "invalid-appid", "invalid-channel-name", "mismatch"), AgoraRefusedError
    ),
    **dict.fromkeys(("resource-mismatch", "invalid-cname", "invalid-layout"), AgoraRefusedError),
    **dict.fromkeys(("token-expired", "token-wrong", "no-active-status", "not-enabled"), AgoraDeniedError),
    **dict.fromkeys(("no-worker",), AgoraNotFoundError),
    **dict.fromkeys(("no-worker-allocated",), AgoraUnavailableError),
    **dict.fromkeys(("already-started", "task-conflict"), AlreadyRunningError),
}
"""By the name of a code; those worth repeating are `AgoraUnavailableError`, others `AgoraError`."""

_ADVICE: Final[Mapping[int, str]] = {
    401: "check customer ID, customer secret and App ID",
    403: "check customer ID, customer secret and App ID",
    407: "give the proxy its credentials (HTTPS_PROXY)",
    429: "send fewer requests, or try again later",
}
_NO_ROUTE: Final = "no Route matched with those values"


def code_in(body: Mapping[str, object], http_status: int) -> int | None:
    """`code` of an answer.  None if there is none, and where it only repeats the HTTP status."""
    found = body.get("code")
    if not isinstance(found, int) or isinstance(found, bool) or found in {0, 200}:
        return None
    # 400 to 504 are codes as well: as such they come with the HTTP status that the documents tell.
    only_the_status = found == http_status and not any(
        code is not None and code.http == http_status for code in (code_of(found, call) for call in Call)
    )
    return None if only_the_status else found


def reason_in(body: Mapping[str, object], *, without_secrets: Callable[[str], str]) -> str:
    """What the answer gives as its reason, in one line and not for ever; "" without."""
    server = body.get("serverResponse")
    payload = server.get("payload") if isinstance(server, Mapping) else None
    deeper = payload.get("message") if isinstance(payload, Mapping) else None
    for text in (body.get("reason"), body.get("message"), deeper):
        if isinstance(text, str) and text.strip():
            # First of all: what is cut, or has its white space folded, is no longer found.
            line = " ".join(without_secrets(text).split())
            return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"
    return ""


def refusal(
    call: Call,
    http_status: int,
    body: Mapping[str, object],
    *,
    without_secrets: Callable[[str], str],
    retry_after_s: float | None = None,
) -> AgoraError:
    """The error that an answer tells.  `body` is {} where it was no JSON object."""
    number = code_in(body, http_status)
    reason = reason_in(body, without_secrets=without_secrets)
    if number is None:
        return _of_status(call, http_status, reason, retry_after_s)
    known = code_of(number, call)
    said = reason or (known.name if known else "")
    text = f"{call}: HTTP {http_status}, code {number}{f' ({said})' if said else ''}"
    if known is None:
        again = Again.SAME if http_status in TEMPORARY_STATUS else Again.NO
        kind = AgoraUnavailableError if again is Again.SAME else AgoraError
        text += f": no document explains this code; {meaning_of_status(http_status)}"
    else:
        again = known.again
        kind = _KINDS.get(known.name, AgoraUnavailableError if known.retry else AgoraError)
        text += f": {known.meaning}; {known.advice}"
    return kind(
        text,
        call=call,
        http_status=http_status,
        code=number,
        explanation=known,
        again=again,
        retry_after_s=retry_after_s,
        # Behind 62 and 65 the request did arrive, and what became of it is not known.
        lost=known is not None and known.number in {62, 65},
    )


def _of_status(call: Call, http_status: int, reason: str, retry_after_s: float | None) -> AgoraError:
    temporary = http_status in TEMPORARY_STATUS
    kind: type[AgoraError] = AgoraUnavailableError if temporary else AgoraError
    advice = _ADVICE.get(http_status, "try again later" if temporary else "")
    if http_status in {401, 403}:
        kind = AgoraDeniedError
    elif reason == _NO_ROUTE or 300 <= http_status < 400:
        kind, advice = AgoraRefusedError, "check the base URL"
    elif http_status == 404:
        kind = AgoraNotFoundError
    elif http_status == 400:
        kind = AgoraRefusedError
    text = f"{call}: HTTP {http_status}{f' ({reason})' if reason else ''}"
    text += f": {MESSAGES.get(reason) or meaning_of_status(http_status)}{f'; {advice}' if advice else ''}"
    return kind(
        text,
        call=call,
        http_status=http_status,
        again=Again.SAME if temporary else Again.NO,
        # A gateway that gives up says nothing of what is behind it.
        lost=http_status in {500, 502, 504},
        retry_after_s=retry_after_s,
    )

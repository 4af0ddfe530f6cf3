"""A client of Agora's RESTful API for cloud recording: acquire, start, query, update and stop, with retries.

Every request may be sent again when its answer is lost.  A resource ID serves one recording, so that a second `start`
with it starts nothing and is answered with code 7 ("Common errors"; "Best practice in integrating Cloud Recording"
tells to repeat it with the same parameters behind 50x and 65).  A second `stop` is answered with code 49, or 404.
"""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity import wait_exponential as exponential
from tenacity import wait_random as random

from indexer.agora import addresses, answers, routes
from indexer.agora.answers import Acquired, Answer, Started, Status, Stopped
from indexer.agora.codes import Again, Call
from indexer.agora.exchange import Credentials, Exchange, Preview, Reply
from indexer.agora.failures import AgoraError, AlreadyRunningError, code_in, refusal
from indexer.agora.routes import Body, Request
from indexer.agora.secrecy import secrets_of, without

__all__ = ["CaptureClient", "Credentials", "Preview"]

_log = logging.getLogger(__name__)

_R = TypeVar("_R")

TIMEOUT_S: Final = 90.0
"""For a whole call, all attempts and the waits between them."""

ATTEMPTS: Final = 4
"""A first one, and three more as "Best practice in integrating Cloud Recording" advises."""

ATTEMPT_S: Final = 30.0
"""For one attempt.  `stop` waits up to 20 s for the upload before it answers."""

_SHORTEST_S: Final = 0.001

_BACK_OFF: Final = exponential(multiplier=3, max=15) + random(0, 2)
"""3 s, 6 s, 12 s as advised for code 65, and a bit, so that many clients do not come back at once."""

_STARTED_ALREADY: Final = 7


class CaptureClient:
    """Calls Agora's RESTful API.  One call at a time: it is not meant for several threads.

    Raises `AgoraError` (`indexer.agora.failures` has its kinds) when a request is refused or cannot be answered, and
    `ConfigError` for a base URL, credentials or identifiers that nothing should be sent with.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        timeout_s: float = TIMEOUT_S,
        attempts: int = ATTEMPTS,
        attempt_timeout_s: float = ATTEMPT_S,
        user_agent: str = "livestills",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        bases = addresses.of_attempts(addresses.base_url(base_url))
        self._exchange = Exchange(bases, credentials, user_agent=user_agent)
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._attempt_timeout_s = attempt_timeout_s
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._exchange.close()

    def acquire(self, body: Body) -> Acquired:
        """Get a resource ID for what `body` describes."""
        return self._call(routes.acquire(self._credentials.app_id, body), answers.acquired)

    def start(self, resource_id: str, body: Body, mode: str = routes.INDIVIDUAL) -> Started:
        """Start the recording that `body` describes.

        Raises `AlreadyRunningError` if this resource ID, or another of the same cname and uid, has one running.
        """
        cname, uid = str(body.get("cname", "")), str(body.get("uid", ""))
        return self._call(
            routes.start(self._credentials.app_id, resource_id, body, mode=mode),
            lambda answer: answers.started(answer, resource_id=resource_id, cname=cname, uid=uid),
        )

    def query(self, resource_id: str, sid: str, mode: str = routes.INDIVIDUAL) -> Status:
        """Ask how a recording is.  Raises `AgoraNotFoundError` if none such is running."""
        return self._call(routes.query(self._credentials.app_id, resource_id, sid, mode=mode), answers.status)

    def update(self, resource_id: str, sid: str, body: Body, mode: str = routes.INDIVIDUAL) -> None:
        """Change the subscriptions or the storage of a recording; `body` is cname, uid and clientRequest."""
        self._call(routes.update(self._credentials.app_id, resource_id, sid, body, mode=mode), lambda answer: answer)

    def stop(
        self,
        resource_id: str,
        sid: str,
        cname: str,
        uid: str,
        *,
        async_stop: bool = False,
        mode: str = routes.INDIVIDUAL,
    ) -> Stopped:
        """Stop a recording.  Unless `async_stop`, the answer waits for the upload, up to 20 s.

        Stopping once more what is ending is no error.  Raises `AgoraNotFoundError` if none such is running.
        """
        app_id = self._credentials.app_id
        request = routes.stop(app_id, resource_id, sid, cname=cname, uid=uid, async_stop=async_stop, mode=mode)
        return self._call(request, answers.stopped)

    def preview(self, request: Request) -> Preview:
        """What the first attempt would send.  Nothing is sent."""
        return self._exchange.preview(request)

    def _call(self, request: Request, read: Callable[[Answer], _R]) -> _R:
        """Send a request until its answer can be read, its attempts are used up, or its time is over."""
        ends_at = time.monotonic() + self._timeout_s
        number = 0
        lost = False
        try:
            for attempt in Retrying(
                stop=stop_after_attempt(self._attempts) | stop_before_delay(self._timeout_s),
                wait=_wait,
                retry=retry_if_exception(lambda error: isinstance(error, AgoraError) and error.again is Again.SAME),
                sleep=self._sleep,
                before_sleep=_tell,
                reraise=True,
            ):
                with attempt:
                    number = attempt.retry_state.attempt_number
                    limit_s = max(min(self._attempt_timeout_s, ends_at - time.monotonic()), _SHORTEST_S)
                    try:
                        return read(self._answer(request, self._exchange.attempt(request, number, limit_s=limit_s)))
                    except AgoraError as exc:
                        lost = lost or exc.lost
                        raise
        except AgoraError as exc:
            raise _explained(exc, number, was_lost=lost) from exc
        raise AssertionError("tenacity ends with an answer or an error")

    def _answer(self, request: Request, reply: Reply) -> Answer:
        code = code_in(reply.body, reply.http_status)
        if code is None and 200 <= reply.http_status < 300:
            if not reply.body:
                raise AgoraError(
                    f"{request.call}: HTTP {reply.http_status}, but the answer is no JSON object: this is not Agora's "
                    "API; check the base URL",
                    call=request.call,
                    http_status=reply.http_status,
                    lost=True,
                )
            return Answer(request.call, reply.http_status, reply.body)
        is_stopped = request.call is Call.STOP and code in answers.STOPPED_CODES
        # With a sid, this is as good as the answer that was lost.
        is_started = request.call is Call.START and code == _STARTED_ALREADY and bool(reply.body.get("sid"))
        if is_stopped or is_started:
            return Answer(request.call, reply.http_status, reply.body)
        secrets = self._credentials.secrets | frozenset(secrets_of(request.body))
        raise refusal(
            request.call,
            reply.http_status,
            reply.body,
            without_secrets=lambda text: without(secrets, text),
            retry_after_s=reply.retry_after_s,
        )


def _wait(state: RetryCallState) -> float:
    error = None if state.outcome is None else state.outcome.exception()
    asked = error.retry_after_s if isinstance(error, AgoraError) else None
    return max(_BACK_OFF(state), asked or 0)


def _tell(state: RetryCallState) -> None:
    error = None if state.outcome is None else state.outcome.exception()
    _log.info("%s; trying again in %.1f s", error, state.upcoming_sleep)


_AFTER_LOST: Final = {
    Call.START: "; it may have started: start again with the same resource ID, which starts nothing twice",
    Call.UPDATE: "; it may have been carried out: update again",
    Call.STOP: "; it may have been stopped: stop again, HTTP 404 or code 49 then say that it was",
}


def _explained(error: AgoraError, attempts: int, *, was_lost: bool) -> AgoraError:
    """The last error of a call, with what a lost answer, this one or an earlier one, means for it."""
    text = f" ({attempts} attempts)" if attempts > 1 else ""
    if isinstance(error, AlreadyRunningError) and error.code == _STARTED_ALREADY and was_lost:
        text += (
            "; an attempt whose answer was lost has started it, and its sid was in that answer: callbacks and the "
            "names of its files tell it; it also ends by itself once the channel is idle for maxIdleTime"
        )
    elif error.call is Call.STOP and error.http_status == 404 and was_lost:
        text += "; an attempt before, whose answer was lost, has probably stopped it"
    # That it cannot be reached now says nothing of an attempt before.
    is_lost = error.lost or (was_lost and error.again is Again.SAME)
    if is_lost:
        text += _AFTER_LOST.get(error.call, "")
    return error.followed_by(text, lost=is_lost)

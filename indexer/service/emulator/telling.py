"""From what a session tells to the notices of it."""

from datetime import datetime
from itertools import count

from indexer.agora.events import Details, Notice
from indexer.model import from_ms, to_ms
from indexer.service.emulator.callbacks import Taker
from indexer.service.emulator.clock import Clock
from indexer.service.emulator.status import Told


class Numbering:
    """Makes the notices of one session, numbered one after the other."""

    def __init__(self, sid: str, cname: str) -> None:
        self._sid, self._cname = sid, cname
        self._numbers = count()

    def notice(self, details: Details, *, recorder_uid: str, at: datetime, notified_at: datetime) -> Notice:
        """The next one.  Of both times the whole milliseconds count, because a notice tells no more."""
        number = next(self._numbers)
        return Notice(
            notice_id=f"{self._sid}:{details.event_type}:{number}",
            notified_at=from_ms(to_ms(notified_at)),
            cname=self._cname,
            recorder_uid=recorder_uid,
            sid=self._sid,
            sequence=number,
            sent_at=from_ms(to_ms(at)),
            details=details,
        )


class Teller:
    """Makes notices of what one session tells, and sends them on their way."""

    def __init__(self, sid: str, cname: str, clock: Clock, taker: Taker | None) -> None:
        """Without a `taker` nobody hears of anything."""
        self._clock, self._taker = clock, taker
        self._numbering = Numbering(sid, cname)

    def __call__(self, told: Told) -> None:
        """Make a notice of it.  One thread at a time."""
        if self._taker is None:
            return
        now = self._clock.now()
        self._taker.take(
            self._numbering.notice(told.details, recorder_uid=told.recorder_uid, at=told.at, notified_at=now)
        )

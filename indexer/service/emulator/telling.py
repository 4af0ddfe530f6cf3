"""From what a session tells to the notices of it."""

from indexer.agora.events import Notice
from indexer.model import from_ms, to_ms
from indexer.service.emulator.callbacks import Taker
from indexer.service.emulator.capture import Clock, Told


class Teller:
    """Numbers what one session tells, and sends it on its way."""

    def __init__(self, sid: str, cname: str, clock: Clock, taker: Taker | None) -> None:
        """Without a `taker` nobody hears of anything."""
        self._sid, self._cname, self._clock, self._taker = sid, cname, clock, taker
        self._count = 0

    def __call__(self, told: Told) -> None:
        """Make a notice of it.  One thread at a time."""
        if self._taker is None:
            return
        number, self._count = self._count, self._count + 1
        self._taker.take(
            Notice(
                notice_id=f"{self._sid}:{told.details.event_type}:{number}",
                notified_at=from_ms(to_ms(self._clock.now())),
                cname=self._cname,
                recorder_uid=told.recorder_uid,
                sid=self._sid,
                sequence=number,
                sent_at=from_ms(to_ms(told.at)),
                details=told.details,
            )
        )

"""A running session of the emulator: pictures of a scenario, uploaded in time, and what Agora would tell of it."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Lock, Thread
from typing import Final

from indexer.agora import events
from indexer.agora.events import Details
from indexer.agora.playlist_text import NULL_PACKETS, PLAYLIST_TYPE, SLICE_TYPE
from indexer.errors import LivestillsError
from indexer.model import from_ms, to_ms
from indexer.service.emulator import notes
from indexer.service.emulator.clock import UNHURRIED, Clock
from indexer.service.emulator.happening import (
    FailedOver,
    Happening,
    Plan,
    RecorderFailed,
    RecorderLeft,
    RecorderLost,
    ShotTaken,
    SliceCut,
    shot_key,
    told_at_once,
)
from indexer.service.emulator.pictures import Studio
from indexer.service.emulator.recordings import Playlist, Playlists, name_of
from indexer.service.emulator.scenario import Scenario
from indexer.service.emulator.simulation import Simulation
from indexer.service.emulator.status import Counts, State, Status, Told, UploadingStatus
from indexer.service.emulator.uploading import Ending, Upload, Uploads
from indexer.storage.base import ObjectStore

_log = logging.getLogger(__name__)

STOP_WITHIN_S: Final = 20.0
"""So long a stop that waits waits for the upload (Agora's page "Stop", `async_stop`)."""

PROGRESS_EVERY: Final = timedelta(minutes=1)
"""How often the progress of uploads is told (Agora's)."""

REFUSED_IN_A_ROW: Final = 3
"""After so many refused uploads, and none that was taken, the session ends: "session may end, query 404"."""

_GOING: Final = frozenset({State.STARTING, State.RUNNING, State.SILENT})
_ENDABLE: Final = _GOING | {State.UPLOADING}

_SLOW: Final = timedelta(seconds=10)
_JPEG: Final = "image/jpeg"


class Capture:
    """One session, from its start to its end.  All methods may be called from any thread.

    `tell` hears what Agora would tell, in the order of time, and of pictures when they are in the storage.  It is
    called from several threads, one at a time, and has to be quick and to raise nothing.
    """

    def __init__(
        self,
        plan: Plan,
        scenario: Scenario,
        store: ObjectStore,
        clock: Clock,
        tell: Callable[[Told], None],
        seed: int = 0,
        *,
        uploads: Uploads | None = None,
        studio: Studio | None = None,
    ) -> None:
        """`uploads` and `studio` are what the sessions of a service share; without them this one has its own."""
        self._plan, self._scenario, self._store, self._clock, self._seed = plan, scenario, store, clock, seed
        self._hear = tell
        self._owns_uploads = uploads is None
        self._uploads = Uploads(clock) if uploads is None else uploads
        self._camera = (studio or Studio()).open(scenario, plan, speed=clock.speed)
        self._playlists = Playlists()
        self._stopping, self._woken = Event(), Event()
        self._settled, self._nothing_left, self._finished = Event(), Event(), Event()
        self._wishes: deque[frozenset[str] | None] = deque()
        self._lock, self._telling = Lock(), Lock()
        self._counts = Counts()
        self._state = State.STARTING
        self._started_at: datetime | None = None
        self._recorder_uid = plan.recorder_uid
        self._bak: int | None = None
        self._told_at: datetime | None = None
        self._last_due: datetime | None = None
        self._thread = Thread(target=self._run, name=f"capture-{plan.sid[:8]}", daemon=True)

    # --- From outside -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin.  Returns at once."""
        self._thread.start()

    def move(self, store: ObjectStore, prefix: str) -> None:
        """Put what is taken from now on elsewhere, as `update` may say."""
        with self._lock:
            self._store, self._plan = store, replace(self._plan, prefix=prefix)

    def subscribe(self, uids: frozenset[str] | None) -> None:
        """Take the video of these users from now on, as `update` may say, too; None is everybody's."""
        self._wishes.append(uids)
        self._woken.set()

    def stop(self, wait: bool = True) -> UploadingStatus:
        """End the session.  With `wait` until all is uploaded, for 20 s at most.  Again it only answers."""
        self._stopping.set()
        self._woken.set()
        if wait and self._thread.is_alive():
            self._finished.wait(STOP_WITHIN_S)
        return self.status().uploading

    def join(self, within_s: float) -> bool:
        """Wait for its end and for its uploads, late ones excepted: whether all that has come."""
        return self._finished.wait(within_s)

    def close(self) -> None:
        """Stop it at once, and forget what is late.  Only for a session with uploads of its own."""
        self.stop(wait=False)
        if self._owns_uploads:
            self._uploads.close(within_s=STOP_WITHIN_S)

    def status(self) -> Status:
        """How it is."""
        with self._lock:
            counts = self._counts
            return Status(
                state=self._state,
                started_at=self._started_at,
                recorder_uid=self._recorder_uid,
                bak=self._bak,
                taken=counts.taken,
                uploaded=counts.uploaded,
                pending=counts.pending,
                lost=counts.lost,
                late=counts.late,
                backed_up=counts.backed_up,
                refused=counts.refused,
                files=counts.files,
                behind=counts.behind,
                error=counts.error,
            )

    # --- As time goes by --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        start = _whole(self._clock.now())
        simulation = Simulation(self._scenario, self._plan, start=start, seed=self._seed)
        self._change(State.RUNNING, started_at=start)
        self._tell(start, events.UploaderStarted())
        for happening in self._in_time(simulation, start):
            self._happen(happening)
        if not simulation.over:
            now = _whole(self._clock.now())
            for cut in simulation.cut(now):
                self._slice(cut)
            self._happen(RecorderLeft(now))
        self._finish()

    def _in_time(self, simulation: Simulation, start: datetime) -> Iterator[Happening]:
        """What happens, when it does, until it is over or stopped.  Tells of the progress each minute."""
        at, minute = start, start + PROGRESS_EVERY
        while not simulation.over:
            due = simulation.due
            if due is None and self._clock.speed == UNHURRIED:
                self._woken.wait()  # nobody does anything any more, but the recorder stays
            until = minute if due is None or minute <= due else due
            if not self._clock.sleep_until(until, self._woken):
                self._woken.clear()
                if self._stopping.is_set():
                    return
                now = min(until, max(at, _whole(self._clock.now())))
                while self._wishes:
                    yield from simulation.subscribe(self._wishes.popleft(), now)
            elif until is due:
                at = due
                self._notice_delay(due)
                yield from simulation.step()
            else:
                self._tell(minute, events.Uploading(self._progress()))
                minute += PROGRESS_EVERY

    def _notice_delay(self, due: datetime) -> None:
        """Say once that the storage is too slow.  An unhurried clock goes by what is captured."""
        if self._clock.speed == UNHURRIED:
            return
        behind = max(timedelta(), self._clock.now() - due)
        slow = _SLOW * self._clock.speed
        with self._lock:
            newly = self._counts.behind_most <= slow < behind
            self._counts.behind = behind
            self._counts.behind_most = max(self._counts.behind_most, behind)
        if newly:
            _log.warning("session %s is behind its time: the storage takes less than is captured", self._plan.sid)

    def _happen(self, happening: Happening) -> None:
        match happening:
            case ShotTaken():
                self._shot(happening)
            case SliceCut():
                self._slice(happening)
            case RecorderFailed():
                self._change(State.SILENT)
            case FailedOver(_, new_uid, bak):
                self._change(State.RUNNING, recorder_uid=new_uid, bak=bak)
            case RecorderLost():
                self._change(State.LOST)
        details = told_at_once(happening)
        if details is not None:
            self._tell(happening.at, details)

    def _finish(self) -> None:
        """Wait for what is on its way, and tell how it went."""
        with self._lock:
            if self._state not in {State.LOST, State.REFUSED}:
                self._state = State.UPLOADING
        self._playlists.end(self._write_playlist)
        with self._lock:
            self._counts.closed = True
            self._check_end()
        self._settled.wait()
        self._camera.close()
        if self._last_due is not None and self._clock.speed == UNHURRIED:
            self._clock.sleep_until(self._last_due, Event())  # nobody else makes it go on
            self._nothing_left.wait(STOP_WITHIN_S)
        self._tell_end()
        self._finished.set()
        if self._owns_uploads:
            self._nothing_left.wait()
            self._uploads.close()

    def _tell_end(self) -> None:
        """What the uploader tells when it is done.  After the fourth failure nobody is left to tell anything."""
        with self._lock:
            if self._state is State.UPLOADING:
                self._state = State.ENDED  # from now on what is late may be refused, and changes nothing
            state, pending = self._state, self._counts.pending
        now = self._clock.now()
        if state is State.ENDED:
            self._tell(now, events.BackedUp() if pending else events.Uploaded())
        if state is not State.LOST:
            self._tell(now, notes.session_exit(normal=state is State.ENDED))

    # --- Uploads ----------------------------------------------------------------------------------------------------

    def _shot(self, shot: ShotTaken) -> None:
        with self._lock:
            plan, store = self._plan, self._store
            self._counts.taken += 1
            if shot.uploaded_at is None:
                self._counts.lost += 1
                return
            late = shot.uploaded_at > shot.at
            if late:
                self._counts.late += 1
            else:
                self._counts.under_way += 1
        make = partial(self._camera.picture, shot.uid, shot.at)
        upload = Upload(store, shot_key(plan, shot), _JPEG, make, shot.at, self._picture_ended, is_late=late)
        if late:
            self._last_due = max(self._last_due or shot.uploaded_at, shot.uploaded_at)
            if not self._uploads.put_at(shot.uploaded_at, upload):
                self._picture_ended(upload, Ending.GONE, None)
        elif not self._uploads.put(upload, self._stopping):
            self._picture_ended(upload, Ending.GONE, None)

    def _picture_ended(self, upload: Upload, ending: Ending, error: LivestillsError | None) -> None:
        if ending is Ending.UPLOADED:
            self._tell(self._clock.now(), events.SnapshotFile(upload.key))
        with self._lock:
            self._counts.picture(ending)
        self._ended(upload, ending, error)

    def _slice(self, cut: SliceCut) -> None:
        with self._lock:
            plan, store = self._plan, self._store
        key, name = name_of(plan, cut)
        self._put_file(Upload(store, key, SLICE_TYPE, lambda: NULL_PACKETS, cut.at, self._file_ended))
        playlist = self._playlists.of(plan, store, cut)
        if playlist.add(cut, name):
            self._write_playlist(playlist)

    def _write_playlist(self, playlist: Playlist) -> None:
        ended = partial(self._playlist_ended, playlist)
        self._put_file(Upload(playlist.store, playlist.key, PLAYLIST_TYPE, playlist.text, self._clock.now(), ended))

    def _put_file(self, upload: Upload) -> None:
        with self._lock:
            self._counts.under_way += 1
        # Even when it is stopped: then these are the last ones.
        if not self._uploads.put(upload, Event()):
            upload.ended(upload, Ending.GONE, None)

    def _playlist_ended(
        self, playlist: Playlist, upload: Upload, ending: Ending, error: LivestillsError | None
    ) -> None:
        if ending is Ending.UPLOADED and playlist.is_first():
            self._tell(self._clock.now(), notes.file_infos(upload.key))
        if playlist.written():
            again = Upload(playlist.store, playlist.key, PLAYLIST_TYPE, playlist.text, upload.taken_at, upload.ended)
            with self._lock:
                self._counts.under_way += 1
            # Not at once: this thread makes the room for which it would wait.
            if not self._uploads.put_at(self._clock.now(), again):
                playlist.written()
                self._file_ended(again, Ending.GONE, None)
        self._file_ended(upload, ending, error)

    def _file_ended(self, upload: Upload, ending: Ending, error: LivestillsError | None) -> None:
        with self._lock:
            self._counts.file(ending)
        self._ended(upload, ending, error)

    def _ended(self, upload: Upload, ending: Ending, error: LivestillsError | None) -> None:
        """What follows from any upload.  Only then it is not under way any more, so nobody leaves before it is told."""
        with self._lock:
            self._counts.upload(ending, error)
            ruined = self._counts.refused_in_a_row >= REFUSED_IN_A_ROW and self._state in _ENDABLE
            if ruined:
                self._state = State.REFUSED
        if ending is Ending.BACKED_UP:
            self._tell(self._clock.now(), notes.BACKED_UP_WARNING)
        if ruined:
            _log.warning("session %s ends, its uploads are refused: %s", self._plan.sid, error)
            self._tell(self._clock.now(), notes.STORAGE_ERROR)
            self.stop(wait=False)
        with self._lock:
            if not upload.is_late and not upload.backed_up:
                self._counts.under_way -= 1
            self._check_end()

    def _check_end(self) -> None:
        """Let those go on who wait for the uploads.  Called with the lock."""
        counts = self._counts
        if counts.closed and not counts.under_way:
            self._settled.set()
            if not counts.pending:
                self._nothing_left.set()

    # --- Telling ----------------------------------------------------------------------------------------------------

    def _tell(self, at: datetime, details: Details) -> None:
        with self._telling:
            at = _whole(at)
            if self._told_at is None or at > self._told_at:
                self._told_at = at
            else:
                at = self._told_at
            self._hear(Told(at, details, self._recorder_uid))

    def _progress(self) -> int:
        """Of 10,000."""
        with self._lock:
            counts = self._counts
            wanted = counts.taken - counts.lost
            now = 10_000 * counts.uploaded // wanted if wanted else 0
            counts.progress = max(counts.progress, now)  # "an ever-increasing number", says Agora
            return counts.progress

    def _change(
        self,
        state: State,
        *,
        started_at: datetime | None = None,
        recorder_uid: str | None = None,
        bak: int | None = None,
    ) -> None:
        """Go on in another state, unless the session is ending."""
        with self._lock:
            if self._state in _GOING:
                self._state = state
            self._started_at = started_at or self._started_at
            self._recorder_uid = recorder_uid or self._recorder_uid
            self._bak = self._bak if bak is None else bak


def _whole(moment: datetime) -> datetime:
    """To the millisecond, as notices tell it."""
    return from_ms(to_ms(moment))

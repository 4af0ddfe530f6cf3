"""Sessions of the emulator, from their scenario to the objects in a storage and what is told of them."""

import io
import logging
import pickle
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import islice
from typing import Final

import pytest
from PIL import Image

from benchmarks.emulator import Amount, measured
from indexer.agora import events
from indexer.agora.events import SnapshotFile
from indexer.agora.names import RecordingName, ScreenshotName, parse
from indexer.agora.playlists import parse_playlist
from indexer.errors import AccessDeniedError, StorageUnavailableError
from indexer.render.thumbnail import ThumbSpec, thumbnails_with_sight
from indexer.service.emulator import notes
from indexer.service.emulator.backfill import Past, Written, backfill, past_sessions
from indexer.service.emulator.capture import REFUSED_IN_A_ROW, Capture
from indexer.service.emulator.clock import UNHURRIED, Clock
from indexer.service.emulator.happening import Plan, ShotTaken, shot_key
from indexer.service.emulator.pictures import FACES, Studio, faces, with_comment
from indexer.service.emulator.scenario import Failover, Late, Period, Scenario, User
from indexer.service.emulator.simulation import happenings
from indexer.service.emulator.status import State, Told, UploadingStatus
from indexer.service.emulator.uploading import LATE, THREADS, WAITING, Ending, Upload, Uploads
from indexer.storage.base import ObjectStore
from indexer.storage.memory import MemoryStore
from indexer.storage.options import S3Options
from indexer.storage.paging import pages
from indexer.storage.s3 import open_s3
from tests.pictures import photo_jpeg
from tests.servers import S3Server

START: Final = datetime(2026, 11, 5, 14, 30, tzinfo=UTC)
PLAN: Final = Plan("c0ffee" * 5 + "42", "math_101", "99", "directory1/directory2/", timedelta(seconds=10))
LESSON: Final = Scenario(
    users=(
        User("1", "Elena Marsh"),
        User(
            "1001",
            "Maya Lindqvist",
            publishing=(Period(timedelta(0), timedelta(minutes=1)), Period(timedelta(minutes=2))),
        ),
        User("1002", "Ben Okafor", phone=True),
    ),
    length=timedelta(minutes=5),
    failovers=(Failover(timedelta(minutes=3), timedelta(seconds=45), timedelta(seconds=20)),),
    width=64,
    height=36,
)
ENDLESS: Final = replace(LESSON, length=None, failovers=())


def keys(store: ObjectStore) -> list[str]:
    return [listed.key for page in pages(store) for listed in page.objects]


def taken(scenario: Scenario, plan: Plan = PLAN, seed: int = 0) -> list[ShotTaken]:
    found = happenings(scenario, plan, start=START, seed=seed)
    return [each for each in found if isinstance(each, ShotTaken)]


def until(condition: Callable[[], object]) -> None:
    """Wait for something that other threads bring about."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Session:
    """A capture with what it told."""

    def __init__(
        self,
        scenario: Scenario,
        store: ObjectStore,
        *,
        plan: Plan = PLAN,
        speed: float = UNHURRIED,
        uploads: Uploads | None = None,
    ) -> None:
        self.told: list[Told] = []
        self.clock = Clock(speed=speed, start=START)
        self.uploads = uploads or Uploads(self.clock, retry_s=0.2)
        self.capture = Capture(
            plan, scenario, store, self.clock, self.told.append, uploads=self.uploads, studio=Studio(drawn_per_s=0)
        )

    def run(self) -> None:
        """To its end."""
        self.capture.start()
        assert self.capture.join(60)
        self.uploads.close()

    def details(self, kind: type) -> list[events.Details]:
        return [told.details for told in self.told if isinstance(told.details, kind)]

    def files(self) -> list[str]:
        return [told.details.file_name for told in self.told if isinstance(told.details, SnapshotFile)]

    def other(self, event_type: int) -> list[str]:
        return [
            told.details.details
            for told in self.told
            if isinstance(told.details, events.OtherEvent) and told.details.event_type == event_type
        ]


# --- What is captured -----------------------------------------------------------------------------------------------


def test_a_session_leaves_what_its_scenario_says_and_tells_of_it() -> None:
    store = MemoryStore("emulated")
    session = Session(LESSON, store)
    session.run()
    wanted = [shot_key(PLAN, shot) for shot in taken(LESSON)]
    assert keys(store) == sorted(wanted)
    assert sorted(session.files()) == sorted(wanted)
    moments = [told.at for told in session.told]
    assert moments == sorted(moments)
    heard = [type(told.details).__name__ for told in session.told if not isinstance(told.details, SnapshotFile)]
    assert heard == [
        *("UploaderStarted", "RecorderStarted", *["StreamState"] * 3),
        *("Uploading", "StreamState"),  # one stops
        *("Uploading", "StreamState"),  # and resumes
        *("Uploading", "SessionFailover", *["StreamState"] * 3),  # another recorder sees all three
        *("Uploading", "Uploading", "RecorderLeft", "Uploaded", "OtherEvent"),
    ]
    first, *_, last = session.told
    assert (first.recorder_uid, last.recorder_uid) == ("99", session.capture.status().recorder_uid)
    assert last.recorder_uid != "99"
    assert session.other(11) == ['{"msgName":"session_exit","exitStatus":0}']
    status = session.capture.status()
    assert (status.state, status.bak, status.taken, status.uploaded) == (State.ENDED, 0, len(wanted), len(wanted))
    assert session.capture.stop() is UploadingStatus.UPLOADED


def test_every_picture_opens_and_no_two_are_the_same() -> None:
    store = MemoryStore("emulated")
    Session(LESSON, store).run()
    found = {key: store.get(key) for key in keys(store)}
    assert len(set(found.values())) == len(found)
    for key, data in found.items():
        picture = Image.open(BytesIO(data))
        picture.load()
        name = parse(key)
        assert isinstance(name, ScreenshotName)
        assert picture.size == ((36, 64) if name.head.uid == "1002" else (64, 36))
        comment = picture.info["comment"].decode()
        assert comment.startswith(f"livestills emulator: {PLAN.sid} {name.head.uid} 2026-11-05T14:3")
        assert comment.endswith(", from stock")
    thumbnails_with_sight(data, [ThumbSpec(32, 18)], listed_size=len(data))


def test_the_same_seed_gives_the_same_objects() -> None:
    stores = MemoryStore("one"), MemoryStore("other")
    for store in stores:
        Session(replace(LESSON, length=timedelta(minutes=1), failovers=()), store).run()
    one, other = ({key: store.get(key) for key in keys(store)} for store in stores)
    assert one == other != {}


def test_few_pictures_are_drawn_anew_and_many_come_from_the_stock() -> None:
    few, many = replace(ENDLESS, users=ENDLESS.users[:1]), ENDLESS
    studio = Studio(drawn_per_s=0.2)
    with_time = studio.open(few, PLAN, speed=2).picture("1", START)
    assert studio.draws()
    rush = studio.open(many, PLAN, speed=1)
    assert not studio.draws()
    assert b"from stock" in rush.picture("1001", START)
    rush.close()
    assert studio.draws()
    assert b", drawn" in with_time
    assert (studio.used.drawn, studio.used.from_stock) == (1, 1)


def test_everybody_in_a_session_has_another_face_and_always_the_same() -> None:
    users = tuple(User(str(uid), "") for uid in range(1, 2 * FACES + 1))
    found = faces(Scenario(users))
    assert Counter(found) == dict.fromkeys(range(FACES), 2)
    assert faces(Scenario(users[:5])) == found[:5]


def test_a_comment_stands_behind_the_segment_that_comes_first() -> None:
    jpeg = photo_jpeg(64, 36, 1)
    commented = with_comment(jpeg, "hello")
    assert commented[:4] == jpeg[:4]
    picture = Image.open(BytesIO(commented))
    assert picture.info["comment"] == b"hello"
    assert picture.tobytes() == Image.open(BytesIO(jpeg)).tobytes()


def test_late_pictures_come_later_and_lost_ones_never() -> None:
    scenario = replace(LESSON, late=Late(0.3, timedelta(minutes=10)), lost=0.2)
    shots = taken(scenario)
    late = [shot for shot in shots if shot.uploaded_at is not None and shot.uploaded_at > shot.at]
    lost = [shot for shot in shots if shot.uploaded_at is None]
    store = MemoryStore("emulated")
    session = Session(scenario, store)
    session.run()
    status = session.capture.status()
    assert (status.late, status.lost, status.pending) == (len(late), len(lost), 0)
    assert set(keys(store)) == {shot_key(PLAN, shot) for shot in shots if shot not in lost}
    told = {each.details.file_name: each.at for each in session.told if isinstance(each.details, SnapshotFile)}
    assert all(told[shot_key(PLAN, shot)] >= shot.uploaded_at for shot in late if shot.uploaded_at)
    assert {type(each.details) for each in session.told} >= {events.Uploading, events.RecorderLeft}


def test_what_is_late_when_a_session_is_stopped_counts_as_backed_up() -> None:
    scenario = replace(ENDLESS, late=Late(1.0, timedelta(days=10_000)))
    store = MemoryStore("emulated")
    session = Session(scenario, store, speed=100)
    session.capture.start()
    until(lambda: session.capture.status().late)
    assert session.capture.stop() is UploadingStatus.BACKED_UP
    assert session.details(events.BackedUp)
    late = session.capture.status().pending
    assert session.uploads.close() == late
    assert session.capture.status().lost == late
    assert keys(store) == []


# --- As time goes by ------------------------------------------------------------------------------------------------


def test_an_endless_session_ends_when_it_is_stopped() -> None:
    store = MemoryStore("emulated")
    session = Session(ENDLESS, store, speed=200)
    session.capture.start()
    while session.capture.status().uploaded < 5:
        assert session.capture.status().state in {State.STARTING, State.RUNNING}
    assert session.capture.stop() is UploadingStatus.UPLOADED
    uploaded = session.capture.status().uploaded
    assert len(keys(store)) == uploaded == session.capture.status().taken
    assert session.details(events.RecorderLeft) == [events.RecorderLeft(events.LeaveCode.CLIENT_LEAVE)]
    assert session.capture.status().state is State.ENDED
    assert session.capture.stop() is UploadingStatus.UPLOADED
    session.uploads.close()


def test_pictures_are_told_of_after_their_capture() -> None:
    session = Session(replace(LESSON, failovers=()), MemoryStore("emulated"), speed=500)
    session.run()
    for told in session.told:
        if isinstance(told.details, SnapshotFile):
            name = parse(told.details.file_name)
            assert isinstance(name, ScreenshotName)
            assert name.captured_at <= told.at


def test_a_session_is_silent_while_its_recorder_fails_over() -> None:
    """Agora answers 404 meanwhile."""
    hands = [0.0]
    clock = Clock(speed=1000, start=START, ticking=lambda: hands[0])
    scenario = replace(LESSON, failovers=(Failover(timedelta(seconds=5), timedelta(seconds=90)),), length=None)
    with closing(MemoryCapture(scenario, clock)) as session:
        until(lambda: session.status().state is State.RUNNING)
        hands[0] = 0.006
        until(lambda: session.status().state is State.SILENT)
        assert session.status().bak is None
        hands[0] = 0.096
        until(lambda: session.status().state is State.RUNNING)
        assert session.status().bak == 0
        assert session.status().recorder_uid != PLAN.recorder_uid


class MemoryCapture(Capture):
    """Has uploads of its own, and has begun."""

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        super().__init__(PLAN, scenario, MemoryStore("emulated"), clock, lambda _: None, studio=Studio(drawn_per_s=0))
        self.start()


def test_a_clock_runs_as_fast_as_it_was_told() -> None:
    hands = [100.0]
    clock = Clock(speed=60, start=START, ticking=lambda: hands[0])
    assert clock.now() == START
    hands[0] += 2.5
    assert clock.now() == START + timedelta(seconds=150)
    nobody = threading.Event()
    assert clock.sleep_until(START + timedelta(seconds=150), nobody)
    assert clock.watch_for(START, nobody)
    nobody.set()
    assert not clock.sleep_until(START + timedelta(days=1), nobody)
    with pytest.raises(ValueError, match="cannot run 0 times as fast"):
        Clock(speed=0)


def test_an_unhurried_clock_shows_what_was_waited_for_last() -> None:
    clock, nobody = Clock(speed=UNHURRIED, start=START), threading.Event()
    assert clock.sleep_until(START + timedelta(days=1), nobody)
    assert clock.sleep_until(START, nobody)
    assert clock.now() == START + timedelta(days=1)
    assert clock.watch_for(START + timedelta(hours=1), nobody)
    nobody.set()
    assert not clock.watch_for(START + timedelta(days=2), nobody)


def test_after_the_fourth_failure_a_session_is_lost() -> None:
    failovers = tuple(Failover(timedelta(seconds=30 * number), timedelta(seconds=5)) for number in range(1, 5))
    session = Session(replace(LESSON, failovers=failovers), MemoryStore("emulated"))
    session.run()
    assert session.capture.status().state is State.LOST
    assert not session.details(events.Uploaded)
    assert session.other(11) == []


def test_what_is_captured_after_an_update_goes_elsewhere() -> None:
    here, there = MemoryStore("here"), MemoryStore("there")
    session = Session(ENDLESS, here, plan=replace(PLAN, records=True), speed=300)
    session.capture.start()
    until(lambda: keys(here))
    session.capture.move(there, "elsewhere/")
    until(lambda: any(key.endswith(".jpg") for key in keys(there)))
    session.capture.stop()
    session.uploads.close()
    assert {key.rpartition("/")[0] for key in keys(here)} == {"directory1/directory2"}
    assert {key.rpartition("/")[0] for key in keys(there)} == {"elsewhere"}
    assert {key.rpartition(".")[2] for key in keys(there)} == {"jpg", "m3u8", "ts"}


def test_an_update_may_change_whose_video_is_taken() -> None:
    session = Session(ENDLESS, MemoryStore("emulated"), plan=replace(PLAN, subscribed=frozenset({"1"})), speed=300)
    session.capture.start()
    until(session.files)
    session.capture.subscribe(frozenset({"1002"}))
    until(lambda: any("__uid_s_1002__" in file for file in session.files()))
    session.capture.stop()
    session.uploads.close()
    assert [
        (told.details.uid, told.details.receiving)
        for told in session.told
        if isinstance(told.details, events.StreamState)
    ] == [("1", True), ("1", False), ("1002", True)]


# --- Recordings -----------------------------------------------------------------------------------------------------


def test_recordings_lie_beside_the_pictures_with_playlists_that_list_them() -> None:
    store = MemoryStore("emulated")
    session = Session(LESSON, store, plan=replace(PLAN, records=True))
    session.run()
    found = {key: parse(key) for key in keys(store)}
    listed: list[str] = []
    for key, name in found.items():
        if isinstance(name, RecordingName) and name.extension == "m3u8":
            playlist = parse_playlist(store.get(key))
            assert playlist.ended
            anew = sum(each.anew for each in playlist.slices)
            assert anew == (2 if (name.uid, name.track, name.bak) == ("1001", "video", None) else 1)
            listed += [name.directory + each.name for each in playlist.slices]
    slices = [key for key in found if key.endswith(".ts")]
    assert sorted(listed) == sorted(slices)
    assert {name.bak for name in found.values() if isinstance(name, RecordingName)} == {None, 0}
    assert len(session.other(4)) == len([key for key in found if key.endswith(".m3u8")])


# --- Storages that fail ---------------------------------------------------------------------------------------------


class Moody(MemoryStore):
    """Does not take what it is not in the mood for."""

    def __init__(self) -> None:
        super().__init__("moody")
        self.error: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.asked = 0

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str,
        modified: datetime | None = None,
        tier: str | None = None,
    ) -> None:
        self.asked += 1
        self.open.wait()
        if self.error is not None:
            raise self.error
        super().put(key, data, content_type=content_type, modified=modified, tier=tier)


def test_what_fails_for_now_is_backed_up_and_comes_later() -> None:
    store = Moody()
    store.error = StorageUnavailableError("try again later")
    session = Session(ENDLESS, store, speed=100)
    session.capture.start()
    until(lambda: session.capture.status().backed_up)
    backed_up = session.capture.status().backed_up
    assert session.other(2)
    store.error = None
    until(lambda: not (session.capture.status().uploaded < backed_up))
    session.capture.stop()
    until(lambda: not (session.capture.status().pending))
    status = session.capture.status()
    assert (status.uploaded, status.lost) == (status.taken, 0)
    assert status.error == "try again later"
    session.uploads.close()


def test_a_session_whose_uploads_are_refused_ends_and_backs_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    store = Moody()
    store.error = AccessDeniedError("the secret key does not belong to the access key")
    session = Session(ENDLESS, store)
    with caplog.at_level(logging.WARNING):
        session.run()
    status = session.capture.status()
    assert status.state is State.REFUSED
    assert (status.uploaded, status.backed_up, status.pending) == (0, 0, 0)
    assert status.lost == status.taken >= status.refused >= 3
    assert len(session.other(1)) == 1
    assert session.other(11) == ['{"msgName":"session_exit","exitStatus":1}']
    assert [record.message for record in caplog.records] == [
        f"session {PLAN.sid} ends, its uploads are refused: the secret key does not belong to the access key"
    ]


def test_a_session_that_only_records_ends_as_well_when_its_uploads_are_refused() -> None:
    store = Moody()
    store.error = AccessDeniedError("no")
    session = Session(ENDLESS, store, plan=replace(PLAN, records=True, pictures=False))
    session.run()
    assert session.capture.status().state is State.REFUSED
    ends = [told.details for told in session.told if isinstance(told.details, events.OtherEvent)]
    assert ends == [notes.STORAGE_ERROR, notes.session_exit(normal=False)]


@pytest.mark.parametrize("failures", [0, 4])
def test_what_is_refused_after_its_end_changes_nothing_about_a_session(failures: int) -> None:
    hands = [0.0]
    clock = Clock(speed=1e6, start=START, ticking=lambda: hands[0])
    failovers = tuple(Failover(timedelta(seconds=30 + number), timedelta(0)) for number in range(failures))
    store, told = Moody(), list[Told]()
    store.error = AccessDeniedError("no")
    scenario = replace(ENDLESS, late=Late(1.0, timedelta(hours=10)), failovers=failovers)
    with closing(Capture(PLAN, scenario, store, clock, told.append, studio=Studio(drawn_per_s=0))) as session:
        session.start()
        until(lambda: session.status().started_at)
        hands[0] = 40 / 1e6
        until(lambda: session.status().taken > REFUSED_IN_A_ROW)
        until(lambda: not failures or session.status().state is State.LOST)
        session.stop()
        ended, heard = session.status().state, len(told)
        assert ended is (State.LOST if failures else State.ENDED)
        hands[0] = 1.0
        until(lambda: session.status().refused == session.status().taken)
        assert (session.status().state, len(told)) == (ended, heard)


def test_a_slow_storage_delays_capturing_and_loses_nothing() -> None:
    store = Moody()
    store.open.clear()
    session = Session(replace(LESSON, length=timedelta(hours=1), failovers=()), store)
    session.capture.start()
    most = THREADS + WAITING + 1  # in the threads, waiting for them, and in the hand of who captures
    until(lambda: not (session.capture.status().taken < most))
    assert not session.capture.join(0.3)
    assert session.capture.status().taken == most
    until(lambda: store.asked == THREADS)
    store.open.set()
    assert session.capture.join(60)
    status = session.capture.status()
    assert status.uploaded == status.taken == len(taken(replace(LESSON, length=timedelta(hours=1), failovers=())))
    session.uploads.close()


def test_storages_that_hang_delay_no_session_of_another_one() -> None:
    uploads = Uploads(Clock(speed=UNHURRIED, start=START))
    hanging = [Moody() for _ in range(3)]
    stuck = [Session(ENDLESS, store, uploads=uploads) for store in hanging]
    for store, session in zip(hanging, stuck, strict=True):
        store.open.clear()
        session.capture.start()
    until(lambda: all(session.capture.status().taken > WAITING for session in stuck))  # they wait for room
    good = MemoryStore("good")
    session = Session(LESSON, good, uploads=uploads)
    session.capture.start()
    assert session.capture.join(60)
    assert len(keys(good)) == session.capture.status().taken > WAITING
    assert uploads.close(within_s=0)  # and what hangs is left to its threads
    for store, hung in zip(hanging, stuck, strict=True):
        store.open.set()
        assert hung.capture.stop(wait=False) is UploadingStatus.UNKNOWN
        assert hung.capture.join(60)


def test_what_another_store_waited_for_in_vain_is_no_reason_to_give_up_early() -> None:
    """Nor if it lay at the same place in memory."""
    uploads, heard = Uploads(Clock(speed=UNHURRIED, start=START), retry_s=0.6), list[Ending]()

    def tried() -> int:
        store = Moody()
        store.error = StorageUnavailableError("try again later")
        upload = Upload(store, "a.jpg", "image/jpeg", bytes, START, lambda _, ending, __: heard.append(ending))
        before = len(heard)
        assert uploads.put(upload, threading.Event())
        until(lambda: len(heard) > before)
        return store.asked

    assert [tried() > 1, tried() > 1] == [True, True]
    assert heard == [Ending.BACKED_UP] * 2
    assert uploads.close() == 2


class Mistake(MemoryStore):
    """Has a mistake of ours in it."""

    def put(self, *_: object, **__: object) -> None:
        raise ZeroDivisionError


def test_a_mistake_of_ours_is_logged_and_lets_the_session_end(caplog: pytest.LogCaptureFixture) -> None:
    session = Session(replace(LESSON, length=timedelta(minutes=1), failovers=()), Mistake("emulated"))
    with caplog.at_level(logging.ERROR):
        session.run()
    status = session.capture.status()
    assert (status.state, status.uploaded, status.pending) == (State.ENDED, 0, 0)
    assert status.lost == status.taken > THREADS  # more than there are threads to die of it
    assert {record.message.partition(" of ")[0] for record in caplog.records} == {"the upload"}
    assert all(record.exc_info for record in caplog.records)


def test_a_session_of_its_own_can_be_closed_while_the_storage_hangs() -> None:
    store = Moody()
    store.open.clear()
    capture = Capture(PLAN, ENDLESS, store, Clock(speed=UNHURRIED), lambda _: None, studio=Studio(drawn_per_s=0))
    capture.start()
    until(lambda: not (store.asked < THREADS))
    assert capture.stop(wait=False) is UploadingStatus.UNKNOWN
    store.open.set()
    capture.close()
    assert capture.join(10)


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LATE == 100_000
    monkeypatch.setattr("indexer.service.emulator.uploading.LATE", 3)
    session = Session(replace(LESSON, late=Late(1.0, timedelta(days=1))), MemoryStore("emulated"))
    session.run()
    status = session.capture.status()
    assert status.uploaded == 3
    assert status.lost == status.taken - 3


# --- S3 -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(weed: S3Server) -> str:
    return weed.new_bucket()


def options(weed: S3Server, access_key: str, secret_key: str) -> S3Options:
    return S3Options(weed.endpoint_url, region="us-east-1", access_key=access_key, secret_key=secret_key)


def test_keys_that_may_only_write_are_enough(weed: S3Server, bucket: str) -> None:
    with closing(open_s3(bucket, options(weed, *S3Server.WRITE_ONLY))) as store:
        session = Session(replace(LESSON, length=timedelta(minutes=1), failovers=()), store)
        session.run()
    with closing(open_s3(bucket, options(weed, weed.access_key, weed.secret_key))) as reader:
        assert len(keys(reader)) == session.capture.status().uploaded == session.capture.status().taken > 10


def test_wrong_keys_end_a_session_and_are_in_no_log(
    weed: S3Server, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = options(weed, weed.access_key, "Quite-Wrong-Secret")
    with caplog.at_level(logging.INFO), closing(open_s3(bucket, wrong)) as store:
        session = Session(ENDLESS, store)
        session.run()
    assert session.capture.status().state is State.REFUSED
    assert "the secret key does not belong to the access key" in str(session.capture.status().error)
    told = f"{wrong!r} {session.capture.status()} {session.told} {caplog.text}"
    assert "Quite-Wrong-Secret" not in told
    assert weed.access_key not in told
    assert pickle.loads(pickle.dumps(wrong)) == wrong  # noqa: S301 - what we have just made


def test_the_benchmark_measures(weed: S3Server) -> None:
    figures = list(measured(weed, Amount(rounds=1, sessions=1, seconds=0.1, past_shots=10, sizes=[(64, 36)])))
    assert all(figure.ours > 0 for figure in figures if "backfill" in figure.what)
    assert len(figures) == 8


# --- The past -------------------------------------------------------------------------------------------------------


PAST: Final = Past(START, shots=1_500, seed=4, prefix="d/", days=3, size=(64, 36))


@pytest.fixture(scope="module")
def past() -> tuple[MemoryStore, Written, bytes]:
    store, notices = MemoryStore("past"), io.BytesIO()
    return store, backfill(store, PAST, notices=notices), notices.getvalue()


def test_a_history_has_exactly_as_many_shots_as_asked_for(past: tuple[MemoryStore, Written, bytes]) -> None:
    store, written, _ = past
    read = [parse(key) for key in keys(store)]
    shots = [name for name in read if isinstance(name, ScreenshotName)]
    assert len(shots) == len(read) == written.shots == 1_500
    moments = [shot.captured_at for shot in shots]
    assert (min(moments), max(moments)) == (written.since, written.until)
    assert START - timedelta(days=3, hours=2) < min(moments) < max(moments) < START
    assert START - max(moments) < timedelta(minutes=20, seconds=20)  # late ones may take that long
    assert {shot.head.cname for shot in shots} == written.channels
    assert len({shot.head.sid for shot in shots}) == written.sessions > 1
    assert {shot.head.bak for shot in shots} > {None} or not written.failovers
    assert written.size == sum(len(store.get(key)) for key in keys(store))


def test_a_history_written_again_is_the_same(past: tuple[MemoryStore, Written, bytes]) -> None:
    store, written, notices = past
    again, later = MemoryStore("again"), io.BytesIO()
    assert backfill(again, PAST, notices=later) == written
    assert {key: again.get(key) for key in keys(again)} == {key: store.get(key) for key in keys(store)}
    assert later.getvalue() == notices


def test_its_notices_tell_of_every_picture(past: tuple[MemoryStore, Written, bytes]) -> None:
    store, written, lines = past
    notices = [events.parse(line) for line in lines.splitlines()]
    assert len(notices) == written.notices
    assert sorted(each.details.file_name for each in notices if isinstance(each.details, SnapshotFile)) == keys(store)
    by_session = Counter(notice.sid for notice in notices)
    assert len(by_session) == written.sessions
    for sid in by_session:
        own = [notice for notice in notices if notice.sid == sid]
        assert [notice.sequence for notice in own] == list(range(len(own)))
        moments = [notice.sent_at for notice in own]
        assert moments == sorted(moments)
    assert sum(isinstance(notice.details, events.SessionFailover) for notice in notices) == written.failovers


def test_nothing_of_a_history_comes_behind_its_end() -> None:
    newest = replace(PAST, days=0, interval=timedelta(seconds=30))
    late = 0
    for session in islice(past_sessions(newest), 30):
        for each in happenings(session.scenario, session.plan, start=session.start, seed=session.seed):
            came = (isinstance(each, ShotTaken) and each.uploaded_at) or each.at
            assert came < START
            late += came > each.at
    assert late > 10


def test_a_session_of_a_history_begins_and_ends_as_one_that_is_played(past: tuple[MemoryStore, Written, bytes]) -> None:
    live = Session(replace(LESSON, failovers=()), MemoryStore("live"))
    live.run()
    lines = past[2].splitlines()
    first = events.parse(lines[0]).sid
    told = [notice.details for notice in map(events.parse, lines) if notice.sid == first]
    details = [each.details for each in live.told]
    assert told[:2] == details[:2]
    left = live.details(events.RecorderLeft)
    assert [each for each in told if isinstance(each, events.RecorderLeft)] == left != []
    assert details[-1] in told


def test_another_end_has_other_sessions() -> None:
    store = MemoryStore("past")
    some = replace(PAST, shots=50)
    backfill(store, some)
    backfill(store, replace(some, until=START + timedelta(days=1)))
    names = [name for name in map(parse, keys(store)) if isinstance(name, ScreenshotName)]
    assert len(names) == 100
    assert len({name.head.sid for name in names}) == 2


class EnoughError(Exception):
    """Somebody pressed a key."""


def test_a_history_can_be_interrupted_between_two_pictures() -> None:
    store, heard = MemoryStore("past"), list[tuple[int, int]]()

    def check() -> None:
        if len(heard) >= 100:
            raise EnoughError

    with pytest.raises(EnoughError):
        backfill(store, PAST, progress=lambda *told: heard.append(told), check=check)
    assert heard == [(done, PAST.shots) for done in range(1, 101)]
    assert 100 <= len(keys(store)) < 200


def test_an_error_of_the_storage_ends_a_history() -> None:
    store = Moody()
    store.error = AccessDeniedError("no")
    with pytest.raises(AccessDeniedError, match="no"):
        backfill(store, PAST)

"""Timelines of sessions that callbacks told of."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from indexer.agora.facts import Fact, FactKind
from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog.catalog import Catalog
from indexer.jobs.lookup import Terms, timelines_of_session
from indexer.model import TimeRange, to_ms
from indexer.timeline.figures import Timeline
from indexer.timeline.gaps import Cause, Gap, ToldBy, within
from tests.catalog.test_lookups import counted_selects
from tests.jobs.test_lookup import HORIZON, NOW, SID, TERMS, Bucket, after, every_ten, told

ON, OFF = FactKind.CAMERA_ON, FactKind.CAMERA_OFF


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with Catalog.open_to_write(f"sqlite:///{tmp_path}/catalog.db", now=NOW) as catalog:
        yield Bucket(catalog)


@pytest.fixture
def any_bucket(catalog: Catalog) -> Bucket:
    """On each database: for every kind of question that is asked of one."""
    return Bucket(catalog)


def facts(uid: str, *found: tuple[float, FactKind], sid: str = SID, cname: str = "room") -> list[Fact]:
    return [Fact(sid, cname, uid, to_ms(after(at)), kind) for at, kind in found]


def gaps(found: Timeline) -> list[tuple[Cause, ToldBy]]:
    return [(gap.cause, gap.told_by) for gap in found.gaps]


def test_of_somebody_alone_callbacks_tell_what_names_do_not(any_bucket: Bucket) -> None:
    any_bucket.has("7", [*every_ten(0, 300), *every_ten(603, 900), *every_ten(1200, 1500)])
    catalog = any_bucket.synced()
    assert gaps(told(catalog, "7")) == [(Cause.UNKNOWN, ToldBy.NAMES)] * 2
    catalog.facts.record(facts("7", (-1, ON), (299, OFF), (602, ON)))
    # Nothing came any more, so nobody would have told that the camera was off once more.
    assert gaps(told(catalog, "7")) == [(Cause.CAMERA_OFF, ToldBy.CALLBACKS), (Cause.UNKNOWN, ToldBy.NAMES)]
    catalog.facts.record(facts("", (1510, FactKind.RECORDER_LEFT)))
    found = told(catalog, "7")
    assert gaps(found) == [(Cause.CAMERA_OFF, ToldBy.CALLBACKS), (Cause.UNKNOWN, ToldBy.CALLBACKS)]
    off, lost = found.gaps
    assert off.evidence == "the user sent no video from 12:04:59Z to 12:10:02Z (callbacks)"
    assert (off.on, lost.on, lost.missing) == (False, True, 30)
    assert found.capture == 90 / 120


def test_what_waits_in_the_backup_is_pending(any_bucket: Bucket) -> None:
    any_bucket.has("7", [*every_ten(0, 300), *every_ten(603, 900)])
    catalog = any_bucket.synced(after(1000))
    catalog.facts.record(facts("7", (-1, ON)) + facts("", (950, FactKind.BACKED_UP)))
    terms = Terms({}, HORIZON, NOW)
    (gap,) = told(catalog, "7", terms=terms).gaps
    assert gap.cause is Cause.PENDING
    assert gap.evidence == "the camera was on (callbacks), and files wait in Agora's backup: pictures may still come"


def test_what_is_told_of_others_is_told_of_nobody_else(any_bucket: Bucket) -> None:
    for cname, sid in (("room", SID), ("other", SID), ("room", "ab" * 16)):
        for uid in ("7", "8"):
            any_bucket.has(uid, [*every_ten(0, 300), *every_ten(603, 900)], cname=cname, sid=sid)
    catalog = any_bucket.synced()
    catalog.facts.record(facts("7", (299, OFF), (602, ON)))
    found = {
        (each.cname, each.sid, each.uid): gaps(each)
        for cname, sid in (("room", SID), ("other", SID), ("room", "ab" * 16))
        for each in timelines_of_session(catalog, sid, cname, terms=TERMS)
    }
    assert found.pop(("room", SID, "7")) == [(Cause.CAMERA_OFF, ToldBy.CALLBACKS)]
    assert list(found.values()) == [[(Cause.SESSION_SILENT, ToldBy.NAMES)]] * 5


def test_gaps_of_a_period_are_those_of_the_session_cut(any_bucket: Bucket) -> None:
    any_bucket.has("7", [*every_ten(0, 100), *every_ten(803, 900), *every_ten(1_150, 1_300), *every_ten(1_400, 1_500)])
    any_bucket.has("8", every_ten(0, 1_500))
    catalog = any_bucket.synced()
    told_of = [(-1, ON), (199, OFF), (302, ON), (403, OFF), (599, ON), (702, OFF), (801, ON), (1_000, OFF), (1_149, ON)]
    catalog.facts.record(facts("7", *told_of) + facts("8", (-1, ON)) + facts("", (1_510, FactKind.RECORDER_LEFT)))
    whole = told(catalog, "7").gaps
    assert [gap.cause for gap in whole] == [
        *(Cause.UNKNOWN, Cause.CAMERA_OFF, Cause.UNKNOWN, Cause.CAMERA_OFF, Cause.UNKNOWN, Cause.CAMERA_OFF),
        *(Cause.UNKNOWN, Cause.CAMERA_OFF, Cause.UNKNOWN),
    ]
    for since, until in ((150, 250), (320, 340), (450, 1_050), (95, 1_290), (750, 2_000), (-50, 610), (1_350, 1_450)):
        period = TimeRange(after(since), after(until))
        assert list(told(catalog, "7", period).gaps) == _cut(whole, period)


def _cut(whole: Sequence[Gap], period: TimeRange) -> list[Gap]:
    assert period.since is not None
    assert period.until is not None
    return [part for gap in whole if (part := within(gap, period.since, period.until)) is not None]


def test_callbacks_cost_one_question_for_all_users_and_none_where_there_are_none(bucket: Bucket) -> None:
    for uid in ("7", "8", "9"):
        bucket.has(uid, [*every_ten(0, 300), *every_ten(602, 900)])
    catalog = bucket.synced()
    asked = []
    for told_of in ([], facts("7", (299, OFF)) + facts("8", (601, ON))):
        catalog.facts.record(told_of)
        with counted_selects() as selects:
            assert len(list(timelines_of_session(catalog, SID, "room", terms=TERMS))) == 3
        asked.append(len(selects))
        assert sum("FROM fact" in select and "FROM session" not in select for select in selects) == len(told_of) // 2
    assert asked[1] <= asked[0] + 1


def test_pictures_that_only_callbacks_told_of_are_pictures(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 300), picture="still")
    bucket.has("8", every_ten(0, 600))
    catalog = bucket.synced()
    keys = [key_of(ScreenshotName(ShotHead("d/", "", SID, "room", "7"), after(at))) for at in every_ten(300, 600)]
    # One of these callbacks came two hours late.
    announced = [
        (key, to_ms(after(at + 2 + 7_200 * (at == 400)))) for key, at in zip(keys, every_ten(300, 600), strict=True)
    ]
    source = catalog.source("prod")
    assert source is not None
    catalog.announce(source, announced)
    terms = Terms({}, HORIZON, NOW, frozenset({"prod"}))
    found = told(catalog, "7", terms=terms)
    assert (found.shots, found.gaps, found.capture) == (60, (), 1.0)
    (run,) = found.runs
    assert run.frozen is not None
    assert [still.shots for still in run.frozen] == [30]

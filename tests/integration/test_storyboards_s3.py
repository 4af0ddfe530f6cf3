"""Storyboards from a real S3 server, playlists included, and what happens when it refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indexer.catalog.catalog import Catalog
from indexer.errors import AccessDeniedError
from indexer.jobs.lookup import Terms
from indexer.jobs.storyboard_estimate import estimate
from indexer.jobs.storyboard_files import Result
from indexer.jobs.storyboard_plan import Places, Wishes
from indexer.jobs.storyboards import Follow, make
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import Selection
from indexer.render.storyboard import Board
from indexer.render.thumbnail import ThumbSpec
from indexer.storage.options import S3Options
from indexer.storage.urls import Address, Location, open_store
from tests.pictures import photo_jpeg
from tests.servers import S3Server

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
HEAD = f"d/{'a' * 32}_a b+c%20&<d>#?__uid_s_7__uid_e_video"


@pytest.mark.timeout(300)
def test_storyboards_of_a_bucket_are_made_by_workers_and_a_refusal_leaves_nothing_half_written(
    weed: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", weed.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.secret_key)
    options = S3Options(endpoint_url=weed.endpoint_url, region="us-east-1")
    origin = Address(Location("s3", weed.new_bucket()), options)
    store = open_store(origin.location, options)
    for number in range(6):
        moment = NOON + timedelta(seconds=10 * number)
        key = f"{HEAD}_{moment:%Y%m%d%H%M%S}000.jpg"
        store.put(key, photo_jpeg(320, 180, number % 2), content_type="image/jpeg")
    slices = f"#EXTM3U\n#EXTINF:30.0\n{HEAD.removeprefix('d/')}_20261105120000000.ts\n#EXT-X-ENDLIST\n"
    store.put(f"{HEAD}.m3u8", slices.encode(), content_type="application/vnd.apple.mpegurl")
    wishes = Wishes(Board(ThumbSpec(32, 18), 2, 2))
    places = Places({"prod": origin}, None, tmp_path / "out")
    places.folder.mkdir()
    terms = Terms({}, timedelta(0), NOON + timedelta(days=9))
    user = Selection(uid="7")
    with Catalog.open_to_write(f"sqlite:///{tmp_path}/c.db", now=NOON) as catalog:
        sync(Access(store, ""), catalog, "prod", watch=Watch(lambda: terms.now))

        def storyboards() -> list[Result]:
            return list(make(catalog, user, wishes, places, terms=terms, workers=1, follow=Follow()))

        assert estimate(catalog, user, wishes, places, terms=terms).gets == 7
        # Workers inherit the environment: theirs is refused, as after a key was replaced in mid-run.
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not the secret any more")
        with pytest.raises(AccessDeniedError):
            storyboards()
        assert not list(places.folder.iterdir())
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.secret_key)
        (result,) = storyboards()
    assert (result.tiles, result.sprites, result.flawed.total()) == (6, 2, 0)
    assert result.media == timedelta(seconds=30)
    assert result.json is not None
    assert [cue["tile"] for cue in json.loads(result.json.read_text())["media"]["cues"]] == [0, 1, 2]

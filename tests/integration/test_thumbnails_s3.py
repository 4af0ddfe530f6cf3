"""Thumbnails from a real S3 server to another bucket of it, and what happens when it refuses in between."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indexer.catalog.catalog import Catalog
from indexer.compute.processes import Processes
from indexer.errors import AccessDeniedError
from indexer.jobs.sync import Access, Watch, sync
from indexer.jobs.thumbnails import Follow, Places, ThumbReport, make_thumbnails
from indexer.model import Selection
from indexer.render.thumbnail import ThumbSpec
from indexer.storage.options import S3Options
from indexer.storage.urls import Address, Location, open_store
from tests.pictures import photo_jpeg
from tests.servers import S3Server

NOW = datetime(2026, 11, 5, 9, tzinfo=UTC)


def key(number: int) -> str:
    moment = NOW + timedelta(seconds=number)
    return f"d/{'a' * 32}_a b+c%20&<d>__uid_s_7__uid_e_video_{moment:%Y%m%d%H%M%S}000.jpg"


@pytest.mark.timeout(300)
def test_refused_credentials_end_a_run_and_nothing_is_lost(
    weed: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", weed.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.secret_key)
    options = S3Options(endpoint_url=weed.endpoint_url, region="us-east-1")
    origin = Address(Location("s3", weed.new_bucket()), options)
    target = Address(Location("s3", weed.new_bucket()), options)
    store, derived = open_store(origin.location, options), open_store(target.location, options)
    for number in range(12):
        store.put(key(number), photo_jpeg(seed=number % 4), content_type="image/jpeg")
    with Catalog.open_to_write(f"sqlite:///{tmp_path}/c.db", now=NOW) as catalog:
        sync(Access(store, ""), catalog, "prod", watch=Watch(lambda: NOW))

        def thumbs() -> ThumbReport:
            spec = ThumbSpec(160, 90)
            places = Places({"prod": origin}, target)
            follow = Follow(lambda: NOW)
            return make_thumbnails(catalog, places, Selection(), [spec], executor=Processes(2), follow=follow)

        # Workers inherit the environment: theirs is refused, as after a key was replaced in mid-run.
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not the secret any more")
        with pytest.raises(AccessDeniedError):
            thumbs()
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", weed.secret_key)
        assert catalog.etags.md5_sources() == frozenset(), "nothing was fetched yet"
        assert thumbs().made == 12
        assert catalog.etags.md5_sources() == {"prod"}
        assert thumbs().wanted == 0
        assert len(derived.list_page().objects) == 12

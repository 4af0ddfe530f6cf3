"""`livestills doctor`: looks at everything, and changes nothing."""

import json
import sqlite3
from pathlib import Path

import pytest

from indexer.agora.vendors import AZURE
from indexer.catalog import sqlite
from indexer.config import FromRequest
from indexer.jobs.doctor import examine_doubts
from indexer.storage.memory import MemoryStore
from tests.cli.running import done, livestills
from tests.cli.worlds import configure, memory, memory_stores, put, series


def _about(lines: list[str], subject: str) -> list[tuple[str, str]]:
    """Verdict and text of what was found about something."""
    found = [(line[:4].rstrip(), line[6:].partition(": ")) for line in lines]
    return [(verdict, text) for verdict, (about, _, text) in found if about == subject]


def test_all_is_well_behind_a_sync() -> None:
    url, _ = memory([*series(shots=9), "notes\x1b.txt"])
    configure(a=url)
    done("-q", "sync")
    before = sorted((path, path.stat().st_mtime_ns) for path in Path().iterdir())
    lines = done("doctor").lines
    assert sorted((path, path.stat().st_mtime_ns) for path in Path().iterdir()) == before
    assert _about(lines, "configuration") == [("ok", f"{Path('livestills.toml').absolute()}: sources a")]
    assert [verdict for verdict, _ in _about(lines, "source a")] == ["ok"] * 6
    texts = " ".join(text for _, text in _about(lines, "source a"))
    for expected in (
        "can be listed",
        "9 of the first 10 objects are screenshots",
        "objects can be read",
        "synced to its end",
        "1 of 10 objects (10.0%) are not Agora's",
        r"1 not-agora: 'notes\x1b.txt'",
    ):
        assert expected in texts
    ((verdict, text),) = _about(lines, "catalog")
    assert (verdict, "9 shots" in text) == ("ok", True)
    assert len(_about(lines, "SQLite")) == 1


def _request(vendor: int, region: int, **storage: object) -> None:
    """A request, and a source that is nothing but it."""
    keys = {"vendor": vendor, "region": region, "bucket": "b", "accessKey": SECRET, "secretKey": SECRET}
    Path("start.json").write_text(json.dumps({"clientRequest": {"storageConfig": keys | storage, "token": SECRET}}))
    Path("livestills.toml").write_text('[sources.a]\nrequest = "start.json"\n')


SECRET = "do-not-tell"
NO_SHOTS = "the request has no snapshotConfig, so it takes no screenshots"


def test_what_a_source_has_from_its_request_is_told_and_what_is_doubtful_of_it_while_it_does_not_work() -> None:
    _request(11, 0, extensionParams={"endpoint": "127.0.0.1:1"})
    answer = livestills("doctor")
    origin, refused, *doubts = _about(answer.lines, "source a")
    taken = "url, endpoint_url, region, addressing_style, list_version, url_encoding"
    file = Path("start.json").absolute()
    assert origin == ("ok", f"has {taken} from {file} (S3-compatible storage)")
    assert refused[0] == "fail"
    assert [verdict for verdict, _ in doubts] == ["warn", "warn"]
    assert doubts[0][1].endswith("if yours wants something else, set region and addressing_style")
    assert doubts[1][1] == NO_SHOTS
    assert SECRET not in answer.out + answer.err


def test_what_works_is_no_longer_doubtful() -> None:
    url, _ = memory(series())
    _request(1, 17)
    with Path("livestills.toml").open("a") as file:
        file.write(f'url = "{url}"\ncapture_interval_s = 5\n')
    origin, *found = _about(done("doctor").lines, "source a")
    assert origin == ("ok", f"sets itself all that {Path('start.json').absolute()} could tell")
    assert [verdict for verdict, _ in found] == ["ok"] * 3
    told = FromRequest(Path("start.json"), "Amazon S3 US_GOV_WEST_1", ("url",), ("it is doubtful",))
    (doubt,) = examine_doubts("a", told, works=True)
    assert (doubt.verdict, doubt.text) == ("ok", "works, though the documents leave a doubt: it is doubtful")


def test_a_request_that_cannot_be_used_stops_every_command() -> None:
    _request(AZURE, 0)
    answer = livestills("doctor")
    assert (answer.status, answer.out) == (2, "")
    assert answer.error.startswith(f"{Path('livestills.toml').absolute()}: sources.a.request: ")
    assert "vendor 5 (Microsoft Azure) has no S3 API" in answer.error
    assert SECRET not in answer.err


def test_programs_get_the_findings_as_records() -> None:
    configure(a=memory(series())[0])
    records = done("doctor", "-o", "ndjson").records
    assert {tuple(record) for record in records} == {("verdict", "about", "text")}
    assert done("doctor", "-o", "json").document == records
    assert [row["about"] for row in done("doctor", "-o", "csv").rows] == [record["about"] for record in records]


def test_before_the_first_sync_only_the_catalog_is_missing() -> None:
    configure(a=memory(series())[0])
    lines = done("doctor").lines
    ((verdict, text),) = _about(lines, "catalog")
    assert (verdict, text.endswith("run `livestills sync` to make it")) == ("warn", True)
    assert not Path("livestills.db").exists()


def test_without_a_configuration_that_is_the_finding() -> None:
    answer = livestills("doctor")
    assert (answer.status, answer.err) == (20, "")
    ((verdict, text),) = _about(answer.lines, "configuration")
    assert (verdict, "`livestills init` writes a configuration" in text) == ("fail", True)


def test_a_source_that_cannot_be_opened_fails_and_the_others_are_still_looked_at() -> None:
    more = '[sources.d]\nurl = "s3://bucket/"\nprofile = "nobody"\n'
    configure(a="file:missing", c=memory(series())[0], more=more)
    answer = livestills("doctor")
    assert (answer.status, answer.err) == (20, "")
    assert [verdict for verdict, _ in _about(answer.lines, "source a")] == ["fail"]
    assert [verdict for verdict, _ in _about(answer.lines, "source c")] == ["ok"] * 3
    ((verdict, text),) = _about(answer.lines, "source d")
    assert (verdict, "nobody" in text) == ("fail", True)
    assert _about(answer.lines, "catalog")


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"a": "s3://x/a/", "b": "s3://x/a/b/"}, "the sources 'a' (s3://x/a/) and 'b' (s3://x/a/b/) overlap"),
        ({"a": "https://x.s3.amazonaws.com/"}, "sources.a.url: 'https://x.s3.amazonaws.com/' is no address"),
        ({"a": "bucket"}, "the folder of this name is file://"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_the_finding_and_stops_a_sync(
    sources: dict[str, str], expected: str
) -> None:
    configure(**sources)
    answer = livestills("doctor")
    assert answer.status == 20
    ((verdict, text),) = _about(answer.lines, "configuration")
    assert (verdict, expected in text) == ("fail", True)
    answer = livestills("sync")
    assert (answer.status, answer.out, expected in answer.error) == (2, "", True)
    assert not Path("livestills.db").exists()


def test_derivatives_inside_a_source_are_refused() -> None:
    configure(a="s3://x/a/", more='[derivatives]\nurl = "s3://x/a/made/"\n')
    answer = livestills("sync")
    assert (answer.status, answer.error[:41]) == (2, "derivatives.url s3://x/a/made/ lies insid")
    configure(a="s3://x/a/", more='[derivatives]\nurl = "s3://x/made/"\n')
    assert "configuration" in livestills("doctor", "-o", "csv").out


def test_a_prefix_that_looks_wrong_is_a_warning() -> None:
    configure(empty=memory()[0], foreign=memory([*series(shots=2), "a", "b", "c"])[0], none=memory(["x/"])[0])
    lines = done("doctor").lines
    ((verdict, text),) = _about(lines, "source empty")
    assert (verdict, text.endswith("holds nothing: is the prefix right?")) == ("warn", True)
    assert _about(lines, "source foreign")[1] == (
        "warn",
        "2 of the first 5 objects are screenshots, 3 are nothing of Agora's, such as 'a'",
    )
    done("-q", "sync", "foreign")
    assert ("warn", "3 of 5 objects (60.0%) are not Agora's") in _about(done("doctor").lines, "source foreign")


class Vanishing(MemoryStore):
    """What it lists is gone when it is asked for."""

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        self.delete(key)
        return super().get(key, start=start, length=length)


def test_an_object_that_cannot_be_read_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Vanishing()
    put(store, series())
    monkeypatch.setitem(memory_stores, "vanishing", store)
    configure(a="memory://vanishing/")
    answer = livestills("doctor")
    assert answer.status == 20
    verdict, text = _about(answer.lines, "source a")[-1]
    assert (verdict, text.startswith("there is no object")) == ("fail", True)


def test_a_sync_that_was_cut_off_is_pointed_out() -> None:
    url, store = memory(series())
    configure(a=url)
    done("-q", "sync")
    connection = sqlite3.connect("livestills.db")
    connection.execute("UPDATE unit SET digest = NULL")
    connection.execute("UPDATE sync_run SET outcome = 'died'")
    connection.commit()
    connection.close()
    found = _about(done("doctor").lines, "source a")
    assert ("warn", "was never synced to its end") in found
    assert any(verdict == "warn" and "1 units are unfinished" in text for verdict, text in found)
    put(store, series("8"))
    done("-q", "sync")
    assert {verdict for verdict, _ in _about(done("doctor").lines, "source a")} == {"ok"}


def test_an_old_sqlite_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "SAFE", (999, 0, 0))
    configure(a=memory(series())[0])
    ((verdict, text),) = _about(done("doctor").lines, "SQLite")
    assert (verdict, text.partition("; ")[0]) == ("warn", sqlite3.sqlite_version)
    monkeypatch.setattr(sqlite, "SAFE", (3, 0, 0))
    assert _about(done("doctor").lines, "SQLite") == [("ok", sqlite3.sqlite_version)]

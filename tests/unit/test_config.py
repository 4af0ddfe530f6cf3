"""Where settings come from, and what is said of a wrong one."""

import json
import os
from pathlib import Path

import pytest

from indexer import config
from indexer.config import Settings
from indexer.errors import ConfigError

ELSEWHERE = Path("/somewhere/else")


@pytest.fixture(autouse=True)
def _without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("LIVESTILLS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "livestills.toml"


def load(file: Path | None, text: str | None = None) -> Settings:
    if file is not None and text is not None:
        file.write_text(text, encoding="utf-8")
    return config.load(file, environ=os.environ, folder=ELSEWHERE)


def complaint(file: Path | None, text: str | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        load(file, text)
    assert "\n" not in str(raised.value)
    return str(raised.value)


# --- which file


def test_the_file_that_is_named_wins_then_the_variables_then_the_folders_then_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    users, here = tmp_path / "livestills" / "livestills.toml", tmp_path / "here" / "livestills.toml"
    environ = {"LIVESTILLS_CONFIG": "of-the-variable.toml"}
    assert config.find_file(Path("named.toml"), environ=environ, folder=here.parent) == Path("named.toml")
    assert config.find_file(None, environ=environ, folder=here.parent) == Path("of-the-variable.toml")
    assert config.find_file(None, environ={}, folder=here.parent) is None
    for file in (users, here):
        file.parent.mkdir()
        file.touch()
        assert config.find_file(None, environ={"LIVESTILLS_CONFIG": ""}, folder=here.parent) == file


def test_without_a_file_the_catalog_lies_in_the_working_folder() -> None:
    assert load(None).catalog.url == "sqlite:///livestills.db"


# --- what is stronger


def test_the_environment_is_stronger_than_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTILLS_SOURCES__A__REGION", "eu-central-1")
    monkeypatch.setenv("LIVESTILLS_SOURCES__B__URL", "s3://b/")
    monkeypatch.setenv("LIVESTILLS_DISPLAY__TZ", "")
    settings = load(file, '[sources.a]\nurl = "s3://a/"\nregion = "us-east-1"\n[display]\ntz = "Europe/Berlin"\n')
    assert (settings.sources["a"].url, settings.sources["a"].region) == ("s3://a/", "eu-central-1")
    assert settings.sources["b"].url == "s3://b/"
    assert settings.display.tz == "Europe/Berlin"


def test_options_are_stronger_than_both(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTILLS_CATALOG__URL", "sqlite:///of-the-variable.db")
    settings = load(file, '[catalog]\nurl = "sqlite:///of-the-file.db"\n')
    assert settings.catalog.url == "sqlite:///of-the-variable.db"
    settings = config.override(settings, catalog_url="sqlite:///named.db", tz="Asia/Tokyo")
    assert (settings.catalog.url, config.zone(settings).key) == ("sqlite:///named.db", "Asia/Tokyo")
    assert config.override(settings) == settings


# --- paths


def test_a_path_in_the_file_is_meant_from_the_files_folder(file: Path) -> None:
    settings = load(
        file,
        '[catalog]\nurl = "sqlite:///sub/a.db"\n[sources.a]\nurl = "file:a b"\n[derivatives]\nurl = "file:../made"\n',
    )
    assert settings.catalog.url == f"sqlite:///{file.parent}/sub/a.db"
    assert settings.sources["a"].url == f"{file.parent.as_uri()}/a%20b"
    assert settings.derivatives is not None
    assert settings.derivatives.url == f"{file.parent.parent.as_uri()}/made"


def test_the_catalog_of_a_file_that_names_none_lies_beside_it(file: Path) -> None:
    assert load(file, "").catalog.url == f"sqlite:///{file.parent}/livestills.db"


def test_a_path_of_the_environment_is_meant_from_the_working_folder(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVESTILLS_CATALOG__URL", "sqlite:///a.db")
    monkeypatch.setenv("LIVESTILLS_SOURCES__A__URL", "file:mirror")
    settings = load(file, '[catalog]\nurl = "sqlite:///b.db"\n[sources.a]\nurl = "file:other"\n')
    assert (settings.catalog.url, settings.sources["a"].url) == ("sqlite:///a.db", f"{ELSEWHERE.as_uri()}/mirror")


@pytest.mark.parametrize("url", ["sqlite:////var/a.db", "s3://bucket/file:x/", "file:///mirror", "memory://a/"])
def test_an_address_that_is_whole_stays_as_it_is(file: Path, url: str) -> None:
    settings = load(file, f'[catalog]\nurl = "{url}"\n[sources.a]\nurl = "{url}"\n')
    assert (settings.catalog.url, settings.sources["a"].url) == (url, url)


def test_a_file_of_names_is_meant_from_the_folder_of_what_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(file, "[users]\ncsv = 'people.csv'\n").users.csv == f"{file.parent}/people.csv"
    monkeypatch.setenv("LIVESTILLS_USERS__CSV", "people.csv")
    assert load(file).users.csv == f"{ELSEWHERE}/people.csv"


# --- what people are called, and what ETags are


def test_names_are_by_channel_and_uid_as_they_are_written(file: Path) -> None:
    users = load(file, '[users.channels."math-101"]\n007 = "Ada"\n"a b" = "Ben"\n[users.everywhere]\n7 = "Cy"\n').users
    assert users.channels == {"math-101": {"007": "Ada", "a b": "Ben"}}
    assert users.everywhere == {"7": "Cy"}


def test_whether_etags_are_sums_of_the_content_is_learned_unless_it_is_said(file: Path) -> None:
    settings = load(file, "[sources.a]\nurl = 's3://a/'\n[sources.b]\nurl = 's3://b/'\netag_is_md5 = true\n")
    assert [source.etag_is_md5 for source in settings.sources.values()] == [None, True]


# --- how a sync lists


def test_a_sync_verifies_a_thirtieth_and_watches_for_four_days_unless_told_otherwise(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(file, "[sources.a]\nurl = 's3://a/'\n")
    assert (settings.sync.verify, settings.sync.horizon_h, settings.sync.in_flight) == (1 / 30, 96, 16)
    assert settings.sources["a"].discovery == "auto"
    monkeypatch.setenv("LIVESTILLS_SYNC__IN_FLIGHT", "32")
    settings = load(
        file, "[sync]\nverify = '3.3%'\nhorizon_h = 8760\n[sources.a]\nurl = 's3://a/'\ndiscovery = 'hop'\n"
    )
    assert (settings.sync.verify, settings.sync.horizon_h, settings.sync.in_flight) == (0.033, 8760, 32)
    assert settings.sources["a"].discovery == "hop"
    assert load(file, "[sync]\nverify = 0.25\n").sync.verify == 0.25
    monkeypatch.setenv("LIVESTILLS_SYNC__VERIFY", "1/8")
    assert load(file).sync.verify == 0.125


@pytest.mark.parametrize(
    ("text", "share"),
    [
        *(("0", 0.0), ("1", 1.0), ("100%", 1.0), ("0%", 0.0), ("0.25", 0.25), ("12.5%", 0.125), ("12.5 %", 0.125)),
        *(("1/30", 1 / 30), (" 1 / 4 ", 0.25), ("4/4", 1.0), ("0/7", 0.0)),
    ],
)
def test_a_share_is_read_as_people_write_it(text: str, share: float) -> None:
    assert config.parse_share(text) == share


@pytest.mark.parametrize(
    "text", ["", "2", "101%", "3/2", "1/0", "-1", "nan", "1e-3", "all", "5%%", "1/2%", "1,5%", "٣%"]
)
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no share; write for example 1/30, 5%, 0 or 100%"):
        config.parse_share(text)


# --- a source from its start request


def _request(**storage: object) -> str:
    """A start request; None leaves the storage out."""
    body = {"snapshotConfig": {"captureInterval": 5}, "storageConfig": {"bucket": "b", "secretKey": SECRET} | storage}
    return json.dumps({"cname": "c", "uid": "1", "clientRequest": body})


SECRET = "do-not-tell"
OSS = {"vendor": 2, "region": 7, "fileNamePrefix": ["directory1", "directory2"]}
AZURE = {"vendor": 5, "region": 0}
STORAGE = {"vendor": 11, "region": 0, "extensionParams": {"endpoint": "minio.example.com"}}


def test_a_request_says_what_the_section_leaves_open(file: Path) -> None:
    (file.parent / "start.json").write_text(_request(**OSS))
    source = load(file, "[sources.a]\nrequest = 'start.json'").sources["a"]
    assert (source.url, source.capture_interval_s) == ("s3://b/directory1/directory2/", 5)
    assert (source.endpoint_url, source.region) == ("https://s3.oss-cn-hongkong.aliyuncs.com", "cn-hongkong")
    assert (source.addressing_style, source.list_version, source.url_encoding) == ("virtual", 2, True)
    told = source.from_request
    assert told is not None
    assert (told.file, told.storage, told.doubts) == (file.parent / "start.json", "Alibaba OSS CN_Hongkong", ())
    assert told.settings == (
        "url",
        "endpoint_url",
        "region",
        "addressing_style",
        "list_version",
        "url_encoding",
        "capture_interval_s",
    )


def test_what_the_section_says_wins_also_where_it_is_the_default(file: Path) -> None:
    (file.parent / "start.json").write_text(_request(vendor=7, region=0))
    own = "url = 's3://b/other/'\nlist_version = 2\nurl_encoding = true\ncapture_interval_s = 7\nregion = 'x'\n"
    source = load(file, f"[sources.a]\nrequest = 'start.json'\n{own}").sources["a"]
    assert (source.url, source.list_version, source.url_encoding) == ("s3://b/other/", 2, True)
    assert (source.capture_interval_s, source.region, source.addressing_style) == (7, "x", "virtual")
    assert source.from_request is not None
    assert source.from_request.settings == ("endpoint_url", "addressing_style")


def test_variables_are_stronger_than_a_request_and_can_name_one(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (file.parent / "start.json").write_text(_request(**OSS))
    monkeypatch.setenv("LIVESTILLS_SOURCES__A__ENDPOINT_URL", "https://shots.example.com")
    source = load(file, "[sources.a]\nrequest = 'start.json'").sources["a"]
    assert (source.endpoint_url, source.region) == ("https://shots.example.com", "cn-hongkong")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "start.json").write_text(_request(vendor=1, region=7))
    monkeypatch.setenv("LIVESTILLS_SOURCES__N__REQUEST", "start.json")
    sources = config.load(file, environ=os.environ, folder=tmp_path / "elsewhere").sources
    assert (sources["n"].url, sources["n"].region) == ("s3://b/", "eu-central-1")
    assert sources["a"].url == "s3://b/directory1/directory2/"


@pytest.mark.parametrize(
    ("storage", "variables", "doubted"),
    [
        (OSS | {"region": 3}, {}, "only through a domain of their own"),
        (OSS | {"region": 3}, {"REGION": "cn-beijing"}, "only through a domain of their own"),
        (OSS | {"region": 3}, {"ENDPOINT_URL": "https://shots.example.com"}, ""),
        (STORAGE, {"REGION": "eu"}, "set region and addressing_style"),
        (STORAGE, {"REGION": "eu", "ADDRESSING_STYLE": "path"}, ""),
        (OSS | {"region": 11}, {"ENDPOINT_URL": "https://shots.example.com"}, "has closed this region"),
    ],
)
def test_what_a_source_sets_itself_is_no_longer_in_doubt(
    file: Path, monkeypatch: pytest.MonkeyPatch, storage: dict[str, object], variables: dict[str, str], doubted: str
) -> None:
    (file.parent / "start.json").write_text(_request(**storage))
    for name, value in variables.items():
        monkeypatch.setenv(f"LIVESTILLS_SOURCES__A__{name}", value)
    told = load(file, "[sources.a]\nrequest = 'start.json'").sources["a"].from_request
    assert told is not None
    assert len(told.doubts) == bool(doubted)
    assert doubted in "".join(told.doubts)


def test_a_request_is_meant_from_the_files_folder(file: Path, tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    whole = tmp_path / "requests" / "start.json"
    whole.write_text(_request(**OSS))
    for named in ("requests/start.json", str(whole)):
        assert load(file, f"[sources.a]\nrequest = '{named}'").sources["a"].url == "s3://b/directory1/directory2/"


def test_an_interval_that_the_request_does_not_tell_is_inferred(file: Path) -> None:
    (file.parent / "start.json").write_text('{"clientRequest": {"storageConfig": {"vendor": 6, "bucket": "b"}}}')
    source = load(file, "[sources.a]\nrequest = 'start.json'").sources["a"]
    assert source.capture_interval_s is None
    assert source.from_request is not None
    assert "capture_interval_s" not in source.from_request.settings
    assert source.from_request.doubts == ("the request has no snapshotConfig, so it takes no screenshots",)


@pytest.mark.parametrize(
    "own", ["url = 's3://b/'\nendpoint_url = 'https://gateway.example.com'", "url = 'file:mirror'"]
)
def test_beside_a_gateway_or_a_mirror_a_request_for_azure_tells_the_interval_alone(file: Path, own: str) -> None:
    (file.parent / "start.json").write_text(_request(**AZURE))
    source = load(file, f"[sources.a]\nrequest = 'start.json'\n{own}").sources["a"]
    assert (source.capture_interval_s, source.region, source.addressing_style) == (5, None, "auto")
    assert source.from_request is not None
    assert source.from_request.settings == ("capture_interval_s",)


def test_beside_the_mirror_of_a_bucket_nothing_of_its_storage_matters(file: Path) -> None:
    (file.parent / "start.json").write_text(_request(**OSS))
    source = load(file, "[sources.a]\nrequest = 'start.json'\nurl = 'file:mirror'").sources["a"]
    assert (source.url, source.endpoint_url) == ((file.parent / "mirror").as_uri(), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "does not exist"),
        ("{", "JSON"),
        ("[]", "the request must be an object"),
        ('{"cname": "c", "uid": "1", "clientRequest": {}}', "clientRequest.storageConfig is missing"),
        (_request(**AZURE), "vendor 5 (Microsoft Azure) has no S3 API: mirror the container into a folder"),
        (_request(vendor=0, region=0), "vendor 0 (Qiniu) is no longer one of Agora's storages"),
        (_request(vendor=2, region=99), "vendor 2 (Alibaba OSS) has no region 99: known are 0 to 27"),
        (_request(vendor=11, region=0), "needs extensionParams.endpoint"),
        (_request(vendor=1, region=0, bucket=f"{SECRET}/"), "bucket is no name of a bucket"),
        (_request(vendor=11, region=0, extensionParams={"endpoint": f"me:{SECRET}@h"}), "has credentials in it"),
    ],
)
def test_a_request_that_tells_no_place_is_explained(file: Path, text: str | None, expected: str) -> None:
    request = file.parent / "start.json"
    if text is not None:
        request.write_text(text)
    said = complaint(file, "[sources.prod]\nrequest = 'start.json'")
    assert said.startswith(f"{file}: sources.prod.request: ")
    assert str(request) in said
    assert expected in said
    assert SECRET not in said


def test_a_variable_that_names_no_request_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.touch()
    monkeypatch.setenv("LIVESTILLS_SOURCES__A__REQUEST", "missing.json")
    assert complaint(file).startswith("the variable LIVESTILLS_SOURCES__A__REQUEST: sources.a.request: ")


# --- what is wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[catalog", "not valid TOML"),
        ("[catalgo]", "unknown setting 'catalgo'; did you mean 'catalog'?"),
        ("[catalog]\nurll = 'x'", "unknown setting 'catalog.urll'; did you mean 'url'?"),
        ("[sources.a]\nurl = 's3://a/'\nregoin = 'x'", "unknown setting 'sources.a.regoin'; did you mean 'region'?"),
        ("[sources.a]\nulr = 's3://a/'", "unknown setting 'sources.a.ulr'; did you mean 'url'?"),
        (
            "[sources.a]\nulr = 's3://a/'\nregoin = 'x'",
            "unknown setting 'sources.a.ulr'; did you mean 'url'? (and 1 more)",
        ),
        ("[display]\nzzz = 1", "unknown setting 'display.zzz'; known here: tz"),
        (
            "_env_file = 'x'",
            "unknown setting '_env_file'; known here: catalog, sources, sync, derivatives, compute, looks, display, us",
        ),
        ("[sources.a]", "sources.a has neither url nor request: one of them must say where the screenshots are"),
        ("[sources.a]\nregion = 'x'", "sources.a has neither url nor request"),
        ('[sources.a]\nrequest = "a\\u0000b"', "sources.a.request has a NUL in it, so it is no file"),
        ("[sources.a]\nrequest = 5", 'sources.a.request must be a text in "quotes"'),
        ("[sources.a]\nurl = 5", 'sources.a.url must be a text in "quotes"'),
        ("[sources]\nurl = 's3://a/'", "sources.url must be a section of its own, [sources.NAME]"),
        ("sources = 5", "sources must be a section of its own, [sources.NAME]"),
        ("catalog = 'a.db'", "catalog must be a section of its own, [catalog]"),
        ("[sources.'a b']\nurl = 's3://a/'", "'a b' is no name for a source"),
        ("[sources.a]\nurl = 's3://a/'\ncapture_interval_s = 0", "sources.a.capture_interval_s must be 1 or more"),
        ("[sources.a]\nurl = 's3://a/'\ncapture_interval_s = 4000", "must be 3600 or less"),
        ("[sources.a]\nurl = 's3://a/'\ncapture_interval_s = 1.5", "must be a whole number"),
        ("[sources.a]\nurl = 's3://a/'\nlist_version = 3", "sources.a.list_version must be 1 or 2"),
        ("[sources.a]\nurl = 's3://a/'\nurl_encoding = 'x'", "sources.a.url_encoding must be true or false"),
        ("[sources.a]\nurl = 's3://a/'\ndiscovery = 'x'", "must be 'auto', 'delimiter', 'hop' or 'full'"),
        ("[sync]\nverfy = '0'", "unknown setting 'sync.verfy'; did you mean 'verify'?"),
        ("[sync]\nverify = '2'", "sync.verify '2' is no share; write for example 1/30, 5%, 0 or 100%"),
        ("[sync]\nverify = true", "sync.verify 'True' is no share"),
        ("[sync]\nverify = [1]", "sync.verify '[1]' is no share"),
        ("[sync]\nhorizon_h = 0", "sync.horizon_h must be 1 or more"),
        ("[sync]\nhorizon_h = 8761", "sync.horizon_h must be 8760 or less"),
        ("[sync]\nin_flight = 129", "sync.in_flight must be 128 or less"),
        ("[users]\neverwhere = {}", "unknown setting 'users.everwhere'; did you mean 'everywhere'?"),
        ("[users]\n1 = 'Ada'", "unknown setting 'users.1'; write names below [users.everywhere] or [users.channels."),
        ("[users.everywhere]\n7 = 8", 'users.everywhere.7 must be a text in "quotes"'),
        ("[users.everywhere]\n7 = ''", "users.everywhere.7 must not be empty"),
        ("[users]\neverywhere = 'Ada'", "users.everywhere must be a section of its own, [users.everywhere]"),
        ("[users.channels]\n7 = 'Ada'", 'users.channels.7 must be a section of its own, [users.channels."CHANNEL"]'),
        ("[sources.a]\nurl = 's3://a/'\netag_is_md5 = 'x'", "sources.a.etag_is_md5 must be true or false"),
        ("[looks]\nstill_mean = 'x'", "looks.still_mean must be a number"),
        ("[looks]\nstill_mean = 0.4", "looks has still_mean or still_cell above changed_mean or changed_cell"),
        ("[looks]\ndrift = 256", "looks.drift must be 255 or less"),
        ("[looks]\nblack = 3", "unknown setting 'looks.black'; did you mean 'black_mean'?"),
        ("[display]\ntz = 'Mars'", "display.tz 'Mars' is no time zone; write one such as UTC or Europe/Berlin"),
    ],
)
def test_a_wrong_file_is_explained(file: Path, text: str, expected: str) -> None:
    said = complaint(file, text)
    assert said.startswith(f"{file}: ")
    assert expected in said


def test_a_file_that_cannot_be_read_is_explained(file: Path, tmp_path: Path) -> None:
    assert f"{file} does not exist; `livestills init` writes one" in complaint(file)
    assert f"{tmp_path} cannot be read: Is a directory" in complaint(tmp_path)
    assert "File name too long" in complaint(tmp_path / ("a" * 300))
    file.write_bytes(b"\xff\xfe[\x00")
    assert complaint(file) == f"{file} is not UTF-8 text"


def test_a_mark_at_the_beginning_is_no_text(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[display]\ntz = 'Asia/Tokyo'\n")
    assert load(file).display.tz == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LIVESTILLS_CATALOG__URI", "x", "LIVESTILLS_CATALOG__URI: unknown setting 'catalog.uri'; did you mean 'url'?"),
        ("LIVESTILLS_CATALOG", "{bad", "LIVESTILLS_CATALOG is not JSON; set one value at a time"),
        ("LIVESTILLS_DISPLAY__TZ", "Mars", "LIVESTILLS_DISPLAY__TZ: display.tz 'Mars' is no time zone"),
        ("LIVESTILLS_SOURCES__A", "s3://a/", "LIVESTILLS_SOURCES__A: sources.a must be a section of its own"),
        ("LIVESTILLS_CATALGO__URL", "x", "LIVESTILLS_CATALGO__URL sets nothing; known: LIVESTILLS_CATALOG__"),
        ("LIVESTILLS_CATALOG_URL", "x", "LIVESTILLS_CATALOG_URL sets nothing; known: LIVESTILLS_CATALOG__"),
        ("LIVESTILLS_X__Y", "x", "LIVESTILLS_X__Y sets nothing; known: LIVESTILLS_CATALOG__"),
    ],
)
def test_a_wrong_variable_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    file.touch()
    monkeypatch.setenv(name, value)
    assert expected in complaint(file)


def test_a_variable_of_somebody_else_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTILLS_VERSION", "1.2.3")
    load(None)


@pytest.mark.parametrize("zone", ["", "Mars/Phobos", "../../etc/passwd", "/etc/passwd", "a\0b", "x" * 5000, "Europe"])
def test_a_wrong_time_zone_is_a_usage_error(zone: str) -> None:
    with pytest.raises(ConfigError, match=r"--tz .* is no time zone"):
        config.override(load(None), tz=zone)


def test_the_variables_of_a_section_are_found() -> None:
    environ = {"LIVESTILLS_SOURCES__A__URL": "", "livestills_catalog__url": "", "LIVESTILLS_CONFIG": "", "PATH": ""}
    assert config.variables(environ, sections=("sources",)) == ["LIVESTILLS_SOURCES__A__URL"]
    assert config.variables(environ, sections=("catalog",)) == ["livestills_catalog__url"]

"""Which storages Agora uploads to, and how a start request's place is reached."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora.destination import capture_interval_s, destination
from indexer.agora.vendors import AZURE, REMOVED, VENDORS, Doubt, Place, place, prefix_of
from indexer.errors import ConfigError
from indexer.storage.options import S3Options
from indexer.storage.urls import Location

REGIONS = [(vendor.number, region) for vendor in VENDORS.values() for region in vendor.regions or (0,)]
OPEN = [(vendor, region) for vendor, region in REGIONS if vendor != AZURE]


def placed(vendor: int, region: int = 0, bucket: str = "shots-1250000000", **more: Any) -> Place:
    return place(vendor=vendor, region=region, bucket=bucket, **{"endpoint": "s3.example.com", **more})


def endpoint(found: Place) -> str | None:
    """As a storage opens it."""
    return S3Options(endpoint_url=found.endpoint_url).endpoint(found.bucket)


# --- every vendor and region


def test_all_vendors_of_the_documents_are_known() -> None:
    assert {number: (vendor.name, len(vendor.regions)) for number, vendor in VENDORS.items()} == {
        1: ("Amazon S3", 26),
        2: ("Alibaba OSS", 28),
        3: ("Tencent COS", 20),
        5: ("Microsoft Azure", 0),
        6: ("Google Cloud Storage", 0),
        7: ("Huawei OBS", 16),
        8: ("Baidu BOS", 7),
        11: ("S3-compatible storage", 0),
    }


@pytest.mark.parametrize(("vendor", "region"), OPEN)
def test_every_place_can_be_opened(vendor: int, region: int) -> None:
    found = placed(vendor, region, file_name_prefix=("directory1", "directory2"))
    assert str(Location.from_string(found.url)) == found.url == "s3://shots-1250000000/directory1/directory2/"
    opened = endpoint(found)
    for text in (opened or "", found.region or ""):
        assert text == text.lower()
        assert "_" not in text
    assert (opened is None) == (vendor == 1)
    assert opened is None or opened.startswith("https://")
    assert found.region
    assert (found.addressing_style == "virtual") == (vendor in {2, 3, 7, 8})
    assert all("\n" not in doubt.text and not doubt.text.endswith(".") for doubt in found.doubts)


@pytest.mark.parametrize(
    ("vendor", "region", "endpoint_url", "region_name"),
    [
        (1, 7, None, "eu-central-1"),
        (1, 15, None, "cn-north-1"),
        (1, 23, None, "us-gov-east-1"),
        (2, 5, "https://s3.oss-cn-huhehaote.aliyuncs.com", "cn-huhehaote"),
        (2, 7, "https://s3.oss-cn-hongkong.aliyuncs.com", "cn-hongkong"),
        (2, 26, "https://s3.oss-ap-northeast-2.aliyuncs.com", "ap-northeast-2"),
        (3, 0, "https://cos.ap-beijing-1.myqcloud.com", "ap-beijing-1"),
        (3, 6, "https://cos.ap-shenzhen-fsi.myqcloud.com", "ap-shenzhen-fsi"),
        (6, 0, "https://storage.googleapis.com", "auto"),
        (6, 99, "https://storage.googleapis.com", "auto"),
        (7, 14, "https://obs.la-south-2.myhuaweicloud.com", "la-south-2"),
        (8, 1, "https://s3.bd.bcebos.com", "bd"),
        (8, 6, "https://s3.fwh.bcebos.com", "fwh"),
    ],
)
def test_a_region_is_told_as_its_vendor_calls_it(
    vendor: int, region: int, endpoint_url: str | None, region_name: str
) -> None:
    found = placed(vendor, region)
    assert (found.endpoint_url, found.region) == (endpoint_url, region_name)


def test_listings_are_asked_for_in_the_way_that_is_safe_for_each_vendor() -> None:
    special = {
        number: (placed(number, 1).list_version, placed(number, 1).url_encoding) for number in (1, 2, 3, 6, 7, 8)
    }
    assert special == {1: (2, True), 2: (2, True), 3: (1, True), 6: (2, True), 7: (1, False), 8: (2, True)}


@pytest.mark.parametrize(
    ("vendor", "region", "bucket", "expected"),
    [
        (2, 11, "x", "Alibaba OSS AP_Southeast_2: Alibaba has closed this region (Sydney)"),
        (2, 3, "x", "new users of Alibaba OSS reach buckets in mainland China only through a domain of their own"),
        (3, 1, "x", "are called name-APPID, such as shots-1250000000: 'x' is not"),
        (7, 5, "x", "stands in no list that we know; if it fails, set endpoint_url yourself"),
        (8, 5, "x", "Baidu BOS Singapore: Baidu's code for Singapore, 'sin', is a guess"),
        (8, 4, "x", "for plain HTTP only"),
        (11, 0, "x", "if yours wants something else, set region and addressing_style"),
    ],
)
def test_what_is_not_confirmed_is_said(vendor: int, region: int, bucket: str, expected: str) -> None:
    assert expected in " / ".join(doubt.text for doubt in placed(vendor, region, bucket).doubts)


def test_where_all_is_confirmed_there_is_no_doubt() -> None:
    assert [placed(*where).doubts for where in ((1, 0), (2, 7), (3, 1), (6, 0), (7, 0), (8, 1))] == [()] * 6


# --- what has no place


def test_azure_is_refused_with_the_reason_and_what_to_do() -> None:
    with pytest.raises(
        ConfigError, match=r"vendor 5 \(Microsoft Azure\) has no S3 API: mirror .* or put an S3 gateway"
    ):
        placed(AZURE)


@pytest.mark.parametrize(("vendor", "name"), REMOVED.items())
def test_a_removed_vendor_is_refused_by_its_name(vendor: int, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"vendor {vendor} \({name}\) is no longer one of Agora's storages"):
        placed(vendor)


@pytest.mark.parametrize(
    ("vendor", "more", "expected"),
    [
        (9, {}, "there is no vendor 9; known: 1 Amazon S3, 2 Alibaba OSS, "),
        (-1, {}, "there is no vendor -1"),
        (2, {"region": 28}, "vendor 2 (Alibaba OSS) has no region 28: known are 0 to 27"),
        (8, {"region": 0}, "vendor 8 (Baidu BOS) has no region 0: known are 1 to 7"),
        (1, {"bucket": ""}, "bucket is no name of a bucket"),
        (1, {"bucket": "wJalr/bPx+KEY"}, "bucket is no name of a bucket: letters, digits"),
        (11, {"endpoint": None}, "vendor 11 (S3-compatible storage) needs extensionParams.endpoint"),
        (11, {"endpoint": ""}, "needs extensionParams.endpoint"),
        (11, {"endpoint": "me:secret@s3.example.com"}, "extensionParams.endpoint has credentials in it"),
        (11, {"endpoint": "s3.example.com\n"}, "extensionParams.endpoint is no host"),
        (11, {"endpoint": "\ud800"}, "extensionParams.endpoint is no host"),
    ],
)
def test_what_names_no_place_is_explained_without_its_secrets(vendor: int, more: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        placed(vendor, **more)
    assert expected in str(raised.value)
    assert not any(secret in str(raised.value) for secret in ("wJalr", "me:", "secret"))


# --- a storage of one's own


@pytest.mark.parametrize(
    ("given", "opened"),
    [
        ("xxxxx.xxxxx.com", "https://xxxxx.xxxxx.com"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("localhost:9000", "http://localhost:9000"),
        ("minio.example.com:9000", "https://minio.example.com:9000"),
        ("http://minio.example.com", "http://minio.example.com"),
    ],
)
def test_an_endpoint_without_a_scheme_gets_one(given: str, opened: str) -> None:
    found = placed(11, endpoint=given)
    assert endpoint(found) == opened
    assert (found.region, found.addressing_style, found.list_version) == ("us-east-1", "path", 2)


@pytest.mark.parametrize("host", ["abc.r2.cloudflarestorage.com", "https://abc.eu.R2.cloudflarestorage.com:443/"])
def test_r2_has_one_region(host: str) -> None:
    found = placed(11, endpoint=host)
    assert (found.region, found.addressing_style, found.doubts) == ("auto", "path", ())


# --- prefixes


@pytest.mark.parametrize(
    ("elements", "prefix"),
    [
        ([], ""),
        ([""], ""),
        (["directory1", "directory2"], "directory1/directory2/"),
        (["a"], "a/"),
        (["a/"], "a/"),
        (["a", "", "b"], "a/b/"),
    ],
)
def test_a_prefix_is_its_elements_with_slashes(elements: list[str], prefix: str) -> None:
    assert prefix_of(elements) == prefix


def test_empty_elements_among_others_are_doubtful() -> None:
    assert "fileNamePrefix has empty texts" in placed(1, file_name_prefix=["a", ""]).doubts[0].text
    assert placed(1, file_name_prefix=[""]).doubts == ()


# --- a whole request

GUIDE: dict[str, Any] = {
    "uid": "527841",
    "cname": "httpClient463224",
    "clientRequest": {
        "token": "<token if any>",
        "recordingConfig": {"channelType": 1, "subscribeUidGroup": 0},
        "snapshotConfig": {"captureInterval": 5, "fileType": ["jpg"]},
        "storageConfig": {
            "accessKey": "xxxxxxf",
            "region": 3,
            "bucket": "xxxxx",
            "secretKey": "xxxxx",
            "vendor": 2,
            "fileNamePrefix": ["directory1", "directory2"],
        },
    },
}
"""Screenshots only, from Agora's guide."""


def guide(**storage: Any) -> dict[str, Any]:
    """The guide's request with another storage; None takes a field away."""
    body = copy.deepcopy(GUIDE)
    fields = body["clientRequest"]["storageConfig"] | storage
    body["clientRequest"]["storageConfig"] = {name: value for name, value in fields.items() if value is not None}
    return body


def test_the_guides_request_tells_a_whole_source() -> None:
    found = destination(GUIDE)
    assert found.storage == "Alibaba OSS CN_Beijing"
    assert found.settings == {
        "url": "s3://xxxxx/directory1/directory2/",
        "endpoint_url": "https://s3.oss-cn-beijing.aliyuncs.com",
        "region": "cn-beijing",
        "addressing_style": "virtual",
        "list_version": 2,
        "url_encoding": True,
        "capture_interval_s": 5,
    }


def test_only_the_place_must_be_right() -> None:
    body = {"clientRequest": {"storageConfig": {"vendor": 6, "bucket": "x"}, "token": 5, "snapshotConfig": {}}}
    found = destination(body)
    assert (found.place.url, found.capture_interval_s, found.doubts) == ("s3://x/", 10, ())
    found = destination(guide(accessKey=None, secretKey=None) | {"cname": 7})
    assert found.place.url == "s3://xxxxx/directory1/directory2/"
    assert destination(guide(vendor=11, region=7, extensionParams={"endpoint": "h"})).place.endpoint_url == "h"


@pytest.mark.parametrize(
    ("snapshots", "interval"),
    [({}, 10), ({"captureInterval": 3600}, 3600), *(({"captureInterval": bad}, None) for bad in (0, 3601, "5", True))],
)
def test_an_interval_that_is_none_is_left_to_be_inferred(snapshots: dict[str, Any], interval: int | None) -> None:
    assert capture_interval_s({"clientRequest": {"snapshotConfig": snapshots}}) == interval


def test_a_request_that_takes_no_screenshots_says_so() -> None:
    body = guide(vendor=1)
    del body["clientRequest"]["snapshotConfig"]
    assert destination(body).doubts == (Doubt("the request has no snapshotConfig, so it takes no screenshots"),)
    assert destination(body).capture_interval_s is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, "the request must be an object"),
        ([], "the request must be an object"),
        ({"cname": "x", "uid": "1"}, "clientRequest is missing"),
        ({"clientRequest": 5}, "clientRequest must be an object"),
        ({"clientRequest": {"scene": 0}}, "clientRequest.storageConfig is missing"),
        (guide(vendor=None), "clientRequest.storageConfig.vendor is missing"),
        (guide(vendor="2"), "clientRequest.storageConfig.vendor must be a whole number"),
        (guide(vendor=True), "clientRequest.storageConfig.vendor must be a whole number"),
        (guide(vendor=-1), "clientRequest.storageConfig.vendor must be 0 or more"),
        (guide(region=10**4000), "clientRequest.storageConfig.region must be 999 or less"),
        (guide(region=None), "clientRequest.storageConfig: region is missing"),
        (guide(region=28), "clientRequest.storageConfig: vendor 2 (Alibaba OSS) has no region 28"),
        (guide(vendor=5), "clientRequest.storageConfig: vendor 5 (Microsoft Azure) has no S3 API"),
        (guide(bucket=None), "clientRequest.storageConfig.bucket is missing"),
        (guide(bucket=7), "clientRequest.storageConfig.bucket must be a text"),
        (guide(fileNamePrefix="a"), "clientRequest.storageConfig.fileNamePrefix must be an array of texts"),
        (guide(fileNamePrefix=["a", 1]), "clientRequest.storageConfig.fileNamePrefix.1 must be a text"),
        (guide(vendor=11, extensionParams=1), "clientRequest.storageConfig.extensionParams must be an object"),
    ],
)
def test_a_request_without_a_place_is_explained(body: object, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        destination(body)
    assert str(raised.value).startswith(expected)
    assert raised.value.__context__ is None or "xxxxxxf" not in str(raised.value.__context__)


SECRET = "do-not/tell"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9) | st.just(SECRET),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=3), parts, max_size=3),
    max_leaves=6,
)
FIELDS = ("vendor", "region", "bucket", "fileNamePrefix", "extensionParams", "accessKey", "secretKey")


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.sampled_from([2, 3, 5, 9, 11]))
@settings(max_examples=50)
def test_whatever_stands_in_a_request_it_names_a_place_or_is_a_usage_error(told: dict[str, Any], vendor: int) -> None:
    body = copy.deepcopy(GUIDE)
    body["clientRequest"]["storageConfig"] |= {"vendor": vendor, "secretKey": SECRET} | told
    prefix = said = ""
    try:
        prefix = destination(body).place.prefix
    except ConfigError as exc:
        said = str(exc)
    assert SECRET not in said
    assert prefix[-1:] in {"", "/"}


@given(JSON)
@settings(max_examples=50)
def test_whatever_the_body_is_it_is_a_usage_error(body: object) -> None:
    for wrapped in (body, {"clientRequest": body}, {"clientRequest": {"storageConfig": body}}):
        with pytest.raises(ConfigError):
            destination(wrapped)
        capture_interval_s(wrapped)

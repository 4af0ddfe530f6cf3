"""Which storages Agora uploads to, and how S3 clients reach a place that a start request names.  Pure.

The numbers are of `storageConfig` in Agora's Cloud Recording API ("Region and vendor reference", "Start").  How each
storage is reached is from the vendors' own pages about S3 compatibility and from rclone's list of S3 providers; where
these do not agree, or say nothing, a place has doubts.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from indexer.errors import ConfigError

AMAZON: Final = 1
ALIBABA: Final = 2
TENCENT: Final = 3
AZURE: Final = 5
GOOGLE: Final = 6
HUAWEI: Final = 7
BAIDU: Final = 8
COMPATIBLE: Final = 11


@dataclass(frozen=True, slots=True)
class Vendor:
    """A storage by its number in a start request."""

    number: int
    name: str
    regions: Mapping[int, str]
    """By number, as the documents print them; empty where Agora ignores the region."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What the documents do not confirm of a place."""

    text: str
    """A sentence, also about what to do if it is wrong."""
    settled_by: frozenset[str] = frozenset()
    """The settings of a source that are in doubt; empty where it is none of them."""

    def is_settled_by(self, settings: Collection[str]) -> bool:
        """Whether a source that sets these itself needs not be told."""
        return bool(self.settled_by) and self.settled_by.issubset(settings)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the recordings of a start request land, as S3 clients reach it."""

    bucket: str
    prefix: str
    """Empty, or it ends with a slash."""
    endpoint_url: str | None
    """None is AWS itself.  Without a scheme where the request has none."""
    region: str | None
    addressing_style: Literal["auto", "path", "virtual"]
    list_version: Literal[1, 2]
    url_encoding: bool
    """Whether listings may be asked for url-encoded keys."""
    doubts: tuple[Doubt, ...]

    @property
    def url(self) -> str:
        """The address of a source."""
        return f"s3://{self.bucket}/{self.prefix}"


def _numbered(names: str, *, first: int = 0) -> Mapping[int, str]:
    return MappingProxyType(dict(enumerate(names.split(), first)))


_AMAZON_REGIONS: Final = _numbered(
    "US_EAST_1 US_EAST_2 US_WEST_1 US_WEST_2 EU_WEST_1 EU_WEST_2 EU_WEST_3 EU_CENTRAL_1 AP_SOUTHEAST_1 AP_SOUTHEAST_2"
    " AP_NORTHEAST_1 AP_NORTHEAST_2 SA_EAST_1 CA_CENTRAL_1 AP_SOUTH_1 CN_NORTH_1 CN_NORTHWEST_1 US_GOV_WEST_1"
    " AF_SOUTH_1 AP_EAST_1 AP_NORTHEAST_3 EU_NORTH_1 ME_SOUTH_1 US_GOV_EAST_1 AP_SOUTHEAST_3 EU_SOUTH_1"
)
# The English page calls the last two CN_Northeast_2 and CN_Southeast_7; the Chinese one is right: Seoul and Bangkok.
_ALIBABA_REGIONS: Final = _numbered(
    "CN_Hangzhou CN_Shanghai CN_Qingdao CN_Beijing CN_Zhangjiakou CN_Huhehaote CN_Shenzhen CN_Hongkong US_West_1"
    " US_East_1 AP_Southeast_1 AP_Southeast_2 AP_Southeast_3 AP_Southeast_5 AP_Northeast_1 AP_South_1 EU_Central_1"
    " EU_West_1 EU_East_1 AP_Southeast_6 CN_Heyuan CN_Guangzhou CN_Chengdu CN_Nanjing CN_Fuzhou CN_Wulanchabu"
    " AP_Northeast_2 AP_Southeast_7"
)
_TENCENT_REGIONS: Final = _numbered(
    "AP_Beijing_1 AP_Beijing AP_Shanghai AP_Guangzhou AP_Chengdu AP_Chongqing AP_Shenzhen_FSI AP_Shanghai_FSI"
    " AP_Beijing_FSI AP_Hongkong AP_Singapore AP_Mumbai AP_Seoul AP_Bangkok AP_Tokyo NA_Siliconvalley NA_Ashburn"
    " NA_Toronto EU_Frankfurt EU_Moscow"
)
_HUAWEI_REGIONS: Final = _numbered(
    "CN_North_1 CN_North_4 CN_East_2 CN_East_3 CN_South_1 CN_Southwest_2 AP_Southeast_1 AP_Southeast_2 AP_Southeast_3"
    " AF_South_1 SA_Argentina_1 SA_Peru_1 NA_Mexico_1 SA_Brazil_1 LA_South_2 SA_Chile_1"
)
_BAIDU_REGIONS: Final = _numbered("Baoding Suzhou Guangzhou Hongkong Singapore Wuhan Shanghai", first=1)

_NO_REGIONS: Final[Mapping[int, str]] = MappingProxyType({})

VENDORS: Final[Mapping[int, Vendor]] = MappingProxyType(
    {
        vendor.number: vendor
        for vendor in (
            Vendor(AMAZON, "Amazon S3", _AMAZON_REGIONS),
            Vendor(ALIBABA, "Alibaba OSS", _ALIBABA_REGIONS),
            Vendor(TENCENT, "Tencent COS", _TENCENT_REGIONS),
            Vendor(AZURE, "Microsoft Azure", _NO_REGIONS),
            Vendor(GOOGLE, "Google Cloud Storage", _NO_REGIONS),
            Vendor(HUAWEI, "Huawei OBS", _HUAWEI_REGIONS),
            Vendor(BAIDU, "Baidu BOS", _BAIDU_REGIONS),
            Vendor(COMPATIBLE, "S3-compatible storage", _NO_REGIONS),
        )
    }
)

REMOVED: Final[Mapping[int, str]] = MappingProxyType({0: "Qiniu", 4: "Kingsoft"})
"""Numbers of old documents."""

_BAIDU_CODES: Final[Mapping[int, str]] = {1: "bd", 2: "su", 3: "gz", 4: "hkg", 5: "sin", 6: "fwh", 7: "fsh"}
"""Baidu's names of its regions."""

_REGION: Final = "<region>"


@dataclass(frozen=True, slots=True)
class _Way:
    """How S3 clients reach a vendor."""

    endpoint_url: str | None
    addressing_style: Literal["auto", "path", "virtual"]
    list_version: Literal[1, 2] = 2
    url_encoding: bool = True


_WAYS: Final[Mapping[int, _Way]] = {
    # boto3 knows the endpoints, also those of China and of the US government.
    AMAZON: _Way(None, "auto"),
    # Path style is refused (SecondLevelDomainForbidden).
    ALIBABA: _Way(f"https://s3.oss-{_REGION}.aliyuncs.com", "virtual"),
    # Path style is refused for buckets younger than 2024.  rclone lists with V1; others found that V2 works.
    TENCENT: _Way(f"https://cos.{_REGION}.myqcloud.com", "virtual", list_version=1),
    GOOGLE: _Way("https://storage.googleapis.com", "path"),
    # With encoding-type=url a listing may come back to one page for ever (rclone); V2 is not on every kind of bucket.
    HUAWEI: _Way(f"https://obs.{_REGION}.myhuaweicloud.com", "virtual", list_version=1, url_encoding=False),
    # Path style is refused for buckets younger than June 2024.
    BAIDU: _Way(f"https://s3.{_REGION}.bcebos.com", "virtual"),
    # MinIO and most self-built storages know nothing else; R2 and DigitalOcean take it.
    COMPATIBLE: _Way(None, "path"),
}

_BY_HAND: Final = "if it fails, set endpoint_url yourself"
_HTTP_ONLY: Final = "Baidu lists its endpoint for plain HTTP only: if https fails, set endpoint_url to the http:// one"
_NO_COS_STATUS: Final = "whether Tencent still runs this region is not confirmed"
_NO_OBS_LIST: Final = f"its endpoint follows Huawei's pattern, but stands in no list that we know; {_BY_HAND}"

_DOUBTED_REGIONS: Final[Mapping[tuple[int, int], str]] = {
    (AMAZON, 17): "only old documents of Agora name this region",
    (AMAZON, 23): "only a release note of Agora (July 2021) names this region",
    (ALIBABA, 11): "Alibaba has closed this region (Sydney)",
    (ALIBABA, 15): "Alibaba has closed this region (Mumbai)",
    (ALIBABA, 18): "this region is in no current list of Alibaba's",
    (ALIBABA, 23): "Alibaba is closing this region (Nanjing)",
    (ALIBABA, 24): "Alibaba is closing this region (Fuzhou)",
    (TENCENT, 11): _NO_COS_STATUS,
    (TENCENT, 17): _NO_COS_STATUS,
    (TENCENT, 19): _NO_COS_STATUS,
}
"""Whether Agora, or the storage, has them at all."""

_DOUBTED_ENDPOINTS: Final[Mapping[tuple[int, int], str]] = {
    (HUAWEI, 5): _NO_OBS_LIST,
    (HUAWEI, 14): _NO_OBS_LIST,
    (BAIDU, 4): _HTTP_ONLY,
    (BAIDU, 5): f"Baidu's code for Singapore, 'sin', is a guess; {_BY_HAND}",
    (BAIDU, 6): _HTTP_ONLY,
    (BAIDU, 7): f"Baidu's code for Shanghai, 'fsh', is from older pages; {_BY_HAND}",
}

_CUSTOM_DOMAIN: Final = (
    "since 2025-03-20 new users of Alibaba OSS reach buckets in mainland China only through a domain of their own:"
    " if this one is refused, set endpoint_url to yours"
)
_GUESSED_REGION: Final = (
    "the request does not tell the region and the addressing of its storage: 'us-east-1' and 'path' suit MinIO and most"
    " others; if yours wants something else, set region and addressing_style"
)
_ENDPOINT_URL: Final = frozenset({"endpoint_url"})
_R2: Final = re.compile(r"(?i)\.r2\.cloudflarestorage\.com(?::[0-9]+)?/?$")
_BUCKET: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")
_ENDPOINT: Final = re.compile(r"[!-~]{1,1024}")
_TENCENT_BUCKET: Final = re.compile(r".+-[0-9]+")


def prefix_of(file_name_prefix: Sequence[str]) -> str:
    """What keys start with: the elements joined by slashes, and a slash; empty without any, or with empty ones only."""
    joined = "/".join(part for part in file_name_prefix if part)
    return joined if not joined or joined.endswith("/") else f"{joined}/"


def is_bucket(name: str) -> bool:
    """Whether any storage can have a bucket of this name; what cannot be one may be a key in its place."""
    return _BUCKET.fullmatch(name) is not None


def doubted_region(vendor: int, region: int) -> str | None:
    """Why it is not sure that there is such a region; None if it is sure, or none of the documented ones."""
    return _DOUBTED_REGIONS.get((vendor, region))


def lacks_appid(vendor: int, bucket: str) -> bool:
    """Whether it is not called as buckets of Tencent COS are, and should be."""
    return vendor == TENCENT and not _TENCENT_BUCKET.fullmatch(bucket)


def place(
    *, vendor: int, region: int, bucket: str, file_name_prefix: Sequence[str] = (), endpoint: str | None = None
) -> Place:
    """Where a start request with this `storageConfig` puts its files.

    `endpoint` is `extensionParams.endpoint`, which only vendor 11 has.  Raises `ConfigError` for a storage without
    S3 API, a vendor or region that is unknown or removed, a bucket that is none, and vendor 11 without an endpoint.
    """
    named = known_vendor(vendor)
    if vendor == AZURE:
        raise ConfigError(
            f"vendor {AZURE} ({named.name}) has no S3 API: mirror the container into a folder and catalog that"
            ' (url = "file:///..."), or put an S3 gateway in front of it and set url and endpoint_url'
        )
    if named.regions and region not in named.regions:
        first, last = min(named.regions), max(named.regions)
        raise ConfigError(f"vendor {vendor} ({named.name}) has no region {region}: known are {first} to {last}")
    if not is_bucket(bucket):
        # Not repeated, because keys that stand in each other's place have such characters.
        raise ConfigError("bucket is no name of a bucket: letters, digits, '.', '_' and '-'")
    way = _WAYS[vendor]
    host, code = way.endpoint_url, named.regions.get(region, "").lower().replace("_", "-")
    doubts = _doubts(named, region, bucket, file_name_prefix)
    if vendor == GOOGLE:
        code = "auto"
    elif vendor == BAIDU:
        code = _BAIDU_CODES[region]
    elif vendor == COMPATIBLE:
        host = _endpoint(endpoint)
        if _R2.search(host):
            code = "auto"
        else:
            code = "us-east-1"
            doubts.append(Doubt(_GUESSED_REGION, frozenset({"region", "addressing_style"})))
    return Place(
        bucket=bucket,
        prefix=prefix_of(file_name_prefix),
        endpoint_url=host if host is None else host.replace(_REGION, code),
        region=code,
        addressing_style=way.addressing_style,
        list_version=way.list_version,
        url_encoding=way.url_encoding,
        doubts=tuple(doubts),
    )


def known_vendor(number: int) -> Vendor:
    """The vendor of this number.  Raises `ConfigError` for one that is unknown or was removed."""
    if number in REMOVED:
        raise ConfigError(
            f"vendor {number} ({REMOVED[number]}) is no longer one of Agora's storages: for its old recordings set url"
            " and endpoint_url"
        )
    if number not in VENDORS:
        known = ", ".join(f"{vendor.number} {vendor.name}" for vendor in VENDORS.values())
        raise ConfigError(f"there is no vendor {number}; known: {known}")
    return VENDORS[number]


def _doubts(vendor: Vendor, region: int, bucket: str, file_name_prefix: Sequence[str]) -> list[Doubt]:
    doubts = []
    name = vendor.regions.get(region, "")
    where = (vendor.number, region)
    if why := doubted_region(*where):
        doubts.append(Doubt(f"{vendor.name} {name}: {why}"))
    if where in _DOUBTED_ENDPOINTS:
        doubts.append(Doubt(f"{vendor.name} {name}: {_DOUBTED_ENDPOINTS[where]}", _ENDPOINT_URL))
    if vendor.number == ALIBABA and name.startswith("CN_") and name != "CN_Hongkong":
        doubts.append(Doubt(_CUSTOM_DOMAIN, _ENDPOINT_URL))
    if lacks_appid(vendor.number, bucket):
        text = f"buckets of {vendor.name} are called name-APPID, such as shots-1250000000: {bucket!r} is not"
        doubts.append(Doubt(text, frozenset({"url"})))
    if any(file_name_prefix) and not all(file_name_prefix):
        text = "fileNamePrefix has empty texts, and what Agora makes of them is not documented: check the prefix"
        doubts.append(Doubt(text, frozenset({"url"})))
    return doubts


def _endpoint(endpoint: str | None) -> str:
    if not endpoint:
        raise ConfigError(f"vendor {COMPATIBLE} (S3-compatible storage) needs extensionParams.endpoint")
    if "@" in endpoint:  # not repeated, because a password may stand before it
        raise ConfigError("extensionParams.endpoint has credentials in it: write the host alone")
    if not _ENDPOINT.fullmatch(endpoint):
        raise ConfigError("extensionParams.endpoint is no host: it has spaces, or characters beyond ASCII, or too many")
    return endpoint

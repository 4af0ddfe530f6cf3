"""Buckets of Amazon S3 and everything that speaks its protocol, over boto3."""

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, cast

import boto3
from botocore import handlers
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.loaders import Loader, create_loader

from indexer.errors import BrokenListingError, BucketNotFoundError, ConfigError, ObjectNotFoundError
from indexer.model import EPOCH, ListedObject
from indexer.storage.base import PAGE_SIZE, PRESIGNED_FOR, THROTTLED, Page, can_exist, refuse_impossible
from indexer.storage.options import AddressingStyle, S3Options
from indexer.storage.s3_direct import Direct, Ways
from indexer.storage.s3_errors import BOTO_ERRORS, NOT_FOUND_CODES, Place, own_error
from indexer.storage.xml_pages import UnreadableAnswerError, normal_etag, normal_tier, read_v1, read_v2

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, ListObjectsRequestTypeDef, ListObjectsV2RequestTypeDef

LONGEST_PRESIGNED: Final = timedelta(days=7)  # more is refused by every storage that checks Signature Version 4

_READ_ATTEMPTS: Final = 3
_USER_AGENT: Final = f"livestills Boto3/{boto3.__version__}"
_PAGE: Final = "LivestillsPage"
_THROTTLING: Final = frozenset({429, 503})
_KINDS: Final = {
    "ListObjects": "list",
    "ListObjectsV2": "list",
    "GetObject": "get",
    "HeadObject": "head",
    "HeadBucket": "head",
    "PutObject": "put",
    "DeleteObject": "delete",
}


def open_s3(bucket: str, options: S3Options | None = None, *, session: boto3.Session | None = None) -> "S3Store":
    """Open a bucket.  Nothing is sent yet, so whether it exists and may be read shows with the first call.

    Credentials come from `session`, or else from the options, or else from boto3's own chain with their profile.
    Raises `ConfigError`.
    """
    options = options or S3Options()
    endpoint = options.endpoint(bucket)
    try:
        session = session or _session(options)
        client = _client(session, endpoint, options, options.addressing_style)
        if options.addressing_style == "auto" and client.meta.endpoint_url.endswith(".amazonaws.com"):
            # The same addresses, but for presigned ones, where "auto" leaves the region out of the host name.  In
            # regions younger than 2019, like Hong Kong, such an address does not work.
            client = _client(session, endpoint, options, "virtual")
    except BOTO_ERRORS as exc:
        raise own_error(exc, Place(bucket, endpoint)) from exc
    except ValueError as exc:  # an endpoint that boto3 alone finds invalid
        raise ConfigError(f"endpoint {endpoint} of bucket {bucket!r} cannot be used: {exc}") from exc
    # What botocore takes a bundle from is known to its session alone.
    bundle = session._session.get_config_variable("ca_bundle")  # noqa: SLF001
    ways = Ways(
        session.get_credentials, _USER_AGENT, options.connect_timeout_s, options.read_timeout_s, ca_bundle=bundle
    )
    return S3Store(bucket, options, client=client, ways=ways)


def _session(options: S3Options) -> boto3.Session:
    session = _credentials(options)
    known = session._session  # noqa: SLF001  # botocore's, which boto3 keeps for itself
    known.register_component("data_loader", _descriptions(known.get_config_variable("data_path")))
    return session


@cache
def _descriptions(data_path: str | None) -> Loader:
    """Those of AWS's services, as botocore reads them: 0.15 s for each session that has a reader of its own."""
    return create_loader(data_path)


def _credentials(options: S3Options) -> boto3.Session:
    if options.access_key is None and options.secret_key is None:
        return boto3.Session(profile_name=options.profile)
    if not options.access_key or not options.secret_key:
        raise ConfigError("an access key goes together with a secret key: one of them is missing")
    return boto3.Session(
        aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key,
        aws_session_token=options.session_token,
        profile_name=options.profile,
    )


def _client(session: boto3.Session, endpoint: str | None, options: S3Options, style: AddressingStyle) -> "S3Client":
    config = Config(
        # Without a version, presigned addresses for custom endpoints would have Signature Version 2.
        signature_version="s3v4",
        s3={"addressing_style": style},
        # The default since boto3 1.36 sends checksums in a form (aws-chunked) that OSS, OBS and others refuse.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": options.max_attempts},
        connect_timeout=options.connect_timeout_s,
        read_timeout=options.read_timeout_s,
        max_pool_connections=options.max_connections,
        # boto3 puts its own together anew for each request, which costs as much as a sixth of reading the answer.
        user_agent=_USER_AGENT,
    )
    return session.client("s3", region_name=options.region, endpoint_url=endpoint, config=config)


class S3Store:
    """A bucket as an `ObjectStore`.  Threads may share it.

    The client belongs to the store: it gets handlers that read listings and count requests.
    """

    def __init__(self, bucket: str, options: S3Options, *, client: "S3Client", ways: Ways) -> None:
        self._bucket = bucket
        self._options = options
        self._client = client
        self._place = Place(bucket, client.meta.endpoint_url)
        self._requests = _RequestCounter()
        self._bucket_exists = False
        events = client.meta.events
        events.register("before-send.s3", self._requests.count)
        events.register("response-received.s3", self._requests.count_throttled)
        # With the service's own name instead of `*` botocore would parse the answer once itself, before the handler:
        # 9.5 instead of 2.7 ms a page.
        events.register("before-parse.*.ListObjectsV2", _page_reader(read_v2, self._place))
        events.register("before-parse.*.ListObjects", _page_reader(read_v1, self._place))
        if not options.url_encoding:
            for operation in ("ListObjectsV2", "ListObjects"):
                events.unregister(f"before-parameter-build.s3.{operation}", handlers.set_list_objects_encoding_type_url)
        self._direct = Direct(ways, self._requests.add)
        for operation in ("GetObject", "PutObject"):
            events.register(f"before-send.s3.{operation}", self._direct.see)
        self._close = weakref.finalize(self, _close_both, client, self._direct)

    @property
    def url(self) -> str:
        """`s3://bucket`."""
        return f"s3://{self._bucket}"

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests of each kind were sent so far, those that boto3 sent again included."""
        return self._requests.so_far()

    def close(self) -> None:
        """Close the connections.  Happens by itself when the store is no longer used."""
        self._close()

    def list_page(
        self,
        prefix: str = "",
        *,
        after: str = "",
        token: str | None = None,
        delimiter: str = "",
        limit: int = PAGE_SIZE,
    ) -> Page:
        """See `ObjectStore.list_page`.

        Raises `BrokenListingError` for an answer that is not a whole page.
        """
        page = None
        for _ in range(_READ_ATTEMPTS):
            with self._own_errors():
                if self._options.list_version == 1:
                    answer = self._list_v1(prefix, after if token is None else token, delimiter, limit)
                else:
                    answer = self._list_v2(prefix, after, token, delimiter, limit)
            page = answer.get(_PAGE)
            if page is not None:
                break
            # The handler left the answer alone, and botocore made nothing of it and was content: it was empty.
        if page is None:
            raise BrokenListingError(f"{self._place} does not answer with a listing: check the endpoint")
        self._bucket_exists = True
        return cast("Page", page)

    def _list_v2(self, prefix: str, after: str, token: str | None, delimiter: str, limit: int) -> dict[str, object]:
        request: ListObjectsV2RequestTypeDef = {"Bucket": self._bucket, "MaxKeys": limit}
        if prefix:
            request["Prefix"] = prefix
        if delimiter:
            request["Delimiter"] = delimiter
        if token is not None:
            request["ContinuationToken"] = token
        elif after:
            request["StartAfter"] = after
        return cast("dict[str, object]", self._client.list_objects_v2(**request))

    def _list_v1(self, prefix: str, marker: str, delimiter: str, limit: int) -> dict[str, object]:
        request: ListObjectsRequestTypeDef = {"Bucket": self._bucket, "MaxKeys": limit}
        if prefix:
            request["Prefix"] = prefix
        if delimiter:
            request["Delimiter"] = delimiter
        if marker:
            request["Marker"] = marker
        return cast("dict[str, object]", self._client.list_objects(**request))

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        if not can_exist(key) or (length == 0 and self.head(key) is None):
            raise ObjectNotFoundError(f"there is no {self._place.of(key)}")
        if length == 0:
            return b""
        if not start and length is None and (whole := self._direct.get(key)) is not None:
            return whole
        with self._own_errors(key):
            try:
                return self._read(key, start, length)
            except ClientError as exc:
                if exc.response["Error"]["Code"] in {"InvalidRange", "416"}:  # from the end of the object on
                    return b""
                raise

    def _read(self, key: str, start: int, length: int | None) -> bytes:
        request: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": key}
        if start or length is not None:
            request["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        attempts_left = _READ_ATTEMPTS
        while True:
            attempts_left -= 1
            answer = self._client.get_object(**request)
            try:
                with closing(answer["Body"]) as body:
                    data = body.read()
            except (IncompleteReadError, HTTPClientError):
                if attempts_left:  # boto3 sends a request again, but does not read a body again
                    continue
                raise
            self._direct.learn(key)
            if answer["ResponseMetadata"]["HTTPStatusCode"] == 206:
                return data
            return data[start:][:length]  # the whole object, also from a storage that knows no ranges

    def head(self, key: str) -> ListedObject | None:
        """See `ObjectStore.head`."""
        if not can_exist(key):
            return None
        with self._own_errors(key):
            try:
                answer = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as exc:
                code = exc.response["Error"]["Code"]
                if code in NOT_FOUND_CODES:
                    self._check_bucket()
                    return None
                if code in {"400", "403"}:  # an answer to HEAD has no body that says why: one to GET has
                    self._client.get_object(Bucket=self._bucket, Key=key, Range="bytes=0-0")["Body"].close()
                raise
        modified_s = (answer["LastModified"] - EPOCH) // timedelta(seconds=1)
        etag, tier = normal_etag(answer.get("ETag", "")), normal_tier(answer.get("StorageClass"))
        return ListedObject(key, answer["ContentLength"], etag, modified_s, tier)

    def _check_bucket(self) -> None:
        """Raise `BucketNotFoundError` if the object was missing because the bucket is."""
        if self._bucket_exists:
            return
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as exc:
            if exc.response["Error"]["Code"] in {*NOT_FOUND_CODES, "NoSuchBucket"}:
                raise BucketNotFoundError(f"there is no {self._place}: check the name and the endpoint") from exc
            # Whoever may only read objects must not ask for the bucket, and has got the answer about the object.
        else:
            self._bucket_exists = True

    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """See `ObjectStore.put`."""
        refuse_impossible(key)
        if self._direct.put(key, data, content_type=content_type):
            return
        with self._own_errors(key):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)
        self._direct.learn(key)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        if not can_exist(key):
            return
        with suppress(ObjectNotFoundError), self._own_errors(key):  # most stores do not even say that there was none
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def presign(self, key: str, *, lifetime: timedelta = PRESIGNED_FOR) -> str:
        """See `ObjectStore.presign`.  Made without a request: the object need not exist.

        With temporary credentials the address ends with them, however long its lifetime.
        """
        if not timedelta(seconds=1) <= lifetime <= LONGEST_PRESIGNED:
            raise ConfigError(f"a presigned address can live from one second to seven days, not {lifetime}")
        refuse_impossible(key)
        with self._own_errors(key):
            return self._client.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._bucket, "Key": key},
                ExpiresIn=int(lifetime.total_seconds()),
            )

    @contextmanager
    def _own_errors(self, key: str | None = None) -> Iterator[None]:
        try:
            yield
        except BOTO_ERRORS as exc:
            raise own_error(exc, self._place.of(key)) from exc


def _close_both(client: "S3Client", direct: Direct) -> None:
    client.close()
    direct.close()


class _RequestCounter:
    """Counts what is sent.  Apart from the store, whose handlers must not keep it alive."""

    def __init__(self) -> None:
        self._counter: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, kind: str) -> None:
        with self._lock:
            self._counter[kind] += 1

    def count(self, event_name: str, **_: object) -> None:
        self.add(_KINDS.get(event_name.rpartition(".")[2], "other"))

    def count_throttled(self, response_dict: dict[str, Any] | None, **_: object) -> None:
        if response_dict is not None and response_dict["status_code"] in _THROTTLING:
            self.add(THROTTLED)

    def so_far(self) -> Counter[str]:
        with self._lock:
            return self._counter.copy()


def _page_reader(read: Callable[[bytes], Page], place: Place) -> Callable[..., None]:
    """A handler that reads the answer to a listing in botocore's stead.

    It takes only what looks whole: with the rest botocore does what it knows, which is to send the request again for
    503, for an error with status 200 and for an answer that was cut off.
    """

    def read_page(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
        body: bytes = response_dict["body"]
        if response_dict["status_code"] != 200 or not body.rstrip().endswith(b"ListBucketResult>"):
            return
        try:
            customized_response_dict[_PAGE] = read(body)
        except UnreadableAnswerError as exc:
            raise BrokenListingError(f"the listing of {place} {exc}: nothing was concluded") from exc
        response_dict["body"] = b""

    return read_page

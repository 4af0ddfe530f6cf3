"""What goes wrong with a bucket becomes an error of ours: of the right kind, in one line, without a secret."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from indexer.errors import (
    AccessDeniedError,
    BrokenListingError,
    BucketNotFoundError,
    ConfigError,
    ExitStatus,
    LivestillsError,
    ObjectNotFoundError,
    StorageError,
    StorageUnavailableError,
    UnsupportedKeyError,
)
from indexer.storage.base import ObjectStore
from indexer.storage.options import S3Options
from indexer.storage.s3 import S3Store, open_s3
from tests.servers import S3Server, free_ports

Ask = Callable[[ObjectStore], object]

ASKS: dict[str, Ask] = {
    "list": lambda store: store.list_page("a/"),
    "get": lambda store: store.get("a/b"),
    "get a part": lambda store: store.get("a/b", start=1, length=2),
    "head": lambda store: store.head("a/b"),
    "put": lambda store: store.put("a/b", b"x", content_type="image/jpeg"),
    "delete": lambda store: store.delete("a/b"),
}


def session(access_key: str, secret_key: str) -> boto3.Session:
    return boto3.Session(access_key, secret_key, region_name="us-east-1")


ANYBODY = session("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI")


def errors_of(kind: type[LivestillsError], store: ObjectStore) -> list[str]:
    """The texts of the errors with which each of `ASKS` ends."""
    return [error_of(kind, ask, store) for ask in ASKS.values()]


def error_of(kind: type[LivestillsError], ask: Ask, store: ObjectStore) -> str:
    """The text of the error with which `ask` ends."""
    with pytest.raises(LivestillsError) as caught:
        ask(store)
    assert type(caught.value) is kind
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


# --- real servers


def test_an_unknown_access_key_is_refused(weed: S3Server) -> None:
    store = open_s3(weed.new_bucket(), S3Options(weed.endpoint_url), session=session("nobody", weed.secret_key))
    for text in errors_of(AccessDeniedError, store):
        assert "the access key is unknown there" in text
        assert "nobody" not in text


def test_a_wrong_secret_key_is_refused(weed: S3Server) -> None:
    store = open_s3(weed.new_bucket(), S3Options(weed.endpoint_url), session=session(weed.access_key, "not-the-secret"))
    for text in errors_of(AccessDeniedError, store):
        assert "the secret key does not belong to the access key" in text
        assert weed.access_key not in text
        assert "not-the-secret" not in text


def test_a_missing_permission_is_named(weed: S3Server) -> None:
    # The key in Agora's start request can usually write and nothing else.
    store = open_s3(weed.new_bucket(), S3Options(weed.endpoint_url), session=session(*weed.WRITE_ONLY))
    store.put("a/b", b"x", content_type="image/jpeg")
    permissions = {"list": "s3:ListBucket", "get": "s3:GetObject", "head": "s3:GetObject"}
    for name, permission in permissions.items():
        assert f"lack {permission}" in error_of(AccessDeniedError, ASKS[name], store)


@pytest.mark.parametrize("server", ["moto", "weed"])
def test_a_missing_bucket_is_named(server: str, request: pytest.FixtureRequest) -> None:
    running: S3Server = request.getfixturevalue(server)
    store = open_s3("no-such-bucket", S3Options(running.endpoint_url), session=running.session)
    for text in errors_of(BucketNotFoundError, store):
        assert "there is no bucket 'no-such-bucket' at http://127.0.0.1" in text
    assert BucketNotFoundError.status == ExitStatus.NOT_FOUND


@pytest.mark.parametrize("server", ["moto", "weed"])
def test_a_missing_object_is_named(server: str, request: pytest.FixtureRequest) -> None:
    running: S3Server = request.getfixturevalue(server)
    store = open_s3(running.new_bucket(), S3Options(running.endpoint_url), session=running.session)
    assert "there is no object 'a/b' in bucket" in error_of(ObjectNotFoundError, ASKS["get"], store)


def test_a_key_that_is_too_long_is_refused(weed: S3Server) -> None:
    store = open_s3(weed.new_bucket(), S3Options(weed.endpoint_url), session=weed.session)
    text = error_of(UnsupportedKeyError, lambda each: each.put("k" * 1100, b"x", content_type="image/jpeg"), store)
    assert "cannot hold" in text


# --- where credentials come from


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment without any credentials; gives the file for profiles."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "DEFAULT_PROFILE", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "credentials"


@pytest.mark.usefixtures("no_credentials")
def test_no_credentials_are_missing_credentials() -> None:
    store = open_s3("bucket", S3Options("localhost:1"))
    for text in errors_of(AccessDeniedError, store):
        assert "there are no credentials" in text
    error_of(AccessDeniedError, lambda each: each.presign("a"), store)
    assert AccessDeniedError.status == ExitStatus.DENIED


@pytest.mark.usefixtures("no_credentials")
def test_half_of_the_credentials_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    with pytest.raises(AccessDeniedError, match="incomplete") as caught:
        open_s3("bucket", S3Options("localhost:1")).list_page()
    assert "AKIAIOSFODNN7EXAMPLE" not in str(caught.value)


def test_credentials_come_from_the_profile_of_the_source(weed: S3Server, no_credentials: Path) -> None:
    no_credentials.write_text(
        f"[shots]\naws_access_key_id = {weed.access_key}\naws_secret_access_key = {weed.secret_key}\n"
    )
    assert open_s3(weed.new_bucket(), S3Options(weed.endpoint_url, profile="shots")).list_page().objects == []


@pytest.mark.usefixtures("no_credentials")
def test_an_unknown_profile_is_a_wrong_configuration() -> None:
    with pytest.raises(ConfigError, match="there is no profile 'shotz'"):
        open_s3("bucket", S3Options(profile="shotz"))


# --- a storage that answers as it was told


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    """How many bytes of the promised body are never sent."""


@dataclass
class Scripted:
    """A server that gives its answers in turn, and the last one for ever."""

    endpoint_url: str
    asked: list[str] = field(default_factory=list)
    """What was asked for: method, path and query."""
    headers: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def open(self, *, attempts: int = 1, **options: object) -> S3Store:
        chosen = S3Options(self.endpoint_url, max_attempts=attempts, read_timeout_s=5, **options)  # type: ignore[arg-type]
        return open_s3("bucket", chosen, session=ANYBODY)


@contextmanager
def answering(*answers: Answer) -> Iterator[Scripted]:
    left = list(answers)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                scripted.headers.append(str(self.headers).lower())
                scripted.bodies.append(body)
                scripted.asked.append(f"{self.command} {self.path}")
                answer = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: len(answer.body) - answer.cut])
            if answer.cut:
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_DELETE = handle_one  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        scripted = Scripted(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield scripted
        finally:
            server.shutdown()
            thread.join()


def xml_error(code: str, extra: str = "") -> bytes:
    message = "<Message>said so\nin two lines</Message>"
    return f'<?xml version="1.0"?><Error><Code>{code}</Code>{message}{extra}</Error>'.encode()


PAGE = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>1</Size>"
    b"<LastModified>2026-11-05T08:39:49.000Z</LastModified></Contents></ListBucketResult>"
)
SLOW_DOWN = Answer(503, xml_error("SlowDown"))


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (SLOW_DOWN, StorageUnavailableError, "not available for now"),
        (Answer(500, xml_error("InternalError")), StorageUnavailableError, "not available for now"),
        (Answer(502, b"<html>Bad Gateway</html>"), StorageUnavailableError, "not available for now"),
        (Answer(429, b""), StorageUnavailableError, "not available for now"),
        (Answer(400, xml_error("RequestTimeout")), StorageUnavailableError, "not available for now"),
        (Answer(400, xml_error("ExpiredToken")), AccessDeniedError, "the session token has expired"),
        (Answer(403, xml_error("ExpiredToken")), AccessDeniedError, "the session token has expired"),
        (Answer(400, xml_error("TokenRefreshRequired")), AccessDeniedError, "the session token has expired"),
        (Answer(403, xml_error("RequestExpired")), AccessDeniedError, "older than its signature allows"),
        (Answer(403, xml_error("RequestTimeTooSkewed")), AccessDeniedError, "clock of this machine"),
        (Answer(403, xml_error("AccessDenied")), AccessDeniedError, "s3:"),
        (Answer(403), AccessDeniedError, "was denied"),
        (Answer(401), AccessDeniedError, "was denied"),
        (Answer(403, xml_error("SecondLevelDomainForbidden")), ConfigError, "addressing_style = 'virtual'"),
        (Answer(403, xml_error("PathStyleDomainForbidden")), ConfigError, "addressing_style = 'virtual'"),
        (
            Answer(301, xml_error("PermanentRedirect"), {"x-amz-bucket-region": "eu-west-3"}),
            ConfigError,
            "it is in region 'eu-west-3'",
        ),
        (
            Answer(400, xml_error("AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>")),
            ConfigError,
            "it is in region 'eu-west-3'",
        ),
        (Answer(400, xml_error("KMS.DisabledException")), StorageError, "encrypted with a key that cannot be used"),
        (Answer(418, xml_error("Teapot")), StorageError, "answered: "),
    ],
    ids=lambda value: f"{value.status} {value.body[28:60].decode()}" if isinstance(value, Answer) else "",
)
def test_an_answer_becomes_an_error_of_its_kind(answer: Answer, kind: type[LivestillsError], words: str) -> None:
    with answering(answer) as server:
        for text in errors_of(kind, server.open()):
            assert words in text


def test_what_the_storage_says_is_repeated_in_one_line() -> None:
    with answering(Answer(418, xml_error("Teapot"))) as server:
        assert "answered: Teapot: said so in two lines" in error_of(StorageError, ASKS["get"], server.open())


def test_an_archived_object_is_said_to_be_archived() -> None:
    with answering(Answer(403, xml_error("InvalidObjectState"))) as server:
        assert "is archived: restore it" in error_of(StorageError, ASKS["get"], server.open())


@pytest.mark.parametrize("code", ["NotImplemented", "InvalidArgument"])
def test_a_storage_without_v2_gets_a_hint(code: str) -> None:
    with answering(Answer(501 if code == "NotImplemented" else 400, xml_error(code))) as server:
        assert "try list_version = 1" in error_of(ConfigError, ASKS["list"], server.open())
        assert "list_version" not in error_of(StorageError, ASKS["list"], server.open(list_version=1))


# --- trying again


def test_what_may_pass_is_tried_again() -> None:
    fine = Answer(200, PAGE, {"Last-Modified": "Thu, 05 Nov 2026 08:39:49 GMT", "ETag": '"e"'})
    for name in ("list", "get", "put"):  # each waits up to a second
        with answering(SLOW_DOWN, fine) as server:
            store = server.open(attempts=3)
            ASKS[name](store)
            assert len(server.asked) == 2
            assert store.requests == {name: 2, "throttled": 1}


def test_throttling_without_end_is_given_up() -> None:
    with answering(SLOW_DOWN) as server:
        store = server.open(attempts=2)
        error_of(StorageUnavailableError, ASKS["list"], store)
        assert store.requests == {"list": 2, "throttled": 2}
    assert StorageUnavailableError.status == ExitStatus.TEMPORARY


@pytest.mark.parametrize(
    "bad",
    [
        Answer(200, xml_error("InternalError")),
        Answer(200, PAGE[:100]),
        Answer(200, PAGE[:-1]),
        Answer(200, PAGE, cut=30),
        Answer(500, b""),
    ],
    ids=["200 with an error", "cut in a row", "cut in the last tag", "connection lost", "nothing but 500"],
)
def test_a_listing_that_was_cut_off_is_asked_for_again(bad: Answer) -> None:
    with answering(bad, Answer(200, PAGE)) as server:
        assert [listed.key for listed in server.open(attempts=2).list_page().objects] == ["a"]
        assert len(server.asked) == 2
    with answering(bad) as server:
        error_of(StorageUnavailableError, ASKS["list"], server.open())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<ListBucketResult/>",
        b"<ListBucketResult></ListBucketResult>",
        PAGE.replace(b"<IsTruncated>false</IsTruncated>", b""),
        PAGE.replace(b"false", b"true"),
        PAGE.replace(b"</Key>", b"</Kex>"),
        b"<html><body>Log in to the guest network</body></html>",
        b"<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>",
    ],
)
def test_what_is_no_listing_is_never_an_empty_bucket(body: bytes) -> None:
    with answering(Answer(200, body)) as server:
        assert "bucket 'bucket' at http://127.0.0.1" in error_of(BrokenListingError, ASKS["list"], server.open())


def test_a_body_that_was_cut_off_is_read_again() -> None:
    cut = Answer(200, b"0123456789", cut=4)
    with answering(cut, cut, Answer(200, b"0123456789")) as server:
        assert server.open().get("a") == b"0123456789"
    with answering(cut) as server:
        assert "broke off" in error_of(StorageUnavailableError, ASKS["get"], server.open())


def test_a_storage_that_knows_no_ranges_is_understood() -> None:
    with answering(Answer(200, b"0123456789")) as server:
        assert server.open().get("a", start=2, length=3) == b"234"


# --- no answer at all


def test_an_endpoint_where_nobody_listens_is_unavailable() -> None:
    (port,) = free_ports(1)
    store = open_s3("bucket", S3Options(f"127.0.0.1:{port}", max_attempts=1), session=ANYBODY)
    for text in errors_of(StorageUnavailableError, store):
        assert "no connection to" in text


def test_a_host_that_does_not_exist_is_unavailable() -> None:
    store = open_s3("bucket", S3Options("https://s3.invalid", max_attempts=1), session=ANYBODY)
    assert "check the endpoint" in error_of(StorageUnavailableError, ASKS["list"], store)


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        options = S3Options(f"127.0.0.1:{silent.getsockname()[1]}", max_attempts=1, read_timeout_s=0.2)
        store = open_s3("bucket", options, session=ANYBODY)
        assert "did not answer in time" in error_of(StorageUnavailableError, ASKS["list"], store)


def test_https_to_a_server_without_it_says_so() -> None:
    with answering(Answer(200, PAGE)) as server:
        secure = S3Options(server.endpoint_url.replace("http:", "https:"), max_attempts=1)
        text = error_of(StorageUnavailableError, ASKS["list"], open_s3("bucket", secure, session=ANYBODY))
        assert "no secure connection" in text
        assert "check http:// or https://" in text


# --- what is wrong before anything is sent


@pytest.mark.parametrize("bucket", ["no bucket", "b/c", "ä"])
def test_a_name_that_no_bucket_has_is_a_wrong_configuration(bucket: str) -> None:
    for text in errors_of(ConfigError, open_s3(bucket, S3Options("localhost:1"), session=ANYBODY)):
        assert "is no name of a bucket" in text


def test_an_endpoint_that_is_none_is_a_wrong_configuration() -> None:
    with pytest.raises(ConfigError, match="endpoint"):
        open_s3("bucket", S3Options("https://under_score..com"), session=ANYBODY)


# --- what is sent


def test_url_encoding_is_asked_for_unless_switched_off() -> None:
    with answering(Answer(200, PAGE)) as server:
        server.open().list_page()
        server.open(list_version=1).list_page()
        server.open(url_encoding=False).list_page()
        server.open(url_encoding=False, list_version=1).list_page()
        assert ["encoding-type=url" in asked for asked in server.asked] == [True, True, False, False]
        assert ["list-type=2" in asked for asked in server.asked] == [True, False, True, False]
        assert all("max-keys=1000" in asked for asked in server.asked)


def test_objects_are_sent_as_they_are_without_checksums() -> None:
    # aws-chunked bodies and checksum headers are what OSS, OBS and others refuse.
    with answering(Answer(200)) as server:
        server.open().put("a b", b"data", content_type="image/jpeg")
        assert server.asked == ["PUT /bucket/a%20b"]
        assert server.bodies == [b"data"]
        assert "content-type: image/jpeg" in server.headers[0]
        assert not any(word in server.headers[0] for word in ("checksum", "aws-chunked", "trailer"))

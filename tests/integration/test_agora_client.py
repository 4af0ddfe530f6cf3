import base64
import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from indexer.agora import routes
from indexer.agora.answers import Acquired, Started, Stopped, Upload
from indexer.agora.client import CaptureClient, Credentials
from indexer.agora.codes import CODES, Again, Call
from indexer.agora.exchange import Exchange
from indexer.agora.failures import (
    AgoraDeniedError,
    AgoraError,
    AgoraNotFoundError,
    AgoraRefusedError,
    AgoraUnavailableError,
    AlreadyRunningError,
)
from indexer.errors import ConfigError, ExitStatus
from tests.answering import Answering, AnsweringServer, answer, answering, drip, raw, silence

SECRET = "s3cret-of-the-customer"
APP = "d5b1c0ffee5b4a2f9a3e1f0c9b8a7d6e"
CREDENTIALS = Credentials(APP, "customer-1", SECRET)
RESOURCE = "JyvK8nXHuV1BE64GDkAaBGEscvtHW7v8BrQoRPCHxmeVxwY22-x_kv4"
SID = "38f8e3cfdc474cd56fc1ceba380d7e1a"
START: dict[str, Any] = {
    "cname": "httpClient463224",
    "uid": "527841",
    "clientRequest": {
        "token": "006token-of-the-channel",
        "recordingConfig": {"channelType": 1, "subscribeUidGroup": 0},
        "snapshotConfig": {"captureInterval": 5, "fileType": ["jpg"]},
        "storageConfig": {
            "vendor": 2,
            "region": 3,
            "bucket": "shots",
            "accessKey": "AKIA-access-of-the-storage",
            "secretKey": "secret-of-the-storage",
            "fileNamePrefix": ["directory1", "directory2"],
        },
    },
}
SECRETS = (SECRET, "006token-of-the-channel", "AKIA-access-of-the-storage", "secret-of-the-storage")
ACQUIRED = answer(200, {"resourceId": RESOURCE})
STARTED = answer(200, {"cname": "httpClient463224", "uid": "527841", "resourceId": RESOURCE, "sid": SID})
UNAVAILABLE = answer(503, b"<html>busy</html>")


@contextmanager
def calling(*answers: Answering, **settings: Any) -> Iterator[tuple[CaptureClient, AnsweringServer, list[float]]]:
    """A client whose waits are written down instead, and the server that it calls."""
    waits: list[float] = []
    with (
        answering(*answers) as server,
        CaptureClient(server.url, CREDENTIALS, **{"sleep": waits.append, **settings}) as client,
    ):
        yield client, server, waits


def stopped(*answers: Answering) -> Stopped:
    with calling(*answers) as (client, _, _):
        return client.stop(RESOURCE, SID, "httpClient463224", "527841")


# What is sent.


def test_acquire_and_start_are_sent_as_documented() -> None:
    with calling(ACQUIRED, STARTED) as (client, server, _):
        acquired = client.acquire(routes.acquire_body(START, resource_expired_hour=24))
        assert acquired == Acquired(RESOURCE)
        assert client.start(acquired.resource_id, START) == Started(SID, RESOURCE, "httpClient463224", "527841")
        assert server.target(0) == f"POST /v1/apps/{APP}/cloud_recording/acquire"
        assert server.target(1) == f"POST /v1/apps/{APP}/cloud_recording/resourceid/{RESOURCE}/mode/individual/start"
        for number in range(2):
            assert server.headers(number)["Content-Type"] == "application/json;charset=utf-8"
            credentials = base64.b64encode(f"customer-1:{SECRET}".encode()).decode()
            assert server.headers(number)["Authorization"] == f"Basic {credentials}"
        assert server.json(0) == {
            "cname": "httpClient463224",
            "uid": "527841",
            "clientRequest": {"scene": 0, "resourceExpiredHour": 24, "startParameter": START["clientRequest"]},
        }
        assert server.json(1) == START


def test_query_update_and_stop_are_sent_as_documented() -> None:
    status = answer(200, {"serverResponse": {"status": 5, "sliceStartTime": 1562724971626}})
    ended = answer(200, {"serverResponse": {"uploadingStatus": "uploaded"}})
    session = f"/v1/apps/{APP}/cloud_recording/resourceid/{RESOURCE}/sid/{SID}/mode/individual"
    with calling(status, answer(200, {"sid": SID}), ended) as (client, server, _):
        found = client.query(RESOURCE, SID)
        assert (found.number, found.name, found.is_running) == (5, "in-progress", True)
        assert found.started_at == datetime(2019, 7, 10, 2, 16, 11, 626000, UTC)
        assert server.target() == f"GET {session}/query"
        assert server.body() == b""
        client.update(RESOURCE, SID, {"cname": "c", "uid": "1", "clientRequest": {}})
        assert server.target() == f"POST {session}/update"
        assert client.stop(RESOURCE, SID, "httpClient463224", "527841", async_stop=True) == Stopped(Upload.UPLOADED)
        assert server.target() == f"POST {session}/stop"
        assert server.json() == {"cname": "httpClient463224", "uid": "527841", "clientRequest": {"async_stop": True}}


def test_a_preview_is_what_is_sent_but_for_secrets() -> None:
    with calling(STARTED) as (client, server, _):
        preview = client.preview(routes.start(APP, RESOURCE, START))
        assert server.count == 0
        client.start(RESOURCE, START)
        path = preview.url.removeprefix(server.url)
        head = [f"{preview.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in preview.headers)]
        shown = ("\r\n".join([*head, "", ""]) + preview.body).encode()
        sent = server.requests[0].replace(CREDENTIALS.authorization.encode(), b"Basic ***")
        for secret in SECRETS:
            sent = sent.replace(secret.encode(), b"***")
        # The length is that of the body which is sent.
        assert shown == sent
        assert not any(secret in repr(preview) for secret in SECRETS)


def test_nothing_that_holds_a_secret_shows_it() -> None:
    request = routes.start(APP, RESOURCE, START)
    with calling(STARTED) as (client, _, _):
        told = f"{CREDENTIALS!r} {request!r} {client!r}"
    assert not any(secret in told for secret in SECRETS)


def test_a_server_that_sends_secrets_back_does_not_bring_them_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="indexer")
    echo = answer(400, {"code": 2, "reason": f"bad: {' '.join(SECRETS)} {CREDENTIALS.authorization}"})
    with calling(answer(503, {"reason": SECRET}), echo) as (client, _, _), pytest.raises(AgoraRefusedError) as caught:
        client.start(RESOURCE, START)
    told = str(caught.value) + caplog.text
    assert "bad: *** *** *** *** Basic ***" in told
    assert not any(secret in told for secret in (*SECRETS, CREDENTIALS.authorization))


@pytest.mark.parametrize("told", [SECRET, f"HTTP/1.1 200 OK\r\n{SECRET}", f"HTTP/1.1 {SECRET}"])
def test_what_is_no_http_does_not_bring_secrets_out_either(told: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="indexer")
    with calling(raw(f"{told}\r\n\r\n".encode()), attempts=2) as (client, _, _), pytest.raises(AgoraError) as caught:
        client.acquire(START)
    assert "without a whole answer (RemoteProtocolError)" in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text


@pytest.mark.parametrize("part", ["a/b", "a?b=c", "a#b", "100%"])
def test_an_identifier_stays_one_part_of_the_path(part: str) -> None:
    with calling(answer(200, {"serverResponse": {"status": 0}})) as (client, server, _):
        client.query(part, SID)
        parts = server.target().split("/")
    assert len(parts) == 12
    assert parts[6] not in {part, "a"}


@pytest.mark.parametrize("part", ["", " ", "..", "a b", "a\nb", "é"])
def test_an_identifier_that_cannot_be_one_is_not_sent(part: str) -> None:
    with calling(ACQUIRED) as (client, server, _):
        with pytest.raises(ConfigError, match="resource ID"):
            client.query(part, SID)
        assert server.count == 0


# Where to.


@pytest.mark.parametrize(
    "url", ["http://api.agora.io", "http://10.0.0.1:8080", "http://127.0.0.1.example.com", "http://localhost.evil"]
)
def test_secrets_do_not_travel_in_clear(url: str) -> None:
    with pytest.raises(ConfigError, match="in clear"):
        CaptureClient(url, CREDENTIALS)


@pytest.mark.parametrize("url", ["", "api.agora.io", "ftp://api.agora.io", "https://", "https://[::1", "https://h:x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is none"):
        CaptureClient(url, CREDENTIALS)


def test_an_address_holds_no_password() -> None:
    with pytest.raises(ConfigError) as caught:
        CaptureClient("https://me:pass-word@api.agora.io", CREDENTIALS)
    assert "pass-word" not in str(caught.value)


def test_credentials_that_http_cannot_carry_are_refused() -> None:
    for customer, secret in (("", "x"), ("a:b", "x"), ("a", ""), ("a", "x\n"), ("a", " x")):
        with pytest.raises(ConfigError):
            Credentials(APP, customer, secret)


def test_a_redirect_is_not_followed() -> None:
    with answering(ACQUIRED) as other:
        with calling(answer(307, {}, Location=other.url)) as (client, server, _):
            with pytest.raises(AgoraRefusedError, match=r"HTTP 307.*base URL"):
                client.acquire(START)
            assert server.count == 1
        assert other.count == 0


def test_a_proxy_of_the_environment_gets_nothing_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(ACQUIRED) as proxy, calling(ACQUIRED) as (_, server, _):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with CaptureClient(server.url, CREDENTIALS) as client:
            client.acquire(START)
        assert (server.count, proxy.count) == (1, 0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Agora for tests")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return file


@contextmanager
def encrypted(certificate: Path, *answers: Answering) -> Iterator[AnsweringServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with answering(*answers, tls=context) as server:
        yield server


def test_nothing_is_sent_to_who_cannot_prove_its_name(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with encrypted(certificate, ACQUIRED) as server:
        with CaptureClient(server.url, CREDENTIALS) as client, pytest.raises(AgoraRefusedError, match="SSL_CERT_FILE"):
            client.acquire(START)
        assert server.count == 0


def test_an_encrypted_connection_that_is_trusted_works_and_is_cut_in_time(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    slow = drip(b"HTTP/1.1 200 OK\r\n" * 99, every_s=0.05)
    with (
        encrypted(certificate, ACQUIRED, slow) as server,
        CaptureClient(server.url, CREDENTIALS, attempts=1, attempt_timeout_s=1) as client,
    ):
        assert client.acquire(START) == Acquired(RESOURCE)
        with pytest.raises(AgoraUnavailableError, match="did not answer within 1 s") as caught:
            client.start(RESOURCE, START)
    assert caught.value.lost


# Trying again.


def test_what_is_unavailable_is_tried_again_after_growing_waits() -> None:
    with calling(UNAVAILABLE, answer(429, {"message": "API rate limit exceeded"}), raw(b""), STARTED) as found:
        client, server, waits = found
        assert client.start(RESOURCE, START).sid == SID
        assert server.count == 4
        assert len({server.requests[number] for number in range(4)}) == 1
    for wait, least in zip(waits, (3, 6, 12), strict=True):
        assert least <= wait <= least + 2


@pytest.mark.parametrize("number", [62, 65])
def test_a_start_that_is_not_completed_is_repeated_with_the_same_resource(number: int) -> None:
    code = CODES[number]
    with calling(answer(code.http, {"code": number, "reason": code.reason}), STARTED) as (client, server, _):
        assert client.start(RESOURCE, START).sid == SID
        assert server.requests[0] == server.requests[1]


def test_as_long_as_the_server_asks_is_waited() -> None:
    with calling(answer(429, {}, Retry_After="17"), ACQUIRED) as (client, _, waits):
        client.acquire(START)
    assert waits == [17]


def test_attempts_end() -> None:
    with calling(UNAVAILABLE, attempts=3) as (client, server, _):
        with pytest.raises(AgoraUnavailableError, match=r"HTTP 503: .*\(3 attempts\)") as caught:
            client.query(RESOURCE, SID)
        assert server.count == 3
    assert caught.value.status is ExitStatus.TEMPORARY


def test_no_wait_begins_that_would_outlast_the_call() -> None:
    with calling(answer(503, {}, Retry_After="300")) as (client, server, waits):
        with pytest.raises(AgoraUnavailableError):
            client.acquire(START)
        assert (server.count, waits) == (1, [])


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null", b"\xff\xfe", b'{"resourceId": 1}', b"[" * 100_000])
def test_an_answer_that_is_none_of_agoras_is_an_error_and_not_repeated(body: bytes) -> None:
    with calling(answer(200, body)) as (client, server, _):
        with pytest.raises(AgoraError, match="check the base URL"):
            client.acquire(START)
        assert server.count == 1


def test_each_attempt_has_its_address_and_the_last_one_stays() -> None:
    request = routes.start(APP, RESOURCE, START)
    with answering(UNAVAILABLE) as one, answering(STARTED) as other:
        exchange = Exchange((one.url, one.url, other.url), CREDENTIALS, user_agent="tests")
        try:
            found = [exchange.attempt(request, number, limit_s=20).http_status for number in range(1, 5)]
        finally:
            exchange.close()
        assert (found, one.count, other.count) == ([503, 503, 200, 200], 2, 2)


def test_a_huge_answer_is_not_read_to_its_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    with calling(raw(head + b" " * (3 << 20))) as (client, _, _), pytest.raises(AgoraError, match="1,048,576 bytes"):
        client.acquire(START)


@pytest.mark.parametrize(
    "slow",
    [
        silence,
        drip(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" * 9, every_s=0.05),
        drip(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 999, every_s=0.05),
    ],
    ids=["silent", "dripping headers", "dripping body"],
)
def test_an_attempt_ends_when_its_time_is_over_however_slowly_bytes_come(slow: Answering) -> None:
    with calling(slow, attempts=2, attempt_timeout_s=0.2) as (client, server, _):
        began = time.monotonic()
        with pytest.raises(AgoraUnavailableError, match=r"did not answer within 0\.2 s \(2 attempts\)") as caught:
            client.start(RESOURCE, START)
        assert time.monotonic() - began < 20  # not 60, as silence lasts
        assert server.count == 2
    assert caught.value.lost
    assert "starts nothing twice" in str(caught.value)


def test_a_call_ends_when_its_time_is_over() -> None:
    with calling(silence, timeout_s=0.3) as (client, server, _):
        with pytest.raises(AgoraUnavailableError, match=r"within 0\.3 s$"):
            client.query(RESOURCE, SID)
        assert server.count == 1


def test_nobody_there_is_temporary_and_nothing_is_lost() -> None:
    with answering(ACQUIRED) as server:
        url = server.url
    with (
        CaptureClient(url, CREDENTIALS, attempts=2, sleep=lambda _: None) as client,
        pytest.raises(AgoraUnavailableError, match=r"cannot be reached .*\(2 attempts\)$") as caught,
    ):
        client.start(RESOURCE, START)
    assert not caught.value.lost


# A lost answer.


@pytest.mark.parametrize("body", [b'{"resourceId": "x"}', b'{"sid": 5}', b'{"sid": ""}', b"<html>"])
def test_a_start_whose_answer_cannot_be_read_may_have_started(body: bytes) -> None:
    with calling(answer(200, body)) as (client, server, _):
        with pytest.raises(AgoraError, match=r"check the base URL; it may have started: start again") as caught:
            client.start(RESOURCE, START)
        assert server.count == 1
    assert caught.value.lost


def test_what_may_have_started_is_not_forgotten_when_nothing_can_be_reached_afterwards() -> None:
    with (
        calling(raw(b""), UNAVAILABLE, attempts=2) as (client, _, _),
        pytest.raises(AgoraUnavailableError, match=r"HTTP 503: .*; it may have started") as caught,
    ):
        client.start(RESOURCE, START)
    assert caught.value.lost
    refused = answer(400, {"code": 433})
    with calling(raw(b""), refused) as (client, _, _), pytest.raises(AgoraError, match="acquire again") as told:
        client.start(RESOURCE, START)
    assert not told.value.lost


def test_a_start_whose_answer_was_lost_says_where_its_sid_is() -> None:
    again = answer(201, {"code": 7, "reason": "already started"})
    with calling(raw(b""), again) as (client, _, _), pytest.raises(AlreadyRunningError, match="names of its files"):
        client.start(RESOURCE, START)
    with calling(again) as (client, _, _), pytest.raises(AlreadyRunningError) as caught:
        client.start(RESOURCE, START)
    assert "was lost" not in str(caught.value)


def test_a_start_that_is_told_its_sid_the_second_time_has_started() -> None:
    with calling(raw(b"HTTP/1.1 200 OK\r\nContent-Le"), answer(201, {"code": 7, "sid": SID})) as (client, _, _):
        assert client.start(RESOURCE, START).sid == SID


def test_a_stop_whose_answer_was_lost_is_repeated() -> None:
    assert stopped(raw(b""), answer(400, {"code": 49, "reason": "invalid operation"})).was_ending
    gone = answer(404, {"code": 404, "reason": "failed to find worker"})
    with pytest.raises(AgoraNotFoundError, match="has probably stopped it"):
        stopped(raw(b""), gone)
    with pytest.raises(AgoraNotFoundError) as caught:
        stopped(gone)
    assert "probably" not in str(caught.value)
    assert caught.value.status is ExitStatus.NOT_FOUND


# What answers mean.


@pytest.mark.parametrize(
    ("said", "upload"),
    [
        (answer(200, {"serverResponse": {"uploadingStatus": "uploaded"}}), Upload.UPLOADED),
        (answer(206, {"serverResponse": {"uploadingStatus": "backuped"}}), Upload.BACKED_UP),
        (answer(200, {"code": 200, "serverResponse": {"uploadingStatus": "unknown"}}), Upload.UNKNOWN),
        (answer(200, {"serverResponse": {"uploadingStatus": "unknow"}}), Upload.UNKNOWN),
        (answer(200, {"resourceId": RESOURCE}), Upload.UNKNOWN),
        (answer(206, {"code": 435, "reason": "no recorded data"}), Upload.NOTHING),
        (answer(206, {"code": 50}), Upload.UNFINISHED),
    ],
)
def test_a_stop_tells_where_the_files_are(said: Answering, upload: Upload) -> None:
    assert stopped(said) == Stopped(upload)
    assert upload.meaning


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 99])
def test_a_status_is_explained(number: int) -> None:
    with calling(answer(200, {"serverResponse": {"status": number, "sliceStartTime": 0}})) as (client, _, _):
        found = client.query(RESOURCE, SID)
    assert (found.number, found.started_at) == (number, None)
    assert (found.name == "unknown") == (number == 99)
    assert found.is_running == (number in {4, 5})
    assert found.meaning


@pytest.mark.parametrize("moment", [10**30, -5, True, "soon", None])
def test_a_time_that_is_none_is_left_out(moment: object) -> None:
    with calling(answer(200, {"serverResponse": {"status": 5, "sliceStartTime": moment}})) as (client, _, _):
        assert client.query(RESOURCE, SID).started_at is None


@pytest.mark.parametrize("number", sorted(set(CODES) - {49, 50, 435}))
def test_every_documented_code_is_one_line_with_meaning_and_advice(number: int) -> None:
    code = CODES[number]
    said = answer(code.http, {"code": number, "reason": code.reason})
    with calling(said, attempts=1) as (client, _, _), pytest.raises(AgoraError) as caught:
        client.query(RESOURCE, SID)
    error = caught.value
    assert str(error).startswith(f"query: HTTP {code.http}, code {number} ({code.reason or code.name}): {code.meaning}")
    assert code.advice in str(error)
    assert "\n" not in str(error)
    assert (error.http_status, error.code, error.explanation, error.again) == (code.http, number, code, code.again)
    assert (error.status is ExitStatus.TEMPORARY) >= code.retry


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (answer(401, {"message": "Invalid authentication credentials"}), AgoraDeniedError, "check customer ID"),
        (answer(401, {"code": 401, "message": "Unauthorized"}), AgoraDeniedError, "had no credentials"),
        (answer(403, b""), AgoraDeniedError, "may not do this"),
        (answer(404, {"message": "no Route matched with those values"}), AgoraRefusedError, "no such route"),
        (answer(404, b"gone"), AgoraNotFoundError, "no such recording"),
        (answer(400, {"message": "appid is invalid"}), AgoraRefusedError, "not enabled"),
        (answer(400, {"code": 53, "reason": "task conflict"}), AlreadyRunningError, "another resource ID"),
        (answer(400, {"code": 433}), AgoraError, "acquire again"),
        (answer(400, {"code": 31337, "reason": "new"}), AgoraError, "no document explains"),
        (answer(500, {"code": 31337}), AgoraUnavailableError, "no document explains"),
        (answer(418, {}), AgoraError, "teapot"),
        (answer(500, {"code": 502, "reason": "Failed to allocate worker"}), AgoraUnavailableError, "acquire and start"),
    ],
)
def test_a_refusal_has_the_kind_that_a_program_can_act_on(said: Answering, kind: type[AgoraError], told: str) -> None:
    with calling(said, attempts=1) as (client, _, _), pytest.raises(kind, match=told) as caught:
        client.start(RESOURCE, START)
    assert type(caught.value) is kind


def test_a_number_is_explained_by_what_was_asked() -> None:
    with calling(answer(400, {"code": 62})) as (client, server, _):
        with pytest.raises(AgoraDeniedError, match="not enabled"):
            client.acquire(START)
        assert server.count == 1
    with calling(answer(500, {"code": 501, "reason": "no_worker_manager_available"}), ACQUIRED) as (client, _, _):
        assert client.acquire(START) == Acquired(RESOURCE)


def test_a_reason_deep_inside_and_very_long_is_told_in_one_line() -> None:
    deep = {"code": 404, "serverResponse": {"payload": {"message": "failed\nto find worker " + "x" * 9999}}}
    with calling(answer(404, deep)) as (client, _, _), pytest.raises(AgoraNotFoundError) as caught:
        client.query(RESOURCE, SID)
    assert "(failed to find worker xxx" in str(caught.value)
    assert len(str(caught.value)) < 900
    assert caught.value.call is Call.QUERY
    assert caught.value.again is Again.NO

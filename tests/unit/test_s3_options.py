"""What a source may say about its storage."""

import pickle

import pytest
from botocore.loaders import JSONFileLoader

from indexer.errors import ConfigError
from indexer.storage.options import S3Options
from indexer.storage.s3 import open_s3


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        (None, None),
        ("https://s3.oss-cn-shanghai.aliyuncs.com", "https://s3.oss-cn-shanghai.aliyuncs.com"),
        ("xxxxx.xxxxx.com", "https://xxxxx.xxxxx.com"),
        ("cos.ap-beijing-1.myqcloud.com/", "https://cos.ap-beijing-1.myqcloud.com"),
        ("http://minio:9000", "http://minio:9000"),
        ("minio:9000", "https://minio:9000"),
        ("localhost:9000", "http://localhost:9000"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("192.168.1.5:9000", "https://192.168.1.5:9000"),
        ("https://localhost:9000", "https://localhost:9000"),
        ("https://gateway.example.com/s3/", "https://gateway.example.com/s3"),
    ],
)
def test_an_endpoint_without_scheme_gets_one(written: str | None, endpoint: str | None) -> None:
    assert S3Options(written).endpoint("acme-shots") == endpoint


@pytest.mark.parametrize(
    "written",
    [
        "https://acme-shots.s3.oss-cn-shanghai.aliyuncs.com",
        "acme-shots.cos.ap-beijing.myqcloud.com",
        "https://ACME-SHOTS.s3.example.com",
        "https://s3.example.com/acme-shots",
        "https://s3.example.com/acme-shots/",
    ],
)
def test_an_endpoint_with_the_bucket_in_it_is_refused(written: str) -> None:
    with pytest.raises(ConfigError, match="already contains the bucket 'acme-shots'"):
        S3Options(written).endpoint("acme-shots")


@pytest.mark.parametrize(
    ("written", "bucket"),
    [
        ("http://minio:9000", "minio"),
        ("http://minio.local", "minio"),
        ("127.0.0.1:9000", "127"),
        ("s3.example.com", "s"),
    ],
)
def test_a_bucket_may_have_the_name_of_a_host(written: str, bucket: str) -> None:
    assert S3Options(written).endpoint(bucket) is not None


@pytest.mark.parametrize(
    "written", ["", "https://", "ftp://s3.example.com", "https://host:port", "https://host?x=1", "http://[::1"]
)
def test_what_is_no_endpoint_is_a_wrong_configuration(written: str) -> None:
    with pytest.raises(ConfigError, match="is no endpoint of a storage"):
        S3Options(written).endpoint("bucket")


def test_credentials_in_an_endpoint_are_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="put them into an AWS profile") as caught:
        S3Options("https://AKIAKEY:secret@s3.example.com").endpoint("bucket")
    assert "AKIAKEY" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_keys_that_are_said_outright_are_used_and_never_shown() -> None:
    options = S3Options("localhost:9000", region="r", access_key="AKIAKEY", secret_key="hidden", session_token="token")
    shown = f"{options!r} {options}"
    assert not [secret for secret in ("AKIAKEY", "hidden", "token") if secret in shown]
    assert pickle.loads(pickle.dumps(options)) == options  # noqa: S301 - what we have just made
    address = open_s3("bucket", options).presign("key")
    assert "AKIAKEY" in address
    assert "X-Amz-Security-Token=token" in address


@pytest.mark.parametrize("keys", [{"access_key": "AKIAKEY"}, {"secret_key": "hidden"}])
def test_half_of_a_pair_of_keys_is_a_wrong_configuration(keys: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="one of them is missing") as caught:
        open_s3("bucket", S3Options("localhost:9000", **keys))  # type: ignore[arg-type]  # of texts only
    assert not {"AKIAKEY", "hidden"} & set(str(caught.value).split())


def test_what_aws_says_of_its_services_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (S3Options("localhost:9000", region="r", access_key=key, secret_key="s") for key in ("a", "b"))
    open_s3("bucket", first)
    read: list[str] = []
    load_file = JSONFileLoader.load_file

    def reading(loader: JSONFileLoader, path: str) -> object:
        read.append(path)
        return load_file(loader, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", reading)
    open_s3("bucket", second)
    assert read == []

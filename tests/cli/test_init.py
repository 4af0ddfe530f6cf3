"""`livestills init`: a configuration to start from."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from indexer import config
from indexer.agora.vendors import AZURE, VENDORS
from tests.cli.running import Answer, done, livestills
from tests.cli.worlds import folder, series
from tests.servers import S3Server

FILE = Path("livestills.toml")
REQUEST = Path("start.json")
SECRETS = ("the-access-key", "the-secret-key", "the-sts-token", "the-rtc-token")


def request(storage: dict[str, Any], **more: Any) -> Path:
    """Write a start request with this storage, and secrets in all places that have one."""
    access_key, secret_key, sts_token, token = SECRETS
    keys = {"bucket": "shots-1250000000", "accessKey": access_key, "secretKey": secret_key, "stsToken": sts_token}
    wanted = {
        "token": token,
        "recordingConfig": {"subscribeUidGroup": 0},
        "snapshotConfig": {"captureInterval": 5, "fileType": ["jpg"]},
        "storageConfig": keys | {"stsExpiration": 2_000_000_000} | storage,
    }
    REQUEST.write_text(json.dumps({"cname": "room", "uid": "1", "clientRequest": wanted | more}))
    return REQUEST


def is_discreet(*answers: Answer) -> bool:
    """Whether no secret of the request was said, or written anywhere else."""
    said = [text for answer in answers for text in (answer.out, answer.err)]
    written = [path.read_bytes().decode("latin-1") for path in Path().rglob("*") if path.is_file() and path != REQUEST]
    return not any(secret in text for secret in SECRETS for text in [*said, *written])


def test_the_written_file_loads_and_says_what_to_do_next() -> None:
    answer = done("init", "--url", "s3://acme/a b/", "--name", "lessons")
    assert answer.out == "wrote livestills.toml\n"
    assert answer.err.startswith("next: edit it, then `livestills doctor` checks it")
    settings = config.load(FILE, environ=os.environ, folder=Path())
    assert {name: source.url for name, source in settings.sources.items()} == {"lessons": "s3://acme/a b/"}
    assert done("-q", "init", "--force").err == ""


def test_every_line_of_it_that_is_commented_out_could_be_used() -> None:
    done("init")
    request({"vendor": 2, "region": 3})
    FILE.write_text(re.sub(r"^# (\[|[a-z0-9_]+ = )", r"\1", FILE.read_text(), flags=re.MULTILINE))
    loaded = config.load(FILE, environ=os.environ, folder=Path())
    assert loaded.derivatives is not None
    source = loaded.sources["prod"]
    assert all(getattr(source, name) is not None for name in type(source).model_fields)
    assert loaded.sync == config.SyncSettings()
    assert loaded.users.channels == {"math-101": {"1002": "Ada Lovelace"}}


def test_an_existing_file_is_kept_unless_it_is_to_be_replaced() -> None:
    FILE.write_text("mine")
    answer = livestills("init")
    assert (answer.status, answer.error) == (2, "livestills.toml exists; edit it, or replace it with --force")
    assert FILE.read_text() == "mine"
    done("init", "--force")
    assert FILE.read_text() != "mine"


def test_it_is_written_where_config_says() -> None:
    done("init", "-c", "other.toml")
    assert Path("other.toml").exists()
    assert not FILE.exists()
    answer = livestills("-c", "no/folder.toml", "init")
    assert (answer.status, answer.error) == (2, "no/folder.toml cannot be written: No such file or directory")
    assert livestills("-c", ".", "init").status == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--url", "bucket"], "'bucket' is no address of a storage"),
        (["--url", "https://x/"], "is no address of a storage"),
        (["--name", "a b"], "--name or --url: 'a b' is no name for a source"),
        (["--name", 'a"]'], "--name or --url: not valid TOML"),
        (["--name", ""], "'' is no name for a source"),
    ],
)
def test_a_wrong_source_is_refused_before_anything_is_written(options: list[str], expected: str) -> None:
    answer = livestills("init", *options)
    assert (answer.status, answer.out) == (2, "")
    assert expected in answer.error
    assert not FILE.exists()


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "per%20cent", "hash#", "中文", "new\nline", "del\x7f"])
def test_a_strange_folder_comes_back_as_it_is(name: str, tmp_path: Path) -> None:
    folder(tmp_path / name, series())
    done("init", "--url", (tmp_path / name).as_uri())
    assert "3 added" in done("sync").out


# --- from a start request


def loaded() -> config.SourceSettings:
    return config.load(FILE, environ=os.environ, folder=Path()).sources["prod"]


def test_a_request_becomes_a_source_with_nothing_but_what_it_must_say() -> None:
    storage = {"vendor": 2, "region": 3, "bucket": "xxxxx", "fileNamePrefix": ["directory1", "directory2"]}
    request(storage)
    answer = done("init", "--from-request", "start.json")
    assert answer.out == "wrote livestills.toml\n"
    lines = answer.err.splitlines()
    assert lines[0] == (
        "from start.json (Alibaba OSS CN_Beijing): url, endpoint_url, region, addressing_style, capture_interval_s"
    )
    assert lines[1].startswith("not sure: since 2025-03-20 new users of Alibaba OSS reach buckets in mainland China")
    assert "usually it may only write" in lines[-2]
    assert "ListBucket, GetObject" in lines[-2]
    assert lines[-1].startswith("next: ")
    source = loaded()
    assert source.model_fields_set == {"url", "endpoint_url", "region", "addressing_style", "capture_interval_s"}
    assert (source.url, source.capture_interval_s) == ("s3://xxxxx/directory1/directory2/", 5)
    assert (source.endpoint_url, source.region) == ("https://s3.oss-cn-beijing.aliyuncs.com", "cn-beijing")
    text = FILE.read_text()
    assert "# From the start request start.json: Alibaba OSS CN_Beijing.\n# Not sure: since 2025-03-20" in text
    assert max(map(len, text.splitlines())) <= 120
    assert is_discreet(answer)


@pytest.mark.parametrize("vendor", [number for number in VENDORS if number != AZURE])
def test_what_is_written_opens_as_the_request_itself_does(vendor: int) -> None:
    regions = sorted(VENDORS[vendor].regions) or [0]  # test_vendors.py looks at each of them
    for region in {*regions[::6], regions[-1]}:
        request({"vendor": vendor, "region": region, "extensionParams": {"endpoint": "s3.example.com"}})
        answer = done("init", "--force", "--from-request", str(REQUEST))
        written = loaded()
        FILE.write_text('[sources.prod]\nrequest = "start.json"\n')
        named = loaded()
        assert written.model_dump(exclude={"request"}) == named.model_dump(exclude={"request"})
        assert is_discreet(answer)


def test_a_request_that_agora_would_refuse_still_names_its_place() -> None:
    request({"vendor": 1, "region": 0, "accessKey": None}, token=7, snapshotConfig={"captureInterval": 9999})
    answer = done("init", "--from-request", "start.json", "--name", "lessons")
    assert re.search(r"the request has \d+ errors; `livestills request check` tells more", answer.err)
    assert FILE.read_text().count('url = "s3://shots-1250000000/"') == 1
    assert "# capture_interval_s = 10 " in FILE.read_text()
    assert '[sources."lessons"]' in FILE.read_text()
    assert is_discreet(answer)


@pytest.mark.parametrize(
    "element", ['quo"te', "back\\slash", "per%20cent", "hash#", "中文", "new\nline", "del\x7f", "{x}"]
)
def test_a_strange_prefix_comes_back_as_it_is(element: str) -> None:
    request({"vendor": 1, "region": 0, "fileNamePrefix": [element]})
    strange = REQUEST.rename(f"{element}.json")
    done("init", "--from-request", str(strange))
    assert loaded().url == f"s3://shots-1250000000/{element}/"


def test_azure_is_refused_with_the_reason() -> None:
    request({"vendor": AZURE, "region": 0})
    answer = livestills("init", "--from-request", "start.json")
    assert (answer.status, answer.out) == (2, "")
    assert answer.error.startswith(
        "start.json: clientRequest.storageConfig: vendor 5 (Microsoft Azure) has no S3 API: "
    )
    assert "mirror the container into a folder" in answer.error
    assert not FILE.exists()
    assert is_discreet(answer)


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ({"vendor": 4, "region": 0}, "vendor 4 (Kingsoft) is no longer one of Agora's storages"),
        ({"vendor": 2, "region": 28}, "vendor 2 (Alibaba OSS) has no region 28"),
        ({"vendor": "the-secret-key", "region": 0}, "clientRequest.storageConfig.vendor must be a whole number"),
        ({"vendor": 1, "region": 0, "bucket": "the-secret-key/"}, "bucket is no name of a bucket"),
        ({"vendor": 1, "region": 0, "bucket": ["the-secret-key"]}, "clientRequest.storageConfig.bucket must be a text"),
        ({"vendor": 1, "region": 0, "fileNamePrefix": "the-secret-key"}, "fileNamePrefix must be an array of texts"),
        ({"vendor": 1, "region": 0, "fileNamePrefix": ["\ud800"]}, "is no address of a storage"),
        ({"vendor": 11, "region": 0}, "needs extensionParams.endpoint"),
        (
            {"vendor": 11, "region": 0, "extensionParams": {"endpoint": "https://the-access-key:the-secret-key@host"}},
            "extensionParams.endpoint has credentials in it",
        ),
        (
            {"vendor": 11, "region": 0, "extensionParams": {"endpoint": "shots-1250000000.s3.example.com"}},
            "already contains the bucket 'shots-1250000000': write s3.example.com",
        ),
        ({"vendor": 11, "region": 0, "extensionParams": {"endpoint": "ftp://host"}}, "is no endpoint of a storage"),
    ],
)
def test_a_request_that_names_no_place_is_refused_before_anything_is_written(
    storage: dict[str, Any], expected: str
) -> None:
    request(storage)
    for verbose in ([], ["-v"]):
        answer = livestills("init", "--from-request", "start.json", *verbose)
        assert (answer.status, answer.out, FILE.exists()) == (2, "", False)
        assert expected in answer.err
        assert is_discreet(answer)
    assert livestills("init", "--from-request", "start.json").error.startswith("start.json: ")


def test_a_file_that_is_no_request_is_refused() -> None:
    assert livestills("init", "--from-request", "start.json").error == "start.json does not exist"
    REQUEST.write_text('{"cname": }')
    assert livestills("init", "--from-request", "start.json").error.startswith(
        "start.json, line 1, column 11: not JSON"
    )
    answer = livestills("init", "--from-request", "start.json", "--url", "s3://x/")
    assert (answer.status, "leave one of them out" in answer.err) == (2, True)


def test_a_source_that_is_nothing_but_a_request_is_synced_from_a_real_storage(
    moto: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = moto.new_bucket()
    keys = [*series("7"), *series("8", shots=2)]
    for key in keys:
        moto.client.put_object(Bucket=bucket, Key=f"directory1/directory2/{key}", Body=b"x")
    moto.client.put_object(Bucket=bucket, Key=f"directory1/other/{keys[0]}", Body=b"x")
    endpoint = moto.endpoint_url.removeprefix("http://")
    place = {
        "bucket": bucket,
        "fileNamePrefix": ["directory1", "directory2"],
        "extensionParams": {"endpoint": endpoint},
    }
    request({"vendor": 11, "region": 0} | place)
    FILE.write_text('[sources.prod]\nrequest = "start.json"\n')
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto.secret_key)
    synced, doctor = done("sync"), done("doctor")
    assert "5 added" in synced.out
    assert "endpoint_url, region, addressing_style" in doctor.out
    (user, *_) = done("users", "list", "-o", "ndjson").records
    assert (user["uid"], user["shots"]) == ("7", 3)
    assert is_discreet(synced, doctor)

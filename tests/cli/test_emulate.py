"""`livestills emulate`: how it starts, how it ends, and what it will not start with."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from indexer.agora import events
from tests.cli.running import PROGRAM, livestills, process
from tests.emulators import start_body
from tests.servers import S3Server

PAST = ("--backfill", "9", "--request", "right.json")


@contextmanager
def emulating(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, *PROGRAM, "emulate", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **variables}
    ) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def ended(running: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    """Its status, and what it said since it was listening."""
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    return running.returncode, out, err


def test_it_says_where_it_is_and_what_to_type_next_and_ends_well_with_ctrl_c() -> None:
    with emulating("--host", "0.0.0.0") as running:  # noqa: S104  # for a second, to see what is said of it
        assert running.stdout is not None
        said = running.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:[0-9]+", said)
        assert url is not None
        assert httpx.get(url[0], trust_env=False).status_code == 404
        status, out, err = ended(running, signal.SIGINT)
    assert (status, out) == (0, "0 sessions, 0 pictures uploaded\n")
    assert f"livestills capture run start.json --save running.json --base-url {url[0]}" in err
    assert "in every channel: 1001, 1002, 2725317129, until it is stopped" in err
    assert "livestills: whoever reaches 0.0.0.0 can start recordings here, and nothing is encrypted" in err


def test_a_program_is_told_the_same_in_two_records() -> None:
    options = ("-o", "ndjson", "--seed", "3", "--users", "2", "--speed", "60", "--begin", "2026-11-05T12:00:00Z")
    with emulating(*options, "--notices", "kept.ndjson") as running:
        assert running.stdout is not None
        started = json.loads(running.stdout.readline())
        status, out, err = ended(running, signal.SIGTERM)
    assert status == 0, err
    assert started["event"] == "started"
    assert started["base_url"].startswith("http://127.0.0.1:")
    assert (len(started["users"]), started["length_s"], started["speed"]) == (2, None, 60)
    assert started["begun_at"].startswith("2026-11-05T12:0")
    over = json.loads(out)
    assert (over["event"], over["sessions"], over["notices"], over["written"], over["posted"]) == (
        "ended",
        0,
        0,
        0,
        None,
    )
    assert Path("kept.ndjson").read_bytes() == b""


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = livestills("emulate", "--port", port)
    assert (answer.status, answer.out) == (2, "")
    assert answer.error == f"cannot listen at 127.0.0.1:{port}: Address already in use; --port 0 takes a free one"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--host", "203.0.113.7"], "cannot listen at 203.0.113.7:0"),
        (["--host", "no such host"], "'no such host' is no address of this machine"),
        (["--port", "65536"], "65536 is not in the range"),
        (["--speed", "0"], "is not in the range"),
        (["--speed", "nan"], "'--speed': nan is no number"),
        (["--begin", "9999-12-31T23:59:00Z"], "--begin 9999-12-31T23:59:00Z is not between 2000 and 2099"),
        (["--begin", "999999d"], "--begin '999999d' is before all calendars"),
        (["--begin", "99999d"], "--begin 99999d is not between 2000 and 2099"),
        (["--begin", "yesterday"], "--begin 'yesterday' is no time"),
        (["--scenario", "missing.toml"], "the scenario missing.toml cannot be read: No such file or directory"),
        (["--scenario", "broken.toml"], "broken.toml: unknown setting 'lenght'; did you mean 'length'?"),
        (["--scenario", "broken.toml", "--seed", "1"], "--scenario says who is there: leave --seed and --users out"),
        (["--s3-endpoint", "ftp://host"], "'ftp://host' is no endpoint of a storage"),
        (["--callback", "http://127.0.0.1:9/"], "say --secret-file, or set LIVESTILLS_NOTICE_SECRET"),
        (["--callback", "9", "--secret-file", "secret"], "'9' is no address to post to"),
        (["--callback", "http://.a/", "--secret-file", "secret"], "'http://.a/' is no address to post to: "),
        (
            ["--callback", "http://host/", "--secret-file", "none"],
            "--secret-file none cannot be read: No such file or directory",
        ),
        (["--notices", "missing/file"], "notices cannot be written to missing/file: No such file or directory"),
        (["--lost-notices", "2"], "--lost-notices"),
        (["--customer-id", "me"], "put the secret into AGORA_CUSTOMER_SECRET"),
        (["--backfill", "9"], "--backfill takes the storage from a start request: say --request FILE"),
        (["--backfill", "9", "--request", "missing.json"], "missing.json does not exist"),
        (["--backfill", "9", "--request", "broken.toml"], "broken.toml, line 1, column 1: not JSON"),
        (["--backfill", "9", "--request", "wrong.json"], "clientRequest is missing"),
        (["--backfill", "9", "--request", "x", "--port", "80"], "--port goes not with --backfill"),
        (["--days", "9"], "--days goes with --backfill"),
        ([*PAST, "--until", "9999-12-31"], "--until 9999-12-31 is still to come: a past ends now at the latest"),
        ([*PAST, "--until", "0001-01-01T00:00:00Z"], "30 days before 0001-01-01T00:00:00.000Z no past begins"),
        ([*PAST, "--days", "36500"], "36,500 days before"),
    ],
)
def test_what_it_cannot_start_with_is_one_line(arguments: list[str], expected: str) -> None:
    Path("broken.toml").write_text('lenght = "30m"\n', encoding="utf-8")
    Path("wrong.json").write_text("{}", encoding="utf-8")
    Path("right.json").write_text(json.dumps(start_body()), encoding="utf-8")
    Path("secret").write_text("secret of the console\n", encoding="utf-8")
    answer = livestills("emulate", *arguments)
    assert (answer.status, answer.out) == (2, "")
    assert expected in answer.error


def test_without_the_web_server_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['uvicorn'] = None; from cli.livestills import main; main()"
    answer = process("emulate", program=("-c", program))
    assert answer.status == 2
    assert answer.error == ("emulating takes a web server (uvicorn is not installed): pip install 'livestills[agora]'")


def test_a_past_is_written_once_however_often_with_the_notices_of_it(weed: S3Server) -> None:
    bucket = weed.new_bucket()
    body = start_body(bucket, keys=S3Server.WRITE_ONLY)
    Path("start.json").write_text(json.dumps(body), encoding="utf-8")
    options = ("emulate", "--backfill", "40", "--request", "start.json", "--s3-endpoint", weed.endpoint_url)
    past = (*options, "--days", "2", "--until", "2025-11-05T12:00:00Z", "--seed", "4")
    answer = livestills(*past, "--notices", "kept.ndjson")
    assert answer.status == 0, answer.err
    assert "--until 2025-11-05T12:00:00.000Z --days 2 --seed 4 writes the same again" in answer.err
    assert answer.lines[0].startswith("40 pictures (")
    found = [each["Key"] for each in weed.client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert len(found) == 40
    assert all(key.startswith("directory1/directory2/") for key in found)
    told = [events.parse(line).details for line in Path("kept.ndjson").read_bytes().splitlines()]
    assert {each.file_name for each in told if isinstance(each, events.SnapshotFile)} == set(found)
    (again,) = livestills("-o", "ndjson", *past).records
    assert (again["shots"], again["notices"]) == (40, 0)
    assert len(weed.client.list_objects_v2(Bucket=bucket)["Contents"]) == 40


def test_a_past_that_is_interrupted_says_how_the_same_is_written_again(weed: S3Server) -> None:
    body = start_body(weed.new_bucket(), keys=S3Server.WRITE_ONLY)
    Path("start.json").write_text(json.dumps(body), encoding="utf-8")
    options = ("--backfill", "1000000", "--request", "start.json", "--s3-endpoint", weed.endpoint_url, "--seed", "4")
    with emulating(*options) as running:
        assert running.stderr is not None
        again = running.stderr.readline().strip()
        assert re.fullmatch(r"--until \S+Z --days 30 --seed 4 writes the same again", again)
        status, out, err = ended(running, signal.SIGINT)
    assert (status, out) == (130, "")
    assert f"stopped; what was written stays, {again}" in err


def test_a_past_in_a_bucket_that_is_not_there_is_one_line(weed: S3Server) -> None:
    for bucket, keys, status in (
        ("no-such-bucket", (weed.access_key, weed.secret_key), 10),
        (weed.new_bucket(), ("nobody", "nobody's secret"), 4),
    ):
        Path("start.json").write_text(json.dumps(start_body(bucket, keys=keys)), encoding="utf-8")
        answer = livestills("emulate", "--backfill", "5", "--request", "start.json", "--s3-endpoint", weed.endpoint_url)
        assert answer.status == status
        assert bucket in answer.error
        assert "secret" not in answer.error

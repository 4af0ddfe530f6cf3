import json
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any

import pytest

from tests.answering import Answering, AnsweringServer, answer, answering, raw, silence
from tests.cli.running import PROGRAM, Answer, done, livestills, process

SECRET = "s3cret-of-the-customer"
APP = "d5b1c0ffee5b4a2f9a3e1f0c9b8a7d6e"
RESOURCE = "JyvK8nXHuV1BE64GDkAaBGEscvtHW7v8BrQoRPCHxmeVxwY22-x_kv4"
SID = "38f8e3cfdc474cd56fc1ceba380d7e1a"
START: dict[str, Any] = {
    "uid": "527841",
    "cname": "httpClient463224",
    "clientRequest": {
        "token": "006token-of-the-channel",
        "recordingConfig": {"channelType": 1, "subscribeUidGroup": 0},
        "snapshotConfig": {"captureInterval": 5, "fileType": ["jpg"]},
        "storageConfig": {
            "accessKey": "AKIA-access-of-the-storage",
            "region": 3,
            "bucket": "shots",
            "secretKey": "secret-of-the-storage",
            "vendor": 2,
            "fileNamePrefix": ["directory1", "directory2"],
        },
    },
}
ACQUIRE: dict[str, Any] = {
    "cname": "httpClient463224",
    "uid": "527841",
    "clientRequest": {"resourceExpiredHour": 24, "scene": 0},
}
SECRETS = (SECRET, "006token-of-the-channel", "AKIA-access-of-the-storage", "secret-of-the-storage")
ACQUIRED = answer(200, {"resourceId": RESOURCE})
STARTED = answer(200, {"cname": "httpClient463224", "uid": "527841", "resourceId": RESOURCE, "sid": SID})
IDS = {"resource_id": RESOURCE, "sid": SID, "cname": "httpClient463224", "uid": "527841"}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, _own_place: None) -> None:
    monkeypatch.setenv("AGORA_APP_ID", APP)
    monkeypatch.setenv("AGORA_CUSTOMER_ID", "customer-1")
    monkeypatch.setenv("AGORA_CUSTOMER_SECRET", SECRET)
    Path("start.json").write_text(json.dumps(START))
    Path("acquire.json").write_text(json.dumps(ACQUIRE))


@contextmanager
def agora(monkeypatch: pytest.MonkeyPatch, *answers: Answering) -> Iterator[AnsweringServer]:
    with answering(*answers) as server:
        monkeypatch.setenv("AGORA_BASE_URL", server.url)
        yield server


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[AnsweringServer]:
    """A server that must not be called."""
    with agora(monkeypatch, answer(500, {})) as server:
        yield server
        assert server.count == 0


def test_a_run_acquires_and_starts_and_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    status = answer(200, {"serverResponse": {"status": 5, "sliceStartTime": 1562724971626}})
    ended = answer(200, {"serverResponse": {"uploadingStatus": "backuped"}})
    with agora(monkeypatch, ACQUIRED, STARTED, status, ended) as server:
        told = done("capture", "run", "start.json", "--resource-expired-hour", "24")
        assert server.json(0) == {
            "cname": "httpClient463224",
            "uid": "527841",
            "clientRequest": {"scene": 0, "resourceExpiredHour": 24, "startParameter": START["clientRequest"]},
        }
        assert server.json(1) == START
        for text in IDS.values():
            assert text in told.out
        asking, stopping = (shlex.split(line)[1:] for line in told.lines if line.startswith("  livestills "))
        asked = done(*asking, "--tz", "Asia/Tokyo")
        assert "in-progress" in asked.out
        assert "2019-07-10 11:16:11" in asked.out
        assert server.target() == (
            f"GET /v1/apps/{APP}/cloud_recording/resourceid/{RESOURCE}/sid/{SID}/mode/individual/query"
        )
        stopped = done(*stopping)
        assert "backed-up" in stopped.out
        assert "up to 72 h" in stopped.out
        assert server.json() == {"cname": "httpClient463224", "uid": "527841", "clientRequest": {"async_stop": False}}


def test_what_was_started_is_remembered_in_a_file_for_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    status = answer(200, {"serverResponse": {"status": 4}})
    with agora(monkeypatch, ACQUIRED, STARTED, status, answer(206, {"code": 435})) as server:
        told = done("capture", "run", "start.json", "--save", "running.json", "-o", "json").document
        assert told == {**IDS, "saved": "running.json"}
        saved = Path("running.json")
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600
        record = {name: IDS[name] for name in ("sid", "cname", "uid")}
        assert json.loads(saved.read_text()) == {"resourceId": RESOURCE, **record}
        state = done("capture", "query", "--from", "running.json", "-o", "ndjson").records[0]
        assert (state["state"], state["running"], state["started_at"]) == ("ready", True, None)
        ended = done("capture", "stop", "--from", "running.json", "--no-wait", "-o", "json").document
        assert ended["upload"] == "nothing-recorded"
        assert "nobody in the channel sent a stream" in ended["meaning"]
        assert server.json()["clientRequest"] == {"async_stop": True}


def test_nothing_is_started_that_could_not_be_remembered(nobody: AnsweringServer) -> None:
    del nobody
    Path("running.json").write_text("{}")
    assert (
        "may name a recording that runs" in livestills("capture", "run", "start.json", "--save", "running.json").error
    )
    assert "cannot be written" in livestills("capture", "run", "start.json", "--save", "no/where").error
    assert Path("running.json").read_text() == "{}"


def test_no_file_is_left_where_nothing_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    with agora(monkeypatch, ACQUIRED, answer(400, {"code": 53, "reason": "task conflict"})):
        told = livestills("capture", "run", "start.json", "--save", "running.json")
    assert told.status == 1
    assert "running already, under another resource ID" in told.error
    assert f"nothing was started with the resource ID {RESOURCE}" in told.error
    assert not Path("running.json").exists()


def test_acquire_and_start_can_be_said_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with agora(monkeypatch, ACQUIRED, ACQUIRED, STARTED) as server:
        assert done("capture", "acquire", "acquire.json", "-o", "json").document["resource_id"] == RESOURCE
        assert server.json() == ACQUIRE
        assert done("capture", "acquire", "start.json", "-o", "csv").rows[0]["resource_id"] == RESOURCE
        assert server.json()["clientRequest"]["startParameter"] == START["clientRequest"]
        assert done("capture", "start", "start.json", "--resource-id", RESOURCE, "-o", "csv").rows[0]["sid"] == SID
        assert livestills("capture", "acquire", "acquire.json", "--resource-expired-hour", "9").status == 2


def test_a_body_is_read_from_standard_input() -> None:
    told = process("capture", "run", "-", "--dry-run", "-o", "ndjson", given=json.dumps(START).encode())
    assert told.status == 0
    assert [record["method"] for record in told.records] == ["POST", "POST"]


# Nothing is sent.


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("acquire", "acquire.json"),
        ("acquire", "start.json"),
        ("start", "start.json", "--resource-id", RESOURCE),
        ("run", "start.json"),
        ("query", "--resource-id", RESOURCE, "--sid", SID),
        ("stop", "--resource-id", RESOURCE, "--sid", SID, "--cname", "c", "--uid", "1"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_dry_run_sends_nothing_and_shows_no_secret(
    nobody: AnsweringServer, arguments: tuple[str, ...], form: str
) -> None:
    told = done("capture", *arguments, "--dry-run", "-vv", "-o", form)
    assert f"{nobody.url}/v1/apps/{APP}/cloud_recording/" in told.out
    assert "Basic ***" in told.out
    assert not any(secret in told.out + told.err for secret in SECRETS)


def test_a_dry_run_shows_exactly_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with agora(monkeypatch, STARTED) as server:
        arguments = ("capture", "start", "start.json", "--resource-id", RESOURCE)
        (shown,) = done(*arguments, "--dry-run", "-o", "ndjson").records
        people = done(*arguments, "--dry-run").out
        done(*arguments)
        assert f"{shown['method']} {shown['url']}" == server.target().replace(" ", f" {server.url}")
        sent = dict(server.headers())
        assert sent.pop("Authorization").startswith("Basic ")
        assert shown["headers"].pop("Authorization") == "Basic ***"
        assert list(shown["headers"].items()) == list(sent.items())
        body = server.body().decode()
        for secret in SECRETS:
            body = body.replace(secret, "***")
        assert shown["body"] == body
        assert people.endswith(f"\n\n{body}\n")


def test_a_dry_run_takes_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGORA_CUSTOMER_ID")
    monkeypatch.delenv("AGORA_CUSTOMER_SECRET")
    assert "Basic ***" in done("capture", "run", "start.json", "--dry-run").out


def test_a_body_that_takes_no_screenshots_is_not_sent(monkeypatch: pytest.MonkeyPatch, nobody: AnsweringServer) -> None:
    wrong = json.loads(json.dumps(START))
    wrong["clientRequest"]["snapshotConfig"]["fileType"] = ["png"]
    Path("wrong.json").write_text(json.dumps(wrong))
    for arguments in (("run",), ("start", "--resource-id", RESOURCE), ("acquire",)):
        told = livestills("capture", *arguments, "wrong.json")
        assert told.status == 20
        assert "clientRequest.snapshotConfig.fileType" in told.error
        assert "`livestills request check wrong.json --kind start`" in told.error
        assert not any(secret in told.err for secret in SECRETS)
    assert nobody.count == 0
    with agora(monkeypatch, ACQUIRED, STARTED) as server:
        done("capture", "run", "wrong.json", "--no-check")
        assert server.json() == wrong


def test_a_warning_is_told_and_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful = json.loads(json.dumps(START))
    del doubtful["clientRequest"]["recordingConfig"]["subscribeUidGroup"]
    Path("doubtful.json").write_text(json.dumps(doubtful))
    with agora(monkeypatch, ACQUIRED, STARTED):
        told = done("capture", "run", "doubtful.json")
    assert "1 warning" in told.err


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"start"', '{"a": 1, "a": 2}', '{"a": NaN}', '{"clientRequest": {"a": 1e999}}']
)
@pytest.mark.parametrize("check", ["--check", "--no-check"])
def test_a_file_that_is_no_body_is_one_line(nobody: AnsweringServer, text: str, check: str) -> None:
    del nobody
    Path("bad.json").write_text(text)
    told = livestills("capture", "run", "bad.json", check)
    assert told.status in {2, 20}
    assert told.error


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "missing.json"), "missing.json does not exist"),
        (("run", "start.json", "--base-url", "http://api.agora.io"), "in clear"),
        (("run", "start.json", "--base-url", "api.agora.io"), "write for example https://api.agora.io"),
        (("run", "start.json", "--app-id", " "), "App ID is empty"),
        (("run", "start.json", "--customer-id", "a:b"), "colon"),
        (("run", "start.json", "--customer-secret-file", "none"), "--customer-secret-file none cannot be read"),
        (("run", "start.json", "--customer-secret-file", "empty"), "it is empty"),
        (("run", "start.json", "--timeout", "soon"), "--timeout 'soon' is no length of time"),
        (("run", "start.json", "--tz", "Mars"), "--tz 'Mars' is no time zone"),
        (("run", "start.json", "--attempts", "0"), "is not in the range"),
        (("query",), "--resource-id is missing; say --resource-id, --sid, or --from"),
        (("stop", "--resource-id", "r", "--sid", "s"), "--cname is missing"),
        (("stop", "--from", "acquire.json"), "it has no resourceId"),
        (("stop", "--from", "missing.json"), "missing.json does not exist"),
        (("stop", "--from", "start.json", "--sid", "s"), "leave out --sid"),
        (("start", "start.json", "--resource-id", "a b"), "the resource ID 'a b' is none"),
    ],
)
def test_wrong_usage_is_one_line(nobody: AnsweringServer, arguments: tuple[str, ...], expected: str) -> None:
    del nobody
    Path("empty").touch()
    told = livestills("capture", *arguments)
    assert told.status == 2
    assert expected in told.error


@pytest.mark.parametrize("name", ["AGORA_APP_ID", "AGORA_CUSTOMER_ID", "AGORA_CUSTOMER_SECRET"])
def test_a_missing_credential_is_named(nobody: AnsweringServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    del nobody
    monkeypatch.delenv(name)
    told = livestills("capture", "run", "start.json")
    assert told.status == 2
    assert name in told.error


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("indexer.agora.client", "indexer.agora.exchange"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "httpx", None)
    told = livestills("capture", "run", "start.json")
    assert told.status == 2
    assert "pip install 'livestills[agora]'" in told.error


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGORA_CUSTOMER_SECRET")
    Path("secret").write_text(f"{SECRET}\n")
    with agora(monkeypatch, ACQUIRED) as server:
        done("capture", "acquire", "acquire.json", "--customer-secret-file", "secret")
        from_file = server.headers()["Authorization"]
        monkeypatch.setenv("AGORA_CUSTOMER_SECRET", SECRET)
        done("capture", "acquire", "acquire.json")
        assert server.headers()["Authorization"] == from_file


def test_the_commands_to_go_on_say_again_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with agora(monkeypatch, ACQUIRED, STARTED) as server:
        monkeypatch.delenv("AGORA_BASE_URL")
        told = done("capture", "run", "start.json", "--base-url", server.url, "--save", "it's.json")
    asking = next(line for line in told.lines if " query " in line)
    assert shlex.split(asking)[3:] == ["--from", "it's.json", "--base-url", server.url]


def test_the_check_that_an_error_names_finds_it_too(nobody: AnsweringServer) -> None:
    del nobody
    told = livestills("capture", "run", "acquire.json")
    assert (told.status, "acquire.json has 2 errors" in told.error) == (20, True)
    named = shlex.split(told.error.split("`")[1])[1:]
    assert done("request", "check", "acquire.json").lines[0] == "no problem found"
    assert livestills(*named).lines[-1].startswith("2 errors, ")


# Answers.


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [
        (answer(401, {"message": "Invalid authentication credentials"}), 4, "customer secret"),
        (answer(503, b""), 5, "not available for now"),
        (answer(404, {"code": 404, "reason": "failed to find worker"}), 10, "no such recording is running"),
        (answer(400, {"code": 432}), 2, "not those that the resource ID was acquired for"),
        (answer(400, {"code": 433}), 1, "acquire again"),
        (answer(302, b"", Location="http://example.com/"), 2, "check the base URL"),
        (answer(200, b"<html>"), 1, "not Agora's API"),
        (raw(b""), 5, "start again with the same resource ID"),
        (answer(400, {"code": 2, "reason": "\x1b[31mred\x1b[0m\nline"}), 2, r"(\x1b[31mred"),
    ],
)
def test_an_error_is_one_line_with_the_documented_status(
    monkeypatch: pytest.MonkeyPatch, said: Answering, status: int, expected: str
) -> None:
    with agora(monkeypatch, said):
        told = livestills("capture", "start", "start.json", "--resource-id", RESOURCE, "--attempts", "1")
    assert told.status == status
    assert told.error.startswith("start: ")
    assert expected in told.error
    assert told.out == ""


def test_a_misspelt_key_of_a_secret_is_not_shown_either(nobody: AnsweringServer) -> None:
    storage = {"vendor": 1, "bucket": "shots", "screctKey": SECRETS[3], "acessKey": SECRETS[2]}
    Path("start.json").write_text(json.dumps({"clientRequest": {"tokn": SECRETS[1], "storageConfig": storage}}))
    told = done("capture", "run", "start.json", "--dry-run", "--no-check", "--base-url", nobody.url)
    assert '"bucket": "shots"' in told.out
    assert not any(secret in told.out + told.err for secret in SECRETS)


def test_no_part_of_a_secret_is_told_where_a_reason_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    said = answer(400, {"code": 2, "reason": "x" * 190 + f" {SECRETS[3]}"})
    with agora(monkeypatch, said):
        told = livestills("capture", "start", "start.json", "--resource-id", RESOURCE, "-vv")
    assert told.status == 2
    assert "secret-of" not in told.out + told.err


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (answer(400, {"code": 2, "reason": " ".join(SECRETS)}), 2),
        (raw(f"{' '.join(SECRETS)}\r\n\r\n".encode()), 5),
        (raw(f"HTTP/1.1 200 OK\r\n{' '.join(SECRETS)}\r\n\r\n".encode()), 5),
    ],
    ids=["a reason", "no HTTP", "no header"],
)
def test_no_secret_is_told_with_a_trace(monkeypatch: pytest.MonkeyPatch, said: Answering, status: int) -> None:
    with agora(monkeypatch, ACQUIRED, said):
        told = livestills("capture", "run", "start.json", "-vv", "--attempts", "1")
    assert told.status == status
    assert "Traceback" in told.err
    assert not any(secret in told.out + told.err for secret in SECRETS)


def test_a_lost_start_says_how_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with agora(monkeypatch, ACQUIRED, raw(b"")):
        told = livestills("capture", "run", "start.json", "--attempts", "1")
    assert told.status == 5
    assert f"livestills capture start start.json --resource-id '{RESOURCE}'" in told.error


@pytest.mark.parametrize("said", [answer(200, {"resourceId": RESOURCE}), answer(200, b"<html>")])
def test_a_start_that_is_answered_by_nobody_knows_whom_may_have_started(
    monkeypatch: pytest.MonkeyPatch, said: Answering
) -> None:
    with agora(monkeypatch, ACQUIRED, said):
        told = livestills("capture", "run", "start.json", "--save", "running.json")
    again = f"which starts nothing twice: livestills capture start start.json --resource-id '{RESOURCE}'"
    assert told.status == 1
    assert told.error.endswith(
        f"check the base URL; it may have started: start again with the same resource ID, {again}"
    )
    assert not Path("running.json").exists()


def test_a_second_stop_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = ("--resource-id", RESOURCE, "--sid", SID, "--cname", "httpClient463224", "--uid", "527841")
    with agora(monkeypatch, answer(400, {"code": 49, "reason": "invalid operation"})):
        told = done("capture", "stop", *ids)
        assert "it was ending already" in told.err
        assert done("capture", "stop", *ids, "-o", "json").document["was_ending"] is True


@pytest.mark.parametrize(
    ("number", "word", "answers", "left"),
    [
        (SIGINT, "interrupted", (ACQUIRED, silence), "; it may have started"),
        (SIGTERM, "terminated", (ACQUIRED, silence), "; it may have started"),
        (SIGTERM, "terminated", (silence,), "; nothing was started"),
    ],
    ids=["Ctrl-C at the start", "SIGTERM at the start", "SIGTERM at the acquire"],
)
def test_an_interrupted_run_says_what_may_have_started_and_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, number: int, word: str, answers: tuple[Answering, ...], left: str
) -> None:
    command = [sys.executable, *PROGRAM, "capture", "run", "start.json", "--save", "running.json"]
    with (
        agora(monkeypatch, *answers) as server,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running,
    ):
        server.wait_for(len(answers))  # the last request has come, and is not answered
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    told = Answer(running.returncode, out, err)
    assert (told.status, told.out) == (128 + number, "")
    assert told.error.startswith(f"{word}{left}")
    assert (f"--resource-id '{RESOURCE}'" in told.error) == (len(answers) > 1)
    assert not Path("running.json").exists()


def test_help_imports_no_client() -> None:
    loaded = "import sys; from cli.livestills import run; run(['capture', 'run', '--help']); print(*sys.modules)"
    told = process(program=("-c", loaded))
    assert {"httpx", "tenacity", "pydantic", "boto3"}.isdisjoint(told.lines[-1].split())

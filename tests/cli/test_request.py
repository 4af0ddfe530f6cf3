"""`livestills request check`: what is wrong with a body, before it is sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bodies import ACQUIRED, BODIES, GONE, SCREENSHOTS, UPDATED, WITH_RECORDING, paired, start
from tests.cli.running import Answer, livestills, process

FIELDS = ["body", "severity", "rule", "path", "message", "requires", "otherwise", "refused", "source"]
CAPTURED = (
    "captures everybody with video (17 at most) in channel httpClient463224 every 5 s to"
    " s3://xxxxx/directory1/directory2/ (Alibaba OSS CN_Beijing)"
)


def check(body: Any, *arguments: str) -> Answer:
    Path("body.json").write_text(json.dumps(body))
    return livestills("request", "check", "body.json", *arguments)


def test_what_a_right_body_captures_is_told_in_one_line() -> None:
    answer = livestills("request", "check", str(BODIES / "screenshots.json"))
    assert (answer.status, answer.err) == (0, "")
    assert answer.lines == ["no problem found", CAPTURED]


def test_the_example_with_a_recording_has_warnings_only() -> None:
    both = str(BODIES / "screenshots_and_recording.json")
    answer = livestills("request", "check", both)
    assert answer.status == 0
    assert answer.lines[-2:] == ["2 warnings", CAPTURED.replace("5 s to", "5 s, and a recording, to")]
    assert livestills("request", "check", both, "--recording").lines[-2] == "1 warning"
    assert livestills("request", "check", both, "--no-recording").status == 20
    assert livestills("request", "check", both, "--strict").status == 20


def test_an_error_is_told_with_its_path_what_agora_does_and_who_says_so() -> None:
    answer = check(start(snapshots__captureInterval=0, uid=7))
    assert answer.status == 20
    assert answer.lines == [
        "error: clientRequest.snapshotConfig.captureInterval is 0",
        "  required  captureInterval is a whole number of seconds from 1 to 3600 (default 10)",
        "  Agora     refuses it: 400, code 2 (invalid parameter)",
        '  source    "Capture screenshots"',
        "",
        'error: uid must be a text, is 7: write "7"',
        "  required  every documented field has its documented type: a number is not a text",
        "  Agora     refuses it: 400, code 2 (invalid parameter)",
        '  source    "Common errors"',
        "",
        "2 errors",
    ]


def test_programs_get_the_fields_of_the_contract_in_every_format() -> None:
    body = start(snapshots__captureInterval=1, request__token=GONE)
    answer = check(body, "-o", "ndjson")
    assert (answer.status, answer.err) == (0, "")
    assert [list(record) for record in answer.records] == [FIELDS] * 2
    assert answer.records[0] == {
        "body": "start",
        "severity": "warning",
        "rule": "capture-interval-below-5",
        "path": "clientRequest.snapshotConfig.captureInterval",
        "message": "is 1",
        "requires": "captureInterval is 5 or more",
        "otherwise": "may refuse it: 400, code 2",
        "refused": False,
        "source": answer.records[0]["source"],
    }
    assert check(body, "-o", "json").document == answer.records
    assert [row["rule"] for row in check(body, "-o", "csv").rows] == ["capture-interval-below-5", "token-maybe"]
    assert check(SCREENSHOTS, "-o", "json").document == []
    assert check(SCREENSHOTS, "-o", "csv").lines == [",".join(FIELDS)]


@pytest.mark.parametrize(
    ("option", "status", "rules"),
    [([], 0, ["token-maybe"]), (["--no-token"], 0, []), (["--token-required"], 20, ["token"])],
)
def test_a_missing_token_is_as_bad_as_the_project_makes_it(option: list[str], status: int, rules: list[str]) -> None:
    answer = check(start(request__token=GONE), "-o", "ndjson", *option)
    assert (answer.status, [record["rule"] for record in answer.records]) == (status, rules)


def test_the_mode_of_the_url_is_checked() -> None:
    answer = check(SCREENSHOTS, "--mode", "mix")
    assert (answer.status, answer.lines[0]) == (20, 'error: the mode is "mix"')
    answer = check(SCREENSHOTS, "--mode", "raw")
    assert (answer.status, answer.lines[0]) == (20, 'error: the mode is "raw"')
    assert "which livestills does not recognise" in answer.out
    assert check(SCREENSHOTS, "--mode", "individual").status == 0


def test_what_is_no_bucket_is_an_error_and_not_repeated() -> None:
    answer = check(start(storage__bucket="wJalr/bPx+KEY"))
    assert (answer.status, "wJalr" in answer.out + answer.err) == (20, False)
    assert answer.lines[0].startswith("error: clientRequest.storageConfig.bucket has characters that no bucket has")


@pytest.mark.parametrize(
    ("body", "kind", "line"),
    [
        (ACQUIRED, "acquire", "gets a resource for channel httpClient463224, recorder 527841: "),
        ({**ACQUIRED, "clientRequest": {}}, "acquire", "gets a resource"),
        (paired()[0], "acquire", "gets a resource"),
        (UPDATED, "update", "changes a running session"),
        (SCREENSHOTS, "start", "captures everybody"),
        (WITH_RECORDING, "start", "captures everybody"),
    ],
)
def test_the_keys_tell_which_body_it_is(body: Any, kind: str, line: str) -> None:
    assert check(body).lines[-1].startswith(line)
    broken = check({**body, "cname": "a/b"}, "-o", "ndjson")
    assert {record["body"] for record in broken.records} == {kind}
    assert broken.status == 20


def test_the_body_can_be_said_where_the_keys_tell_another() -> None:
    storage = {**UPDATED, "clientRequest": {"storageConfig": SCREENSHOTS["clientRequest"]["storageConfig"]}}
    assert check(storage).status == 20
    answer = check(storage, "--kind", "update")
    assert (answer.status, answer.lines[-1]) == (
        0,
        "changes a running session; storage: s3://xxxxx/directory1/directory2/ (Alibaba OSS CN_Beijing)",
    )


def test_acquire_and_start_must_belong_together() -> None:
    acquire = Path("acquire.json")
    acquire.write_text(json.dumps(paired()[0]))
    assert check(SCREENSHOTS, "--acquire", "acquire.json").lines == ["no problem found", CAPTURED]
    acquire.write_text(json.dumps(paired(uid="1", request__scene=1, parameter__token="secret!")[0]))
    answer = check(SCREENSHOTS, "--acquire", "acquire.json", "-o", "ndjson")
    assert answer.status == 20
    assert [(record["body"], record["path"], record["message"]) for record in answer.records] == [
        ("acquire", "clientRequest.scene", "is 1"),
        ("both", "clientRequest.startParameter.token", "is another one in start"),
        ("both", "uid", 'is "527841", in acquire "1"'),
    ]
    assert check(SCREENSHOTS, "--acquire", "acquire.json").lines[0] == "error: acquire: clientRequest.scene is 1"


def test_a_body_comes_from_standard_input_and_shows_nothing_that_a_terminal_would_run() -> None:
    body = start(cname="\x1b[31m", **{"snapshots__\x1b\u202ecaptureInterval": 5})
    answer = process("request", "check", "-", given=json.dumps(body).encode())
    assert answer.status == 20
    assert "\x1b" not in answer.out
    assert "\u202e" not in answer.out
    assert r'cname is "\u001b[31m"' in answer.out


def test_a_storage_that_livestills_cannot_read_is_told_where_agora_can_write() -> None:
    answer = check(start(storage__vendor=5))
    assert answer.status == 0
    assert "has no S3 API" in answer.lines[-1]


@pytest.mark.parametrize("option", [[], ["-o", "ndjson"], ["-o", "json"], ["-o", "csv"], ["-v"]])
def test_no_secret_is_in_any_answer(option: list[str]) -> None:
    secret = "vErY-s3cret"
    body = start(
        request__token=secret,
        storage__accessKey=secret,
        storage__secretKey=secret,
        storage__secretkey=secret,
        storage__stsToken=[secret],
        recording__secret=secret,
        extension__endpoint=f"https://key:{secret}@host",
        snapshots__captureInterval=0,
    )
    Path("acquire.json").write_text(json.dumps(paired()[0]))
    for answer in (
        check(body, *option),
        check(body, "--acquire", "acquire.json", *option),
        check(json.dumps(body), *option),
        check({**body, "clientRequest": json.dumps(body)}, *option),
    ):
        assert answer.status == 20
        assert secret not in answer.out + answer.err


def test_what_has_no_end_is_not_read_to_it() -> None:
    for words in (("request", "check"), ("capture", "run", "--app-id", "a", "--dry-run")):
        answer = livestills(*words, "/dev/zero")
        assert (answer.status, answer.error) == (2, "/dev/zero has more than 1,000,000 bytes: it is no request")
    answer = process("request", "check", "-", given=b" " * 1_000_001)
    assert (answer.status, answer.error) == (2, "standard input has more than 1,000,000 bytes: it is no request")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "body.json does not exist"),
        (b"", "body.json is empty"),
        (b"start", "body.json, line 1, column 1: not JSON: expecting value"),
        (b'{"uid": "1", "uid": "2"}', 'body.json: the key "uid" comes twice in one object'),
        (b'{"uid": NaN}', "body.json: NaN is no number of JSON"),
        (b"\xff\xfe{\0}\0", "body.json is not UTF-8 text"),
    ],
)
def test_what_is_no_json_is_one_line_and_wrong_usage(data: bytes | None, message: str) -> None:
    if data is not None:
        Path("body.json").write_bytes(data)
    answer = livestills("request", "check", "body.json")
    assert (answer.status, answer.out, answer.error) == (2, "", message)


def test_a_body_that_is_no_object_is_a_finding() -> None:
    answer = check([SCREENSHOTS])
    assert (answer.status, answer.lines[0]) == (20, "error: must be an object, is a list")


def test_options_that_do_not_go_together_are_refused() -> None:
    assert "only one of the two" in livestills("request", "check", "-", "--acquire", "-").error
    assert "--acquire goes with" in livestills("request", "check", "a", "--acquire", "b", "--kind", "update").error

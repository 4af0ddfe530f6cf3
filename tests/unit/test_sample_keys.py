"""sample_keys/*.txt, read as sample_keys/README.md describes them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.agora import names

FOLDER = Path(__file__).parents[2] / "sample_keys"
FILES = ["failover", "foreign", "hostile", "real_life", "recordings", "round_trips", "screenshots"]


@dataclass(frozen=True, slots=True)
class Sample:
    place: str
    """File and line, for the message of a failing test."""
    key: str
    reading: dict[str, object]
    lines: tuple[str, str]


def samples(text: str, file: str = "") -> Iterator[Sample]:
    """Yield the samples of a file; raises ValueError at the first line that is not in the format."""
    key_line = None
    for number, line in enumerate(text.split("\n"), 1):
        if key_line is not None:
            if not line.startswith("  {"):
                raise ValueError(f"{file}:{number}: a key without its reading in the next line")
            key = json.loads(key_line) if key_line.startswith('"') else key_line
            yield Sample(f"{file}:{number - 1}", key, json.loads(line), (key_line, line))
            key_line = None
        elif line.startswith(" "):
            raise ValueError(f"{file}:{number}: a reading without a key")
        elif line and not line.startswith("#"):
            key_line = line
    if key_line is not None:
        raise ValueError(f"{file}: the last key has no reading")


def of_file(name: str) -> list[Sample]:
    file = FOLDER / f"{name}.txt"
    return list(samples(file.read_bytes().decode(), file.name))


def all_samples() -> list[Sample]:
    return [sample for name in FILES for sample in of_file(name)]


def as_written(sample: Sample) -> tuple[str, str]:
    """The two lines of a sample in the one way that the format has for them."""
    key = sample.key
    quoted = not key or not key.isprintable() or key[0] in '"# ' or key[-1] == " "
    texts = [value for value in sample.reading.values() if isinstance(value, str)]
    return (
        json.dumps(key, ensure_ascii=not key.isprintable()) if quoted else key,
        "  " + json.dumps(sample.reading, ensure_ascii=not all(text.isprintable() for text in texts)),
    )


def reading_of(key: str) -> dict[str, object]:
    parsed = names.parse(key)
    record = names.to_record(parsed, key)
    reading: dict[str, object] = {"kind": record["kind"]}
    if isinstance(parsed, names.Unrecognised):
        reading["reason"] = record["reason"]
    else:
        head = parsed.head if isinstance(parsed, names.ScreenshotName) else parsed
        reading |= {"directory": record["directory"], "bak_prefix": head.bak_prefix}
        reading |= {field: record[field] for field in ("bak", "sid", "cname", "uid")}
        if isinstance(parsed, names.RecordingName):
            reading |= {"track": parsed.track, "stamp": parsed.stamp, "tick": parsed.tick, "index": parsed.index}
        reading["captured_at"] = record["captured_at"]
    return {field: value for field, value in reading.items() if value not in (None, "")}


def test_the_folder_holds_these_files_and_its_readme_names_them() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == FILES
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in FILES if f"({name}.txt)" not in readme] == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_never_empty(name: str) -> None:
    assert len(of_file(name)) >= 20


@pytest.mark.parametrize("sample", all_samples(), ids=lambda sample: sample.place)
def test_a_key_is_read_as_the_sample_says(sample: Sample) -> None:
    assert reading_of(sample.key) == sample.reading


@pytest.mark.parametrize("sample", all_samples(), ids=lambda sample: sample.place)
def test_a_recognised_key_comes_back_byte_for_byte(sample: Sample) -> None:
    parsed = names.parse(sample.key)
    if isinstance(parsed, names.Unrecognised):
        assert parsed.key == sample.key
    else:
        assert names.format(parsed) == sample.key


@pytest.mark.parametrize("sample", all_samples(), ids=lambda sample: sample.place)
def test_a_sample_is_written_in_the_one_way_the_format_has(sample: Sample) -> None:
    assert sample.lines == as_written(sample)
    assert list(sample.reading) == list(reading_of(sample.key))


def test_a_file_has_no_key_twice() -> None:
    for name in FILES:
        keys = [sample.key for sample in of_file(name)]
        assert [key for key in keys if keys.count(key) > 1] == []


def test_every_reason_has_a_sample() -> None:
    assert {sample.reading.get("reason") for sample in all_samples()} - {None} == set(names.Reason)


@pytest.mark.parametrize(
    "text",
    [
        "a key without a reading",
        "a key\nanother key\n",
        '  {"kind": "unrecognised"}\n',
        "a key\n# a comment in between\n  {}\n",
        "a key\n  {not JSON\n",
        'a key\n  {"kind": "unrecognised"} and more\n',
        '"not JSON\n  {}\n',
        ' a key that starts with a space\n  {"kind": "unrecognised"}\n',
    ],
)
def test_a_malformed_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(samples(text))

from pathlib import Path

import pytest

from cli.secret_files import read_secret_file
from indexer.errors import ConfigError


def test_a_secret_is_what_stands_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("  s3cret with spaces\n")
    assert read_secret_file(file, "--secret-file") == "s3cret with spaces"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b" \n", "holds no secret: it is empty"),
        (b"s3cret" * 999, "holds no secret: it is too long"),
        (b" " * 9999, "holds no secret: it is too long"),
        (b"s3cret\xff", "is no text"),
    ],
)
def test_what_is_no_secret_is_named_and_not_shown(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "named"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_secret_file(file, "--secret-file")
    assert str(caught.value) == f"--secret-file {file} {why}"
    assert caught.value.__cause__ is None


def test_a_file_without_an_end_is_not_read_to_it() -> None:
    with pytest.raises(ConfigError, match="too long"):
        read_secret_file(Path("/dev/zero"), "--secret-file")

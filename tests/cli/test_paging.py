"""`--limit` and `--after`: page by page everything is seen exactly once, in the same order."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.running import Answer, done, livestills
from tests.cli.worlds import configure, memory, series, shot


@pytest.fixture(scope="module")
def empty_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copied for each world, because making one takes longer than filling it."""
    place = tmp_path_factory.mktemp("empty")
    done("-q", "-c", str(configure(place / "livestills.toml", a=memory()[0])), "sync")
    return place / "livestills.db"


shots = st.builds(
    shot,
    st.sampled_from(["7", "8", "-1", "--limit", "a b", "it's", "\x1b[31m\n", "中"]),
    at=st.integers(0, 5),
    session=st.integers(0, 3),
    cname=st.sampled_from(["room", "other"]),
    bak=st.sampled_from(["", "bak0_"]),
    directory=st.sampled_from(["", "a/"]),
)


def _pages(command: list[str], operands: list[str], limit: int) -> Iterator[list[dict[str, Any]]]:
    """Page behind page, as the notes say how to go on."""
    after: list[str] = []
    while True:
        answer = done(*command, "-o", "ndjson", "--limit", str(limit), *after, *operands)
        yield answer.records
        if not answer.err:
            return
        before, after = after, _typed(answer)
        assert after != before


def _typed(answer: Answer) -> list[str]:
    """The options that the note names, as a shell reads them."""
    (line,) = answer.err.splitlines()
    assert line.isprintable()
    typed = line.removeprefix("there are more: ")
    assert typed.startswith("--after ")
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {typed}"], check=True, capture_output=True)
    return words.stdout.decode().removesuffix("\0").split("\0")


catalogs = (f"{number}.db" for number in count())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.sets(shots, min_size=1, max_size=12), limit=st.integers(1, 4))
def test_pages_hold_everything_exactly_once(empty_catalog: Path, keys: set[str], limit: int) -> None:
    catalog = shutil.copy(empty_catalog, next(catalogs))
    configure(a=memory(keys)[0], more=f'[catalog]\nurl = "sqlite:///{catalog}"\n')
    done("-q", "sync")
    uids = [record["uid"] for record in done("users", "list", "-o", "ndjson").records]
    asked: list[tuple[list[str], list[str]]] = [(["users", "list"], []), (["sessions", "list"], [])]
    asked += [(["timeline"], ["--", uid]) for uid in uids[:2]]
    for command, operands in asked:
        whole = done(*command, "-o", "ndjson", *operands).records
        pages = list(_pages(command, operands, limit))
        assert [record for page in pages for record in page] == whole
        assert all(len(page) == limit for page in pages[:-1])
        assert 1 <= len(pages[-1]) <= limit


def test_programs_find_the_position_in_the_records_too() -> None:
    configure(a=memory([*series(shots=5), *series("8", session=1)])[0])
    done("-q", "sync")
    whole = done("timeline", "7", "-o", "ndjson").records
    page = done("-q", "timeline", "7", "-o", "ndjson", "--limit", "2")
    assert page.err == ""
    assert done("timeline", "7", "-o", "ndjson", "--after", page.records[-1]["position"]).records == whole[2:]
    sessions = done("sessions", "list", "-o", "ndjson").records
    assert done("sessions", "list", "-o", "ndjson", "--after", sessions[0]["position"]).records == sessions[1:]


def test_a_position_behind_everything_is_an_empty_answer() -> None:
    configure(a=memory(series())[0])
    done("-q", "sync")
    assert livestills("users", "list", "--after", "8", "-o", "json").document == []
    assert livestills("sessions", "list", "--after", "0.0", "-o", "json").document == []


def test_people_are_shown_the_first_hundred_and_programs_all() -> None:
    configure(a=memory(shot(f"{number:03}") for number in range(120))[0])
    done("-q", "sync")
    answer = done("users", "list")
    assert len(answer.lines) == 2 + 100
    assert shlex.split(answer.err.removeprefix("there are more: ")) == ["--after", "099"]
    assert len(done("users", "list", "-o", "ndjson").records) == 120
    assert len(done("users", "list", "--limit", "110").lines) == 2 + 110

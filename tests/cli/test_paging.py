"""`--limit` and `--after`: page by page everything is seen exactly once, in the same order."""

import shlex
import shutil
import subprocess
from pathlib import Path

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


def _next_page(answer: Answer) -> list[str]:
    """The options that the note names, as a shell reads them; none on the last page."""
    if not answer.err:
        return []
    (line,) = answer.err.splitlines()
    assert line.isprintable()
    typed = line.removeprefix("there are more: ")
    assert typed != line
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {typed}"], check=True, capture_output=True)
    return words.stdout.decode().removesuffix("\0").split("\0")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.sets(shots, min_size=1, max_size=12), limit=st.integers(1, 4))
def test_pages_hold_everything_exactly_once(empty_catalog: Path, keys: set[str], limit: int) -> None:
    configure(a=memory(keys)[0])
    shutil.copy(empty_catalog, "livestills.db")
    done("-q", "sync")
    uids = [record["uid"] for record in done("users", "list", "-o", "ndjson").records]
    for command in (["users", "list"], ["sessions", "list"], *(["timeline", "--", uid] for uid in uids[:2])):
        options = ["-o", "ndjson", *command[:1]]
        whole = done(*options, *command[1:]).records
        pages, after = [], [""]
        while after:
            answer = done(*options, "--limit", str(limit), *after[after == [""] :], *command[1:])
            pages.append(answer.records)
            after = _next_page(answer)
        assert [record for page in pages for record in page] == whole
        assert all(len(page) == limit for page in pages[:-1])
        assert len(pages[-1]) <= limit


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

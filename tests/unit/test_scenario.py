"""What a scenario may say, and how it is told what is wrong with it."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ConfigError
from indexer.service.emulator.scenario import (
    LONGEST_SILENCE,
    Failover,
    Late,
    Period,
    Scenario,
    User,
    default_scenario,
    random_scenario,
    read_scenario,
)
from indexer.service.emulator.scenario_file import parse_length

FILES = sorted((Path(__file__).parents[2] / "sample_keys/scenarios").glob("*.toml"))
SOMEBODY = '[users.7]\nname = "Ada"\n'


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def read(text: str) -> Scenario:
    return Scenario.from_toml(text, "lesson.toml")


def mistake(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("lesson.toml: ")
    return line.removeprefix("lesson.toml: ")


def test_the_sample_says_everything_that_a_scenario_can() -> None:
    (file,) = FILES
    assert read_scenario(file) == Scenario(
        users=(
            User("1", "Dr. Elena Marsh"),
            User("1001", "Maya Lindqvist", publishing=(Period(seconds(0), minutes(10)), Period(minutes(12)))),
            User("1002", "Ben Okafor", minutes(3), minutes(25.5), (Period(minutes(3)),), phone=True),
            User("2725317129", "Priya Raman", publishing=(Period(minutes(20), minutes(22)),)),
        ),
        length=minutes(30),
        failovers=(Failover(minutes(15), seconds(70), seconds(20)),),
        late=Late(0.02, minutes(10)),
        lost=1 / 200,
        jitter=timedelta(milliseconds=80),
        width=640,
        height=360,
    )
    assert "repeats" in file.read_text()  # a comment, so that the lesson has an end


def test_a_scenario_needs_a_length_and_somebody() -> None:
    assert read(f'length = "endless"\n{SOMEBODY}') == Scenario((User("7", "Ada"),))
    assert read(f'length = "endless"\nrepeats = "10m"\n{SOMEBODY}').repeats == minutes(10)
    assert read('length = "1h"\n[users.7]').users == (User("7", "user 7"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("length = 5", 'length must be a text in "quotes"'),
        ('length = "5"', "length '5' is no length of time; write for example 90s, 1h30m or 250ms"),
        ('length = "0s"', "length must be 1s or more"),
        (SOMEBODY, "length is missing"),
        ('length = "1h"', "users.UID is missing: write [users.1001] for everybody who takes part"),
        ('length = "1h"\nusers = 3', "users must be a section of its own, [users]"),
        ('lenght = "1h"', "unknown setting 'lenght'; did you mean 'length'?"),
        (f'length = "1h"\nfailover = 3\n{SOMEBODY}', "unknown setting 'failover'; did you mean 'failovers'?"),
        (f'length = "1h"\n{SOMEBODY}publish = []', "unknown setting 'users.7.publish'; did you mean 'publishing'?"),
        (
            f'length = "1h"\nzzz = 1\n{SOMEBODY}',
            "unknown setting 'zzz'; known here: length, users, failovers, late, lost",
        ),
        ('length = "1h"\n[users.Ada]', "users.Ada is no uid: Agora's are numbers from 1 to 4294967295"),
        ('length = "1h"\n[users."a\\nb"]', "users.'a\\nb' is no uid"),
        ('length = "1h"\n[users.0]', "users.0 is no uid"),
        ('length = "1h"\n[users.4294967296]', "users.4294967296 is no uid"),
        (f'length = "1h"\n{SOMEBODY}phone = "yes"', "users.7.phone must be true or false"),
        (f'length = "1h"\n{SOMEBODY}leaves = "0s"', "users.7.leaves must be later than joins"),
        (f'length = "1h"\n{SOMEBODY}publishing = "0s-1m"', "users.7.publishing must be a list"),
        (f'length = "1h"\n{SOMEBODY}publishing = ["1m"]', "users.7.publishing '1m' is no period; write for example"),
        (f'length = "1h"\n{SOMEBODY}publishing = ["2m-1m"]', "users.7.publishing '2m-1m' ends before it begins"),
        (f'length = "1h"\n{SOMEBODY}publishing = ["0s-", "1m-2m"]', "'1m-2m' does not come after the period before it"),
        (f'length = "1h"\n{SOMEBODY}publishing = ["0s-1m", "1m-2m"]', "does not come after the period before it"),
        (f'length = "1h"\nlost = "200%"\n{SOMEBODY}', "lost '200%' is no share"),
        (f'length = "1h"\n{SOMEBODY}[late]\nshare = "x"', "late.share 'x' is no share"),
        (f'length = "1h"\npicture = "big"\n{SOMEBODY}', "picture must be a size such as 640x360, each side from 16"),
        (f'length = "1h"\npicture = "9999x1"\n{SOMEBODY}', "picture must be a size"),
        (f'length = "1h"\nfailovers = 1\n{SOMEBODY}', "failovers must be a list"),
        (f'length = "1h"\n{SOMEBODY}[[failovers]]', "failovers[0].at is missing"),
        (f'length = "1h"\n{SOMEBODY}[[failovers]]\nat = "1m"\ntakes = "91s"', "failovers[0].takes must be 90s or less"),
        (
            f'length = "1h"\n{SOMEBODY}[[failovers]]\nat = "1m"\noverlap = "1m"\n[[failovers]]\nat = "2m"',
            "failovers[1].at must be later than the end of the failover before it, with its overlap",
        ),
        (
            "\n".join(['length = "1h"', SOMEBODY, *(f'[[failovers]]\nat = "{each}m"' for each in range(5))]),
            "failovers[4].at comes after the fourth failure, from which no recorder recovers",
        ),
        ("length = ", "not valid TOML: "),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_place(text: str, said: str) -> None:
    assert said in mistake(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read: No such file"):
        read_scenario(tmp_path / "nowhere.toml")
    file = tmp_path / "latin.toml"
    file.write_bytes(b"\xe9")
    with pytest.raises(ConfigError, match=r"latin\.toml is not UTF-8"):
        read_scenario(file)


@given(st.integers(0, 2**31))
def test_a_length_is_read_as_it_is_written(milliseconds: int) -> None:
    rest, ms = divmod(milliseconds, 1000)
    hours, rest = divmod(rest, 3600)
    whole, secs = divmod(rest, 60)
    assert parse_length(f"{hours}h{whole}m{secs}s{ms}ms") == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize("text", ["", "m", "1", "1d", "-1s", "1s1m", "1 s", "١s", "1.5s"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        parse_length(text)


@settings(max_examples=50)
@given(st.integers(), st.integers(0, 40), st.integers(60, 7200))
def test_a_random_scenario_is_one_that_a_file_could_say(seed: int, users: int, length_s: int) -> None:
    scenario = random_scenario(seed, users=users, length=seconds(length_s))
    assert scenario == random_scenario(seed, users=users, length=seconds(length_s))
    assert len({user.uid for user in scenario.users}) == users
    for user in scenario.users:
        assert user.publishing
        assert user.leaves is None or user.joins < user.leaves
        edges = [edge for period in user.publishing for edge in (period.since, period.until) if edge is not None]
        assert edges == sorted(set(edges))
        assert edges[0] == user.joins
    free = seconds(0)
    for failover in scenario.failovers:
        assert free <= failover.at
        assert failover.takes <= LONGEST_SILENCE
        free = failover.at + failover.takes + failover.overlap
        assert free < seconds(length_s)


def test_random_scenarios_have_everything_that_happens() -> None:
    found = [random_scenario(seed) for seed in range(40)]
    users = [user for scenario in found for user in scenario.users]
    assert any(user.joins for user in users)
    assert any(user.leaves for user in users)
    assert any(len(user.publishing) > 1 for user in users)
    assert any(len(scenario.failovers) > 1 for scenario in found)
    assert any(scenario.late.share for scenario in found)
    assert any(scenario.lost for scenario in found)
    assert random_scenario(1, length=None).repeats == minutes(30)


def test_without_a_word_three_users_one_pause_and_one_failover_are_played() -> None:
    scenario = default_scenario()
    assert len(scenario.users) == 3
    assert [len(user.publishing) for user in scenario.users] == [1, 2, 1]
    assert len(scenario.failovers) == 1
    assert scenario.length is None

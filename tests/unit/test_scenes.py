"""Scenes tile runs, and tell what stays."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from indexer.timeline.looks import Change, Kind, Look, Thresholds
from indexer.timeline.scenes import LEAST, Scene, Seen, scenes
from tests.cli.worlds import NOON

USUAL = Thresholds()
EVERY_MS = 10_000
ALIKE, UNCERTAIN, CHANGED = (0.1, 2), (0.3, 5), (4.0, 60)

ROOM = Look(120, 40, 180, 0)
DARK = {"b": Look(5, 0, 2, 0), "c": Look(20, 3, 20, 0), "p": Look(128, 0, 0, 0)}


def run(text: str) -> list[Seen[int]]:
    """One shot for each letter: still, uncertain, moved, first (not compared), black, covered, placeholder,
    _ nobody looked, = nobody looked but the same bytes."""
    found: list[Seen[int]] = []
    for number, letter in enumerate(text):
        look: Look | None = DARK.get(letter, ROOM)
        change = {"s": ALIKE, "u": UNCERTAIN, "m": CHANGED, "p": ALIKE, "b": ALIKE, "c": CHANGED}.get(letter)
        if look is not None and change is not None and number:
            look = Look(look.mean, look.spread, look.contrast, look.dhash, Change(EVERY_MS, *change))
        if letter in "_=":
            look = None
        found.append(Seen(number, NOON + timedelta(milliseconds=number * EVERY_MS), look, letter == "="))
    return found


def folded(text: str) -> str:
    return " ".join(f"{scene.kind}:{scene.shots}" for scene in scenes(run(text), USUAL))


def test_pictures_that_look_alike_are_one_still_scene() -> None:
    assert folded("fssss") == "still:5"


def test_fewer_than_three_are_movement() -> None:
    assert folded("fsmsmm") == "moving:6"
    assert folded("fsmssmm") == "moving:2 still:3 moving:2"


def test_what_is_uncertain_goes_on_as_it_was() -> None:
    assert folded("fssuus") == "still:6"
    assert folded("mmuumm") == "moving:6"


def test_black_covered_and_placeholder_are_scenes_however_short() -> None:
    assert folded("fssbbmccccppsss") == "still:3 black:2 moving:1 covered:4 placeholder:2 still:3"
    assert folded("b") == "black:1"


def test_another_placeholder_is_another_scene() -> None:
    first, second = run("pp")
    assert first.look
    moved = Look(200, 0, 0, 0, Change(EVERY_MS, 72, 72))
    assert [scene.shots for scene in scenes([first, second._replace(look=moved)], USUAL)] == [1, 1]


def test_what_nobody_looked_at_is_unknown_unless_its_bytes_say_what_it_is() -> None:
    assert folded("fss__sss") == "still:3 unknown:2 still:3"
    assert folded("fss==ss") == "still:7"
    assert folded("_==") == "still:3"


def test_a_slow_change_ends_a_still_scene() -> None:
    dusk = [
        Seen(
            n,
            NOON + timedelta(seconds=10 * n),
            Look(120 - n // 4, 40, 180, 0, Change(EVERY_MS, 0.25, 1) if n else None),
        )
        for n in range(80)
    ]
    found = list(scenes(dusk, USUAL))
    assert {scene.kind for scene in found} == {Kind.STILL}
    assert [scene.shots for scene in found] == [36, 36, 8]


def test_a_picture_that_was_compared_with_none_of_the_scene_is_judged_by_its_figures() -> None:
    seen = run("fsssss")
    late = seen[3]._replace(look=ROOM)
    assert [scene.kind for scene in scenes([*seen[:3], late, *seen[4:]], USUAL)] == [Kind.STILL]
    other = seen[3]._replace(look=Look(ROOM.mean, ROOM.spread, ROOM.contrast, 2**20 - 1))
    assert [scene.shots for scene in scenes([*seen[:3], other, *seen[4:]], USUAL)] == [3, 3]


@given(st.text("sm", min_size=4, max_size=20))
def test_two_recorders_at_once_show_what_one_shows(text: str) -> None:
    alone = run("f" + text)
    # Each compares with its own picture before, which is two back.
    both = [
        seen._replace(captured_at=seen.captured_at + timedelta(seconds=3 * recorder), recorder=recorder)
        for seen in alone
        for recorder in (0, 1)
    ]
    assert [scene.since for scene in scenes(both, USUAL) if scene.shots >= 2 * LEAST and scene.kind is Kind.STILL] == [
        scene.since for scene in scenes(alone, USUAL) if scene.kind is Kind.STILL
    ]


texts = st.text("sssssummfbbcp_=", max_size=60)


@given(texts)
def test_scenes_tile_the_run(text: str) -> None:
    seen = run(text)
    found: Sequence[Scene[int]] = list(scenes(seen, USUAL))
    assert sum(scene.shots for scene in found) == len(seen)
    assert [scene.first for scene in found] == [sum(each.shots for each in found[:n]) for n in range(len(found))]
    for one, next_ in pairwise(found):
        assert one.until == next_.since
    if seen:
        assert (found[0].since, found[-1].until) == (seen[0].captured_at, seen[-1].captured_at)


@given(texts)
def test_neighbours_of_movement_are_one_scene_and_still_ones_are_long_enough(text: str) -> None:
    found = list(scenes(run(text), USUAL))
    assert all(scene.shots >= LEAST for scene in found if scene.kind is Kind.STILL)
    for one, next_ in pairwise(found):
        assert (one.kind, next_.kind) not in {(Kind.MOVING, Kind.MOVING), (Kind.UNKNOWN, Kind.UNKNOWN)}


@given(texts, st.integers(1, 60))
def test_what_comes_behind_does_not_change_scenes_that_have_ended(text: str, cut: int) -> None:
    whole = [(scene.kind, scene.shots) for scene in scenes(run(text), USUAL)]
    part = [(scene.kind, scene.shots) for scene in scenes(run(text[:cut]), USUAL)]
    # What stood open at the cut are the last still one and the movement before it.
    closed = part[:-2]
    assert whole[: len(closed)] == closed

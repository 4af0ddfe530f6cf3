from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat

from indexer.render.frames import Person, Scene, camera, caption, draw_frame, lights, slides
from indexer.render.frames.looks import Hair, Looks

NOON = datetime(2026, 11, 5, 12, 0, 0, 123_000, tzinfo=UTC)
MAYA = Person("Maya Lindqvist", 66, Scene.WINDOW)

every_scene = pytest.mark.parametrize("scene", Scene)


def opened(jpeg: bytes) -> Image.Image:
    with Image.open(BytesIO(jpeg)) as picture:
        assert picture.format == "JPEG"
        picture.load()
        return picture


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are apart, in grey levels."""
    return ImageStat.Stat(ImageChops.difference(one, other).convert("L")).mean[0]


@every_scene
def test_the_same_moment_draws_the_same_bytes(scene: Scene) -> None:
    person = Person("Ben Okafor", 6, scene)
    first = draw_frame(person, channel="math-101", moment=NOON, width=160, height=90)
    for cache in (camera._stage, slides._slide, lights._noise, caption._band):
        cache.cache_clear()
    assert draw_frame(person, channel="math-101", moment=NOON, width=160, height=90) == first


@every_scene
def test_another_moment_is_another_picture_of_the_same_person(scene: Scene) -> None:
    person = Person("Ben Okafor", 6, scene)
    moments = [NOON + timedelta(seconds=10 * step) for step in range(6)]
    pictures = [draw_frame(person, channel="math-101", moment=moment, width=160, height=90) for moment in moments]
    assert len(set(pictures)) == len(pictures)
    someone_else = draw_frame(Person("Maya", 66, scene), channel="math-101", moment=NOON, width=160, height=90)
    first, second, stranger = map(opened, (pictures[0], pictures[1], someone_else))
    assert difference(first, second) < difference(first, stranger)


def test_one_person_looks_the_same_in_every_scene_and_others_do_not() -> None:
    assert vars(Looks(66)) == vars(Looks(66))
    looks = [vars(Looks(seed)) for seed in range(50)]
    assert all(looks.count(one) == 1 for one in looks)


def test_a_moment_is_written_in_utc_wherever_it_was_noted() -> None:
    in_tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert draw_frame(MAYA, channel="math-101", moment=in_tokyo) == draw_frame(MAYA, channel="math-101", moment=NOON)


def test_name_channel_and_time_are_in_the_lower_third() -> None:
    plain = opened(draw_frame(MAYA, channel="math-101", moment=NOON))
    renamed = opened(draw_frame(Person("Ada", 66, Scene.WINDOW), channel="math-101", moment=NOON))
    elsewhere = opened(draw_frame(MAYA, channel="exam", moment=NOON))
    for other in (renamed, elsewhere):
        assert difference(plain.crop((0, 0, 640, 240)), other.crop((0, 0, 640, 240))) == 0
        assert difference(plain.crop((0, 296, 320, 360)), other.crop((0, 296, 320, 360))) > 1
    clock = plain.crop((440, 300, 640, 340)).convert("L")
    assert clock.histogram()[230:] != [0] * 26  # it is white


@pytest.mark.parametrize("size", [(360, 640), (480, 360), (32, 18)])
@pytest.mark.parametrize("scene", [Scene.WINDOW, Scene.SLIDES])
def test_a_frame_has_the_size_asked_for(scene: Scene, size: tuple[int, int]) -> None:
    picture = draw_frame(Person("Ada", 1, scene), channel="c", moment=NOON, width=size[0], height=size[1])
    assert opened(picture).size == size


@every_scene
def test_a_frame_weighs_what_frames_of_calls_do(scene: Scene) -> None:
    assert 15_000 < len(draw_frame(Person("Ada", 1, scene), channel="c", moment=NOON)) < 45_000


def test_every_hair_is_drawn() -> None:
    seeds: dict[str, int] = {}
    for seed in range(100):
        seeds.setdefault(Looks(seed).style, seed)
    assert set(seeds) == set(Hair)
    heads = [
        draw_frame(Person("Ada", seed, Scene.OFFICE), channel="c", moment=NOON, width=160, height=90)
        for seed in seeds.values()
    ]
    assert len(set(heads)) == len(heads)


@pytest.mark.parametrize(
    "text", ["", " ", "Zoë Müller", "林 美玲", "a\nb\x00c", "<script>", "%s {0}", "x" * 1024, "👩‍🏫", "\ud800"]
)
def test_any_text_can_be_written(text: str) -> None:
    person = Person(text, 3, Scene.EVENING)
    assert opened(draw_frame(person, channel=text, moment=NOON, width=320, height=180)).size == (320, 180)


def test_what_does_not_fit_is_cut_short() -> None:
    font = caption.font_of(14)
    cut = caption._fitted("support " * 20, font, 100)
    assert cut.endswith("…")
    assert font.getlength(cut) <= 100
    assert caption._fitted("Zoë", font, 100) == "Zoe"

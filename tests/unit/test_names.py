"""Names of objects: total decoding, exact inverse, agreement with the grammar as the design states it."""

import json
import re
import string
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.agora import names
from indexer.agora.names import RecordingName, ScreenshotName, ShotHead, Unrecognised
from indexer.agora.stamps import parse_moment
from indexer.model import from_ms, rfc3339, to_ms

# The machine that tests may be slow for a moment; the number of examples is what these claims need.
claim = settings(max_examples=400, deadline=None)

SID = "1cd3d60b784382f12ce30fa615421852"
UTC_TEXT = "20210409165541285"
KEY = f"directory1/{SID}_lobby__uid_s_7__uid_e_video_{UTC_TEXT}.jpg"
FIRST_MS = to_ms(datetime(1, 1, 1, tzinfo=UTC))
LAST_MS = to_ms(datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC))

# "Channel name" in Agora's documentation: 89 characters.
CNAME_CHARACTERS = string.ascii_letters + string.digits + " !#$%&()+-:;<=.>?@[]^_{}|~,"

# --- what Agora documents ---------------------------------------------------------------------------------------------

times = st.integers(FIRST_MS, LAST_MS).map(from_ms)
sids = st.text("0123456789abcdef", min_size=32, max_size=32)
cnames = st.one_of(
    st.text(CNAME_CHARACTERS, min_size=1, max_size=64),
    # Names that are made of the words of the grammar, which chance would not find.
    st.lists(
        st.sampled_from(
            [
                "_",
                "__",
                "__uid_s_",
                "__uid_e_",
                "__uid_e_video_",
                "video",
                "av",
                "bak0_",
                "7",
                UTC_TEXT,
                ".jpg",
                ".ts",
                "a",
            ]
        ),
        min_size=1,
        max_size=4,
    ).map(lambda words: "".join(words)[:64]),
)
uids = st.integers(1, 2**32 - 1).map(str)
baks = st.sampled_from(["", "bak0_", "bak1_", "bak2_"])
elements = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=20)
directories = st.lists(elements, max_size=4).map(lambda path: "".join(f"{element}/" for element in path))
heads = st.builds(ShotHead, directories, baks, sids, cnames, uids)
screenshots = st.builds(ScreenshotName, heads, times)

stamps = times.map(lambda moment: names.format_utc(to_ms(moment)))
numbers = st.text("0123456789", min_size=1, max_size=12)
tracks = st.sampled_from(["audio", "video", "av"])
playlists = st.sampled_from(["m3u8", "mpd"])
individual_recordings = st.one_of(
    st.builds(RecordingName, directories, baks, sids, cnames, playlists, uids, tracks),
    st.builds(RecordingName, directories, baks, sids, cnames, st.sampled_from(["ts", "webm"]), uids, tracks, stamps),
    st.builds(RecordingName, directories, baks, sids, cnames, st.just("mp4"), uids, index=numbers),
    st.builds(RecordingName, directories, baks, sids, cnames, playlists, uids, tracks, tick=numbers, index=numbers),
)
plain_cnames = st.text(CNAME_CHARACTERS, min_size=1, max_size=64).filter(
    lambda cname: "__uid_" not in cname and not re.search(r"_[0-9]{11,}_[0-9]+$", cname)
)
epoch_stamps = st.integers(0, 9_999_999_999_999).map(lambda epoch_ms: f"{epoch_ms:013d}")
ticks = st.text("0123456789", min_size=11, max_size=20)
composite_recordings = st.one_of(
    st.builds(RecordingName, directories, baks, sids, plain_cnames, st.just("m3u8")),
    st.builds(RecordingName, directories, baks, sids, plain_cnames, st.just("ts"), stamp=stamps | epoch_stamps),
    st.builds(
        RecordingName,
        directories,
        baks,
        sids,
        plain_cnames,
        st.sampled_from(["mp4", "mp3", "m4a", "aac"]),
        index=numbers,
    ),
    st.builds(RecordingName, directories, baks, sids, plain_cnames, st.just("m3u8"), tick=ticks, index=numbers),
)
recordings = individual_recordings | composite_recordings

# --- what nobody documents --------------------------------------------------------------------------------------------

FRAGMENTS = [
    *("bak0_", "bak01_", "bak1234567890_", "bak", "_", "__", "__uid_s_", "__uid_e_", "__uid_e_video_", "/", "//", "."),
    *(
        "video",
        "audio",
        "av",
        "merge",
        UTC_TEXT,
        "20210230000000000",
        "1627613641393",
        "22194679897",
        "0",
        "7",
        "a",
        SID,
    ),
    *(
        ".jpg",
        ".ts",
        ".webm",
        ".m3u8",
        ".mpd",
        ".mp4",
        ".mp3",
        ".JPG",
        ".livestills",
        "\n",
        "\0",
        "٣",
        "²",
        "\ud800",
        " ",
    ),
    *(f"_{UTC_TEXT}.jpg", "__uid_s_7__uid_e_video_", f"__uid_s_7__uid_e_video_{UTC_TEXT}.jpg", f"{SID}_a"),
]
anything = st.text(st.characters(), max_size=80)
fragments = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)
fragment_names = st.lists(st.sampled_from([piece for piece in FRAGMENTS if piece[0] not in "/."]), max_size=6).map(
    "".join
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A documented key with a few pieces cut out, put in or exchanged."""
    key = names.format(draw(st.one_of(screenshots, recordings)))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(key)))
        end = draw(st.integers(start, min(len(key), start + 10)))
        piece = draw(st.sampled_from(["", "", *FRAGMENTS]) | st.text(max_size=2))
        key = key[:start] + piece + key[end:]
    return key


keys = anything | fragments | mutated()

# --- the grammar, as the design states it -----------------------------------------------------------------------------

DIRECTORY = r"((?:[^/]*/)*)"
FRONT = r"((?:bak[0-9]{1,9}_)*)([0-9A-Za-z]+)_"
INDIVIDUAL = DIRECTORY + FRONT + r"([^/]+)__uid_s_([^/]+)__uid_e_"
# No __uid_s_ with a __uid_e_ behind it, also where the two share an underscore.
COMPOSITE = DIRECTORY + r"(?![^/]*(?=__uid_s_)[^/]+__uid_e_)" + FRONT
NUMBERED = r"_(?P<tick>[0-9]{11,})_(?P<index>[0-9]+)"
SHOT_PATTERN = re.compile(INDIVIDUAL + r"video_([0-9]{17})\.jpg")
RECORDING_PATTERNS = [
    re.compile(INDIVIDUAL + r"(?P<track>audio|video|av)(?:_(?P<tick>[0-9]+)_(?P<index>[0-9]+))?\.(?P<ext>m3u8|mpd)"),
    re.compile(INDIVIDUAL + r"(?P<track>audio|video|av)_(?P<stamp>[0-9]{17})\.(?P<ext>ts|webm)"),
    re.compile(INDIVIDUAL + r"(?P<index>[0-9]+)\.(?P<ext>mp4)"),
    re.compile(COMPOSITE + r"(?:(?P<numbered>[^/]+)" + NUMBERED + r"|(?P<cname>[^/]+))\.(?P<ext>m3u8)"),
    re.compile(COMPOSITE + r"(?P<cname>[^/]+)_(?P<stamp>[0-9]{17}|[0-9]{13})\.(?P<ext>ts)"),
    re.compile(COMPOSITE + r"(?P<cname>[^/]+)_(?P<index>[0-9]+)\.(?P<ext>mp4|mp3|m4a|aac)"),
]


def calendar_time(digits: str) -> datetime | None:
    """17 ASCII digits by the plain way."""
    try:
        return datetime(
            int(digits[:4]),
            int(digits[4:6]),
            int(digits[6:8]),
            int(digits[8:10]),
            int(digits[10:12]),
            int(digits[12:14]),
            int(digits[14:]) * 1000,
            tzinfo=UTC,
        )
    except ValueError:
        return None


def by_the_grammar(key: str) -> ScreenshotName | RecordingName | None:
    if ".livestills" in key.split("/"):
        return None
    found = SHOT_PATTERN.fullmatch(key)
    if found is not None:
        moment = calendar_time(found[6])
        return (
            None
            if moment is None
            else ScreenshotName(ShotHead(found[1], found[2], found[3], found[4], found[5]), moment)
        )
    for pattern in RECORDING_PATTERNS:
        found = pattern.fullmatch(key)
        if found is not None:
            fields = found.groupdict()
            stamp = fields.get("stamp")
            if stamp is not None and len(stamp) == 17 and calendar_time(stamp) is None:
                return None
            individual = pattern.pattern.startswith(INDIVIDUAL)
            cname, uid = found.group(4, 5) if individual else (fields["cname"] or fields["numbered"], None)
            numbered = (fields.get("track"), stamp, fields.get("tick"), fields.get("index"))
            return RecordingName(found[1], found[2], found[3], cname, fields["ext"], uid, *numbered)
    return None


# --- claims -----------------------------------------------------------------------------------------------------------


def test_the_documented_alphabet_has_89_characters() -> None:
    assert len(set(CNAME_CHARACTERS)) == 89


def test_a_screenshot_is_read_whole() -> None:
    assert names.parse(KEY) == ScreenshotName(
        ShotHead("directory1/", "", SID, "lobby", "7"), datetime(2021, 4, 9, 16, 55, 41, 285_000, tzinfo=UTC)
    )


@claim
@given(keys)
@example("")
@example("\udcff")
@example(f"{SID}_.m3u8")
def test_any_text_is_read_without_raising_and_comes_back_if_recognised(key: str) -> None:
    parsed = names.parse(key)
    if isinstance(parsed, Unrecognised):
        assert parsed.key == key
        assert parsed.reason.explanation
    else:
        assert names.format(parsed) == key


@settings(max_examples=800, deadline=None)
@given(keys)
def test_reading_agrees_with_the_grammar(key: str) -> None:
    parsed = names.parse(key)
    expected = by_the_grammar(key)
    assert parsed == expected if expected is not None else isinstance(parsed, Unrecognised)


@claim
@given(screenshots)
def test_every_documented_screenshot_has_a_key_that_is_read_back(name: ScreenshotName) -> None:
    assert names.parse(names.format(name)) == name


@claim
@given(recordings)
def test_every_documented_recording_has_a_key_that_is_read_back(name: RecordingName) -> None:
    assert names.parse(names.format(name)) == name


@claim
@given(
    st.builds(
        ScreenshotName,
        st.builds(ShotHead, fragments, st.sampled_from(["", "bak0_", "bak"]), fragment_names, fragments, fragments),
        st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))])),
    )
    | st.builds(
        RecordingName,
        *(fragments, st.sampled_from(["", "bak0_", "bak"]), fragment_names, fragments),
        st.sampled_from(["m3u8", "ts", "mp4", "jpg", ""]),
        *(st.none() | fragments, st.none() | tracks, st.none() | numbers, st.none() | numbers, st.none() | numbers),
    )
)
def test_any_other_value_is_refused_or_read_back(name: ScreenshotName | RecordingName) -> None:
    try:
        key = names.format(name)
    except ValueError:
        return
    assert names.parse(key) == name


NAME = ScreenshotName(ShotHead("a/", "", SID, "lobby", "7"), datetime(2021, 4, 9, tzinfo=UTC))
RECORDING = RecordingName("", "", SID, "lobby", "mp4", index="0")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(replace(NAME, captured_at=datetime(2021, 4, 9)), id="naive time"),  # noqa: DTZ001 - the point
        pytest.param(
            replace(NAME, captured_at=datetime(2021, 4, 9, tzinfo=timezone(timedelta(hours=8)))), id="not UTC"
        ),
        pytest.param(replace(NAME, captured_at=NAME.captured_at + timedelta(microseconds=1)), id="microseconds"),
        pytest.param(replace(NAME, head=replace(NAME.head, directory="a")), id="directory without its slash"),
        pytest.param(replace(NAME, head=replace(NAME.head, directory=".livestills/")), id="our own directory"),
        pytest.param(replace(NAME, head=replace(NAME.head, bak_prefix="bak0")), id="bak without its _"),
        pytest.param(replace(NAME, head=replace(NAME.head, sid="")), id="no sid"),
        pytest.param(replace(NAME, head=replace(NAME.head, sid="bak0", cname="x_y")), id="sid that is read as bak"),
        pytest.param(replace(NAME, head=replace(NAME.head, cname="")), id="no cname"),
        pytest.param(replace(NAME, head=replace(NAME.head, cname="a/b")), id="slash in the cname"),
        pytest.param(replace(NAME, head=replace(NAME.head, uid="")), id="no uid"),
        pytest.param(replace(NAME, head=replace(NAME.head, uid="1__uid_s_2")), id="uid that is read as cname"),
        pytest.param(replace(RECORDING, index=None), id="whole file without number"),
        pytest.param(replace(RECORDING, cname="a__uid_s_1__uid_e"), id="cname that is read as uid"),
        pytest.param(
            replace(RECORDING, cname="a_12345678901_0", extension="m3u8", index=None), id="cname read as tick"
        ),
        pytest.param(replace(RECORDING, extension="m3u8", tick="123", index="0"), id="tick read as cname"),
        pytest.param(replace(RECORDING, extension="ts", stamp="20210230000000000", index=None), id="impossible stamp"),
        pytest.param(replace(RECORDING, extension="mp5"), id="extension"),
    ],
)
def test_a_value_that_no_key_is_read_as_has_no_key(name: ScreenshotName | RecordingName) -> None:
    with pytest.raises(ValueError, match=r"read as|not UTC"):
        names.format(name)


# --- heads ------------------------------------------------------------------------------------------------------------


@claim
@given(keys)
def test_head_and_time_make_a_screenshot_and_nothing_else_does(key: str) -> None:
    """What the bulk path of a sync relies on."""
    head, utc, extension = names.parse_head(key[:-21]), names.parse_utc(key[-21:-4]), key[-4:]
    parsed = names.parse(key)
    if head is not None and utc is not None and extension == ".jpg":
        assert parsed == ScreenshotName(head, from_ms(utc))
        assert key.rpartition("_") == (key[:-22], "_", key[-21:])
    else:
        assert not isinstance(parsed, ScreenshotName)


@claim
@given(keys.map(lambda key: key[:-21]) | fragments.map(lambda text: text + "__uid_e_video_"))
def test_a_head_comes_back_from_its_text(key_head: str) -> None:
    head = names.parse_head(key_head)
    if head is not None:
        assert head.text == key_head
        assert names.parse_head(head.text) == head
        assert key_head.startswith(head.unit)
        assert isinstance(names.parse(f"{key_head}{UTC_TEXT}.jpg"), ScreenshotName)


@given(heads)
def test_the_unit_of_a_shot_ends_behind_its_sid(head: ShotHead) -> None:
    assert head.unit == f"{head.directory}{head.bak_prefix}{head.sid}_"
    assert head.text.startswith(head.unit + head.cname)


@pytest.mark.parametrize(
    ("bak_prefix", "bak"),
    [
        ("", None),
        ("bak0_", 0),
        ("bak1_", 1),
        ("bak01_", 1),
        ("bak0_bak1_", 1),
        ("bak2_bak0_", 0),
        ("bak999999999_", 999_999_999),
    ],
)
def test_bak_is_the_number_of_the_last_prefix(bak_prefix: str, bak: int | None) -> None:
    for key in (f"{bak_prefix}{SID}_lobby__uid_s_7__uid_e_video_", f"x/{bak_prefix}{SID}_lobby__uid_s_7__uid_e_video_"):
        head = names.parse_head(key)
        assert head is not None
        assert (head.bak_prefix, head.bak) == (bak_prefix, bak)
    recording = names.parse(f"{bak_prefix}{SID}_lobby_0.mp4")
    assert isinstance(recording, RecordingName)
    assert (recording.bak_prefix, recording.bak, recording.unit) == (bak_prefix, bak, f"{bak_prefix}{SID}_")


def test_every_bak_fits_the_integer_column_of_a_database() -> None:
    key = KEY.replace(SID, f"bak{2**31}_{SID}")
    parsed = names.parse(key)
    assert isinstance(parsed, ScreenshotName)
    assert (parsed.head.bak, parsed.head.sid, parsed.head.cname) == (None, f"bak{2**31}", f"{SID}_lobby")


def test_names_are_values() -> None:
    head = names.parse_head(KEY[:-21])
    assert head is not None
    assert {head: 1}[ShotHead("directory1/", "", SID, "lobby", "7")] == 1
    with pytest.raises(FrozenInstanceError):
        head.uid = "8"  # type: ignore[misc]


def test_only_keys_that_a_storage_can_hold_are_remembered() -> None:
    names.parse(f"{'x' * 1024}/{KEY}")
    before = names._remembered_head.cache_info().misses
    names.parse(f"{'y' * 1024}/{KEY}")
    assert names._remembered_head.cache_info().misses == before


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["bak0_", "__uid_s_", "__uid_e_", "__uid_s_7__uid_e_video_", "_1", "/", "1", "_", ".livestills/"]
)
@pytest.mark.parametrize(
    "ending", [".jpg", f"{UTC_TEXT}.jpg", f"__uid_s_7__uid_e_video_{UTC_TEXT}.jpg", ".m3u8", "_0.mp4", "!"]
)
def test_a_huge_key_is_read_in_linear_time(piece: str, ending: str) -> None:
    names.parse(piece * (1_000_000 // len(piece)) + ending)


# --- times ------------------------------------------------------------------------------------------------------------


@claim
@given(st.integers(FIRST_MS, LAST_MS))
@example(FIRST_MS)
@example(LAST_MS)
@example(0)
@example(-1)
def test_times_come_back_over_the_whole_calendar(epoch_ms: int) -> None:
    text = names.format_utc(epoch_ms)
    assert names.parse_utc(text) == epoch_ms
    assert text == re.sub(r"[^0-9]", "", rfc3339(from_ms(epoch_ms)))


near_times = st.tuples(
    *(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25)),
    *(st.integers(0, 61), st.integers(0, 61), st.integers(0, 999)),
).map(lambda fields: "{:04d}{:02d}{:02d}{:02d}{:02d}{:02d}{:03d}".format(*fields))


@settings(max_examples=800, deadline=None)
@given(near_times | st.text("0123456789", min_size=17, max_size=17))
@example("20210409240000000")  # Python from 3.14 on reads hour 24 as the next midnight
@example("20161231235960000")
@example("20000229000000000")
@example("19000229000000000")
def test_a_time_is_what_datetime_makes_of_its_digits(digits: str) -> None:
    moment = calendar_time(digits)
    assert names.parse_utc(digits) == (None if moment is None else to_ms(moment))
    assert parse_moment(digits) == moment


@claim
@given(st.text(max_size=20) | st.text(st.characters(categories=["Nd", "No"]), min_size=17, max_size=17))
@example("２０２１０４０９１６５５４１２８５")
@example("2021040916554128²")
@example("+2021040916554128")
@example("202104091655+1285")
@example("202104091655 1285")
@example("2021040916554_128")
@example(f"{UTC_TEXT}\n")
@example(f"{UTC_TEXT}\0")
def test_only_17_ascii_digits_are_a_time(text: str) -> None:
    if not re.fullmatch("[0-9]{17}", text):
        assert names.parse_utc(text) is None
        assert parse_moment(text) is None


@pytest.mark.parametrize("epoch_ms", [FIRST_MS - 1, LAST_MS + 1, 10**30, -(10**30)])
def test_a_time_outside_the_calendar_has_no_text(epoch_ms: int) -> None:
    with pytest.raises(ValueError, match="no year from 1 to 9999"):
        names.format_utc(epoch_ms)


def test_captured_at_is_aware_utc() -> None:
    parsed = names.parse(KEY)
    assert isinstance(parsed, ScreenshotName)
    assert parsed.captured_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "started_at"),
    [
        (f"{SID}_lobby__uid_s_7__uid_e_audio_{UTC_TEXT}.ts", datetime(2021, 4, 9, 16, 55, 41, 285_000, tzinfo=UTC)),
        (f"{SID}_lobby_1627613641393.ts", datetime(2021, 7, 30, 2, 54, 1, 393_000, tzinfo=UTC)),
        (f"{SID}_lobby_0.mp4", None),
    ],
)
def test_a_slice_says_when_it_starts(name: str, started_at: datetime | None) -> None:
    parsed = names.parse(name)
    assert isinstance(parsed, RecordingName)
    assert parsed.started_at == started_at


# --- machine output ---------------------------------------------------------------------------------------------------

SHOT_RECORD = {
    "key": KEY,
    "kind": "screenshot",
    "source": None,
    "directory": "directory1/",
    "bak": None,
    "sid": SID,
    "cname": "lobby",
    "uid": "7",
    "captured_at": "2021-04-09T16:55:41.285Z",
    "size": None,
    "etag": None,
    "last_modified": None,
}


def test_the_record_of_a_screenshot_has_the_fields_of_the_contract_in_order() -> None:
    assert list(names.to_record(names.parse(KEY), KEY).items()) == list(SHOT_RECORD.items())


def test_the_record_of_a_recording_has_the_same_fields() -> None:
    key = f"bak1_{SID}_lobby_0.mp4"
    record = names.to_record(names.parse(key), key)
    assert list(record) == list(SHOT_RECORD)
    assert record == SHOT_RECORD | {
        "key": key,
        "kind": "recording",
        "directory": "",
        "bak": 1,
        "uid": None,
        "captured_at": None,
    }


def test_the_record_of_an_unrecognised_key_says_why() -> None:
    record = names.to_record(names.parse("photo.jpg"), "photo.jpg")
    assert list(record.items()) == [("key", "photo.jpg"), ("kind", "unrecognised"), ("reason", "not-agora")]


@claim
@given(keys)
def test_records_and_lines_say_the_same(key: str) -> None:
    parsed = names.parse(key)
    record = names.to_record(parsed, key)
    assert names.to_json(parsed, key) == json.dumps(record)
    if isinstance(parsed, ScreenshotName):
        assert record["captured_at"] == rfc3339(parsed.captured_at)
    elif isinstance(parsed, RecordingName):
        assert record["captured_at"] == (None if parsed.started_at is None else rfc3339(parsed.started_at))


def test_every_reason_is_a_code_with_a_sentence() -> None:
    for reason in names.Reason:
        assert re.fullmatch("[a-z-]+", reason)
        assert reason == reason.value
        assert names.Reason(reason.value) is reason
        assert len(reason.explanation) > 20
        assert not reason.explanation.endswith(".")


# --- decoders found in the wild, and the keys that they get wrong -----------------------------------------------------


def alphanumeric_pattern(key: str) -> tuple[str, ...] | None:
    found = re.search(r"([a-z0-9A-Z]+)_([a-z0-9A-Z]+)__uid_s_([0-9]+)__uid_e_video_([0-9]+).jpg", key)
    return found and found.groups()


def fixed_fields(key: str) -> tuple[str, ...] | None:
    fields = key.rpartition("/")[2].split("_")
    return (fields[0], fields[1], fields[5], fields[10].removesuffix(".jpg")) if len(fields) > 10 else None


def double_underscores(key: str) -> tuple[str, ...] | None:
    parts = key.rpartition("/")[2].split("__")
    if len(parts) < 3:
        return None
    sid, _, cname = parts[0].partition("_")
    return sid, cname, parts[1].removeprefix("uid_s_"), parts[2].removeprefix("uid_e_video_").removesuffix(".jpg")


@pytest.mark.parametrize(
    ("decoder", "cname", "bak_prefix"),
    [
        pytest.param(alphanumeric_pattern, "ride_17822", "", id="pattern without _ in the cname"),
        pytest.param(alphanumeric_pattern, "uwb-lIl-ZXZ", "", id="pattern without - in the cname"),
        pytest.param(alphanumeric_pattern, "my room", "", id="pattern without blanks in the cname"),
        pytest.param(fixed_fields, "ride_17822", "", id="fields by number, _ in the cname"),
        pytest.param(fixed_fields, "lobby", "bak0_", id="fields by number, failover"),
        pytest.param(double_underscores, "lobby", "bak0_", id="split at __, failover"),
        pytest.param(double_underscores, "a__b", "", id="split at __, __ in the cname"),
        pytest.param(double_underscores, "a_", "", id="split at __, _ at the end of the cname"),
    ],
)
def test_what_decoders_in_the_wild_get_wrong_is_read_right(
    decoder: Callable[[str], tuple[str, ...] | None], cname: str, bak_prefix: str
) -> None:
    simple = f"{SID}_lobby__uid_s_7__uid_e_video_{UTC_TEXT}.jpg"
    assert decoder(simple) == (SID, "lobby", "7", UTC_TEXT)
    hard = f"{bak_prefix}{SID}_{cname}__uid_s_7__uid_e_video_{UTC_TEXT}.jpg"
    assert decoder(hard) != (SID, cname, "7", UTC_TEXT)
    assert names.parse(hard) == ScreenshotName(ShotHead("", bak_prefix, SID, cname, "7"), from_ms(1_617_987_341_285))


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY[:-4]}xjpg", f"{KEY}.tmp", KEY.replace(UTC_TEXT, UTC_TEXT[:16])])
def test_what_loose_patterns_take_is_not_taken(key: str) -> None:
    assert isinstance(names.parse(key), Unrecognised)

"""`livestills init`."""

import json
import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import click

from cli.options import common, common_options, output
from cli.texts import counted, shown
from indexer.errors import ConfigError

_EXAMPLE: Final = "s3://my-bucket/directory1/directory2/"

_TEMPLATE = """\
# livestills: which buckets to catalog, and where the catalog is.
# Every setting can also come from the environment, for example LIVESTILLS_CATALOG__URL.
# Relative paths are meant from the folder of this file.

[catalog]
url = "sqlite:///livestills.db"

# One section for each bucket and prefix.  Its name is yours: letters, digits, ".", "_" and "-".
# Credentials are not written here: they come from the environment (AWS_ACCESS_KEY_ID, ...), from ~/.aws, or from
# the role of the machine.  They need s3:ListBucket on the bucket and s3:GetObject on its objects; the write-only
# key that was given to Agora will not do.
[sources."{name}"]
{source}

# How `livestills sync` lists.
# [sync]
# verify = "1/30"                     # share of what is settled that each run lists again; "0", "5%", "100%"
# horizon_h = 96                      # hours that a session is watched for late uploads behind its newest shot
# in_flight = 16                      # LIST requests at a time, of one source

# Where thumbnails and sheets are kept; never inside a source.
# [derivatives]
# url = "s3://bucket-of-its-own/"

# Where `livestills thumbs` works: on a Dask cluster (docs/cluster.md); on this machine where it is not set.
# [compute]
# dask = "tcp://scheduler:8786"

# What pictures are called by their looks, in grey levels (docs/scenes.md).
# [looks]
# black_mean = 32                     # a picture of one colour is black up to this mean, else a placeholder
# covered_mean = 40                   # a lens is covered below this mean
# covered_spread = 8                  # and below this standard deviation

# What people are called, by uid: from a file of rows channel,uid,name (an empty channel is all), and from here.
# [users]
# csv = "people.csv"
# [users.channels."math-101"]
# 1002 = "Ada Lovelace"
# [users.everywhere]
# 1 = "Recorder"

# [display]
# tz = "Europe/Berlin"                # of tables, and of times that are typed without a zone
"""


_WIDTH: Final = 116

_SETTINGS: Final = (
    ("url", "", "s3://bucket/prefix/, or file:///folder of a mirrored bucket"),
    ("request", '"start.json"', "the start request as it was posted to Agora: tells what is not set here"),
    ("profile", '"livestills"', "a profile of ~/.aws/config"),
    ("region", '"eu-central-1"', "of the bucket"),
    ("endpoint_url", '"https://s3.oss-cn-shanghai.aliyuncs.com"', "of any storage but AWS (OSS, COS, R2, MinIO, ...)"),
    ("addressing_style", '"virtual"', 'OSS, COS and BOS want "virtual", most self-built storages "path"'),
    ("list_version", "1", "for storages that cannot do ListObjectsV2"),
    ("url_encoding", "false", "for storages that list keys wrongly encoded (+ or % come out wrong)"),
    ("discovery", '"full"', "list everything in every sync: for storages that group keys wrongly"),
    ("capture_interval_s", "10", "captureInterval of the start request; inferred where it is not set"),
    ("etag_is_md5", "true", "equal ETags mean equal pictures; learned where it is not set"),
)
"""Of a source: name, an example, and what it is."""

_CREDENTIALS: Final = (
    "the key of the request was not copied: usually it may only write, which is right. Reading takes credentials that"
    " may list the bucket and get its objects (ListBucket, GetObject), from the environment or a profile"
)


@click.command()
@click.option("--url", metavar="URL", help="Where the screenshots are.")
@click.option(
    "--from-request",
    "request",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Take it from a start request, as it was posted to Agora.",
)
@click.option("--name", default="prod", show_default=True, help="How to call the source.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@common_options
def init(url: str | None, request: Path | None, name: str, *, force: bool) -> None:
    """Write a commented livestills.toml into this folder (or the file of --config).

    With --from-request the storage, the prefix and the capture interval are those of the request.  Its keys are not
    copied.
    """
    from indexer import config
    from indexer.storage.urls import Location

    if request is not None and url is not None:
        raise click.UsageError("--url and --from-request both say where the screenshots are: leave one of them out")
    asked = None if request is None else _read(request)
    if asked is None:
        source = _lines({"url": str(Location.from_string(_EXAMPLE if url is None else url))})
    else:
        source = _comments(asked) + _lines(asked.settings)
    text = _TEMPLATE.format(name=name, source=source)
    config.check(text, origin="--name or --url" if asked is None else "--name or --from-request", environ=os.environ)
    file = common().config or Path(config.FILE_NAME)
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError as exc:
        raise ConfigError(f"{file} exists; edit it, or replace it with --force") from exc
    except OSError as exc:
        raise ConfigError(f"{file} cannot be written: {exc.strerror}") from exc
    out = output()
    out.tell(f"wrote {shown(str(file))}")
    for text in asked.notes if asked is not None else ():
        out.note(text)
    out.note("next: edit it, then `livestills doctor` checks it and `livestills sync` fills the catalog")


def _lines(told: Mapping[str, object]) -> str:
    """The settings of a source: those that are told, and the others as examples."""
    lines = []
    for name, example, meaning in _SETTINGS:
        setting = f"{name} = {_toml(told[name])}" if name in told else f"# {name} = {example}"
        lines.append(f"{setting:<37} # {meaning}")
    return "\n".join(lines)


def _toml(value: object) -> str:
    """A text, a number or a truth value: as in JSON, but for one character that JSON may have as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a start request tells of a source."""

    file: str
    """Safe for a terminal."""
    storage: str
    settings: Mapping[str, object]
    """Those that are not the defaults."""
    doubts: tuple[str, ...]
    errors: int
    """Of the request as a whole."""

    @property
    def notes(self) -> Iterator[str]:
        """What to say about it."""
        yield f"from {self.file} ({self.storage}): {', '.join(self.settings)}"
        for doubt in self.doubts:
            yield f"not sure: {doubt}"
        if self.errors:
            yield f"the request has {counted(self.errors, 'error')}; `livestills request check` tells more"
        yield _CREDENTIALS


def _read(request: Path) -> _Asked:
    """Read a start request and see that its storage can be opened.  Raises `ConfigError` that names the file."""
    from indexer.agora.destination import destination
    from indexer.agora.request import Severity, check_start, read_json
    from indexer.config import SourceSettings
    from indexer.storage.urls import Location, S3Options

    body = read_json(request)
    try:
        found = destination(body)
        Location.from_string(found.place.url)
        S3Options(endpoint_url=found.place.endpoint_url).endpoint(found.place.bucket)
    except ConfigError as exc:
        raise ConfigError(f"{request}: {exc}") from exc
    defaults = {name: field.default for name, field in SourceSettings.model_fields.items()}
    settings = {name: value for name, value in found.settings.items() if value != defaults[name]}
    errors = sum(finding.rule.severity is Severity.ERROR for finding in check_start(body))
    doubts = tuple(doubt.text for doubt in found.doubts)
    return _Asked(shown(str(request)), found.storage, settings, doubts, errors)


def _comments(asked: _Asked) -> str:
    """Lines that say what the settings of a source are from, and what may be wrong with them."""
    sentences = [f"From the start request {asked.file}: {asked.storage}.", *(f"Not sure: {x}." for x in asked.doubts)]
    lines = chain.from_iterable(
        textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False) for text in sentences
    )
    return "".join(f"# {line}\n" for line in lines)

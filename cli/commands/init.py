"""`livestills init`."""

import json
import os
from pathlib import Path

import click

from cli.options import common, common_options, output
from cli.texts import shown
from indexer.errors import ConfigError

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
url = {url}                 # s3://bucket/prefix/, or file:///folder of a mirrored bucket
# profile = "livestills"              # a profile of ~/.aws/config
# region = "eu-central-1"
# endpoint_url = "https://s3.oss-cn-shanghai.aliyuncs.com"   # of any storage but AWS (OSS, COS, R2, MinIO, ...)
# addressing_style = "virtual"        # OSS, COS and BOS want "virtual", most self-built storages "path"
# list_version = 1                    # for storages that cannot do ListObjectsV2
# url_encoding = false                # for storages that list keys wrongly encoded (+ or % come out wrong)
# discovery = "full"                  # list everything in every sync: for storages that group keys wrongly
# capture_interval_s = 10             # captureInterval of the start request; inferred where it is not set
# etag_is_md5 = true                  # equal ETags mean equal pictures; learned where it is not set

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


@click.command()
@click.option(
    "--url", default="s3://my-bucket/directory1/directory2/", metavar="URL", help="Where the screenshots are."
)
@click.option("--name", default="prod", show_default=True, help="How to call the source.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@common_options
def init(url: str, name: str, *, force: bool) -> None:
    """Write a commented livestills.toml into this folder (or the file of --config)."""
    from indexer import config
    from indexer.storage.urls import Location

    location = Location.from_string(url)
    text = _TEMPLATE.format(name=name, url=json.dumps(str(location), ensure_ascii=False))
    config.check(text, origin="--name or --url", environ=os.environ)
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
    out.note("next: edit it, then `livestills doctor` checks it and `livestills sync` fills the catalog")

"""A folder in which everything can be tried without any server: a bucket, a configuration, later a catalog."""

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from indexer.agora.names import ScreenshotName, parse
from indexer.errors import ConfigError
from indexer.jobs.demo_world import World, build
from indexer.storage.local import LocalStore

CONFIG: Final = "livestills.toml"
_UPLOAD: Final = timedelta(seconds=2)
_MARK: Final = "# The demo of livestills wrote this folder and replaces it when it runs again."
_CONFIG: Final = f"""{_MARK}

[catalog]
url = "sqlite:///livestills.db"

[sources.demo]
url = "file:bucket"

[derivatives]
url = "file:derived"
"""


def set_up(folder: Path, *, now: datetime, progress: Callable[[int, int], None]) -> World:
    """Make the folder's bucket and configuration anew, without a catalog; files of others in it stay.

    Raises `ConfigError` for a folder that holds something and that no demo made.
    """
    config, bucket = folder / CONFIG, folder / "bucket"
    try:
        if folder.exists():
            if any(folder.iterdir()) and not (config.is_file() and config.read_bytes().startswith(_MARK.encode())):
                raise ConfigError(f"{folder} holds something else; name another --folder for the demo")
            if bucket.exists():
                shutil.rmtree(bucket)
            for part in folder.glob("livestills.db*"):  # with its journals and locks
                part.unlink()
        bucket.mkdir(parents=True)
        config.write_text(_CONFIG, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"the demo cannot write to {exc.filename or folder}: {exc.strerror}") from exc
    world = build(LocalStore(bucket), now=now, progress=progress)
    for file in bucket.rglob("*.jpg"):
        _date_back(file)
    return world


def _date_back(picture: Path) -> None:
    """Let a screenshot look as if it had been uploaded right after it was captured."""
    name = parse(picture.name)
    if isinstance(name, ScreenshotName):
        uploaded = (name.captured_at + _UPLOAD).timestamp()
        os.utime(picture, (uploaded, uploaded))

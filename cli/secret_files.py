"""Secrets that stand in files, so that neither command lines nor histories have them."""

from pathlib import Path
from typing import Final

from cli.texts import shown
from indexer.errors import ConfigError

_LARGEST: Final = 4096
"""Bytes.  Secrets have some tens; a device or a picture that was named by mistake has no end, or is none."""


def read_secret_file(file: Path, option: str) -> str:
    """The text of a file without white space around it, never empty.

    Raises `ConfigError` that names the option and the file, and nothing of what stands in it.
    """
    named = f"{option} {shown(str(file))}"
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        text = content.decode("utf-8").strip()
    except OSError as exc:
        raise ConfigError(f"{named} cannot be read: {exc.strerror}") from exc
    except ValueError:  # bytes that are no text, or a name with a NUL; its context would show what was read
        raise ConfigError(f"{named} is no text") from None
    if len(content) > _LARGEST:
        raise ConfigError(f"{named} holds no secret: it is too long")
    if not text:
        raise ConfigError(f"{named} holds no secret: it is empty")
    return text

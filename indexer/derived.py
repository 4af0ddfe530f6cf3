"""Where a derivative of a shot is kept: a function of what it is made from, so making it again replaces it."""

import hashlib
import re
from typing import Final
from urllib.parse import quote

from xxhash import xxh3_128_hexdigest

from indexer.model import DERIVATIVES_DIR

_LONGEST: Final = 200
"""Bytes of one component of a path: file systems take 255, and temporary names need some."""

_PLAIN: Final = "!#$&'()+,;=@[]{}~^ "
"""What may stand in a component beside letters, digits and `_.-`: what is harmless of the alphabet of channels."""


def thumbnail_key(source: str, shot_key: str, spec: str) -> str:
    """The key of a thumbnail.  Different for any two of source, key and spec, and fit for every storage."""
    return f"{DERIVATIVES_DIR}/thumb/{spec}/{source}/{safe_path(shot_key)}"


def safe_path(key: str) -> str:
    """A key as a path that every file system and storage can hold; different for any two keys."""
    return "/".join(map(_component, key.split("/")))


def _component(text: str) -> str:
    """A path component as no file system minds it: `.`, `..`, empty and overlong ones are none."""
    if text in {"", ".", ".."}:
        return "%" + text.replace(".", "2E")
    quoted = quote(text, safe=_PLAIN, errors="surrogatepass")
    if len(quoted) <= _LONGEST:
        return quoted
    return f"{quoted[: _LONGEST // 2]}%~{xxh3_128_hexdigest(text.encode('utf-8', 'surrogatepass'))}"


def storyboard_name(source: str | None, cname: str, sid: str, uid: str, spec: str) -> str:
    """What the files of a series' storyboard begin with: safe letters, and different for any two of its arguments.

    `source` is the one that was asked for, None for all; `spec` says how it is divided, and of which period it is.
    """
    readable = "_".join(filter(None, (_UNSAFE.sub("-", part).strip("-")[:24] for part in (cname, uid))))
    # Names of channels are chosen by people who may want two series to have one name: no quick hash will do.
    whole = repr((source, cname, sid, uid, spec)).encode("utf-8", "surrogatepass")
    return f"storyboard_{readable}_{hashlib.sha256(whole).hexdigest()[:16]}"


_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")

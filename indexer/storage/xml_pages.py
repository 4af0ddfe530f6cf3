"""The XML answers to ListObjects and ListObjectsV2, read fast.

A sync reads one answer for every 1,000 keys of a bucket, and botocore's own parser spends 55 ms on each.  The rows of
an answer look alike, so they are read by a pattern made from the first of them, a column at a time.  What surrounds
them, and every answer whose rows differ in shape, is read by ElementTree.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from indexer.model import ANNOUNCED, EPOCH, ListedObjects, keys_of
from indexer.storage.base import Page

_NEEDED: Final = frozenset({"Key", "LastModified", "Size"})
_FIELDS: Final = (*_NEEDED, "ETag", "StorageClass")
_ESCAPES: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ENTITY: Final = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));")
_LEAF: Final = re.compile(r"<(\w+)>([^<]*)</\1>")
_QUOTED_ETAG: Final = re.compile(r"<ETag>(&quot;|&#34;|\")[^<]*\1</ETag>")
_QUOTING: Final = re.compile(r"<!|(?<=.)<\?", re.DOTALL)
# What servers in Go write for a character that XML cannot hold.  A place in a listing is lost with it: SeaweedFS 4.48
# goes on behind all keys below U+FFFD, and says at once that this was all.
_LOST: Final = "\ufffd"
_NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HEX_ETAG: Final = re.compile(r"[0-9A-Fa-f]{32}(?:-\d+)?")


class UnreadableAnswerError(ValueError):
    """An answer is not a whole page of a listing.  The text says why, as the end of a sentence."""


def read_v2(body: bytes) -> Page:
    """Read an answer to ListObjectsV2.  Raises `UnreadableAnswerError` where it cannot be a whole page."""
    answer = _take_apart(body)
    page = Page(_objects(answer), _names(answer.prefixes, answer))
    if not _is_truncated(answer):
        return page
    token = _text(answer.envelope, "NextContinuationToken")
    if not token:
        raise UnreadableAnswerError("says that there is more, but not how to go on")
    if _LOST in token:
        raise UnreadableAnswerError("gives a token to go on with that has lost characters (try list_version = 1)")
    return replace(page, next_token=token)


def read_v1(body: bytes) -> Page:
    """Read an answer to ListObjects.  Raises `UnreadableAnswerError` where it cannot be a whole page."""
    answer = _take_apart(body)
    page = Page(_objects(answer), _names(answer.prefixes, answer))
    if not _is_truncated(answer):
        return page
    last_names = list(keys_of(page.objects[-1:])) + page.prefixes[-1:]
    marker = _text(answer.envelope, "NextMarker")
    (decoded,) = _names([marker], answer)
    # S3 itself sends a marker only in a listing with a delimiter.  SeaweedFS 4.48 leaves it as it is where the keys are
    # url-encoded; decoded all the same its `+` becomes a space, and the next page starts in the wrong place.
    for name in last_names:
        if name in (marker, decoded):
            return replace(page, next_token=name)
    if last_names and (not marker or _LOST in marker):
        return replace(page, next_token=max(last_names))
    if not decoded:
        raise UnreadableAnswerError("says that there is more, but not how to go on")
    return replace(page, next_token=decoded)


# --- two ways to take an answer apart, which agree but for the quotes of ETags


class _Answer(NamedTuple):
    """An answer with its XML undone, but nothing else decoded."""

    rows: Mapping[str, Sequence[str]]
    """The columns of <Contents> by element name, equally long; empty if there are none."""
    prefixes: Sequence[str]
    envelope: ET.Element
    """The root with the elements that stand there once."""


def _take_apart(body: bytes) -> _Answer:
    try:
        return _by_pattern(body) or _by_tree(body)
    except ET.ParseError as exc:
        raise UnreadableAnswerError(f"is not well-formed XML ({exc})") from exc


def _by_tree(body: bytes) -> _Answer:
    root = _parsed(body)
    rows: dict[str, list[str]] = {field: [] for field in _FIELDS}
    for row in _children(root, "Contents"):
        texts = {_local_name(child): child.text or "" for child in row}
        if not texts.keys() >= _NEEDED:
            raise UnreadableAnswerError("lists an object without its key, size or time")
        for field, column in rows.items():
            column.append(texts.get(field, ""))
    prefixes = [child.text or "" for group in _children(root, "CommonPrefixes") for child in _children(group, "Prefix")]
    return _Answer(rows, prefixes, root)


def _by_pattern(body: bytes) -> _Answer | None:
    """The same as `_by_tree`, or None where it takes that to read the answer."""
    try:
        text = body.decode()
        if "\r" in text:  # XML reads each kind of line end as a line feed
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        rows, text = _cut_columns(text, "Contents")
        groups, text = _cut_columns(text, "CommonPrefixes")
        envelope = _parsed(text)
    except (_IrregularError, UnicodeDecodeError, ET.ParseError):
        return None
    # A comment may quote rows that are none, and an attribute or a namespace hides rows from the pattern.
    if _QUOTING.search(text) or any(_local_name(child) in {"Contents", "CommonPrefixes"} for child in envelope):
        return None
    if (rows and not rows.keys() >= _NEEDED) or (groups and "Prefix" not in groups):
        return None
    return _Answer(rows, groups.get("Prefix", ()), envelope)


class _IrregularError(Exception):
    """The rows of an answer are not all of the shape of the first."""


def _cut_columns(text: str, tag: str) -> tuple[dict[str, Sequence[str]], str]:
    """Cut the elements `<tag>` out: the texts below them as columns by element name, and the text without them.

    Raises `_IrregularError` unless everything from the first to the last of them has been read.
    """
    close = f"</{tag}>"
    start, last = text.find(f"<{tag}>"), text.rfind(close)
    if start < 0 or last < start:
        return {}, text
    first_end, last_end = text.index(close, start) + len(close), last + len(close)
    gap = text[first_end : text.find("<", first_end)]  # the indentation of an answer that is laid out for readers
    names, pattern = _row_pattern(_skeleton(text[start:first_end]) + gap)
    # Split by whole rows, what is left are their values, with what lay between two rows in front of each.
    pieces = pattern.split(text[start:last_end] + gap)
    period = len(names) + 1
    if any(pieces[::period]):
        raise _IrregularError
    columns: dict[str, Sequence[str]] = {}
    for index, name in enumerate(names, start=1):
        column = pieces[index::period]
        columns[name] = [_unescaped(value) for value in column] if "&" in "".join(column) else column
    return columns, text[:start] + text[last_end:]


def _skeleton(row: str) -> str:
    """A row with NUL in place of each of its values: its shape."""
    if "\0" in row or _QUOTING.search(row):
        raise _IrregularError
    row = _QUOTED_ETAG.sub(r"<ETag>\1\0\1</ETag>", row)
    return _LEAF.sub(lambda leaf: leaf[0] if "\0" in leaf[2] else f"<{leaf[1]}>\0</{leaf[1]}>", row)


@lru_cache(maxsize=64)
def _row_pattern(skeleton: str) -> tuple[list[str], re.Pattern[str]]:
    """The names of the values of a row in their order, and a pattern with a group for each."""
    names = re.findall(r"<(\w+)>[^<]*\0", skeleton)
    if not names or len(set(names)) < len(names):
        raise _IrregularError
    _parsed(skeleton.replace("\0", ""))  # raises if rows of this shape are not XML
    return names, re.compile("([^<]*)".join(map(re.escape, skeleton.split("\0"))))


def _unescaped(text: str) -> str:
    unescaped, replaced = _ENTITY.subn(_character, text)
    if replaced != text.count("&"):
        raise _IrregularError  # something that ElementTree knows, or that is no XML
    return unescaped


def _character(entity: re.Match[str]) -> str:
    name, decimal, hexadecimal = entity.groups()
    if name:
        return _ESCAPES[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise _IrregularError
    return chr(code)


def _parsed(text: str | bytes) -> ET.Element:
    # The answer of a storage that the user chose; botocore reads it in the same way, and expat bounds entities.
    return ET.fromstring(text)  # noqa: S314


def _children(parent: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in parent if _local_name(child) == name)


def _local_name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(envelope: ET.Element, name: str) -> str:
    return next((child.text or "" for child in _children(envelope, name)), "")


# --- from texts to values


def _is_truncated(answer: _Answer) -> bool:
    # Checked before anything is concluded: an empty or foreign answer must never read as an empty bucket.
    said = _text(answer.envelope, "IsTruncated").strip().lower()
    if _local_name(answer.envelope) != "ListBucketResult" or said not in {"true", "false"}:
        raise UnreadableAnswerError("does not say whether it is complete")
    return said == "true"


def _objects(answer: _Answer) -> ListedObjects:
    if not answer.rows:
        return ListedObjects()
    keys = _names(answer.rows["Key"], answer)
    try:
        sizes = list(map(int, answer.rows["Size"]))
        times = _times(answer.rows["LastModified"])
        etags = _etags(answer.rows["ETag"]) if "ETag" in answer.rows else [""] * len(keys)
        tiers = _tiers(answer.rows.get("StorageClass", ()), len(keys))
    except ValueError as exc:
        raise UnreadableAnswerError(f"lists an object with a wrong size or time ({exc})") from exc
    return ListedObjects(keys, sizes, etags, times, tiers)


def _names(raw: Sequence[str], answer: _Answer) -> list[str]:
    """Undo the url-encoding of keys or prefixes, if they were encoded.

    Some stores say so but do not do it (moto 5.2 does not for V1's prefixes).  In encoded names no store leaves spaces,
    `<>#?"`, other than ASCII or a `%` without its two digits; where one of them is seen, none of the names was encoded.
    `&` is no such sign: SeaweedFS 4.48 leaves it in prefixes.
    """
    joined = "\n".join(raw)
    if (
        not ("%" in joined or "+" in joined)
        or _text(answer.envelope, "EncodingType").lower() != "url"
        or not joined.isascii()
        or any(sign in joined for sign in ' <>#?"')
        or _NO_ESCAPE.search(joined)
    ):
        return list(raw)
    # All at once, and the slashes first, which some stores encode too: a call for each key would cost twice its share.
    names = unquote_plus(joined.replace("%2F", "/")).split("\n")
    return names if len(names) == len(raw) else [unquote_plus(name) for name in raw]


def _times(texts: Sequence[str]) -> list[int]:
    try:
        passed = [datetime.fromisoformat(text) - EPOCH for text in texts]
    except (ValueError, TypeError):  # a date as in mail, or without its zone
        passed = [_moment(text) - EPOCH for text in texts]
    return [since.days * 86_400 + since.seconds for since in passed]


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _etags(texts: Sequence[str]) -> Sequence[str]:
    joined = "".join(texts).encode()
    if b'"' in joined or b"/" in joined or joined != joined.lower():
        return [normal_etag(text) for text in texts]
    return texts


def normal_etag(text: str) -> str:
    """An ETag without quotes and weakness mark, in lower case if it is a hexadecimal digest (OSS writes upper case)."""
    etag = text.removeprefix("W/").strip('"')
    return etag.lower() if _HEX_ETAG.fullmatch(etag) else etag


def normal_tier(text: str | None) -> str | None:
    """A storage class, or None for the standard one, which most stores do not mention."""
    # Who else but us says "announced"?  It must not look as if no listing had shown the object.
    return text if text and text not in {"STANDARD", ANNOUNCED} else None


def _tiers(texts: Sequence[str], count: int) -> Sequence[str | None]:
    return [None] * count if set(texts) <= {"STANDARD", ""} else list(map(normal_tier, texts))

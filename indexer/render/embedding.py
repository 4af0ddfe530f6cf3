"""Pictures that go into a document as they are: nothing is decoded, but nothing hostile or huge goes in either."""

from dataclasses import dataclass

from indexer.render.image import open_jpeg
from indexer.render.thumbnail import ThumbSpec, thumbnails


@dataclass(frozen=True, slots=True)
class Embedded:
    """A JPEG for a document, and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


def embedded(jpeg: bytes, spec: ThumbSpec) -> Embedded:
    """A JPEG byte for byte if it is a thumbnail of that size as we make them, else the thumbnail of it.

    What is larger, has metadata or is neither RGB nor grey is decoded and encoded anew: none of it may be handed on.
    Raises `BadPictureError`.  Flaws inside the compressed data show when it is looked at.
    """
    opened = open_jpeg(jpeg)
    width, height = opened.size
    # Pillow was given the markers that libjpeg needs and no others: they are all if nothing was left out.
    is_plain = opened.fp is not None and opened.fp.seek(0, 2) == len(jpeg)
    if is_plain and opened.mode in {"RGB", "L"} and (width, height) == spec.inside(width, height):
        return Embedded(jpeg, width, height)
    (made,) = thumbnails(jpeg, [spec]).made
    return Embedded(made.jpeg, made.width, made.height)

"""Which image files are accepted as samples, judged by their bytes and never by their name."""

import io
import struct
import warnings
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.datasets import foreign, png
from qa_assets.datasets.settings import SampleLimits
from qa_assets.preprocessing.image import eight_bits, turned

if TYPE_CHECKING:
    from PIL.Image import Image

ACCEPTED = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
"""Formats that are opened; no other parser of the image library ever sees a byte."""
MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr"}) | {
    "I;16",
    "I;16B",
}
"""Pixel layouts that become grey or RGB by a stated rule; 32 bits and floats have no range."""
ODD = frozenset({"1", "CMYK", "YCbCr", "I;16", "I;16B"})
"""Layouts that are converted, and said so."""
ALPHA = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
GREY = frozenset({"1", "L", "LA", "La", "I;16", "I;16B"})
_ORIENTATION, _TURNS = 0x0112, range(1, 9)
_TURNED_BY = frozenset({"exif", "xmp", "XML:com.adobe.xmp"})
"""What a picture may say that it has to be turned by."""
_ICC_SIGNATURE = slice(36, 40)
_WHITE, _WARMTH_SIDE = 255, 128
_HEAD = 1 << 10
"""First bytes, by which a file is told that is none of ours."""
_OURS = (png.SIGNATURE, b"\xff\xd8\xff", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"RIFF")


@dataclass(frozen=True, slots=True)
class Picture:
    """What an accepted image file is.

    Attributes:
        format: Name of its format, such as ``PNG``.
        width: In pixels, as stored.
        height: In pixels, as stored.
        mode: Pixel layout, such as ``L`` or ``RGB``.
        noticed: Codes of what is odd about it although it is used.
        luma: Its grey values as a viewer shows it, shape (height, width).
        warmth: Mean red minus mean blue, in [-1, 1]; 0 of a grey picture. Where a decoder swaps
            the two, grey values hardly tell.
    """

    format: str
    width: int
    height: int
    mode: str
    noticed: tuple[str, ...] = ()
    luma: "NDArray[np.uint8] | None" = field(default=None, repr=False, compare=False)
    warmth: float = field(default=0.0, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is not accepted."""

    code: str
    message: str
    remedy: str = ""


_TRUNCATED = Refusal("IMG_TRUNCATED", "ends before the picture does.", "Fetch it again.")


def inspect(payload: bytes, limits: SampleLimits) -> Picture | Refusal:
    """Read the header, then decode once; what does not decode completely is refused.

    Sizes are judged by the header, so a small file that claims a huge picture costs nothing.
    """
    with decoders_quiet():
        return inspect_in_thread(payload, limits)


@contextmanager
def decoders_quiet() -> Generator[None]:
    """Nothing that a decoder only warns about is said: it is no fault of the pixels.

    It holds for all threads of the process, so it is not entered in one of several.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def inspect_in_thread(payload: bytes, limits: SampleLimits) -> Picture | Refusal:
    """As :func:`inspect`, where :func:`decoders_quiet` holds already."""
    from PIL import Image, UnidentifiedImageError

    if not payload:
        return Refusal("IMG_EMPTY", "is an empty file.")
    damage = _png_damage(payload)
    try:
        with Image.open(io.BytesIO(payload), formats=ACCEPTED) as image:
            return _judge_header(image, limits) or damage or _decode(image, payload)
    except UnidentifiedImageError:
        return damage or _unidentified(payload)
    except Image.DecompressionBombError:
        return Refusal("IMG_TOO_LARGE", "claims more pixels than any limit allows.")
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error, EOFError) as error:
        return _undecodable(error)


def _judge_header(image: "Image", limits: SampleLimits) -> Refusal | None:
    width, height = image.size
    if width * height > limits.max_pixels:
        return Refusal(
            "IMG_TOO_LARGE",
            f"claims {width} x {height} pixels, at most {limits.max_pixels} are accepted.",
            "Scale it down, or raise limits.max_pixels.",
        )
    short, long = sorted((width, height))
    if long > limits.max_aspect * short:
        return Refusal(
            "IMG_ASPECT",
            f"is {width} x {height}: sides may differ by a factor of {limits.max_aspect:g}.",
        )
    if short < limits.min_side:
        return Refusal(
            "IMG_TOO_SMALL",
            f"is {width} x {height}, each side needs at least {limits.min_side} pixels.",
        )
    if image.format != "MPO" and getattr(image, "is_animated", False):  # MPO: a phone's JPEG
        return Refusal(
            "IMG_FRAMES", "holds several frames, a sample is one picture.", "Export the frames."
        )
    return None


def _decode(image: "Image", payload: bytes) -> Picture | Refusal:
    stored = image.mode
    image.load()
    if stored == "F" and not np.isfinite(np.asarray(image)).all():
        return Refusal("IMG_NONFINITE", "has pixels that are not finite numbers.")
    if stored not in MODES:
        return Refusal(
            "IMG_MODE",
            f"stores pixels as {stored}, which 8 bits a channel would clip.",
            "Convert it to 8-bit grey or RGB with a scale that you choose.",
        )
    upright = turned(image)
    luma = np.asarray(eight_bits(upright, "L"))
    if image.format == "PNG" and _ends_black(image, luma) and png.lacks_rows(payload):
        return _TRUNCATED
    name = "JPEG" if image.format == "MPO" else str(image.format)
    noticed = [*_odd_mode(image, stored), *_odd_metadata(image), *_trailing(name, payload)]
    if luma.min() == luma.max():
        noticed.append("IMG_BLANK")
    warmth = 0.0 if stored in GREY else _warmth(eight_bits(upright, "RGB"))
    return Picture(name, image.width, image.height, stored, tuple(noticed), luma, warmth)


def _warmth(image: "Image") -> float:
    """Of some pixels of each side, as many as say it."""
    step = -(-max(image.size) // _WARMTH_SIDE)
    pixels = np.asarray(image)[::step, ::step]
    return float(pixels[..., 0].mean() - pixels[..., 2].mean()) / _WHITE


def _ends_black(image: "Image", luma: NDArray[np.uint8]) -> bool:
    """Whether the last row is all zeros, as a decoder leaves rows that are not there."""
    last, upright = luma[-1], not image.info.keys() & _TURNED_BY
    if upright and last.min() != last.max():
        return False  # most pictures, at a tenth of the time
    return image.crop((0, image.height - 1, image.width, image.height)).getbbox() is None


def _odd_mode(image: "Image", stored: str) -> Iterator[str]:
    if stored in ODD:
        yield "IMG_MODE"
    if stored in ALPHA or (stored == "P" and "transparency" in image.info):
        yield "IMG_ALPHA"


def _odd_metadata(image: "Image") -> Iterator[str]:
    profile = image.info.get("icc_profile")
    if profile is not None and profile[_ICC_SIGNATURE] != b"acsp":
        yield "IMG_ICC"
    if "exif" in image.info:
        try:
            turn = image.getexif().get(_ORIENTATION, 1)
        except (ValueError, OSError, SyntaxError, KeyError, TypeError, struct.error):
            turn = None
        if turn not in _TURNS or not _sound_exif(image.info["exif"]):
            yield "IMG_EXIF"


def _sound_exif(block: bytes) -> bool:
    """Whether it starts as EXIF does, and its first table lies inside it."""
    tags = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<I", b"MM\0*": ">I"}.get(tags[:4])
    return order is not None and len(tags) > 8 and struct.unpack_from(order, tags, 4)[0] < len(tags)


def _trailing(name: str, payload: bytes) -> Iterator[str]:
    end = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}.get(name)
    if end and not payload.rstrip(b"\0").endswith(end):
        yield "IMG_TRAILING"


def _undecodable(error: Exception) -> Refusal:
    if "truncated" in str(error).lower():
        return _TRUNCATED
    return Refusal("IMG_CORRUPT", f"does not decode: {error}.", "Fetch it again.")


def _unidentified(payload: bytes) -> Refusal:
    head = payload[:_HEAD]
    if head.startswith(_OURS):
        return Refusal("IMG_CORRUPT", "has a damaged header.", "Fetch it again.")
    if name := foreign.foreign_picture(head):
        remedy = f"Convert it to one of {', '.join(ACCEPTED)}."
        return Refusal("IMG_FORMAT", f"is {name}, a format that is not accepted.", remedy)
    if page := foreign.stands_for_another(head):
        return Refusal("IMG_NOT_IMAGE", f"is {page.name}.", page.remedy)
    return Refusal("IMG_NOT_IMAGE", "is no picture.", "Remove it from the dataset.")


def _png_damage(payload: bytes) -> Refusal | None:
    found = png.damage(payload) if payload.startswith(png.SIGNATURE) else None
    if found == "checksum":
        return Refusal("IMG_CORRUPT", "fails its checksum.", "Fetch it again.")
    return _TRUNCATED if found else None

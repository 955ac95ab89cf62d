import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from qa_assets.datasets.pictures import Picture, Refusal, inspect
from qa_assets.datasets.settings import SampleLimits
from qa_assets_tests.datasets.samples import picture, saved

LIMITS = SampleLimits()
RGB = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8))


def png_claiming(width: int, height: int, body: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(body)), chunk(b"IEND", b""))
    )


def flipped(body: bytes, place: int) -> bytes:
    return body[:place] + bytes([body[place] ^ 0x10]) + body[place + 1 :]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (picture(1), Picture("PNG", 8, 8, "L")),
        (saved(RGB, "PNG"), Picture("PNG", 12, 16, "RGB")),
        (saved(RGB, "JPEG"), Picture("JPEG", 12, 16, "RGB")),
        (saved(RGB.convert("CMYK"), "JPEG"), Picture("JPEG", 12, 16, "CMYK", ("IMG_MODE",))),
        (saved(RGB.quantize(16), "PNG"), Picture("PNG", 12, 16, "P")),
        (saved(RGB.convert("1"), "PNG"), Picture("PNG", 12, 16, "1", ("IMG_MODE",))),
        (saved(RGB, "BMP"), Picture("BMP", 12, 16, "RGB")),
        (saved(RGB, "TIFF"), Picture("TIFF", 12, 16, "RGB")),
        # a phone's JPEG with a second picture behind the first is still one photograph
        (saved(RGB, "MPO", save_all=True, append_images=[RGB]), Picture("JPEG", 12, 16, "RGB")),
    ],
)
def test_real_pictures_are_accepted_for_what_they_are(payload: bytes, expected: Picture) -> None:
    assert inspect(payload, LIMITS) == expected


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "IMG_EMPTY"),
        (picture(1)[:60], "IMG_TRUNCATED"),
        (picture(1)[:-12], "IMG_TRUNCATED"),
        (saved(RGB, "JPEG")[:-40], "IMG_TRUNCATED"),
        (png_claiming(16, 16, b"\0" * 17 * 7), "IMG_TRUNCATED"),
        (flipped(picture(1), 60), "IMG_CORRUPT"),
        (flipped(picture(1), 20), "IMG_CORRUPT"),
        (png_claiming(0, 16), "IMG_CORRUPT"),
        (b"a text, no picture", "IMG_NOT_IMAGE"),
        (b"<html><svg onload=alert(1)></html>", "IMG_NOT_IMAGE"),
        (b"\x80\x04cbuiltins\nexec\n.", "IMG_NOT_IMAGE"),
        (b"\n<svg xmlns='http://www.w3.org/2000/svg'/>", "IMG_FORMAT"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\nshowpage\n", "IMG_FORMAT"),
        (saved(RGB, "PPM"), "IMG_NOT_IMAGE"),
        (png_claiming(65000, 65000), "IMG_TOO_LARGE"),
        (png_claiming(10000, 5001), "IMG_TOO_LARGE"),
        (saved(Image.new("RGB", (4000, 1)), "PNG"), "IMG_ASPECT"),
        (saved(Image.new("RGB", (1, 1)), "PNG"), "IMG_TOO_SMALL"),
        (saved(RGB, "GIF", save_all=True, append_images=[RGB.rotate(90)]), "IMG_FRAMES"),
        (saved(RGB, "PNG", save_all=True, append_images=[RGB.rotate(180)]), "IMG_FRAMES"),
        (saved(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF"), "IMG_MODE"),
        (saved(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"), "IMG_NONFINITE"),
    ],
)
def test_what_is_no_sample_is_refused_with_its_code(payload: bytes, code: str) -> None:
    found = inspect(payload, LIMITS)
    assert isinstance(found, Refusal)
    assert (found.code, found.message[-1]) == (code, ".")


def test_the_limits_are_inclusive() -> None:
    exact = SampleLimits(max_pixels=64, min_side=8, max_aspect=1.0)
    assert isinstance(inspect(picture(1), exact), Picture)
    assert isinstance(inspect(picture(1), SampleLimits(max_pixels=63)), Refusal)
    assert isinstance(inspect(picture(1), SampleLimits(min_side=9)), Refusal)


def test_a_huge_claim_costs_nothing() -> None:
    """45 million pixels behind 10 kB of zeros are within the limit, 65000 x 65000 are not."""
    import tracemalloc

    tracemalloc.start()
    inspect(png_claiming(65000, 65000, b"\0" * 100), LIMITS)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_every_single_flipped_byte_of_a_png_is_noticed() -> None:
    body, accepted = picture(3), []
    for place in range(len(body)):
        found = inspect(flipped(body, place), LIMITS)
        if isinstance(found, Picture):
            accepted.append(place)
    assert accepted == []


def test_interlaced_pictures_are_left_to_the_decoder() -> None:
    adam7 = bytearray(saved(RGB.convert("L"), "PNG"))
    assert isinstance(inspect(bytes(adam7), LIMITS), Picture)
    with Image.open(io.BytesIO(bytes(adam7))) as image:
        assert image.size == (12, 16)

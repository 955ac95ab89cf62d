"""What a file is that is none of ours, by its first bytes, and what would make it one."""

from collections.abc import Mapping
from dataclasses import dataclass

PICTURES: Mapping[bytes, str] = {
    b"%!PS": "PostScript",
    b"%PDF": "PDF",
    b"8BPS": "Photoshop",
    b"SIMPLE  =": "FITS",
    b"<svg": "SVG",
    b"<?xml": "XML, maybe SVG",
    b"\0\0\1\0": "an icon",
    b"\0\0\0\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\x76\x2f\x31\x01": "OpenEXR",
}
"""Formats of pictures that are not read."""
_BRANDS: Mapping[bytes, str] = {
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1", b"hevc"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
"""What stands behind ``ftyp`` in files of pictures that are built as films are."""
_BRAND, _DICOM = slice(4, 12), slice(128, 132)
_POINTER = b"version https://git-lfs"
_PAGES = (b"<!doctype html", b"<html")


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of file that is not read.

    Attributes:
        name: What people call it.
        remedy: What would make it one that is read.
    """

    name: str
    remedy: str


_UNPACK = "Unpack it, or pack it as a zip or a tar.gz."
_ARRAYS = "Save the arrays as NPZ: numpy.savez(file, x=pictures, y=labels)."
_PICKLE = (
    "Reading it would run code that is in it: load it where you trust it, and save NPZ with "
    "numpy.savez(file, x=pictures, y=labels)."
)
_TABLE = "Save it as CSV or Parquet."
_ABOVE = "Give the folder above the one that it lies in."
FILES: Mapping[bytes, Foreign] = {
    b"7z\xbc\xaf\x27\x1c": Foreign("a 7z archive", _UNPACK),
    b"Rar!": Foreign("a RAR archive", _UNPACK),
    b"BZh": Foreign("packed with bzip2", _UNPACK),
    b"\xfd7zXZ\0": Foreign("packed with xz", _UNPACK),
    b"\x28\xb5\x2f\xfd": Foreign("packed with zstd", _UNPACK),
    **dict.fromkeys((b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"), Foreign("a pickle", _PICKLE)),
    b"\x89HDF\r\n\x1a\n": Foreign("HDF5", _ARRAYS),
    b"MATLAB 5.0": Foreign("a MATLAB file", _ARRAYS),
    b"\x93NUMPY": Foreign("one NumPy array", _ARRAYS),
    b"SQLite format 3\0": Foreign("a SQLite database", _TABLE),
    b"\xd0\xcf\x11\xe0": Foreign("an Excel file", _TABLE),
    b"ARROW1": Foreign("an Arrow file", _TABLE),
    **dict.fromkeys((b"\x89PNG", b"\xff\xd8\xff"), Foreign("one picture", _ABOVE)),
}
"""Kinds of files that hold data sets elsewhere."""


def foreign_picture(head: bytes) -> str:
    """Name of the format of pictures that these bytes begin; "" where they begin none."""
    if head[_BRAND][:4] == b"ftyp":
        return _BRANDS.get(head[_BRAND][4:], "")
    if head[_DICOM] == b"DICM":
        return "DICOM"
    start = head.lstrip()
    return next((n for s, n in PICTURES.items() if head.startswith(s) or start.startswith(s)), "")


def foreign_file(head: bytes) -> Foreign | None:
    """The kind of file that these bytes begin, where it is one that we do not read."""
    return next((found for start, found in FILES.items() if head.startswith(start)), None)


def stands_for_another(head: bytes) -> Foreign | None:
    """What lies in place of a picture: a pointer of git-lfs, the page of an error."""
    if head.startswith(_POINTER):
        return Foreign("a pointer of git-lfs and not the picture", "Run git lfs pull.")
    if head.lstrip().lower().startswith(_PAGES):
        return Foreign("a web page", "Fetch it again: a server answered with a page.")
    return None

"""What is odd about samples that are used all the same: by a stated rule, named and counted."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qa_assets.core.records.datasets import Remark
from qa_assets.datasets.pictures import GREY
from qa_assets.datasets.source import visible

if TYPE_CHECKING:
    import pandas as pd

NAMED = 20
"""Remarks of one kind that are kept word for word; all of them are counted."""
RULES: Mapping[str, str] = {
    "IMG_MODE": "is stored in an unusual layout; it is converted (16 bits over 257, CMYK to RGB).",
    "IMG_ALPHA": "is transparent in places; transparency is dropped.",
    "IMG_EXIF": "has EXIF that makes no sense; it is ignored.",
    "IMG_ICC": "has a broken colour profile; it is ignored.",
    "IMG_TRAILING": "has data behind the end of the picture; it is ignored.",
    "IMG_BLANK": "is one flat colour.",
}
ENDINGS: Mapping[str, tuple[str, ...]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_UNPORTABLE = frozenset('\\:*?"<>|')
_INVISIBLE = frozenset(("Cf", "Co"))


def remarks_of(
    files: "pd.DataFrame", given: Iterable[Remark]
) -> tuple[tuple[Remark, ...], dict[str, int]]:
    """Everything odd about the files that are used.

    Args:
        files: One row a usable file: id, name, label, part, format, mode, noticed.
        given: What the reader noticed.

    Returns:
        The first of each kind, and how many of each kind there are.
    """
    kept: list[Remark] = []
    counts: Counter[str] = Counter()
    for remark in (*given, *_of_pictures(files), *_of_names(files), *_of_copies(files)):
        counts[remark.code] += 1
        if counts[remark.code] <= NAMED:
            kept.append(remark)
    return tuple(kept), dict(counts)


def _of_pictures(files: "pd.DataFrame") -> Iterator[Remark]:
    odd = files[files["noticed"] != ""]
    for name, noticed in zip(odd["name"], odd["noticed"], strict=True):
        for code in noticed.split(","):
            yield Remark(code, visible(name), RULES[code])
    yield from _of_modes(files)
    for kind, endings in ENDINGS.items():
        same = files.loc[files["format"] == kind, "name"]
        for name in same[~same.str.lower().str.endswith(endings)]:
            if "." in name.rsplit("/", 1)[-1]:
                what = f"is called otherwise, but is {kind}; the content decides."
                yield Remark("IMG_EXTENSION", visible(name), what, f"Call it {endings[0]}.")


def _of_modes(files: Any) -> Iterator[Remark]:
    grey = files["mode"].isin(list(GREY))
    if not len(files) or grey.all() or not grey.any():
        return
    most = bool(grey.mean() > 0.5)
    words = ("in colour", "grey") if most else ("grey", "in colour")
    odd = files.loc[(grey != most) & ~files["noticed"].str.contains("IMG_MODE"), "name"]
    for name in odd:
        what = f"is {words[0]}, most of the others are {words[1]}."
        yield Remark("IMG_MODE", visible(name), what, "Make them alike.")


def _of_names(files: "pd.DataFrame") -> Iterator[Remark]:
    alike: dict[str, list[str]] = {}
    for name in files["name"]:
        if name.isascii() and name.isprintable():
            folded = name.lower()
        else:
            folded = unicodedata.normalize("NFC", name).casefold()
            if any(unicodedata.category(c) in _INVISIBLE for c in name):
                yield Remark("NAME_CONTROL", visible(name), "has characters that nobody sees.")
        alike.setdefault(folded, []).append(name)
        if not _UNPORTABLE.isdisjoint(name) or (_RESERVED.search(name) and _reserved(name)):
            yield Remark("NAME_PORTABLE", visible(name), "cannot be checked out on Windows.")
    for names in alike.values():
        if len(set(names)) > 1:
            item = ", ".join(visible(n) for n in sorted(set(names)))
            yield Remark("NAME_COLLISION", item, "are one name where case or accents do not count.")


def _reserved(name: str) -> bool:
    return any(_RESERVED.match(part) for part in name.split("/"))


def _of_copies(files: "pd.DataFrame") -> Iterator[Remark]:
    copies = files[files.duplicated("id", keep=False)]
    for _, same in copies.groupby("id", sort=False):
        first, *others = same["name"]
        parts = sorted(set(same["part"]) - {""})
        if len(parts) > 1:
            item = ", ".join(visible(n) for n in same["name"])
            yield Remark("SET_LEAK", item, f"are one picture on two sides: {' and '.join(parts)}.")
        for other in others:
            what = f"has the same bytes as {visible(first)}; the sample is used once."
            yield Remark("SET_DUPLICATE", visible(other), what)

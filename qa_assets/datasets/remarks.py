"""What is odd about samples that are used all the same: by a stated rule, named and counted."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.records.datasets import Remark
from qa_assets.core.tables import compute
from qa_assets.datasets.pictures import GREY
from qa_assets.datasets.source import visible

if TYPE_CHECKING:
    import pyarrow as pa

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
_RESERVED = r"(?i)(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)"
_UNPORTABLE = r'[\\:*?"<>|]'
_SLICE = 1 << 16
"""Names that are looked at together."""
_INVISIBLE = r"[\p{Cf}\p{Co}]"


@dataclass(frozen=True, slots=True)
class Counted:
    """Remarks of one kind: the first of them, and how many there are."""

    code: str
    count: int
    first: Sequence[Remark]


def remarks_of(
    files: "pa.Table",
    noticed: Sequence[Remark],
    counts: Mapping[str, int],
    named: "NDArray[np.bool_] | None" = None,
    *,
    stored: bool = True,
) -> tuple[tuple[Remark, ...], dict[str, int]]:
    """Everything odd about the files that are used.

    Args:
        files: One row a usable file: name, format, mode, noticed.
        noticed: What was noticed before, the first of each kind.
        counts: How often.
        named: Whose name is to be judged; all by default.
        stored: Whether each is a file of its own, whose ending says a format.

    Returns:
        The first of each kind, and how many of each kind there are.
    """
    import pyarrow as pa

    kept = list(noticed)
    total = Counter(counts)
    judged = files if named is None else files.filter(pa.array(named))
    endings = _of_endings(judged) if stored else ()
    for found in chain(_of_pictures(files), endings, _of_names(judged["name"])):
        kept += found.first[: max(0, NAMED - total[found.code])]
        total[found.code] += found.count
    return tuple(kept), {code: n for code, n in total.items() if n}


def _of_pictures(files: "pa.Table") -> Iterator[Counted]:
    names = files["name"]
    noticed = _coded(files["noticed"])
    for code, rule in RULES.items():
        says = noticed.where(lambda word, code=code: code in word.split(","))
        yield _named(code, names, says, rule)
    yield _of_modes(names, _coded(files["mode"]), noticed)


def _of_endings(files: "pa.Table") -> Iterator[Counted]:
    names, kinds = files["name"], _coded(files["format"])
    for kind, endings in ENDINGS.items():
        same = kinds.where(lambda word, kind=kind: word == kind)
        if same.any():
            what = f"is called otherwise, but is {kind}; the content decides."
            yield _named(
                "IMG_EXTENSION", names, same & _ends_otherwise(names, endings), what,
                f"Call it {endings[0]}.",
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Words:
    """A column of few different words: each row by the number of its word."""

    codes: NDArray[np.integer]
    words: list[str]

    def where(self, wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
        return np.array([wanted(w) for w in self.words], np.bool_)[self.codes]


def _coded(column: Any) -> _Words:
    import pyarrow as pa

    whole = column.combine_chunks()
    coded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = pa.concat_arrays(coded.unify_dictionaries().chunks)
    codes = coded.indices.to_numpy(zero_copy_only=False)
    return _Words(codes, coded.dictionary.to_pylist() or [""])


def _named(
    code: str, names: Any, rows: NDArray[np.bool_], message: str, remedy: str = ""
) -> Counted:
    places = np.flatnonzero(rows)
    first = names.take(places[:NAMED]).to_pylist()
    return Counted(code, len(places), [Remark(code, visible(n), message, remedy) for n in first])


def _ends_otherwise(names: Any, endings: tuple[str, ...]) -> NDArray[np.bool_]:
    right = r"(?i)({})$".format("|".join(e.replace(".", r"\.") for e in endings))
    ends = _matches(names, r"\.[^/]*$")
    return ends & ~_matches(names, right) if ends.any() else ends


def _matches(names: Any, pattern: str) -> NDArray[np.bool_]:
    """Whether each name does; where none does, one look at all of them says so."""
    import pyarrow as pa

    pc = compute()
    whole = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    found = np.zeros(len(whole), np.bool_)
    for start in range(0, len(whole), _SLICE):
        piece = whole.slice(start, _SLICE)
        text = pc.binary_join(pa.ListArray.from_arrays([0, len(piece)], piece), "\n")[0]
        if pc.match_substring_regex(text, f"(?m){pattern}").as_py():  # a line is a name, or more
            rows = pc.match_substring_regex(piece, pattern)
            found[start : start + _SLICE] = rows.to_numpy(zero_copy_only=False)
    return found


def _of_modes(names: Any, modes: _Words, noticed: _Words) -> Counted:
    grey = modes.where(lambda word: word in GREY)
    if not len(grey) or grey.all() or not grey.any():
        return Counted("IMG_MODE", 0, ())
    most = bool(grey.mean() > 0.5)
    words = ("in colour", "grey") if most else ("grey", "in colour")
    odd = (grey != most) & ~noticed.where(lambda word: "IMG_MODE" in word)
    what = f"is {words[0]}, most of the others are {words[1]}."
    return _named("IMG_MODE", names, odd, what, "Make them alike.")


def _of_names(column: Any) -> Iterator[Counted]:
    names = column.combine_chunks()
    plain = compute().string_is_ascii(names).to_numpy(zero_copy_only=False).astype(np.bool_)
    if not plain.all():
        what = "has characters that nobody sees."
        yield _named("NAME_CONTROL", names, _matches(names, _INVISIBLE), what)
    unportable = _matches(names, f"{_UNPORTABLE}|{_RESERVED}")
    yield _named("NAME_PORTABLE", names, unportable, "cannot be checked out on Windows.")
    yield _collisions(names, _folded(names, plain))


def _folded(names: Any, plain: NDArray[np.bool_]) -> Any:
    """Each name as a file system sees it that knows neither case nor accents' spelling."""
    import pyarrow as pa

    pc = compute()
    lower = pc.ascii_lower(names)
    odd = pa.array(~plain)
    if plain.all():
        return lower
    spelt = [unicodedata.normalize("NFC", n).casefold() for n in names.filter(odd).to_pylist()]
    return pc.replace_with_mask(lower, odd, pa.array(spelt, pa.string()))


def _collisions(names: Any, folded: Any) -> Counted:
    if compute().count_distinct(folded).as_py() == len(folded):
        return Counted("NAME_COLLISION", 0, ())
    codes = folded.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    rows = np.flatnonzero((np.bincount(codes) > 1)[codes])
    alike: dict[int, set[str]] = {}
    for code, name in zip(codes[rows].tolist(), names.take(rows).to_pylist(), strict=True):
        alike.setdefault(code, set()).add(name)
    what = "are one name where case or accents do not count."
    found = [sorted(group) for group in alike.values() if len(group) > 1]
    items = (", ".join(visible(n) for n in group) for group in found[:NAMED])
    return Counted("NAME_COLLISION", len(found), [Remark("NAME_COLLISION", i, what) for i in items])


def remarks_of_copies(copies: Any) -> Iterator[Counted]:
    """What the same bytes under several names are worth saying.

    Args:
        copies: A data frame of one row a file whose bytes stand elsewhere too: content, name,
            part; in the order of reading.
    """
    if copies.empty:
        return
    again = copies[copies.duplicated("content")]
    original = copies.drop_duplicates("content").set_index("content")["name"]
    doubles = [
        Remark(
            "SET_DUPLICATE",
            visible(name),
            f"has the same bytes as {visible(original[content])}; the sample is used once.",
        )
        for content, name in zip(again["content"][:NAMED], again["name"][:NAMED], strict=True)
    ]
    sides = copies[copies["part"] != ""].groupby("content", sort=False)["part"].nunique()
    leaked = sides.index[sides > 1]
    shown = copies[copies["content"].isin(leaked[:NAMED])]
    leaks = [_leak(same) for _, same in shown.groupby("content", sort=False)]
    yield Counted("SET_LEAK", len(leaked), leaks)
    yield Counted("SET_DUPLICATE", len(again), doubles)


def _leak(same: Any) -> Remark:
    item = ", ".join(visible(n) for n in same["name"])
    parts = " and ".join(sorted(set(same["part"]) - {""}))
    return Remark("SET_LEAK", item, f"are one picture on two sides: {parts}.")

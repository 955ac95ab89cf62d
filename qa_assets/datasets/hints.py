"""What a user may have meant by a path in which nobody finds samples of two classes."""

import re
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath

from qa_assets.core.errors import InputRefused, QaError
from qa_assets.datasets import folders, trees
from qa_assets.datasets.foreign import foreign_file
from qa_assets.datasets.formats.image_folder import SUFFIXES
from qa_assets.datasets.source import FALLBACK, detect, visible

HINTED = ("SET_EMPTY", "SET_ONE_CLASS")
"""Refusals that a wrong path may be the reason of."""
_LOOKED_AT = 200
_NAMED = 3
_HEAD = 16
_WORD, _OFTEN = re.compile(r"[^\W\d_]{2,}"), 3
"""What a name may begin with, and in how many names to be a class."""
_CALLED = ".png, .jpg, .bmp, .gif, .tif or .webp"
_DATA = (".npz", ".npy", ".zip", ".tar", ".tgz", ".gz", ".parquet", ".csv", "-ubyte")
"""Endings of data that an archive may hold instead of pictures."""
_APPLICATIONS = {
    "xl/workbook.xml": "It is an Excel file: save it as CSV.",
    "data.pkl": "It is a PyTorch file: qa inspect weights looks into it.",
}


@contextmanager
def hinted(source: Path) -> Generator[None]:
    """A refusal for want of samples or classes says where they may be.

    Raises:
        InputRefused: As it was raised, with a closer remedy where there is one.
    """
    try:
        yield
    except InputRefused as error:
        first, *rest = error.problems
        closer = hint(source) if first.code in HINTED else ""
        if not closer:
            raise
        raise InputRefused(replace(first, remedy=closer), *rest) from error


def hint(source: Path) -> str:
    """Where the samples may be, or what they are; "" where nothing says so."""
    try:
        if detect(source) != FALLBACK:
            return ""
        if source.is_dir():
            inside = _deeper(source) or _files(source) or _by_names(source)
            return inside or _one_class(source) or _endings(source)
        return _packed(source) if trees.is_archive(source) else ""
    except (QaError, OSError):
        return ""


def refuse_foreign(source: Path) -> None:
    """Refuse a lone file of a kind that is not read, by its name.

    Raises:
        InputRefused: ``SET_FORMAT``.
    """
    with source.open("rb") as stream:
        found = foreign_file(stream.read(_HEAD))
    if found:
        what = f"is {found.name}; such files are not read."
        raise InputRefused.of("SET_FORMAT", source.name, what, found.remedy)


def _deeper(source: Path) -> str:
    """The one folder that holds several, if there is only one to go down."""
    place = source
    while len(inside := _subfolders(place)) == 1:
        place = inside[0]
    if place == source or not inside:
        return ""
    return f"Its folders lie deeper: give the path {visible(str(place))}."


def _subfolders(place: Path) -> list[Path]:
    inside = (p for p in place.iterdir() if not folders.ignored(p.name))
    return sorted(p for p in inside if p.is_dir() and not p.is_symlink())


def _top_files(source: Path) -> list[Path]:
    inside = (p for p in source.iterdir() if not folders.ignored(p.name))
    return sorted(islice((p for p in inside if p.is_file()), _LOOKED_AT))


def _files(source: Path) -> str:
    """Files at the top that are data sets themselves, or would be elsewhere."""
    top = [p for p in _top_files(source) if not p.name.lower().endswith(SUFFIXES)]
    data = [p for p in top if trees.is_archive(p) or detect(p) != FALLBACK]
    if len(data) == 1:
        return f"Give the path of the file itself: {visible(str(data[0]))}."
    if data:
        named = ", ".join(visible(p.name) for p in data[:_NAMED])
        return f"Give the path of one of its {len(data)} files ({named}), or make one of them."
    for path in top:
        with path.open("rb") as stream:
            found = foreign_file(stream.read(_HEAD))
        if found:
            return f"{visible(path.name)} is {found.name}. {found.remedy}"
    return ""


def _by_names(source: Path) -> str:
    """Words that pictures in no folder begin with, if there are few and each stands often."""
    names = [p.name for p in _top_files(source) if p.name.lower().endswith(SUFFIXES)]
    counts = Counter(word[0] for name in names if (word := _WORD.match(name)))
    if len(counts) < 2 or min(counts.values()) < _OFTEN or counts.total() < len(names):
        return ""
    words = ", ".join(visible(word) for word in sorted(counts)[:_NAMED])
    return f"If the first word of a name ({words}) is its class, move it into a folder called so."


def _one_class(source: Path) -> str:
    """The folder above, where this one is one class of several."""
    here = any(p.name.lower().endswith(SUFFIXES) for p in _top_files(source))
    above = source.resolve().parent
    if not here or len(_subfolders(above)) == 1:
        return ""
    return f"If this folder is one class, give the folder above it: {visible(str(above))}."


def _endings(source: Path) -> str:
    """The ending that most files have, where pictures have another."""
    found = (f.name for f in folders.walk(source) if isinstance(f, folders.FoundFile))
    return _about_endings(islice(found, _LOOKED_AT))


def _about_endings(names: Iterator[str]) -> str:
    counts = Counter(PurePosixPath(name).suffix.lower() for name in names)
    if not counts or any(ending in SUFFIXES for ending in counts):
        return ""
    ending, _ = counts.most_common(1)[0]
    called = f"are called {visible(ending)}" if ending else "have names without an ending"
    return f"Its files {called}: bring pictures that are called {_CALLED}, a folder a class."


def _beside(names: list[str]) -> str:
    """What else is called as the pictures of an archive are, where one expects their class."""
    pictures = {PurePosixPath(n).with_suffix("") for n in names if n.lower().endswith(SUFFIXES)}
    others = (PurePosixPath(n) for n in names if not n.lower().endswith(SUFFIXES))
    endings = sorted({p.suffix for p in others if p.with_suffix("") in pictures})
    if not endings:
        return ""
    said = ", ".join(map(visible, endings[:_NAMED]))
    return f"Beside its pictures lies {said}: give each a .cls of its name with its class as text."


def _packed(source: Path) -> str:
    """What an archive holds instead of pictures."""
    names = [entry.name for entry in trees.peek(source, _LOOKED_AT)]
    for name in names:
        for ending, said in _APPLICATIONS.items():
            if name.endswith(ending):
                return said
    pictured = any(n.lower().endswith(SUFFIXES) for n in names)
    data = [n for n in names if n.lower().endswith(_DATA) and not (pictured and "/" in n)]
    if data:
        return f"Unpack it: it holds {visible(', '.join(data[:_NAMED]))}."
    return _beside(names) or _about_endings(iter(names))

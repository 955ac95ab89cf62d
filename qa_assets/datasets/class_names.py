"""Names of classes that may be slips: two spellings of one, a word for nothing, a side."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from qa_assets.core.records.datasets import Remark
from qa_assets.datasets.formats.image_folder import PARTS
from qa_assets.datasets.remarks import NAMED
from qa_assets.datasets.source import visible

NOTHING = frozenset({"nan", "null", "n/a", "#n/a", "<na>", "nat", "undefined"})
"""What tables write for a value that is missing; ``none`` and ``NA`` may well be classes."""
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
_BETWEEN = re.compile(r"[\s_\-]+")
_UNSEEN = ("Cf", "Cc")


Noticed = tuple[tuple[Remark, ...], dict[str, int]]
"""The first of each kind, and how many of each kind there are."""


def with_odd_classes(noticed: Noticed, classes: Sequence[str]) -> Noticed:
    """What was noticed, and what is odd about the names of the classes before it."""
    odd = list(odd_classes(classes))
    remarks, counts = noticed
    return (*first_of_each(odd), *remarks), dict(Counter(r.code for r in odd)) | counts


def first_of_each(odd: Sequence[Remark]) -> Iterator[Remark]:
    """The first remarks of each kind, as many as are kept of any other."""
    told: Counter[str] = Counter()
    for remark in odd:
        told[remark.code] += 1
        if told[remark.code] <= NAMED:
            yield remark


def odd_classes(classes: Sequence[str]) -> Iterator[Remark]:
    """What is odd about the names of classes, all of which are used as they are.

    Args:
        classes: Every class, once.
    """
    yield from _alike(classes)
    for name in classes:
        if name.strip().casefold() in NOTHING:
            what = "stands for a missing value in tables; it is used as a class."
            yield Remark("LABEL_NOTHING", visible(name), what)
    sides = [name for name in classes if name.lower() in PARTS]
    if len({PARTS[name.lower()] for name in sides}) > 1:
        others = [name for name in classes if name not in sides]
        what = f"are read as classes, since {_named(others)} stands beside them."
        yield Remark("LABEL_SIDE", _named(sides), what)


def _alike(classes: Sequence[str]) -> Iterator[Remark]:
    found: dict[str, list[str]] = {}
    for name in classes:
        found.setdefault(_folded(name), []).append(name)
    for names in found.values():
        if len(names) > 1:
            what = f"are {len(names)} classes that differ in their spelling alone."
            yield Remark("LABEL_ALIKE", ", ".join(_spelt(n) for n in names), what)


def _folded(name: str) -> str:
    """A name without case, accents' spelling, what nobody sees; a number as its value."""
    whole = unicodedata.normalize("NFKC", name).casefold().strip()
    seen = "".join(c for c in whole if unicodedata.category(c) not in _UNSEEN)
    return f"{float(seen):g}" if _NUMBER.fullmatch(seen) else _BETWEEN.sub(" ", seen)


def _spelt(name: str) -> str:
    """A name, with its code points where it is not ASCII."""
    spelt = name.encode("unicode_escape").decode()
    return repr(name) if name.isascii() else f"{visible(name)!r} ({spelt})"


def _named(names: Sequence[str]) -> str:
    return ", ".join(map(visible, names)) or "nothing else"

"""A table of labels joined with its pictures; what disagrees is named with its row."""

import difflib
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets.cells import Cells
from qa_assets.datasets.delimited import Delimited, Row
from qa_assets.datasets.formats.image_folder import SUFFIXES
from qa_assets.datasets.picture_columns import FILE, GROUP, LABEL
from qa_assets.datasets.source import Finding, visible
from qa_assets.datasets.trees import Entry

_NO_ATTRIBUTE = ("", FILE, LABEL, GROUP)
"""A column without a name numbers the rows."""
LONGEST = 200
"""Characters of a label."""
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture that exactly one label stands for.

    Attributes:
        entry: The picture, unopened.
        label: Its class.
        group: What it must not be separated from, or "".
        attributes: Every other column of its row.
    """

    entry: Entry
    label: str
    group: str
    attributes: Mapping[str, str]


def join(
    table: Delimited, pictures: Mapping[str, Entry], file: Path, classes: Sequence[str] = ()
) -> Iterator[Labelled | Finding]:
    """Each picture with its label; those that were used are let go of.

    Args:
        table: Rows with ``filename``, ``label`` and maybe ``group``.
        pictures: Every picture by the name that rows call it.
        file: The table's file, for messages.
        classes: The only labels that are right; any by default.
    """
    yield from table.findings
    labels = set(classes) or {r.cells[LABEL].strip() for r in table.rows}
    known: dict[str, Row] = {}
    spoilt = set(table.spoilt)
    near: dict[str, str] = {}
    for row in table.rows:
        name = row.cells[FILE]
        finding = _wrong_path(row, file) or _wrong_label(row, file, classes)
        earlier = known.get(name)
        if finding:
            spoilt.add(name.split("\0")[0])
            yield finding
        elif name not in pictures:
            near = near or _by_look(pictures)
            yield _orphan(row, file, near.get(_look(name), ""))
        elif earlier is None:
            known[name] = row
            yield from _spaces(row, file)
        else:
            yield _again(row, earlier, file)
            if row.cells[LABEL].strip() != earlier.cells[LABEL].strip():
                spoilt.add(name)
    unnamed = sorted(pictures.keys() - known.keys() - spoilt) if known or spoilt else []
    items = [visible(pictures[name].name) for name in unnamed]
    names = sorted(known.keys() - spoilt, reverse=True)
    rows, entries = [known[name] for name in names], [pictures[name] for name in names]
    del table, known, pictures, names  # a million of them, and as many samples come of it
    while rows:
        yield _use(rows.pop(), entries.pop(), file, labels)
    for item in items:
        yield Quarantined("LABEL_MISSING", item, f"has no row in {file.name}.", "Add one.")


def renamed(table: Delimited, names: Mapping[str, str]) -> Delimited:
    """The same table with other names for some columns."""
    if not names:
        return table
    columns = tuple(names.get(c, c) for c in table.columns)
    rows = [Row(r.number, Cells(columns, r.cells.values())) for r in table.rows]
    nested = {names.get(c, c): what for c, what in table.nested.items()}
    return Delimited(columns, rows, table.findings, table.spoilt, nested)


def with_cells(table: Delimited, column: str, change: Callable[[str], str]) -> Delimited:
    """The same table with every cell of one column changed."""
    rows = [
        Row(
            r.number,
            Cells(table.columns, (change(t) if c == column else t for c, t in r.cells.items())),
        )
        for r in table.rows
    ]
    return replace(table, rows=rows)


def as_called(pictures: Mapping[str, Entry], table: Delimited) -> Mapping[str, Entry]:
    """Pictures by the name that rows use: without the one folder they may all lie in."""
    tops = {name.split("/")[0] for name in pictures}
    wanted = {r.cells[FILE] for r in table.rows}
    if len(tops) == 1 and wanted.isdisjoint(pictures):
        top = f"{tops.pop()}/"
        below = {name.removeprefix(top): entry for name, entry in pictures.items()}
        return pictures if wanted.isdisjoint(below) else below
    return pictures


def without_endings(pictures: Mapping[str, Entry], table: Delimited) -> Mapping[str, Entry]:
    """Pictures by the name that rows use, where no row has an ending; nothing where one has.

    Nothing either where two pictures differ in their ending alone.
    """
    if any(r.cells[FILE].lower().endswith(SUFFIXES) for r in table.rows):
        return {}
    short = {posixpath.splitext(name)[0]: entry for name, entry in pictures.items()}
    found = as_called(short, table) if len(short) == len(pictures) else {}
    return found if any(r.cells[FILE] in found for r in table.rows) else {}


def _orphan(row: Row, file: Path, near: str) -> Quarantined:
    what = f"names {visible(row.cells[FILE])[:LONGEST]!r}, which is not there"
    hint = f"; did you mean {visible(near)!r}?" if near else "."
    remedy = "Spell it as the file is." if near else "Remove the row, or add the picture."
    return Quarantined("LABEL_ORPHAN", _where(file, row), f"{what}{hint}", remedy)


def _by_look(names: Iterable[str]) -> dict[str, str]:
    """Names by what they look like; nothing where two look alike."""
    found: dict[str, str] = {}
    for name in names:
        look = _look(name)
        found[look] = "" if look in found else name
    return found


def _look(name: str) -> str:
    """A name without its ending, as one who knows neither case nor spellings of accents has it."""
    return unicodedata.normalize("NFC", posixpath.splitext(name)[0]).casefold()


def _use(row: Row, entry: Entry, file: Path, labels: set[str]) -> Labelled | Quarantined:
    label = row.cells[LABEL].strip()
    folder = row.cells[FILE].split("/")[0] if "/" in row.cells[FILE] else label
    if folder != label and folder in labels:
        what = f"lies in the folder {folder!r}, {_where(file, row)} says {label!r}."
        return Quarantined("LABEL_FOLDER", visible(row.cells[FILE]), what, "Correct one of them.")
    rest = {name: cell for name, cell in row.cells.items() if name not in _NO_ATTRIBUTE}
    return Labelled(entry, label, row.cells.get(GROUP, ""), rest)


def _wrong_path(row: Row, file: Path) -> Quarantined | None:
    name = row.cells[FILE]
    if "\0" in name or "\0" in row.cells[LABEL]:
        return Quarantined("LABEL_NUL", _where(file, row), "has a NUL byte.", "Write it again.")
    outside = posixpath.normpath(name).startswith("..") or name.startswith("/")
    if outside or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", name):
        what = f"names {visible(name)!r}, which is no path inside the dataset; it was not opened."
        return Quarantined("LABEL_PATH", _where(file, row), what, "Use relative paths.")
    return None


def _wrong_label(row: Row, file: Path, classes: Sequence[str]) -> Quarantined | None:
    label = row.cells[LABEL].strip()
    where = f"{_where(file, row)}: {visible(row.cells[FILE])}"
    if not label:
        return Quarantined("LABEL_EMPTY", where, "has an empty label.", "Fill it in.")
    if len(label) > LONGEST:
        what = f"has a label of {len(label)} characters: {visible(label[:_SHOWN])}..."
        return Quarantined("LABEL_LONG", where, what, f"At most {LONGEST} are accepted.")
    if classes and label not in classes:
        near = difflib.get_close_matches(label.lower(), list(classes), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        what = f"is labelled {_spelt(label)}, which is none of the classes."
        return Quarantined("LABEL_UNKNOWN", where, what, f"Classes: {', '.join(classes)}.{hint}")
    return None


def _spaces(row: Row, file: Path) -> Iterator[Remark]:
    label = row.cells[LABEL]
    if label != label.strip():
        where = f"{_where(file, row)}: {visible(row.cells[FILE])}"
        yield Remark(
            "LABEL_SPACE", where, f"has space around its label {_spelt(label)}; it is cut."
        )


def _again(row: Row, earlier: Row, file: Path) -> Finding:
    same = row.cells[LABEL].strip() == earlier.cells[LABEL].strip()
    item = f"{file.name} rows {earlier.number} and {row.number}: {visible(row.cells[FILE])}"
    if same:
        return Remark("LABEL_DUPLICATE", item, "say the same; it is used once.")
    what = f"say {_spelt(earlier.cells[LABEL])} and {_spelt(row.cells[LABEL])}; neither is used."
    return Quarantined("LABEL_CONFLICT", item, what, "Keep the right one.")


def _spelt(label: str) -> str:
    """A label with whatever is not plain ASCII spelt beside it."""
    cut = label[:_SHOWN]
    spelt = cut.encode("unicode_escape", "surrogatepass").decode()
    return f"{visible(cut)!r}" if spelt == cut else f"{visible(cut)!r} ({spelt})"


def _where(file: Path, row: Row) -> str:
    return f"{file.name} row {row.number}"

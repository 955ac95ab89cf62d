"""A table of labels (CSV, Parquet, JSON lines or ``labels.json``) with its pictures beside it."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qa_assets.core.attributes import attributes_text
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets import folders, trees
from qa_assets.datasets.delimited import Delimited, bytes_of, parse_table, require
from qa_assets.datasets.formats.image_folder import PARTS, SUFFIXES
from qa_assets.datasets.label_json import parse_json_lines, parse_label_json
from qa_assets.datasets.labels import (
    Labelled,
    as_called,
    join,
    renamed,
    with_cells,
    without_endings,
)
from qa_assets.datasets.picture_columns import CALLED, FILE, LABEL, PART, meant
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp, visible
from qa_assets.datasets.trees import Entry

TABLES = (".csv", ".tsv", ".parquet", ".jsonl")
NAMES = ("labels.json",)
_HEAD = 200
_SHOWN = 5
_DETOUR = re.compile(r"(^|/)\.?/|/\.$")
"""What says nothing within a path: ``./`` and ``//``."""


@dataclass(frozen=True, slots=True)
class Table:
    """The table of a manifest: where it lies, what messages call it, its bytes."""

    name: Path
    body: bytes


class Manifest:
    """Columns ``filename`` and ``label``, maybe ``group`` and ``split``; the rest are attributes.

    Paths are relative to the table. The pictures lie beside it, or in the one folder beside it; all
    of it may lie in a zip or tar.
    """

    def fits(self, source: Path) -> bool:
        """A table with these columns, or a tree whose top holds tables and no folder a class."""
        try:
            table = _table_in(source, SampleLimits())
            if table is None:
                return len(_tables(source)) > 1 >= _folders(source)
            columns = _renamed(_parsed(table), table)[0].columns
        except InputRefused:
            return _folders(source) == 1
        return {FILE, LABEL} <= set(columns) or _folders(source) == 1

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every picture that has exactly one label."""
        for found in labelled(source, limits, guess=True):
            if not isinstance(found, Labelled):
                yield found
                continue
            payload = trees.payload_of(found.entry, limits.max_file_mib)
            if isinstance(payload, Quarantined):
                yield payload
            else:
                part = PARTS.get(found.attributes.get(PART, "").lower(), "")
                told = attributes_text(
                    {n: v for n, v in found.attributes.items() if n != PART or not part}
                )
                yield RawSample(found.entry.name, found.label, found.group, payload, part, told)

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """One a file, the table among them; one for a whole archive."""
        if trees.is_archive(source):
            yield from trees.stamps(source)
            return
        yield from trees.stamps(_folder_of(source))


FORMATS.add("manifest", Manifest())


def labelled(
    source: Path, limits: SampleLimits, classes: Sequence[str] = (), *, guess: bool = False
) -> Iterator[Labelled | Finding]:
    """Pictures with their labels, unopened; what disagrees is a finding.

    Args:
        source: The table, or the folder or archive that holds it.
        limits: What is read at most.
        classes: The only labels that are right; any by default.
        guess: Whether columns may go by another name (``CALLED``).

    Raises:
        InputRefused: ``SET_MISSING``, ``CSV_*`` or ``JSON_*``.
    """
    table = _table_in(source, limits)
    if table is None:
        raise _missing(source, _tables(source))
    rows = _parsed(table)
    if guess:
        rows, guessed = _renamed(rows, table)
        yield from guessed
    require(rows, (FILE, LABEL), table.name)
    pictures: dict[str, Entry] = {}
    tree = source if trees.is_archive(source) else _folder_of(source)
    beside = "" if table.name.parent == Path() else f"{table.name.parent.as_posix()}/"
    for entry in trees.entries(tree, limits):
        if isinstance(entry, Quarantined):
            yield entry
        elif entry.name.lower().endswith(SUFFIXES):
            pictures[entry.name.removeprefix(beside)] = entry
    short = without_endings(pictures, rows) if guess else {}
    if short:
        yield Remark("LABEL_COLUMN", table.name.name, "names files without their ending.")
    joined = join(rows, short or as_called(pictures, rows), table.name, classes)
    del rows, pictures, short, table
    yield from joined


def _parsed(table: Table) -> Delimited:
    kind = table.name.suffix.lower()
    if kind == ".json":
        return parse_label_json(table.body, table.name)
    if kind == ".jsonl":
        return parse_json_lines(table.body, table.name)
    return parse_table(table.body, table.name)


def _renamed(rows: Delimited, table: Table) -> tuple[Delimited, list[Remark]]:
    """The table with our names for its columns, where just one column can be meant."""
    found = {ours: meant(ours, (*rows.nested, *rows.columns)) for ours in CALLED}
    names = {called: ours for ours, called in found.items() if called not in ("", ours)}
    remarks = [
        Remark("LABEL_COLUMN", table.name.name, f"has no column {ours!r}; {name!r} is read as it.")
        for name, ours in names.items()
    ]
    rows = renamed(rows, names)
    if any("\\" in r.cells.get(FILE, "") for r in rows.rows):
        rows = with_cells(rows, FILE, lambda path: path.replace("\\", "/"))
        remarks.append(Remark("LABEL_COLUMN", table.name.name, "has \\ in paths; / is read."))
    if any(_DETOUR.search(r.cells.get(FILE, "")) for r in rows.rows):
        rows = with_cells(rows, FILE, _straight)
    remarks += [
        Remark("CSV_NESTED", f"{table.name.name}: {visible(column)}", f"is {what}; it is left out.")
        for column, what in rows.nested.items()
        if column not in (FILE, LABEL)
    ]
    return rows, remarks


def _straight(path: str) -> str:
    """The path without detours; what is no path stays as it is."""
    return posixpath.normpath(path) if _DETOUR.search(path) and "://" not in path else path


def _table_in(source: Path, limits: SampleLimits) -> Table | None:
    if source.is_dir():
        found = _tables(source)
        return Table(Path(found[0]), bytes_of(source / found[0])) if len(found) == 1 else None
    if trees.is_archive(source):
        return _table_packed(source, limits)
    named = source.suffix.lower() in (*TABLES, ".json")
    if named or (source.is_file() and _starts_like_table(source)):
        return Table(Path(source.name), bytes_of(source))
    return None


def _table_packed(source: Path, limits: SampleLimits) -> Table | None:
    inside = trees.Packed(source, limits)
    folder, found = _only_folder(inside.names()), list[Entry]()
    for entry in inside.entries():
        if _named_table(entry.name) and entry.name.count("/") == len(folder.parts):
            found.append(entry)
    if len(found) != 1 or not found[0].name.startswith(f"{folder}/" if folder.parts else ""):
        return None
    body = found[0].read(limits.max_total_mib)
    return None if isinstance(body, Quarantined) else Table(Path(found[0].name), body)


def _only_folder(names: Iterable[str]) -> PurePosixPath:
    """The folder that all of it lies in, as in an archive of a folder."""
    tops = {name.split("/")[0] for name in names}
    return PurePosixPath(*tops) if len(tops) == 1 else PurePosixPath()


def _named_table(name: str) -> bool:
    return name.lower().endswith(TABLES) or name in NAMES


def _tables(source: Path) -> list[str]:
    """Tables at the top of a folder."""
    if not source.is_dir():
        return []
    inside = (p for p in source.iterdir() if not folders.ignored(p.name) and p.is_file())
    return sorted(p.name for p in inside if _named_table(p.name))


def _folders(source: Path) -> int:
    """Folders at the top of a folder or archive."""
    if source.is_dir():
        return sum(p.is_dir() and not p.name.startswith(".") for p in source.iterdir())
    if not trees.is_archive(source):
        return 0
    found = (e for e in trees.entries(source, SampleLimits()) if not isinstance(e, Quarantined))
    names = [e.name for e in found]
    top = f"{_only_folder(names)}/".removeprefix("./")
    inside = (name.removeprefix(top) for name in names)
    return len({name.split("/")[0] for name in inside if "/" in name})


def _folder_of(source: Path) -> Path:
    if not source.exists():
        raise _missing(source)
    return source if source.is_dir() else source.parent


def _starts_like_table(source: Path) -> bool:
    with source.open("rb") as stream:
        head = stream.read(_HEAD)
    first = head.split(b"\n")[0].split(b",")
    return head.startswith(b"PAR1") or {b"filename", b"label"} <= set(first)


def _missing(source: Path, tables: Sequence[str] = ()) -> InputRefused:
    if tables:
        what = f"holds {len(tables)} tables: {', '.join(map(visible, tables[:_SHOWN]))}."
        return InputRefused.of("SET_TABLES", str(source), what, "Give the path of one of them.")
    remedy = "Put one table with filename,label beside the pictures."
    return InputRefused.of("SET_MISSING", str(source), "holds no table of labels.", remedy)

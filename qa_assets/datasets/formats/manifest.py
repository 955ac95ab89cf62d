"""A table of labels (CSV, Parquet or ``labels.json``) with its pictures beside it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets import trees
from qa_assets.datasets.delimited import Delimited, read_label_json, read_table_file
from qa_assets.datasets.formats.image_folder import SUFFIXES
from qa_assets.datasets.labels import FILE, LABEL, Labelled, join
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp
from qa_assets.datasets.trees import Entry

TABLES = (".csv", ".parquet")
NAMES = ("labels.json",)


class Manifest:
    """Columns ``filename`` and ``label``, maybe ``group``; paths are relative to the table.

    The pictures lie beside the table, or in the one folder beside it.
    """

    def fits(self, source: Path) -> bool:
        """A table with these columns, or a folder whose top holds one."""
        table = _table_in(source)
        if table is None:
            return False
        try:
            return {FILE, LABEL} <= set(read_manifest(table).columns)
        except InputRefused:
            return False

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every picture that has exactly one label."""
        for found in labelled(source, limits):
            if not isinstance(found, Labelled):
                yield found
                continue
            payload = found.entry.read(limits.max_file_mib)
            if isinstance(payload, Quarantined):
                yield payload
            else:
                yield RawSample(found.entry.name, found.label, found.group, payload)

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """One a file, the table among them."""
        table = _table_in(source)
        if table is None:
            raise _missing(source)
        yield from trees.stamps(table.parent)


FORMATS.add("manifest", Manifest())


def labelled(
    source: Path, limits: SampleLimits, classes: Sequence[str] = ()
) -> Iterator[Labelled | Finding]:
    """Pictures with their labels, unopened; what disagrees is a finding.

    Raises:
        InputRefused: ``SET_MISSING``, ``CSV_*`` or ``JSON_*``.
    """
    table = _table_in(source)
    if table is None:
        raise _missing(source)
    rows = read_manifest(table)
    pictures: dict[str, Entry] = {}
    for entry in trees.entries(table.parent, limits):
        if isinstance(entry, Quarantined):
            yield entry
        elif entry.name.lower().endswith(SUFFIXES):
            pictures[entry.name] = entry
    yield from join(rows, _as_called(pictures, rows), table, classes)


def read_manifest(table: Path) -> Delimited:
    """The rows of the table, which must name its columns."""
    if table.suffix.lower() == ".json":
        return read_label_json(table)
    return read_table_file(table, (FILE, LABEL))


def _as_called(pictures: dict[str, Entry], rows: Delimited) -> dict[str, Entry]:
    """Pictures by the name that rows use: without the one folder they may all lie in."""
    tops = {name.split("/")[0] for name in pictures}
    if len(tops) == 1 and not any(r.cells[FILE] in pictures for r in rows.rows):
        top = f"{tops.pop()}/"
        return {name.removeprefix(top): entry for name, entry in pictures.items()}
    return pictures


def _table_in(source: Path) -> Path | None:
    if source.is_file():
        listed = source.suffix.lower() in (*TABLES, ".json") or _starts_like_table(source)
        return source if listed else None
    if not source.is_dir():
        return source if source.suffix.lower() in (*TABLES, ".json") else None
    inside = [p for p in sorted(source.iterdir()) if p.is_file()]
    found = [p for p in inside if p.suffix.lower() in TABLES or p.name in NAMES]
    return found[0] if len(found) == 1 else None


def _starts_like_table(source: Path) -> bool:
    with source.open("rb") as stream:
        head = stream.read(200)
    return head.startswith(b"PAR1") or {b"filename", b"label"} <= set(
        head.split(b"\n")[0].split(b",")
    )


def _missing(source: Path) -> InputRefused:
    remedy = "Put one table with filename,label beside the pictures."
    return InputRefused.of("SET_MISSING", str(source), "holds no table of labels.", remedy)

"""An immutable copy of a dataset: what was accepted, what was set aside, and why."""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_assets.core.digests import digest_json
from qa_assets.core.record import Record
from qa_assets.core.records.datasets import (
    CONTACT_SHEET,
    MEASURES_SHARD,
    PARTS,
    PAYLOAD_SHARD,
    SAMPLES,
    DatasetSnapshot,
    Quarantined,
    Remark,
)
from qa_assets.datasets import embedded, keys
from qa_assets.datasets.contact_sheet import contact_sheet
from qa_assets.datasets.contents import WORDS
from qa_assets.datasets.intake import Intake, Taken
from qa_assets.datasets.merge import Merged, classes_of, merge, refuse_unusable, version_of
from qa_assets.datasets.remarks import NAMED, remarks_of, remarks_of_copies
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.shards import Earlier, Pair, ShardWriter, earlier_shards, measured_alike
from qa_assets.datasets.source import RawSample, format_named

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = (
    *("id", "label", "group", "name", "attributes"),
    *("copies", "bytes", "format", "width", "height", "mode"),
)
_OF_CONTENT = ["bytes", "format", "width", "height", "mode"]
_DISTINCT = ("id", "name")
_SLICE = 1 << 16
"""Rows of the sample table that are written at once."""


def prepare(settings: DatasetSettings, root: Path) -> Path:
    """The source's folder or file; an embedded one is made where it is absent."""
    source = root / settings.path
    if settings.embedded and not source.exists():
        embedded.make(settings.embedded, source)
    return source


def fingerprint(settings: DatasetSettings, root: Path) -> str:
    """What tells a changed source from an unchanged one: names, sizes and times; opens no file.

    Where an embedded source was not made yet, its name stands for it; call ``prepare`` first to
    get the fingerprint that stays.

    Raises:
        InputRefused: ``SET_MISSING`` or ``SET_FORMAT``.
    """
    source = root / settings.path
    if settings.embedded and not source.exists():
        return digest_json(["embedded", settings.embedded])
    stamps = format_named(settings.format).stamps(source)
    return digest_json(sorted([s.name, s.size, s.mtime_ns] for s in stamps))


@dataclass(frozen=True, slots=True)
class Collected:
    """What a source holds, before it is known whether that is a dataset.

    Attributes:
        taken: One row a usable file, in the order of reading, and what is not usable.
        facts: One row a content of the files, and maybe some that are no longer used.
        merged: One row a content.
        shards: The new contents.
        earlier: Those that an earlier snapshot has.
    """

    taken: Taken
    facts: "pa.Table | None"
    merged: Merged
    shards: ShardWriter
    earlier: Earlier

    @property
    def aside(self) -> list[Quarantined]:
        """What was set aside."""
        return [*self.taken.aside, *self.merged.conflicts]

    def noticed(self) -> tuple[tuple[Remark, ...], dict[str, int]]:
        """What is odd about the rest: the first of each kind, and how often by kind."""
        remarks, counts = list(self.taken.noticed), self.taken.counts.copy()
        for found in remarks_of_copies(self.merged.repeated):
            remarks += found.first[: max(0, NAMED - counts[found.code])]
            counts[found.code] += found.count
        if self.facts is None:
            return tuple(remarks), dict(counts)
        places = _places(keys.of_column(self.taken.found["key"]), self.facts)
        told = self.facts.select(WORDS).take(places)
        return remarks_of(told.append_column("name", self.taken.found["name"]), remarks, counts)


def snapshot(
    settings: DatasetSettings,
    name: str,
    root: Path,
    scratch: Path,
    earlier: Callable[[str], Record | None] | None = None,
) -> DatasetSnapshot:
    """Take every sample that can be used, and name every one that cannot.

    Args:
        settings: Where the samples are and what is accepted.
        name: What people call the dataset; no part of its version.
        root: Folder that ``settings.path`` is relative to.
        scratch: Folder for the payload shards; they stay in a new folder below it until the
            record is stored.
        earlier: An earlier snapshot by its version, the latest for ``""``; what it holds is
            neither decoded nor packed again.

    Raises:
        InputRefused: ``SET_MISSING``, ``SET_EMPTY`` or ``SET_ONE_CLASS``; nothing is left behind
            but the scratch folder.
    """
    found = collect(settings, root, scratch, earlier("") if earlier else None)
    classes = classes_of(found.merged)
    refuse_unusable(settings.path, classes, found.aside)
    remarks, counts = found.noticed()
    record = DatasetSnapshot(
        name=name,
        version=version_of(found.merged),
        samples=len(found.merged.keys),
        classes=classes,
        quarantined=tuple(found.aside),
        remarks=remarks,
        remark_counts=counts,
        files=_files(found),
    )
    record = replace(record, files={**record.files, CONTACT_SHEET: contact_sheet(record)})
    same = earlier(record.version) if earlier else None
    return same if isinstance(same, DatasetSnapshot) and _equal(same, record, scratch) else record


def collect(
    settings: DatasetSettings, root: Path, scratch: Path, earlier: Record | None = None
) -> Collected:
    """Read a source through; each content that ``earlier`` does not have is decoded once."""
    import pyarrow as pa

    source = prepare(settings, root)
    reader = format_named(settings.format)
    shards = ShardWriter(Path(tempfile.mkdtemp(prefix="snapshot-", dir=scratch)))
    old = earlier_shards(earlier, shards.folder)
    intake = Intake(settings.limits, shards, _known(old), _grouping(settings.group_pattern))
    taken = intake.take(reader.read(source, settings.limits))
    del intake
    tables = [*old.facts, *shards.facts()]
    facts = pa.concat_tables(tables).unify_dictionaries() if tables else None
    return Collected(taken, facts, merge(taken.found), shards, old)


def _known(old: Earlier) -> Iterable[bytes]:
    for facts in old.facts:
        yield from facts["key"].to_pylist()


def _grouping(pattern: str | None) -> Callable[[RawSample], str] | None:
    if not pattern:
        return None
    search = re.compile(pattern).search

    def group(raw: RawSample) -> str:
        match = None if raw.group else search(raw.name)
        return (match.group(1) or "") if match else raw.group

    return group


def _places(ids: keys.Keys, facts: "pa.Table") -> "pa.Array":
    import pyarrow as pa

    return pa.array(keys.locate(ids, keys.of_column(facts["key"])))


def _files(found: Collected) -> Mapping[str, bytes | Path]:
    ids, folder = found.merged.keys, found.shards.folder
    pairs = [*found.earlier.kept(folder, ids), *found.shards.kept(ids)]
    return {**_tables(found, folder), **_numbered(pairs)}


def _numbered(pairs: list[Pair]) -> Mapping[str, Path]:
    payloads = {PAYLOAD_SHARD.format(n): pair.payloads for n, pair in enumerate(pairs)}
    return payloads | {MEASURES_SHARD.format(n): pair.measures for n, pair in enumerate(pairs)}


def _tables(found: Collected, folder: Path) -> Mapping[str, Path]:
    """The sample table and what stands beside it as files."""
    import pyarrow as pa

    assert found.facts is not None
    ids = found.merged.keys
    facts = found.facts.select(_OF_CONTENT).take(_places(ids, found.facts))
    rows = found.merged.columns
    for name in _OF_CONTENT:
        rows = rows.append_column(name, facts[name])
    numbers = ("copies", "bytes", "width", "height")
    schema = pa.schema([(n, pa.int64() if n in numbers else pa.string()) for n in TABLE])
    samples = (
        pa.table([keys.spelt(ids[start : start + _SLICE]), *piece.columns], schema=schema)
        for start, piece in _pieces(rows.select(TABLE[1:]), schema)
    )
    parts = pa.schema([("part", pa.string())])
    sides = (piece for _, piece in _pieces(rows.select(["part"]), parts))
    return {
        SAMPLES: _parquet(folder / SAMPLES, schema, samples),
        PARTS: _parquet(folder / PARTS, parts, sides),
    }


def _pieces(rows: "pa.Table", schema: "pa.Schema") -> "Iterator[tuple[int, pa.Table]]":
    import pyarrow as pa

    fields = pa.schema([schema.field(n) for n in rows.column_names])
    for start in range(0, len(rows), _SLICE):
        yield start, rows.slice(start, _SLICE).cast(fields)


def _parquet(place: Path, schema: "pa.Schema", pieces: "Iterable[pa.Table]") -> Path:
    import pyarrow.parquet as pq

    options: Mapping[str, Any] = {"use_dictionary": [n for n in schema.names if n not in _DISTINCT]}
    with pq.ParquetWriter(place, schema, compression="zstd", **options) as out:
        for piece in pieces:
            out.write_table(piece)
    return place


def _equal(same: DatasetSnapshot, record: DatasetSnapshot, scratch: Path) -> bool:
    """Whether an earlier snapshot says the same; its shards may be cut otherwise."""
    told = (SAMPLES, PARTS, CONTACT_SHEET)
    alike = same == record and all(t in same.files and same.read(t) == record.read(t) for t in told)
    return alike and measured_alike(same, scratch)
